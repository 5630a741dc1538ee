"""Pictures read as a person reads a page: a sequence of rows, top to bottom, each a row of pixels."""

# N pictures  H height, which is the time  W width, which is the features

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock

from vitral.data import digits, idx, places
from vitral.data.arrays import Arrays, Split
from vitral.data.progress import Watcher
from vitral.data.sequence import SequenceExamples, SequenceSet, assemble, pick
from vitral.data.source import Source
from vitral.data.split import mixed

DIGITS = replace(
    digits.DIGITS, name="digits-by-row", title="5,000 digits of MNIST, each a sequence of 28 rows of 28 pixels", kind="sequences"
)
MNIST = replace(idx.MNIST, name="mnist-by-row", title="MNIST: 70,000 digits, each a sequence of 28 rows of 28 pixels", kind="sequences")
LAYOUTS = idx.LAYOUTS["mnist"]


def read_digits() -> SequenceSet:
    """Read the digits that come with the installation: 4,000 to learn from, 1,000 to test on, no network needed.

    Raises:
        DataError: the file is not the one that is known.
    """
    return by_row(digits.read(), DIGITS)


def read_mnist(source: Source, place: places.Place) -> SequenceSet:
    """Read all of MNIST.

    Raises:
        DataError: a file is not the published one.
    """
    return by_row(idx.read(idx.MNIST, place), source)


def fetch_mnist(source: Source, root: Path, progress: Watcher | None) -> None:
    """Download MNIST, which serves as pictures too."""
    del source
    with FileLock(root / f".{idx.MNIST.name}.lock"):  # two processes may ask for it by its two names
        idx.fetch(idx.MNIST, root, progress)


def by_row(arrays: Arrays, source: Source) -> SequenceSet:
    """Turn grey pictures, (N, H, W, 1), into sequences of H steps with W features: p / 255.

    Example: one digit of 28x28 pixels is 28 steps of 28 numbers, the "sequential MNIST" of Le, Jaitly & Hinton 2015, arXiv:1504.00941,
    by rows instead of by single pixels.
    """

    def turned(split: Split) -> SequenceExamples:
        pixels, targets = split
        n, h, w, _ = pixels.shape
        values = (pixels.reshape(n * h, w) / 255).astype(np.float32)
        examples = SequenceExamples(values, np.arange(n + 1) * h, targets)
        return pick(examples, mixed(np.arange(n)))

    train, test = turned(arrays.train), turned(arrays.test)
    sha256 = hashlib.sha256(f"{arrays.sha256} by row".encode()).hexdigest() if arrays.sha256 else None
    return assemble(arrays.classes, train, test, source, sha256=sha256, alike=True)
