"""When a step is looked at: every so many steps, so many times a second, or within a share of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from vitral.errors import SpecError


class Pace:
    """Says of each step whether it is due.

    Args:
        every: look at each so many-th step, the first one included.
        rate: but at most so many times a second; None for no limit.
        share: and never so often that looking takes more than this share of the time, between 0 and 1; None for no limit.
        clock: seconds, for the tests.
    Raises:
        SpecError: a number that makes no sense.
    Example:
        With ``rate=10`` and steps of 20 ms each fifth one is looked at.
    """

    def __init__(
        self, every: int = 1, rate: float | None = None, share: float | None = None, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise SpecError(f"every is a number of steps, at least 1, got {every!r}; use every = 1 to look at each of them")
        if rate is not None and not 0 < rate < float("inf"):
            raise SpecError(f"rate is a number of looks a second above 0, got {rate!r}; leave it out to look at each step")
        if share is not None and not 0 < share <= 1:
            raise SpecError(f"share is a part of the time, above 0 and at most 1, got {share!r}; use share = 0.02 for 2 %")
        self.every, self.rate, self.share = every, rate, share
        self._clock = clock
        self._next = 0.0
        self._steps = 0

    def due(self) -> bool:
        """Count a step, and say whether to look at it."""
        self._steps += 1
        if (self._steps - 1) % self.every:
            return False
        if self.rate is None and self.share is None:
            return True
        now = self._clock()
        if now < self._next:
            return False
        if self.rate is not None:
            self._next = now + 1 / self.rate
        return True

    def spent(self, seconds: float) -> None:
        """Hear what the last look cost."""
        if self.share is not None:
            self._next = max(self._next, self._clock() + seconds * (1 / self.share - 1))
