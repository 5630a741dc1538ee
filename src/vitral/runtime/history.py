"""The weights of a run at log-spaced steps, so that the whole page can go back to any of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vitral.errors import StoreError, VitralError
from vitral.store import durable, weights
from vitral.store.generations import generations, step_of

FOLDER = "history"
PER_DOUBLING = 8
MAX_BYTES = 256 * 2**20
SECONDS_BETWEEN = 0.5
MAX_WAITING = 32 * 2**20


def on_grid(step: int, per_doubling: int = PER_DOUBLING) -> bool:
    """Say whether a step is kept: 0, 1, 2, 4, 8, and from then on ``per_doubling`` (a power of two) equal parts of each doubling.

    Example: with 8 they are 0 1 2 4 8 9 10 ... 16 18 20 ... 32 36 40 ...; with 1 the powers of two.
    """
    if step < per_doubling:
        return step & (step - 1) == 0
    return step % max(1, (1 << (step.bit_length() - 1)) // per_doubling) == 0


class History:
    """The kept steps of one run: the newest ones in memory, all others on disk, together never more than ``max_bytes``.

    A step that has to be kept waits in memory until the last write is half a second old: in a run's first seconds steps come faster than a
    slow disk can make them last. A checkpoint writes all of them. Where there is no more room every other step is let go, the spacing stays
    logarithmic.

    Args:
        folder: of the run.
        max_bytes: on disk.
        clock: seconds, for the tests.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder / FOLDER
        self._max_bytes, self._clock = max_bytes, clock
        self._waiting: dict[int, bytes] = {}
        self._paths = {step_of(path): path for path in reversed(generations(self._folder))}
        self._per_doubling = PER_DOUBLING
        self._wrote = -SECONDS_BETWEEN
        self.problem = ""

    @property
    def steps(self) -> list[int]:
        """List the kept steps in their order."""
        return sorted(self._paths.keys() | self._waiting.keys())

    def wants(self, step: int) -> bool:
        """Say whether a step is to be kept."""
        return on_grid(step, self._per_doubling) and step not in self._waiting and step not in self._paths

    def keep(self, step: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Keep the weights of a step; ``values`` say what belongs to them."""
        self._waiting[step] = weights.encode(tensors, {**values, "step": step})
        if sum(map(len, self._waiting.values())) > MAX_WAITING:
            self.flush()

    def work(self) -> None:
        """Write one step, if one waits and the last write is long enough ago."""
        if self._waiting and self._clock() - self._wrote >= SECONDS_BETWEEN:
            self._write(min(self._waiting))

    def flush(self) -> None:
        """Write all that waits."""
        for step in sorted(self._waiting):
            self._write(step)

    def forget_after(self, step: int) -> None:
        """Let go what comes after a step: the run goes on from there and lives it again."""
        for later in [kept for kept in self._paths if kept > step]:
            durable.remove(self._paths.pop(later))
        self._waiting = {kept: data for kept, data in self._waiting.items() if kept <= step}

    def read(self, step: int) -> dict[str, Tensor]:
        """Give the weights of a kept step.

        Raises:
            StoreError: the step was not kept, or its file is damaged.
        """
        if step in self._waiting:
            return weights.decode(self._waiting[step])[0]
        if step not in self._paths:
            near = min(self.steps, key=lambda kept: abs(kept - step), default=None)
            cure = "none is kept yet" if near is None else f"the nearest one is {near}"
            raise StoreError(f"the weights of step {step} were not kept: {cure}; choose a step of the history")
        return weights.load(self._paths[step]).tensors

    def _write(self, step: int) -> None:
        """Publish one step. A history that cannot be written is no reason to stop a training: what failed is told, once."""
        data = self._waiting.pop(step)
        path = self._folder / f"{step:09d}-{hashlib.sha256(data).hexdigest()[:32]}.safetensors"
        try:
            durable.make_folder(self._folder)
            durable.write(path, data)
        except VitralError as cause:
            self.problem = str(cause)
            return
        finally:
            self._wrote = self._clock()
        self._paths[step] = path
        self._thin()

    def _thin(self) -> None:
        while len(self._paths) > 2 and self._size() > self._max_bytes:
            if self._per_doubling > 1:
                self._per_doubling //= 2
                spare = [step for step in self._paths if not on_grid(step, self._per_doubling)]
            else:
                spare = sorted(self._paths)[1:-1:2]
            for step in spare:
                durable.remove(self._paths.pop(step))

    def _size(self) -> int:
        total = 0
        for path in self._paths.values():
            try:
                total += path.stat().st_size
            except OSError:
                continue
        return total
