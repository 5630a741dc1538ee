"""Sequences in memory: the steps of all of them one after the other, where each begins, and its class."""

# N sequences  S steps of all of them  B batch  T time  F features

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vitral.data.source import Source
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError

MAX_VALUES: Final = 2**28  # numbers in one split: 1 GiB as float32
MAX_CLASSES: Final = 10_000
CHUNK: Final = 1 << 16  # steps

Values = npt.NDArray[np.float32] | npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean and standard deviation of every feature over all steps of a training set, in float64; a feature that never varies has 1."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class SequenceExamples:
    """One split. Sequence n is ``values[offsets[n]:offsets[n + 1]]``.

    ``values`` are numbers, float32 (S, F), or tokens, int64 (S,); ``offsets`` int64 (N + 1,); ``targets`` class numbers, int64 (N,).
    """

    values: Values
    offsets: Numbers
    targets: Numbers

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, n: int) -> Values:
        return self.values[self.offsets[n] : self.offsets[n + 1]]

    @property
    def lengths(self) -> Numbers:
        """Give the number of steps of every sequence: int64 (N,)."""
        return np.diff(self.offsets)

    def first(self, count: int | None) -> SequenceExamples:
        """Give the first ``count`` sequences, or all of them for None."""
        if count is None or count >= len(self):
            return self
        return SequenceExamples(self.values[: self.offsets[count]], self.offsets[: count + 1], self.targets[:count])

    def normalised(self, statistics: FeatureStatistics) -> SequenceExamples:
        """Centre and scale every feature, (x - mean) / deviation; tokens stay as they are.

        What is padded afterwards is padded with zeros, so with the mean.
        """
        if self.values.dtype != np.float32:
            return self
        mean, deviation = (np.asarray(each) for each in (statistics.mean, statistics.deviation))
        values = np.empty(self.values.shape, np.float32)
        for number, part in enumerate(_parts(self.values)):
            values[number * CHUNK : number * CHUNK + len(part)] = (part - mean) / deviation
        return replace(self, values=values)

    def padded(self, indices: npt.ArrayLike, length: int) -> tuple[Values, Numbers]:
        """Copy some sequences into one array of equal lengths: zeros behind the end of the short ones, the end of the long ones cut off.

        Args:
            indices: which, (B,), in any order.
            length: T, at least 1.
        Returns:
            values (B, T, F) or (B, T), and how many of the T steps are the sequence's own, int64 (B,).
        Example:
            The names "Li" and "Novák" at length 4 become ``L i 0 0`` and ``N o v á`` with lengths 2 and 4.
        """
        which = np.asarray(indices, np.int64)
        starts = self.offsets[which]
        lengths = np.minimum(self.offsets[which + 1] - starts, length)
        own = np.arange(length) < lengths[:, None]  # (B, T)
        padded = np.zeros((*own.shape, *self.values.shape[1:]), self.values.dtype)
        padded[own] = self.values[(starts[:, None] + np.arange(length))[own]]
        return padded, lengths


@dataclass(frozen=True)
class SequenceSet:
    """Sequences to learn from and to test on, each of one class.

    ``vocabulary`` says which symbol a token is; None where the steps are numbers. ``alike`` says that all features are measured on one
    scale (the pixels of a row), so that one mean and one deviation serve them all. ``sha256`` is the identity of both splits: a
    checkpoint holds it.
    """

    name: str
    classes: tuple[str, ...]
    train: SequenceExamples
    test: SequenceExamples
    vocabulary: Vocabulary | None
    source: Source
    sha256: str
    alike: bool = False

    @property
    def kind(self) -> Literal["tokens", "series"]:
        """Say what a step is: one of the vocabulary's symbols, or numbers."""
        return "tokens" if self.vocabulary else "series"

    @property
    def size(self) -> int:
        """Give the symbols of the vocabulary, or the numbers of one step: V or F."""
        return len(self.vocabulary) if self.vocabulary else self.train.values.shape[1]

    @property
    def longest(self) -> int:
        """Give the steps of the longest sequence of both splits."""
        return int(max(self.train.lengths.max(), self.test.lengths.max()))

    @cached_property
    def statistics(self) -> FeatureStatistics | None:
        """Measure every feature over all training steps; None for tokens."""
        return None if self.vocabulary else measure(self.train.values, alike=self.alike)

    def first(self, train_size: int | None, test_size: int | None) -> SequenceSet:
        """Keep only the first sequences of each split; the identity says so."""
        train, test = self.train.first(train_size), self.test.first(test_size)
        if len(train) == len(self.train) and len(test) == len(self.test):
            return self
        identity = hashlib.sha256(f"{self.sha256} {len(train)} {len(test)}".encode()).hexdigest()
        return replace(self, train=train, test=test, sha256=identity)


