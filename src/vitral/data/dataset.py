"""Examples in memory: pixels as bytes, targets beside them, and the identity of both."""

# N examples  C channels  H height  W width

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from vitral.data.arrays import Arrays
from vitral.data.source import Source
from vitral.errors import DataError

EXACT_ROWS = 256  # 256 * 255^2 < 2^24: up to so many squares of bytes a float32 sum is exact
CHUNK = 200_000


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of every channel of pixel / 255, over a whole training set, in float64."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Examples:
    """One split. ``pixels`` are uint8, (N, H, W, C): channels last, so that a crop copies whole rows.

    ``targets`` are int64 class numbers, (N,), or float32 numbers to come near to, (N, C, H, W) or (N, K).
    """

    pixels: torch.Tensor
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def first(self, count: int | None) -> Examples:
        """Give the first ``count`` examples, or all of them for None."""
        return self if count is None or count >= len(self) else Examples(self.pixels[:count], self.targets[:count])


@dataclass(frozen=True)
class Dataset:
    """What is learned from and what is tested on. ``classes`` is empty where the targets are numbers.

    ``sha256`` is the identity of pixels and targets of both splits: a checkpoint holds it.
    """

    name: str
    classes: tuple[str, ...]
    train: Examples
    test: Examples
    source: Source
    sha256: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Give (C, H, W) of one image."""
        _, h, w, c = self.train.pixels.shape
        return c, h, w

    @cached_property
    def statistics(self) -> Statistics:
        """Measure the training pixels / 255, every channel: sums of whole numbers, so exact up to the last division.

        Example: CIFAR-10 has mean 0.49139968, 0.48215841, 0.44653091 and deviation 0.24703223, 0.24348513, 0.26158784.
        """
        return measure(self.train.pixels)

    def first(self, train_size: int | None, test_size: int | None) -> Dataset:
        """Keep only the first examples of each split; the identity says so."""
        train, test = self.train.first(train_size), self.test.first(test_size)
        if len(train) == len(self.train) and len(test) == len(self.test):
            return self
        identity = hashlib.sha256(f"{self.sha256} {len(train)} {len(test)}".encode()).hexdigest()
        return replace(self, train=train, test=test, sha256=identity)


def measure(pixels: torch.Tensor) -> Statistics:
    """Give mean and deviation of every channel of ``pixels / 255``; pixels are uint8, (N, H, W, C)."""
    n, h, w, c = pixels.shape
    rows = pixels.contiguous().numpy().reshape(n, h * w * c)
    step = max(1, min(EXACT_ROWS, CHUNK // (h * w * c)))
    total, squares = np.zeros(h * w * c), np.zeros(h * w * c)
    for start in range(0, n, step):
        x = rows[start : start + step].astype(np.float32)
        total += x.sum(0)
        np.multiply(x, x, out=x)
        squares += x.sum(0)
    count = n * h * w
    sums, sums_of_squares = (
        [int(channel) for channel in column.reshape(-1, c).sum(0)]
        for column in (total, squares)  # whole numbers below 2^53
    )
    variances = [(count * q - s * s) / (count * 255) ** 2 for s, q in zip(sums, sums_of_squares, strict=True)]
    return Statistics(tuple(s / (count * 255) for s in sums), tuple(float(np.sqrt(variance)) for variance in variances))


def assemble(arrays: Arrays, source: Source) -> Dataset:
    """Turn what a reader gave into tensors, without copying it.

    Raises:
        DataError: no examples, or no image that varies at all.
    """
    for split, (pixels, _) in {"training": arrays.train, "test": arrays.test}.items():
        if not len(pixels):
            raise DataError(f"{source.name}: expected some {split} examples, got none; add some")
    train, test = (Examples(torch.from_numpy(pixels), torch.from_numpy(targets)) for pixels, targets in (arrays.train, arrays.test))
    return Dataset(source.name, arrays.classes, train, test, source, arrays.sha256 or identify(arrays))


def identify(arrays: Arrays) -> str:
    """Give the SHA-256 of pixels, targets and class names of both splits."""
    digest = hashlib.sha256("\n".join(arrays.classes).encode())
    for array in (*arrays.train, *arrays.test):
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
