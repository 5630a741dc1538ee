"""How much of a written text is copied: its longest stretch that stands, symbol for symbol, in the text that was learned from."""

# N symbols of the training text  n symbols of the written text  m length of a window

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vitral.data.codes import Codes, Mapped

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

WORD: Final = 8
"""Bytes of the windows that are looked up first, so that each is one whole number."""
AT_ONCE: Final = 2**20
"""Symbols of the training text that are looked at in one go: 8 MB of words."""
SIEVE_BITS: Final = 18
SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""An odd number that spreads words over the sieve (2^64 divided by the golden ratio)."""


class Stretch(NamedTuple):
    """A stretch of the written text that stands in the training text too."""

    length: int
    start: int
    """Where it begins in the written text."""
    offset: int
    """Where it stands in the training text for the first time."""


class _Windows(NamedTuple):
    """All windows of one length that both texts have, each called by a number."""

    length: int
    names: Integers
    """The number of the window at each place of the written text, (n - m + 1,)."""
    places: Integers
    """Where such windows stand in the training text, ascending."""
    names_there: Integers
    """The numbers of those."""


def longest_copied(written: npt.NDArray[Any], training: Codes) -> Stretch:
    """Find the longest stretch of a text that occurs in another one.

    Where a stretch of some length is copied, so is one of every smaller length: lengths are tried, doubled at first. The windows tried
    first are as long as fit into 8 bytes, so each is one whole number, and a sieve throws out nearly all places of the training text at
    once. After that, two windows of length m that overlap make one of any length up to 2 m: a longer window is a pair of numbers, and
    stands only where both its halves are known to stand.

    Args:
        written: codes, (n,).
        training: codes of the same vocabulary, (N,), in memory or on the disk, which is read in parts.
    Returns:
        Length 0 where not one symbol is copied; of stretches of equal length the one that comes first in the training text.
    Example:
        "the hat" and "a cat; that hat" share " hat": ``Stretch(length=4, start=3, offset=11)``.
    Source: Karp, Miller & Rosenberg 1972, doi:10.1145/800152.804905 (naming windows by pairs of names)
    """
    dtype = np.dtype(np.uint8) if isinstance(training, Mapped) else training.dtype
    written = np.asarray(written).astype(dtype)
    low, high = 1, min(len(written), len(training))  # every length below ``low`` is copied, none above ``high`` is
    known: _Windows | None = None
    doubling = True
    while low <= high:
        step = max(1, WORD // dtype.itemsize) if known is None else 2 * known.length
        length = min(step, high) if doubling else (low + high + 1) // 2
        found = _look_up(written, training, length) if known is None else _join(known, length)
        if len(found.places):
            known, low = found, length + 1
        else:
            doubling, high = False, length - 1
    if known is None:
        return Stretch(0, 0, 0)
    return Stretch(known.length, int(np.argmax(known.names == known.names_there[0])), int(known.places[0]))


def _look_up(written: npt.NDArray[Any], training: Codes, length: int) -> _Windows:
    """Compare windows of at most 8 bytes as whole numbers."""
    distinct, names = np.unique(_words(written, length), return_inverse=True)
    sieve = np.zeros(2**SIEVE_BITS, bool)
    sieve[_slots(distinct)] = True
    places, names_there = [], []
    for begin, words in _in_parts(training, length, written.dtype):
        likely = np.flatnonzero(sieve[_slots(words)])
        name, same = _find(distinct, words[likely])
        places.append(likely[same] + begin)
        names_there.append(name)
    return _Windows(length, names, np.concatenate(places), np.concatenate(names_there))


def _join(known: _Windows, length: int) -> _Windows:
    """Make windows of two that overlap or touch: the second begins ``length - known.length`` behind the first."""
    behind = length - known.length
    assert 0 < behind <= known.length
    count = int(known.names.max()) + 1
    distinct, names = np.unique(known.names[:-behind] * count + known.names[behind:], return_inverse=True)
    second = np.searchsorted(known.places, known.places + behind)
    first = np.flatnonzero(known.places[np.minimum(second, len(second) - 1)] == known.places + behind)
    name, same = _find(distinct, known.names_there[first] * count + known.names_there[second[first]])
    return _Windows(length, names, known.places[first[same]], name)


def _find(distinct: npt.NDArray[Any], asked: npt.NDArray[Any]) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Give the places in ``distinct``, which is sorted, of those asked for that are there; and which are."""
    at = np.minimum(np.searchsorted(distinct, asked), len(distinct) - 1)
    same = distinct[at] == asked
    return at[same], same


def _slots(words: Words) -> Words:
    return (words * SPREAD) >> np.uint64(64 - SIEVE_BITS)


def _words(codes: npt.NDArray[Any], length: int) -> Words:
    """Give the bytes of every window of ``length`` codes as one number, (len(codes) - length + 1,)."""
    size = codes.itemsize
    padded = np.ascontiguousarray(codes, codes.dtype.newbyteorder("<")).tobytes() + bytes(WORD)
    every = np.ndarray(len(codes) - length + 1, "<u8", padded, strides=(size,))
    return every & np.uint64(2 ** (8 * size * length) - 1)


def _in_parts(codes: Codes, length: int, dtype: np.dtype[Any]) -> Iterator[tuple[int, Words]]:
    for begin in range(0, len(codes) - length + 1, AT_ONCE):
        yield begin, _words(codes[begin : begin + AT_ONCE + length - 1].astype(dtype, copy=False), length)
