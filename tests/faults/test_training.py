"""Really training processes killed, starved and doubled; the long version is `python bench/faults.py`."""

import pytest

from harness import kills, lives, planted


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


@pytest.mark.parametrize("learned", ["text", "sequences"])
def test_killed_runs_of_other_data_go_on_to_the_same_bits(tmp_path, processes, learned):
    assert kept(kills.run(tmp_path, 3, inside=1, lives=processes, learned=learned)).trials >= 3


def test_kills_catch_a_memory_that_is_forgotten(tmp_path, processes):
    assert kills.run(tmp_path, 40, inside=40, planted="forgets_the_memory", lives=processes, learned="text").failures


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
    report = kept(lives.full_disk(tmp_path))
    assert {"a checkpoint was refused", "the curve was refused"} <= report.details.keys()


def test_a_read_only_place_is_said_and_can_be_read(tmp_path):
    kept(lives.read_only(tmp_path))


def test_two_processes_do_not_train_one_run(tmp_path, processes):
    kept(lives.two_at_once(tmp_path, lives=processes))


def test_a_jumping_clock_changes_nothing(tmp_path):
    kept(lives.clock_jumps(tmp_path))


# Bugs planted on purpose: a harness that does not see them proves nothing.


def test_a_full_disk_catches_a_short_file_under_the_final_name(tmp_path):
    if not lives.can_mount(tmp_path):
        pytest.skip("a small disk can be mounted by root only")
    with planted.cuts_short():
        failures = lives.full_disk(tmp_path, trials=1).failures
    assert any(".safetensors is damaged" in failure for failure in failures)


def test_a_read_only_place_catches_a_run_that_claims_to_be_saved(tmp_path):
    with planted.claims_to_save():
        assert lives.read_only(tmp_path).failures == ["start: nothing was said", "resume: nothing was said"]


def test_two_processes_catch_a_lock_that_is_always_granted(tmp_path, processes):
    failures = lives.two_at_once(tmp_path, lives=processes, planted="grants_every_lock").failures
    assert any("the second process said" in failure and "'end': 'finished'" in failure for failure in failures)
    assert any(failure.startswith("the first process: ") for failure in failures)


@pytest.mark.parametrize(
    ("bug", "num_runs", "sentence"),
    [
        (planted.measures_by_the_clock, 1, "a duration is the clock's"),
        (planted.names_by_the_clock, 3, "the order is"),
        (planted.saves_by_the_clock, 1, "checkpoints were not written when they were due"),
    ],
)
def test_a_jumping_clock_catches_what_trusts_it(tmp_path, bug, num_runs, sentence):
    with bug():
        failures = lives.clock_jumps(tmp_path, num_runs=num_runs).failures
    assert failures
    assert all(sentence in failure for failure in failures)


@pytest.mark.long
def test_two_hundred_kills(tmp_path, processes):
    kept(kills.run(tmp_path, 200, inside=50, seed=1, lives=processes))


@pytest.mark.long
def test_every_seventh_call_fails_while_training(tmp_path):
    kept(lives.failing_calls(tmp_path, every=7))
