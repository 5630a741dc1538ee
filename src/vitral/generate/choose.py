"""How one symbol is chosen among all by their scores: temperature, top-k, top-p, and a draw that belongs to its place in the text."""

# V vocabulary

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vitral.data.draws import key, words
from vitral.errors import DataError, SpecError
from vitral.generate.product import Floats

Doubles = npt.NDArray[np.float64]

SAMPLE: Final = 16
"""What a draw is for: no two purposes share their numbers (``vitral.data.batches`` has others)."""
COLD: Final = 1e-100
"""Below this temperature dividing by it would overflow, and only the likeliest symbol is left long before."""
AT_ONCE: Final = 256


class Candidate(NamedTuple):
    """A symbol that might have come at some place of the text."""

    symbol: int
    probability: float
    """What the network itself says: softmax of its scores, before temperature, top-k and top-p."""
    chance: float
    """With which probability it was drawn: after temperature, top-k and top-p; 0 where those left it out."""


class Written(NamedTuple):
    """A symbol that was chosen."""

    symbol: int
    probability: float
    """What the network itself says."""
    chance: float
    """With which probability it was drawn."""
    candidates: tuple[Candidate, ...] = ()
    """The symbols that the network finds likeliest at this place, the likeliest first."""


@dataclass(frozen=True)
class Choice:
    """What is made of the network's probabilities before one symbol is drawn: first temperature, then top-k, then top-p.

    Args:
        temperature: divides the scores. Below 1 what is likely gets likelier, above 1 rare symbols get their turn; 0 takes the likeliest
            symbol each time (of equal ones the first).
        top_k: draw among so many likeliest symbols only.
        top_p: draw among the likeliest symbols only, the fewest that have this probability together.

    Raises:
        SpecError: a number that is out of range.
    Example:
        Of the probabilities 0.5, 0.3, 0.2 top_k = 2 leaves 0.625 and 0.375, top_p = 0.5 leaves the first alone, and the temperature
        0.5 squares them: 0.658, 0.237, 0.105.
    Source: Holtzman et al. 2020, arXiv:1904.09751 (top-p); Fan et al. 2018, arXiv:1805.04833 (top-k)
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise SpecError(f"temperature: expected a number from 0, got {self.temperature:g}; use 1 to keep the network's probabilities")
        if self.top_k is not None and self.top_k < 1:
            raise SpecError(f"top_k: expected a whole number from 1, got {self.top_k}; leave it out to draw among all symbols")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise SpecError(f"top_p: expected a number above 0 and up to 1, got {self.top_p:g}; leave it out to draw among all symbols")

    @property
    def greedy(self) -> bool:
        """Say whether nothing is left to chance."""
        return self.temperature < COLD

    @property
    def plain(self) -> bool:
        """Say whether the network's own probabilities stay as they are."""
        return self.temperature == 1 and self.top_k is None and (self.top_p is None or self.top_p == 1)

    def chances(self, scores: Floats) -> Doubles:
        """Give the probability with which every symbol is drawn, (V,), from the network's scores, (V,).

        Raises:
            DataError: a score is not finite.
        """
        weights = self.weigh(_below_best(scores))
        return np.asarray(weights / weights.sum())

    def weigh(self, shifted: Doubles) -> Doubles:
        """Give numbers in proportion to the chances from scores whose largest is 0."""
        if self.greedy:
            weights = np.zeros(len(shifted))
            weights[shifted.argmax()] = 1
            return weights
        weights = np.exp(shifted if self.temperature == 1 else shifted / self.temperature)
        if self.top_k is None and self.top_p is None:
            return weights
        order = np.argsort(-weights, kind="stable")[: self.top_k]  # of equal ones the first
        if self.top_p is not None:
            together = weights[order].cumsum()
            order = order[: np.searchsorted(together, self.top_p * together[-1]) + 1]
        kept = np.zeros(len(weights))
        kept[order] = weights[order]
        return kept

    def choose(self, scores: Floats, uniform: float, num_candidates: int = 0) -> Written:
        """Choose a symbol.

        Args:
            scores: the network's, (V,); everything from here on is computed in float64.
            uniform: the draw, 0 <= uniform < 1.
            num_candidates: how many of the likeliest symbols to name.

        Raises:
            DataError: a score is not finite.
        """
        shifted = _below_best(scores)
        own = np.exp(shifted)
        weights = own if self.plain else self.weigh(shifted)
        together = np.add.accumulate(weights)
        total = sum_of_own = together[-1]
        if weights is not own:
            sum_of_own = own.sum()
        symbol = int(together.searchsorted(uniform * total, "right"))
        if not num_candidates:
            return Written(symbol, float(own[symbol] / sum_of_own), float(weights[symbol] / total))
        best = np.argsort(-own, kind="stable")[:num_candidates].tolist()
        candidates = tuple(Candidate(other, float(own[other] / sum_of_own), float(weights[other] / total)) for other in best)
        return Written(symbol, float(own[symbol] / sum_of_own), float(weights[symbol] / total), candidates)


def uniforms(seed: int) -> Iterator[float]:
    """Give the draw for each place of a text in turn, 0 <= u < 1: a pure function of the seed and the place.

    A draw has 52 bits, so that u times any float64 is rounded to less than it.
    """
    start, place = key(SAMPLE, seed), 0
    while True:
        yield from ((words(start, np.arange(place, place + AT_ONCE)) >> np.uint64(12)) * 2.0**-52).tolist()
        place += AT_ONCE


def _below_best(scores: Floats) -> Doubles:
    """Copy scores to float64, shifted so that the largest is 0: exp cannot overflow."""
    shifted = scores.astype(np.float64)
    best = shifted.item(shifted.argmax())  # a NaN is found too, and in a third of the time of max()
    if not math.isfinite(best):
        raise DataError(
            f"the network's scores are not finite ({best:g}): its weights are no good any more; use another run or an earlier one"
        )
    shifted -= best
    return shifted
