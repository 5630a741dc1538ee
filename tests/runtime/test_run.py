"""A run lives, is interrupted in every way, and goes on to the same bits."""

import itertools
import os
import signal
import threading

import pytest
import torch

from harness import tiny
from vitral.errors import SpecError, StoreError
from vitral.events import BatchDone, Checkpointed, ControlChanged, Diverged, EpochDone, Evaluated, RunEnded, RunStarted
from vitral.runtime import workspace
from vitral.runtime.run import resume, start
from vitral.store import locks, weights

EPOCHS = 3


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    place = tmp_path_factory.mktemp("reference")
    return tiny.signature(place, tiny.live(tiny.begin(place, epochs=EPOCHS)))


def same(place, run, expected):
    assert tiny.differences(tiny.signature(place, run), expected) == ""


def test_a_run_from_its_beginning_to_its_end(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS)
    seen = []
    tiny.live(run, seen.append)
    assert isinstance(seen[0], RunStarted)
    assert (seen[0].run, seen[0].experiment, seen[0].exact) == (run.id, "tiny", True)
    assert isinstance(seen[-2], Checkpointed)
    assert isinstance(seen[-1], RunEnded)
    assert run.ended == seen[-1]
    assert [event.epoch for event in seen if isinstance(event, EpochDone)] == [1, 2, 3]
    assert workspace.events(tmp_path, run.id) == seen, "what was told is what is stored"
    (info,) = workspace.listing(tmp_path)
    assert (info.id, info.name, info.state, info.shown, info.step, info.num_steps) == (run.id, "tiny", "finished", "finished", 18, 18)
    assert info.accuracy == [event for event in seen if isinstance(event, Evaluated)][-1].accuracy
    assert (run.folder / "experiment.json").exists()
    assert locks.is_free(run.folder)
    same(tmp_path, run.id, expected)


@pytest.mark.parametrize("number", [1, 2, 7, 8, 9, 12, 23])
def test_left_after_any_event_it_goes_on_to_the_same_bits(tmp_path, expected, number):
    with tiny.begin(tmp_path, epochs=EPOCHS) as run:
        for event in itertools.islice(run.events(), number):
            last = event
    assert run.ended.outcome == "interrupted"
    assert workspace.find(tmp_path, run.id).state == "interrupted"
    again = tiny.begin(tmp_path, run.id)
    first = next(iter(again.events()))
    assert isinstance(first, RunStarted)
    assert first.exact
    assert first.step == last.step
    assert f"resumed from step {last.step}" in first.notes
    again.close()
    tiny.live(tiny.begin(tmp_path, "last"))
    same(tmp_path, run.id, expected)


def test_stop_ends_the_stream_with_a_checkpoint(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS)
    seen = []
    for event in run.events():
        seen.append(event)
        if event.step == 5:
            threading.Thread(target=run.stop).start()
    assert [event.kind for event in seen[-2:]] == ["checkpointed", "run_ended"]
    assert run.ended.outcome == "interrupted"
    tiny.live(tiny.begin(tmp_path, run.id))
    same(tmp_path, run.id, expected)


def test_ctrl_c_lets_the_step_end_saves_and_raises(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS)
    learn, seen = run.trainer._learn, []

    def interrupted():
        if run.trainer.step == 4:
            signal.raise_signal(signal.SIGINT)  # in the midst of a step
        return learn()

    run.trainer._learn = interrupted
    with pytest.raises(KeyboardInterrupt), run:
        for event in run.events():
            seen.append(event)  # noqa: PERF402 - the last ones count, and the loop is left by an exception
    assert [event.kind for event in seen[-3:]] == ["batch_done", "checkpointed", "run_ended"]
    assert seen[-1].outcome == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    tiny.live(tiny.begin(tmp_path, run.id))
    same(tmp_path, run.id, expected)


