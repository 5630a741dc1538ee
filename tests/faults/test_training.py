"""Really training processes killed, starved and doubled; the long version is `python bench/faults.py`."""

import pytest

from harness import kills, lives


@pytest.fixture(scope="module")
def processes():
    with kills.open_lives() as opened:
        yield opened


def kept(report):
    assert not report.failures, str(report)
    return report


def test_killed_runs_are_readable_and_go_on_to_the_same_bits(tmp_path, processes):
    report = kept(kills.run(tmp_path, 4, inside=2, lives=processes))
    assert report.trials >= 4


@pytest.mark.parametrize(
    "bug", ["forgets_the_optimiser", "forgets_the_dropout", "keeps_later_events", "commits_late", "writes_in_place", "deletes_first"]
)
def test_kills_catch_a_planted_bug(tmp_path, processes, bug):
    assert kills.run(tmp_path, 40, inside=40, planted=bug, lives=processes).failures


def test_a_failing_call_while_training_is_said_and_costs_nothing(tmp_path):
    assert kept(lives.failing_calls(tmp_path, every=120, numbers=(lives.errno.ENOSPC,))).trials >= 2


def test_a_full_disk_is_said_and_costs_nothing(tmp_path):
    if not lives.can_mount(tmp_path):
        pytest.skip("a small disk can be mounted by root only")
    kept(lives.full_disk(tmp_path))


def test_a_read_only_place_is_said_and_can_be_read(tmp_path):
    kept(lives.read_only(tmp_path))


def test_two_processes_do_not_train_one_run(tmp_path, processes):
    kept(lives.two_at_once(tmp_path, lives=processes))


def test_a_jumping_clock_changes_nothing(tmp_path):
    kept(lives.clock_jumps(tmp_path))


@pytest.mark.long
def test_two_hundred_kills(tmp_path, processes):
    kept(kills.run(tmp_path, 200, inside=50, seed=1, lives=processes))


@pytest.mark.long
def test_every_seventh_call_fails_while_training(tmp_path):
    kept(lives.failing_calls(tmp_path, every=7))
