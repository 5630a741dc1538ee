"""Random numbers that belong to what they are for: a counter-based hash instead of a generator with a state.

Every draw is a pure function of (seed, counters): it does not matter who asks, in which order, in which batch or on which device,
and nothing has to be saved to go on after a pause. The mixing is splitmix64's (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators", doi:10.1145/2660193.2660195), in 64-bit wrap-around arithmetic.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

MASK: Final = 2**64 - 1
GOLDEN: Final = 0x9E3779B97F4A7C15
FIRST: Final = 0xBF58476D1CE4E5B9
SECOND: Final = 0x94D049BB133111EB

Words = npt.NDArray[np.uint64]


def mix(word: int) -> int:
    """Scramble one 64-bit word so that words that differ in one bit differ in half of theirs."""
    word = ((word ^ (word >> 30)) * FIRST) & MASK
    word = ((word ^ (word >> 27)) * SECOND) & MASK
    return word ^ (word >> 31)


def key(*counters: int) -> int:
    """Fold counters into one 64-bit word; their order matters.

    Example: ``key(7, 0)`` and ``key(0, 7)`` have nothing to do with one another.
    """
    word = 0
    for counter in counters:
        word = mix((word + GOLDEN + mix(counter & MASK)) & MASK)
    return word


def words(start: int, indices: npt.NDArray[np.integer]) -> Words:
    """Give one word for every index under the key ``start``."""
    with np.errstate(over="ignore"):
        word = indices.astype(np.uint64) * np.uint64(GOLDEN) + np.uint64(start)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(FIRST)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(SECOND)
        return word ^ (word >> np.uint64(31))


def below(word: Words, bound: int | npt.NDArray[np.integer], *, low: int = 32) -> npt.NDArray[np.int64]:
    """Take 32 of a word's bits (from bit ``low`` on) as a number 0 <= x < bound; no value is favoured by more than bound / 2^32."""
    part = (word >> np.uint64(low)) & np.uint64(0xFFFFFFFF)
    limit = np.asarray(bound, dtype=np.uint64)
    drawn: npt.NDArray[np.int64] = ((part * limit) >> np.uint64(32)).astype(np.int64)
    return drawn


def permutation(start: int, count: int) -> npt.NDArray[np.int64]:
    """Put 0 .. count-1 into the random order that belongs to the key ``start``."""
    return np.argsort(words(start, np.arange(count)), kind="stable").astype(np.int64)