def test_a_second_ctrl_c_leaves_at_once_with_the_last_checkpoint(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS, pace=0.0)
    learn = run.trainer._learn

    def interrupted():
        if run.trainer.step == 4:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return learn()

    run.trainer._learn = interrupted
    with pytest.raises(KeyboardInterrupt), run:
        list(run.events())
    assert run.ended.step == 4, "the step was left in its midst"
    assert weights.step_of(weights.generations(run.folder / "checkpoints")[0]) == 4
    assert workspace.find(tmp_path, run.id).state == "interrupted"
    tiny.live(tiny.begin(tmp_path, run.id))
    same(tmp_path, run.id, expected)


def test_another_programs_own_ctrl_c_is_left_alone(tmp_path):
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    heard = []
    try:
        with tiny.begin(tmp_path, epochs=1) as run:
            stream = run.events()
            next(stream)
            learn = run.trainer._learn
            run.trainer._learn = lambda: (signal.raise_signal(signal.SIGINT), learn())[1]
            next(stream)
        assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_mistake_in_the_loop_of_the_caller_keeps_what_was_learned(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS)
    with pytest.raises(ZeroDivisionError), run:
        for event in run.events():
            if event.step == 5:
                raise ZeroDivisionError("the display broke")
    info = workspace.find(tmp_path, run.id)
    assert (info.state, info.note) == ("failed", "ZeroDivisionError: the display broke")
    tiny.live(tiny.begin(tmp_path, run.id))
    same(tmp_path, run.id, expected)
    assert workspace.find(tmp_path, run.id).note == ""


def test_a_mistake_within_a_step_goes_back_to_the_last_checkpoint(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS, pace=0.0)
    learn = run.trainer._learn

    def broken():
        if run.trainer.step == 4:
            raise RuntimeError("out of memory")
        return learn()

    run.trainer._learn = broken
    with pytest.raises(RuntimeError, match="out of memory"), run:
        list(run.events())
    assert workspace.find(tmp_path, run.id).state == "failed"
    tiny.live(tiny.begin(tmp_path, run.id))
    same(tmp_path, run.id, expected)


def test_a_change_is_stored_and_survives_the_interruption(tmp_path):
    def changed(place, *, interrupt):
        run = tiny.begin(place, epochs=EPOCHS)
        for event in run.events():
            if event.step == 7 and isinstance(event, BatchDone):
                told = run.change("learning_rate", 0.002)
                if interrupt:
                    run.close()
                    break
        if interrupt:
            tiny.live(tiny.begin(place, run.id))
        assert told in workspace.events(place, run.id)
        assert isinstance(told, ControlChanged)
        return tiny.signature(place, run.id)

    (tmp_path / "a").mkdir()
    assert tiny.differences(changed(tmp_path / "a", interrupt=True), changed(tmp_path / "b", interrupt=False)) == ""


def test_a_diverged_run_keeps_its_last_finite_checkpoint_and_cannot_go_on(tmp_path):
    run = tiny.begin(tmp_path, epochs=EPOCHS, pace=0.0)
    seen = []
    for event in run.events():
        seen.append(event)
        if event.step == 6 and isinstance(event, BatchDone):
            with torch.no_grad():
                next(run.trainer.net.parameters()).fill_(float("inf"))
            run._pace = 60.0  # the harm done here by hand is not a step's: no checkpoint of it
    assert [event.kind for event in seen[-2:]] == ["diverged", "run_ended"]
    assert isinstance(seen[-2], Diverged)
    info = workspace.find(tmp_path, run.id)
    assert info.state == "diverged"
    assert f"diverged at step 6, layer {seen[-2].layer}" in info.note
    loaded = weights.load_newest(run.folder / "checkpoints")
    assert all(bool(x.isfinite().all()) for x in loaded.tensors.values() if x.is_floating_point())
    with pytest.raises(StoreError, match="cannot go on: its numbers stopped being finite .* smaller learning rate"):
        tiny.begin(tmp_path, run.id)
    assert locks.is_free(run.folder)