def measure(values: Values, *, alike: bool = False) -> FeatureStatistics:
    """Give mean and deviation of every feature, in float64 and two passes, so that a large mean costs the deviation no digits.

    Args:
        values: (S, F).
        alike: one mean and one deviation for all features.
    Example:
        Steps (0, 5) and (2, 5) have mean (1, 5) and deviation (1, 1): what never varies is not divided by zero.
    """
    count, mean = len(values) * (values.shape[1] if alike else 1), np.zeros(values.shape[1:])
    for part in _parts(values):
        mean += part.sum(0)
    mean = np.broadcast_to(mean.sum() if alike else mean, mean.shape) / count
    squares = np.zeros_like(mean)
    for part in _parts(values):
        squares += np.square(part - mean).sum(0)
    deviation = np.sqrt(np.broadcast_to(squares.sum() if alike else squares, mean.shape) / count)
    flat = deviation <= 1e-12 * np.abs(mean)  # float64 cannot tell a smaller one from the rounding of the mean
    return FeatureStatistics(tuple(map(float, mean)), tuple(map(float, np.where(flat, 1.0, deviation))))


def _parts(values: Values) -> Iterator[npt.NDArray[np.float64]]:
    """Give the steps in float64, some at a time, so that large sets are not doubled in memory."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK].astype(np.float64)


def pack(parts: Sequence[npt.NDArray[Any]], targets: npt.ArrayLike) -> SequenceExamples:
    """Lay sequences one after the other: arrays (T, F) of numbers, or (T,) of tokens, at least one of them."""
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    joined = np.concatenate(parts)
    values: Values = joined.astype(np.float32) if joined.ndim == 2 else joined.astype(np.int64)
    return SequenceExamples(values, offsets, np.asarray(targets, np.int64))


def pick(examples: SequenceExamples, indices: npt.NDArray[np.integer]) -> SequenceExamples:
    """Copy some sequences in the order given, without padding."""
    lengths = examples.lengths[indices]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    steps = np.arange(offsets[-1]) + np.repeat(examples.offsets[indices] - offsets[:-1], lengths)
    return SequenceExamples(examples.values[steps], offsets, examples.targets[indices])


def assemble(
    classes: tuple[str, ...],
    train: SequenceExamples,
    test: SequenceExamples,
    source: Source,
    *,
    vocabulary: Vocabulary | None = None,
    sha256: str | None = None,
    alike: bool = False,
) -> SequenceSet:
    """Turn what a reader gave into a set, when it is fit to learn from.

    Args:
        classes: their names, by number.
        train: to learn from.
        test: to test on.
        source: where they come from.
        vocabulary: of tokens; None where the steps are numbers.
        sha256: the identity, where it follows from checksums that were verified; computed otherwise.
        alike: all features share one scale.
    Raises:
        DataError: no sequences, an empty one, numbers that are not finite, too many of anything.
    """
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DataError(f"{source.name}: expected 2 to {MAX_CLASSES:,} classes, got {len(classes)}; check which column holds them")
    for split, examples in {"training": train, "test": test}.items():
        if not len(examples):
            raise DataError(f"{source.name}: expected some {split} sequences, got none; add some")
        if examples.values.size > MAX_VALUES:
            raise DataError(f"{source.name}: expected at most {MAX_VALUES:,} numbers, got {examples.values.size:,}; leave some out")
        if (empty := np.flatnonzero(examples.lengths < 1)).size:
            raise DataError(f"{source.name}: expected at least one step, {split} sequence {empty[0] + 1} has none; take it out")
        if not vocabulary and not np.isfinite(examples.values).all():
            raise DataError(f"{source.name}: expected finite numbers in the {split} sequences, got NaN or infinity; take those out")
    if train.values.shape[1:] != test.values.shape[1:]:
        (expected,), (got,) = train.values.shape[1:], test.values.shape[1:]
        raise DataError(
            f"{source.name}: expected as many features a step in the test sequences as in the training ones, {expected}, got {got}; make them alike"
        )
    if (unmet := np.flatnonzero(np.bincount(train.targets, minlength=len(classes)) == 0)).size:
        raise DataError(f'{source.name}: class "{classes[unmet[0]]}" has no sequence to learn from; add some')
    return SequenceSet(
        source.name, classes, train, test, vocabulary, source, sha256 or identify(classes, train, test, vocabulary), alike=alike
    )


def identify(classes: tuple[str, ...], train: SequenceExamples, test: SequenceExamples, vocabulary: Vocabulary | None) -> str:
    """Give the SHA-256 of classes, vocabulary and all arrays of both splits."""
    digest = hashlib.sha256("\n".join(classes).encode())
    digest.update(str(vocabulary.to_json() if vocabulary else "numbers").encode())
    for examples in (train, test):
        for array in (examples.values, examples.offsets, examples.targets):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
