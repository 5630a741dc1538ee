"""Bugs planted on purpose: a harness that does not see them proves nothing."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from filelock import FileLock

from vitral.errors import StoreError
from vitral.events import Checkpointed, Event
from vitral.runtime.feed import Feed
from vitral.runtime.run import Run
from vitral.store import durable, locks, weights
from vitral.store.rows import Row
from vitral.store.runs import Runs
from vitral.train import loop
from vitral.train.loop import Trainer


def forgets_the_optimiser() -> AbstractContextManager[object]:
    """Resume with the weights alone, as if the optimiser had just been made."""
    load = Trainer.load

    def careless(self: Trainer, state: Any) -> Any:
        answer = load(self, state)
        self._optimiser = self._new_optimiser()
        return answer

    return patch.object(Trainer, "load", careless)


def forgets_the_dropout() -> AbstractContextManager[object]:
    """Resume with dropout's generator as it was at the very beginning."""
    load = Trainer.load

    def careless(self: Trainer, state: Any) -> Any:
        before = self.net.generator.get_state()
        answer = load(self, state)
        self.net.generator.set_state(before)
        return answer

    return patch.object(Trainer, "load", careless)


def forgets_the_memory() -> AbstractContextManager[object]:
    """Resume with a blank memory, as if the text had just begun."""
    load = Trainer.load

    def careless(self: Trainer, state: Any) -> Any:
        answer = load(self, state)
        self.net.forget()
        return answer

    return patch.object(Trainer, "load", careless)


def keeps_later_events() -> AbstractContextManager[object]:
    """Resume without forgetting what came after the checkpoint."""

    def careless(self: Runs, run: str, num_events: int, step: int) -> Row:
        row = self.get(run)
        assert row is not None
        return row

    return patch.object(Runs, "rewind", careless)


def commits_late() -> AbstractContextManager[object]:
    """Publish the checkpoint before the events that it stands on."""

    def careless(self: Feed, *, lasting: bool = False) -> None:
        return None

    return patch.object(Feed, "flush", careless)


def writes_in_place() -> AbstractContextManager[object]:
    """Write under the final name at once, and believe whatever is found there."""

    def write(path: Path, data: bytes, *, kept: str = "") -> None:
        handle = durable.os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        durable.os.write(handle, data)
        durable.os.close(handle)

    stack = contextlib.ExitStack()
    stack.enter_context(patch.object(durable, "write", write))
    return stack


def deletes_first() -> AbstractContextManager[object]:
    """Make room before the new checkpoint is there."""
    save = weights.save

    def careless(folder: Path, tensors: Any, values: Any, step: int) -> weights.Saved:
        for path in weights.generations(folder):
            durable.os.unlink(path)
        return save(folder, tensors, values, step)

    return patch.object(weights, "save", careless)


def cuts_short() -> AbstractContextManager[object]:
    """Take a write that the system refused for done, and publish what there is of the file."""
    fill = durable._fill

    def careless(path: Path, data: bytes) -> None:
        with contextlib.suppress(OSError):
            fill(path, data)

    return patch.object(durable, "_fill", careless)


@contextlib.contextmanager
def claims_to_save() -> Iterator[None]:
    """Where nothing can be written, keep the book elsewhere, write no file, and say nothing of it."""
    make_book, make_folder, write = Runs.__init__, durable.make_folder, durable.write

    def quiet_book(self: Runs, place: Path) -> None:
        try:
            make_book(self, place)
        except StoreError:
            make_book(self, Path(stack.enter_context(tempfile.TemporaryDirectory())))
            stack.callback(self.close)

    def quiet_folder(folder: Path) -> None:
        with contextlib.suppress(StoreError):
            make_folder(folder)

    def quiet_write(path: Path, data: bytes, *, kept: str = "") -> None:
        with contextlib.suppress(StoreError):
            write(path, data, kept=kept)

    with contextlib.ExitStack() as stack, grants_every_lock():
        stack.enter_context(patch.object(Runs, "__init__", quiet_book))
        stack.enter_context(patch.object(durable, "make_folder", quiet_folder))
        stack.enter_context(patch.object(durable, "write", quiet_write))
        yield


def grants_every_lock() -> AbstractContextManager[object]:
    """Give whoever asks for a run's lock one that is not taken."""
    return patch.object(locks, "take", lambda folder, run, process: FileLock(folder / locks.FILE, thread_local=False))


def measures_by_the_clock() -> AbstractContextManager[object]:
    """Take the durations of steps from the clock."""

    def by_the_clock() -> float:
        return time.time()  # looked up at every call: the harness puts a jumping one in its place

    return patch.object(loop, "time", SimpleNamespace(perf_counter=by_the_clock))


def names_by_the_clock() -> AbstractContextManager[object]:
    """Name a run by the clock alone, whatever the runs before it are called."""
    create = Runs.create

    def careless(self: Runs, name: str, experiment: str, num_steps: int) -> Row:
        row = create(self, name, experiment, num_steps)
        stamp = row.created.translate({ord("-"): None, ord(":"): None, ord("T"): "-", ord("Z"): None})
        return self.change(row.id, id=f"{name}-{stamp}-{row.id[-3:]}")

    return patch.object(Runs, "create", careless)


def saves_by_the_clock() -> AbstractContextManager[object]:
    """Wait for the next checkpoint until the clock says so: for thirty years, after it went back."""
    save, saved_at = Run._save, {}

    def careless_save(self: Run) -> Checkpointed:
        saved_at[self.id] = time.time()
        return save(self)

    def careless_due(self: Run, event: Event) -> bool:
        return time.time() - saved_at.get(self.id, 0.0) >= self._pace

    stack = contextlib.ExitStack()
    stack.enter_context(patch.object(Run, "_save", careless_save))
    stack.enter_context(patch.object(Run, "_due", careless_due))
    return stack


BUGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    bug.__name__: bug
    for bug in (
        forgets_the_optimiser,
        forgets_the_dropout,
        forgets_the_memory,
        keeps_later_events,
        commits_late,
        writes_in_place,
        deletes_first,
        cuts_short,
        claims_to_save,
        grants_every_lock,
        measures_by_the_clock,
        names_by_the_clock,
        saves_by_the_clock,
    )
}