def test_left_at_the_moment_of_diverging_it_is_diverged(tmp_path):
    with tiny.begin(tmp_path, epochs=EPOCHS) as run:
        for event in run.events():
            if event.step == 6 and isinstance(event, BatchDone):
                with torch.no_grad():
                    next(run.trainer.net.parameters()).fill_(float("nan"))
            if isinstance(event, Diverged):
                break
    assert workspace.find(tmp_path, run.id).state == "diverged"


def test_closed_within_a_step_half_of_it_is_not_saved(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS, pace=0.0)
    learn = run.trainer._learn

    def closing():
        if run.trainer.step == 4:
            with torch.no_grad():
                next(run.trainer.net.parameters()).add_(1.0)  # half of a step
            run.close()
        return learn()

    run.trainer._learn = closing
    assert [event.step for event in run.events()][-1] == 4
    tiny.live(tiny.begin(tmp_path, run.id))
    same(tmp_path, run.id, expected)


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    with tiny.begin(tmp_path, epochs=EPOCHS) as run:
        list(itertools.islice(run.events(), 5))
    loaded = weights.load_newest(run.folder / "checkpoints")
    weights.save(run.folder / "checkpoints", loaded.tensors, loaded.values | {"format": 1}, loaded.step)
    with pytest.raises(
        StoreError, match=r"is of another version of Vitral: expected format 2, got 1; go on with the version that wrote it"
    ):
        tiny.begin(tmp_path, run.id)
    assert locks.is_free(run.folder)


def test_a_finished_run_cannot_go_on(tmp_path):
    run = tiny.live(tiny.begin(tmp_path, epochs=1))
    before = workspace.events(tmp_path, run), workspace.listing(tmp_path)
    with pytest.raises(StoreError, match=f"run {run} cannot go on: it has taken all its steps"):
        tiny.begin(tmp_path, run)
    assert (workspace.events(tmp_path, run), workspace.listing(tmp_path)) == before, "the refusal has cost nothing"
    assert locks.is_free(workspace.folder_of(tmp_path, run))


def test_a_run_without_a_checkpoint_begins_again(tmp_path, expected):
    run = tiny.begin(tmp_path, epochs=EPOCHS)
    list(itertools.islice(run.events(), 4))
    run._feed.flush()
    run._let_go()  # as if it had been killed
    info = workspace.find(tmp_path, run.id)
    assert (info.state, info.killed, info.shown) == ("interrupted", True, "interrupted (killed)")
    again = tiny.begin(tmp_path, run.id)
    assert again.exact
    seen = []
    tiny.live(again, seen.append)
    assert "there was no checkpoint yet: the run begins again at step 0" in seen[0].notes
    same(tmp_path, run.id, expected)


def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path, expected):
    with tiny.begin(tmp_path, epochs=EPOCHS, pace=0.0) as run:
        for event in run.events():
            if event.step == 9:
                break
    newest, older = weights.generations(run.folder / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-1] + b"\xff")
    (run.folder / "checkpoints" / ".left.1.vitral-tmp").write_bytes(b"")
    seen = []
    tiny.live(tiny.begin(tmp_path, run.id), seen.append)
    assert seen[0].step == weights.step_of(older)
    assert any("passed over: the checkpoint 000000009" in note and "damaged" in note for note in seen[0].notes)
    assert seen[0].exact
    same(tmp_path, run.id, expected)
    assert not list((run.folder / "checkpoints").glob(".*")), "what dead writers left is swept away"


def test_it_says_why_it_cannot_be_exact(tmp_path):
    with tiny.begin(tmp_path, epochs=EPOCHS) as run:
        list(itertools.islice(run.events(), 5))
    with tiny.procedural(seed=4):
        again = resume(run.id, workspace=tmp_path, device="cpu")
    with again:
        first = next(again.events())
    assert not first.exact
    assert any(note.startswith("the data changed: SHA-256 was 00000000") for note in first.notes)


