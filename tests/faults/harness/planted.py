"""Bugs planted on purpose: a harness that does not see them proves nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from vitral.runtime.feed import Feed
from vitral.store import durable, weights
from vitral.store.rows import Row
from vitral.store.runs import Runs
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


BUGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    bug.__name__: bug
    for bug in (forgets_the_optimiser, forgets_the_dropout, keeps_later_events, commits_late, writes_in_place, deletes_first)
}
