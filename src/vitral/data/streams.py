"""A long text cut into streams that are read side by side: for learning, and for measuring every character once."""

# B batch  T time  N characters of the text

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vitral.data.codes import Codes, window
from vitral.errors import DataError

Integers = npt.NDArray[np.int64]


class Streams:
    """B neighbouring stretches of one text, read in step, T characters at a time (truncated backpropagation through time).

    Row b of step k + 1 goes on where row b of step k ended, so that a memory can be carried from one step to the next. Each stretch is
    ``num_steps * T`` characters long and the next one begins right behind it; stretch b's last answer is stretch b + 1's first character.

        num_steps = floor((N - 1) / (B * T))        unused = N - 1 - B * T * num_steps   (at the end; fewer than B * T)

    Args:
        codes: one split of a text, (N,).
        batch_size: B.
        length: T, how far back the gradient goes.
        what: the split's name, for errors.
    Raises:
        DataError: the text is too short for one step.
    Example:
        The training part of War and Peace in bytes, 2,606,596 of them, gives 50 streams 521 steps of 100; 1,595 bytes are unused.
    Source: Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent network trajectories"
    """

    def __init__(self, codes: Codes, batch_size: int, length: int, *, what: str = "training") -> None:
        assert batch_size > 0
        assert length > 0
        self.batch_size, self.length = batch_size, length
        self.num_steps = (len(codes) - 1) // (batch_size * length)
        if self.num_steps < 1:
            most = max(0, len(codes) - 1) // length
            cure = f"use batch_size <= {most}" if most else "use a longer text"
            raise DataError(
                f"the {what} part has {len(codes):,} symbols; {batch_size} streams of {length} need at least "
                f"{batch_size * length + 1:,}; {cure} or a smaller length"
            )
        self._codes = codes
        self._starts = np.arange(batch_size) * (self.num_steps * length)

    @property
    def used(self) -> int:
        """How many characters are predicted in one epoch: ``B * T * num_steps``."""
        return self.batch_size * self.length * self.num_steps

    @property
    def unused(self) -> int:
        """How many characters at the end of the text are never predicted."""
        return len(self._codes) - 1 - self.used

    def at(self, step: int) -> tuple[Integers, Integers]:
        """Give what step ``step`` of an epoch reads and what it should have said.

        Returns:
            x and y, int64, (B, T); ``y[b, t]`` is the character behind ``x[b, t]``.
        """
        assert 0 <= step < self.num_steps
        block = window(self._codes, self._starts + step * self.length, self.length + 1)
        return np.ascontiguousarray(block[:, :-1]), np.ascontiguousarray(block[:, 1:])

    def __iter__(self) -> Iterator[tuple[Integers, Integers]]:
        return (self.at(step) for step in range(self.num_steps))


class Block(NamedTuple):
    """One step of a measurement: x and y int64, (B, T), and which answers count, bool, (B, T)."""

    x: Integers
    y: Integers
    counts: npt.NDArray[np.bool_]


class Scored:
    """A text scored whole: every character but the first counts exactly once, whatever B and T are.

    The N - 1 answers are shared out over B neighbouring streams as evenly as can be. All of them start with a blank memory; each first
    reads ``warm_up`` characters that stand before its own and are not counted, so that cutting the text costs almost nothing. The first
    stream has nothing before it and counts from its first answer on; a stream that has ended reads zeros that do not count.

    Args:
        codes: one split of a text, (N,).
        batch_size: B; fewer streams when there are fewer answers.
        length: T, how many characters one block reads: no more than a matter of memory.
        warm_up: how many characters each stream reads first.
        what: the split's name, for errors.
    Raises:
        DataError: there is nothing to score.
    Example:
        ``sum(block.counts.sum() for block in Scored(codes, 50, 100, 100))`` is ``len(codes) - 1``.
    """

    def __init__(self, codes: Codes, batch_size: int, length: int, warm_up: int = 100, *, what: str = "test") -> None:
        assert batch_size > 0
        assert length > 0
        assert warm_up >= 0
        self.num_scored = len(codes) - 1
        if self.num_scored < 1:
            raise DataError(
                f"the {what} part has {len(codes)} symbols; expected at least 2, one to read and one to predict; use a longer text"
            )
        self.batch_size, self.length = min(batch_size, self.num_scored), length
        self._codes = codes
        bounds = np.arange(self.batch_size + 1, dtype=np.int64) * self.num_scored // self.batch_size
        self._begin = np.maximum(0, bounds[:-1] - warm_up)  # where each stream starts to read
        self._first, self._end = bounds[:-1], bounds[1:]  # from where to where its answers count
        self.num_steps = int(-(-(self._end - self._begin).max() // length))

    def at(self, step: int) -> Block:
        """Give block ``step``; row b goes on where row b of the block before ended."""
        assert 0 <= step < self.num_steps
        starts = self._begin + step * self.length
        block = window(self._codes, starts, self.length + 1)
        position = starts[:, None] + np.arange(self.length)
        ended = position >= self._end[:, None]
        x, y = np.where(ended, 0, block[:, :-1]), np.where(ended, 0, block[:, 1:])
        return Block(x, y, (position >= self._first[:, None]) & ~ended)

    def __len__(self) -> int:
        return self.num_steps

    def __iter__(self) -> Iterator[Block]:
        return (self.at(step) for step in range(self.num_steps))