def test_checkpoints_come_by_the_clock_and_at_epochs(tmp_path):
    run = tiny.begin(tmp_path, epochs=2, pace=0.0)
    seen = []
    tiny.live(run, seen.append)
    assert [event.kind for event in seen[1:5]] == ["checkpointed", "batch_done", "checkpointed", "batch_done"]
    slow = tiny.begin(tmp_path, epochs=2, pace=3600.0)
    seen = []
    slow._saved_at -= 100.0  # the last checkpoint was long ago, though not an hour
    tiny.live(slow, seen.append)
    kinds = [event.kind for event in seen]
    assert kinds[kinds.index("epoch_done") + 1] == "checkpointed"
    assert kinds.count("checkpointed") == 2, "the second epoch ends soon after the first"


def test_a_lost_book_is_found_again_by_the_folders(tmp_path, expected):
    with tiny.begin(tmp_path, epochs=EPOCHS) as run:
        list(itertools.islice(run.events(), 9))
    for path in tmp_path.glob("vitral.sqlite3*"):
        path.unlink()
    (info,) = workspace.listing(tmp_path)
    assert (info.id, info.name, info.state, info.step) == (run.id, "tiny", "interrupted", 6)
    assert workspace.events(tmp_path, run.id) == []
    seen = []
    tiny.live(tiny.begin(tmp_path, run.id), seen.append)
    assert any(note.startswith("the curve lost") for note in seen[0].notes)
    assert tiny.signature(tmp_path, run.id)[1].keys() == expected[1].keys()
    assert all(torch.equal(x, expected[1][name]) for name, x in tiny.signature(tmp_path, run.id)[1].items())
    assert workspace.find(tmp_path, run.id).state == "finished"


def test_runs_are_found_by_what_a_person_types(tmp_path):
    with pytest.raises(StoreError, match="holds no runs; train one first"):
        workspace.find(tmp_path, "last")
    first = tiny.live(tiny.begin(tmp_path, epochs=1))
    assert workspace.find(tmp_path, first[:6]).id == first
    second = tiny.live(tiny.begin(tmp_path, epochs=1))
    assert workspace.find(tmp_path, "last").id == second
    with pytest.raises(StoreError, match='"tiny" is the beginning of 2 runs'):
        workspace.find(tmp_path, "tiny")
    with pytest.raises(StoreError, match=f"there is no run x{first[:-4]} in .*; did you mean {first[:-3]}"):
        workspace.find(tmp_path, f"x{first[:-4]}")
    with pytest.raises(StoreError, match="did you mean|there are"):
        workspace.find(tmp_path, "???")
    assert workspace.experiment_of(tmp_path, first) == tiny.experiment(epochs=1)


def test_nothing_is_begun_where_something_is_wrong(tmp_path):
    with tiny.procedural(), pytest.raises(SpecError, match="no device"):
        start(tiny.experiment(), workspace=tmp_path / "w", device="cuda:7")
    assert not (tmp_path / "w").exists()
    (tmp_path / "file").write_bytes(b"")
    with tiny.procedural(), pytest.raises(StoreError, match="could not be made"):
        start(tiny.experiment(), workspace=tmp_path / "file" / "w", device="cpu")


def test_an_unreadable_experiment_is_named(tmp_path):
    run = tiny.live(tiny.begin(tmp_path, epochs=1))
    for path in tmp_path.glob("vitral.sqlite3*"):
        path.unlink()
    (tmp_path / "runs" / run / "experiment.json").write_text('{"name": "tiny", "future": 1}')
    with pytest.raises(StoreError, match=f"the experiment of run {run} cannot be read by this version of Vitral"):
        tiny.begin(tmp_path, run)


def test_the_lock_is_freed_when_resuming_fails(tmp_path):
    with tiny.begin(tmp_path, epochs=EPOCHS) as run:
        list(itertools.islice(run.events(), 3))
    for path in weights.generations(run.folder / "checkpoints"):
        path.write_bytes(b"")
    with pytest.raises(StoreError, match="no checkpoint in .* can be read"):
        tiny.begin(tmp_path, run.id)
    assert locks.is_free(run.folder)
    assert workspace.find(tmp_path, run.id).state == "interrupted"
    assert os.listdir(run.folder / "checkpoints")[0].endswith(".damaged")
