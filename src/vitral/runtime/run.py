"""One run from its first step to its last, across interruptions: the trainer, its stored curve, its checkpoints and its lock.

The order that makes resuming exact: the events up to a moment are committed for good, then the checkpoint of that moment is published,
and it holds their number n. A resumed run forgets the events from number n on and lives them again, bit for bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self, cast

from filelock import FileLock

from vitral.data.progress import Watcher
from vitral.errors import StoreError, VitralError
from vitral.events import Checkpointed, ControlChanged, Diverged, Event, RunEnded, RunStarted
from vitral.runtime import workspace as place
from vitral.runtime.checkpoint import restore, understood, values_of
from vitral.runtime.feed import Feed
from vitral.runtime.interrupts import held_back
from vitral.runtime.material import Adapt, Material, gather
from vitral.spec import codec
from vitral.spec.experiment import Experiment
from vitral.store import durable, locks, states, weights
from vitral.store.rows import Row
from vitral.store.runs import Runs
from vitral.store.states import State
from vitral.train.loop import Trainer

SECONDS_PER_CHECKPOINT = 30.0
SECONDS_BETWEEN_EPOCHS = 1.0
"""Where epochs are shorter than this, not each of them ends with a checkpoint."""


def start(
    experiment: Experiment,
    *,
    workspace: Path,
    device: str = "auto",
    progress: Watcher | None = None,
    adapt: Adapt | None = None,
    seconds_per_checkpoint: float = SECONDS_PER_CHECKPOINT,
) -> Run:
    """Begin a run: its data are loaded, its network is built, its folder and its row are made, and nothing is trained yet.

    Args:
        experiment: what to train.
        workspace: the folder of all runs; it is made where it is missing.
        device: "auto", "cpu" or "cuda".
        progress: is told how a download goes.
        adapt: the person's own changes, applied to the substitute where the data cannot be had.
        seconds_per_checkpoint: how much of the work a killed process can lose.

    Raises:
        VitralError: the data, the shapes, the device or the workspace are not as needed; nothing was started then.
    Example:
        ``with start(zoo.load("default"), workspace=settings.workspace()) as run: list(run.events())``
    """
    material = gather(experiment, progress=progress, adapt=adapt)
    trainer = Trainer(material.experiment, material.dataset, device=device)
    with contextlib.ExitStack() as undo:
        book = undo.enter_context(Runs(workspace))
        row = book.create(material.experiment.name, codec.to_json(material.experiment), trainer.num_steps)
        lock = _prepare(undo, workspace, row)
        row = book.change(row.id, state="running", process=os.getpid())
        undo.pop_all()
    return Run(row, material, trainer, book=book, lock=lock, workspace=workspace, seconds_per_checkpoint=seconds_per_checkpoint)


def resume(
    run_id: str,
    *,
    workspace: Path,
    device: str = "auto",
    progress: Watcher | None = None,
    seconds_per_checkpoint: float = SECONDS_PER_CHECKPOINT,
) -> Run:
    """Go on from the last checkpoint that is whole; its first event says whether the run continues exactly, or why not.

    Args:
        run_id: the id, its beginning, or ``last``.
        workspace: as in ``start``.
        device: as in ``start``.
        progress: as in ``start``.
        seconds_per_checkpoint: as in ``start``.

    Raises:
        StoreError: no such run, another process trains it, it is finished or diverged, or all its checkpoints are damaged.
        DataError: its data cannot be had any more.
    """
    found = place.row_of(workspace, run_id)
    experiment = place.read_experiment(found)
    with contextlib.ExitStack() as undo:
        book = undo.enter_context(Runs(workspace))
        lock = _prepare(undo, workspace, found)
        row = book.get(found.id) or book.adopt(found)  # read again: it may have changed until the lock was ours
        states.check(row.id, row.state, "running")
        folder = place.folder_of(workspace, row.id)
        durable.sweep(folder)
        durable.sweep(folder / place.CHECKPOINTS)
        loaded = understood(weights.load_newest(folder / place.CHECKPOINTS, repair=True))
        material = gather(experiment.model_copy(update={"data": experiment.data.model_copy(update={"otherwise": None})}), progress=progress)
        material = dataclasses.replace(material, experiment=experiment)
        trainer = Trainer(experiment, material.dataset, device=device)
        exact, notes = restore(trainer, loaded, material.dataset)
        num_events = loaded.values["events"] if loaded else 0
        if num_events > row.num_events:
            notes += (f"the curve lost {num_events - row.num_events} events: the book of runs is older than the checkpoint",)
        row = book.rewind(row.id, num_events, loaded.step if loaded else 0)
        row = book.change(row.id, state="running", process=os.getpid(), num_steps=trainer.num_steps, note="")
        undo.pop_all()
    material = dataclasses.replace(material, notes=notes)
    return Run(
        row, material, trainer, book=book, lock=lock, workspace=workspace, seconds_per_checkpoint=seconds_per_checkpoint, exact=exact
    )


class Run:
    """A run that this process trains: ask ``events()`` for the next event and it goes on; do not ask and it is paused.

    As a context manager it ends the run as interrupted, with a checkpoint, when the block is left early.
    """

    def __init__(
        self,
        row: Row,
        material: Material,
        trainer: Trainer,
        *,
        book: Runs,
        lock: FileLock,
        workspace: Path,
        seconds_per_checkpoint: float = SECONDS_PER_CHECKPOINT,
        exact: bool = True,
    ) -> None:
        self.id = row.id
        self.experiment = material.experiment
        self.dataset = material.dataset
        self.trainer = trainer
        self.folder = place.folder_of(workspace, row.id)
        self.notes = material.notes
        self.exact = exact
        self.ended: RunEnded | None = None
        self.note = ""  # why it ended as it did, where there is something to say
        self._book = book
        self._lock = lock
        self._feed = Feed(book, row.id, row.num_events)
        self._pace = seconds_per_checkpoint
        self._begun_at = self._saved_at = time.monotonic()
        self._stopping = self._saving = False
        self._whole = True  # False while the trainer is within a step: its state is none that can be saved
        self._key_pressed = False
        self._diverged: Diverged | None = None
        self._sampler = material.sampler

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, cause: BaseException | None, _: object) -> None:
        if self.ended is not None:
            return
        if kind is None or issubclass(kind, (KeyboardInterrupt, GeneratorExit, SystemExit)):
            self.close("interrupted")
            return
        with contextlib.suppress(VitralError):  # what went wrong first is what the person must hear
            self.close("failed", note=str(cause) if isinstance(cause, VitralError) else f"{kind.__name__}: {cause}")

    def events(self) -> Iterator[Event]:
        """Train, store and hand on what happens, until RunEnded.

        The first Ctrl-C lets the present step end, saves, gives RunEnded("interrupted") and then raises KeyboardInterrupt.

        Raises:
            StoreError: a checkpoint or the curve could not be written; the run is resumable from its last checkpoint.
        """
        assert self.ended is None, "a run that has ended is resumed, not continued"
        stream = self._live()
        while True:
            with held_back(self._press):
                try:
                    event = next(stream, None)
                except BaseException as cause:
                    self._fail(cause)
                    raise
            if event is None:
                break
            yield event
        if self._key_pressed:
            raise KeyboardInterrupt

    @property
    def num_events(self) -> int:
        """Count the events of the run's whole curve so far, those of its former lives included: the number of the next one."""
        return self._feed.num_events

    def save(self) -> None:
        """Ask ``events()`` for a checkpoint before the next step, whenever the last one was."""
        self._saving = True

    def stop(self) -> None:
        """Ask ``events()`` to end the run as interrupted before the next step; from any thread or signal handler."""
        self._stopping = True

    def change(self, name: str, value: object) -> ControlChanged:
        """Change a setting from the next step on; ``events()`` gives the same event when its turn comes."""
        return self.trainer.change(name, value)

    def close(self, outcome: State = "interrupted", *, note: str = "") -> RunEnded:
        """End the run here, with a checkpoint where the trainer is between two steps; a run that has ended stays as it is."""
        if self.ended is None:
            try:
                if self._diverged:
                    outcome = "diverged"
                elif self._whole:
                    self._save()
                self._seal(self._ending(outcome), note)
            except BaseException as cause:
                self._fail(cause)
                raise
        assert self.ended is not None
        return self.ended

    def _live(self) -> Iterator[Event]:
        source = self.trainer.events()
        while True:
            self._whole = False
            event = next(source)
            if self.ended is not None:
                return  # somebody closed the run within this step
            self._whole = True
            if isinstance(event, RunStarted):
                event = dataclasses.replace(event, run=self.id, exact=self.exact and event.exact, notes=self._all_notes(event.notes))
            if isinstance(event, RunEnded):
                if event.outcome == "finished":
                    yield self._save()
                self._seal(event)
                yield event
                return
            self._diverged = event if isinstance(event, Diverged) else None
            told = (event, *self._sampler.after(event, self.trainer.net)) if self._sampler else (event,)
            for each in told:  # all of them at once: whoever closes the run in between loses none
                self._feed.add(each)
            yield from told
            if self._diverged:
                continue  # RunEnded comes next, and there is nothing that could be saved
            wanted = self._due(event)
            while wanted or self._saving or self._stopping:
                stopping, wanted, self._saving = self._stopping, False, False
                yield self._save()
                if stopping:
                    self._seal(ended := self._ending("interrupted"))
                    yield ended
                    return

    def _due(self, event: Event) -> bool:
        pace = min(self._pace, SECONDS_BETWEEN_EPOCHS) if event.kind == "epoch_done" else self._pace
        return time.monotonic() - self._saved_at >= pace

    def _save(self) -> Checkpointed:
        """Publish a checkpoint of this moment."""
        begun = time.monotonic()
        state = self.trainer.state()
        self._feed.flush(lasting=True)
        values = values_of(self.id, self._feed.num_events, state, self.experiment, self.dataset)
        saved = weights.save(self.folder / place.CHECKPOINTS, state.tensors, values, self.trainer.step)
        self._saved_at = time.monotonic()
        event = Checkpointed(step=self.trainer.step, file=saved.path.name, num_bytes=saved.num_bytes, seconds=self._saved_at - begun)
        self._feed.add(event)
        return event

    def _seal(self, ended: RunEnded, note: str = "") -> None:
        if where := self._diverged:
            note = f"diverged at step {where.step}, layer {where.layer}: {where.what}"
        self.note = note
        self._feed.add(ended)
        self._feed.flush(lasting=True)
        self._book.change(self.id, state=cast("State", ended.outcome), step=ended.step, note=note)
        self.ended = ended
        self._let_go()

    def _fail(self, cause: BaseException) -> None:
        """Note that the run broke off, where that can still be noted, and let others resume it."""
        if self.ended is not None:
            return
        text = str(cause) if isinstance(cause, VitralError) else f"{type(cause).__name__}: {cause}"
        ended = self._ending("interrupted" if isinstance(cause, KeyboardInterrupt) else "failed")
        try:
            with contextlib.suppress(VitralError):
                self._seal(ended, text)
        finally:
            self.ended = ended
            self._let_go()

    def _ending(self, outcome: State) -> RunEnded:
        return RunEnded(step=self.trainer.step, outcome=outcome, seconds=time.monotonic() - self._begun_at)

    def _let_go(self) -> None:
        with contextlib.suppress(StoreError):
            self._book.close()
        self._lock.release()

    def _press(self) -> None:
        self._key_pressed = self._stopping = True

    def _all_notes(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.notes, *notes)))


def _prepare(undo: contextlib.ExitStack, workspace: Path, row: Row) -> FileLock:
    """Make the run's folder and lock it."""
    folder = place.folder_of(workspace, row.id)
    durable.make_folder(folder / place.CHECKPOINTS)
    lock = locks.take(folder, row.id, row.process)
    undo.callback(lock.release)
    if not (folder / place.EXPERIMENT).exists():
        durable.write(folder / place.EXPERIMENT, row.experiment.encode())
    return lock
