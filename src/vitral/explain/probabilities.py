"""Scores made probabilities, and the loss that compares them with the truth."""

# N classes

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vitral.errors import SpecError
from vitral.explain.checks import inside, numbers, real, same_shape, whole
from vitral.explain.trace import Array, Contributions, Moment, Operand, Place, Step, Trace, number


@dataclass(frozen=True, eq=False)
class Probability(Moment):
    """The probability of one class."""

    place: Place
    scores: Array
    temperature: float

    @cached_property
    def shifted(self) -> Array:
        """Give every score less the largest, over the temperature: exp cannot overflow, the ratio stays."""
        return np.asarray((self.scores - self.scores.max()) / self.temperature)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the shift, the exponentials, their sum and the share."""
        scores, shifted = Operand("s", self.scores), Operand("d", self.shifted)
        powers, total = Operand("e", np.exp(self.shifted)), Operand("t", number(np.exp(self.shifted).sum()))
        own = number(powers.values[self.place])
        cooled = "" if self.temperature == 1 else f" / {self.temperature:g}"
        return (
            Step("shift", f"d = (s - max s){cooled}", "-", (scores, Operand("max", number(self.scores.max()))), shifted),
            Step("exponential", "e = exp(d)", "exp", (shifted,), powers),
            Step("sum", "t = Σ e", "Σ", (powers,), total),
            Step(
                "share",
                f"y = e[{self.place[0]}] / t",
                "/",
                (Operand(f"e[{self.place[0]}]", own), total),
                Operand("y", number(own / total.values)),
            ),
        )


@dataclass(frozen=True, eq=False)
class Softmax(Trace):
    """Probabilities from scores. Build one with ``softmax``."""

    operation: ClassVar[str] = "softmax"
    differentiable: ClassVar[tuple[str, ...]] = ("scores",)
    scores: Array
    temperature: float

    @property
    def shape(self) -> Place:
        """Give (N,)."""
        return self.scores.shape

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the scores."""
        return {"scores": self.scores}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the temperature."""
        return {"temperature": self.temperature}

    def at(self, *place: int) -> Probability:
        """Show one class's probability. Raises ShapeError when there is no such class."""
        return Probability(inside("class", place, self.shape), self.scores, self.temperature)

    def contributions(self, name: str, place: Place) -> Contributions:
        """A score touches every probability: dy[m]/ds[n] = y[m] * ([m = n] - y[n]) / temperature."""
        (n,) = place
        local = self.output * ((np.arange(len(self.scores)) == n) - self.output[n]) / self.temperature
        return Contributions(np.arange(len(self.scores)).reshape(-1, 1), local, np.ones(len(self.scores)))


@dataclass(frozen=True, eq=False)
class Loss(Moment):
    """The one number a cross-entropy gives."""

    place: Place
    scores: Array
    target: Array
    temperature: float

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the softmax, the logarithms, their products with the truth and the sum."""
        shifted = (self.scores - self.scores.max()) / self.temperature
        total = np.exp(shifted).sum()
        y, logs = Operand("y", np.exp(shifted) / total), Operand("l", shifted - np.log(total))  # log of y without rounding y to 0
        products = Operand("p", self.target * logs.values)
        return (
            Step("softmax", "y = exp(s) / Σ exp(s)", "softmax", (Operand("s", self.scores),), y),
            Step("logarithm", "l = log y", "log", (y,), logs),
            Step("products", "p = t * l", "×", (Operand("t", self.target), logs), products),
            Step("loss", "loss = -Σ p", "-Σ", (products,), Operand("loss", number(-products.values.sum() + 0.0))),
        )


@dataclass(frozen=True, eq=False)
class CrossEntropy(Trace):
    """The loss of scores against a truth. Build one with ``cross_entropy``."""

    operation: ClassVar[str] = "cross_entropy"
    differentiable: ClassVar[tuple[str, ...]] = ("scores",)
    scores: Array
    target: Array
    temperature: float

    @property
    def shape(self) -> Place:
        """Give (): one number."""
        return ()

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give scores and target."""
        return {"scores": self.scores, "target": self.target}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the temperature."""
        return {"temperature": self.temperature}

    @property
    def softmax(self) -> Softmax:
        """Give the probabilities on their own."""
        return Softmax(self.scores, self.temperature)

    def at(self, *place: int) -> Loss:
        """Show the loss; it has one place, ()."""
        return Loss(inside("place", place, ()), self.scores, self.target, self.temperature)

    def contributions(self, name: str, place: Place) -> Contributions:
        """The famous difference: dloss/ds = (y - t) / temperature, for a truth that sums to 1."""
        y = self.softmax.output[place]
        local = (y * self.target.sum() - self.target[place]) / self.temperature
        return Contributions(np.zeros((1, 0), dtype=np.intp), np.array([local]), np.ones(1))


def softmax(scores: Any, *, temperature: float = 1.0) -> Softmax:
    """Share 1 among the classes by their scores.

    y[n] = exp(s[n] / temperature) / sum over m of exp(s[m] / temperature)

    Args:
        scores: (N,).
        temperature: above 1 evens the probabilities out, below 1 sharpens them.

    Raises:
        SpecError: a temperature that is not above 0.
        DataError: NaN, infinity, text.

    Example: ``softmax([0.0, 0.0]).output`` is ``[0.5, 0.5]``.
    """
    return Softmax(numbers("scores", scores, "N"), real("temperature", temperature, 0, np.inf, open_ends=True))


def cross_entropy(scores: Any, target: Any, *, temperature: float = 1.0) -> CrossEntropy:
    """Say how surprised the scores are by the truth: loss = -sum over n of t[n] * log softmax(s)[n], in nats.

    Args:
        scores: (N,).
        target: the number of the true class, or (N,) shares that sum to 1.
        temperature: as in ``softmax``.

    Raises:
        SpecError: a class that is not there, shares that do not sum to 1.
        ShapeError: as many shares as scores are needed.

    Example: with scores 0, 0 either class has probability 0.5 and a loss of log 2 = 0.693.
    """
    probabilities = softmax(scores, temperature=temperature)
    count = len(probabilities.scores)
    if isinstance(target, str) or not isinstance(target, Sized):  # np.ndim would raise on rows of different lengths
        shares = (np.arange(count) == whole("target", target, 0, count - 1)).astype(np.float64)
    else:
        shares = numbers("target", target, "N")
        same_shape("target", shares.shape, (count,), "there are scores for")
        if shares.min() < 0 or abs(shares.sum() - 1) > 1e-9:
            raise SpecError(f"target must be shares of 1, got a sum of {shares.sum():g}; give a class number or shares that sum to 1")
    return CrossEntropy(probabilities.scores, shares, probabilities.temperature)
