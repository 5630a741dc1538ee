"""Functions of each number alone, with the derivative beside each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from vitral.explain.checks import inside, numbers, one_of, real
from vitral.explain.trace import Array, Contributions, Moment, Operand, Place, Step, Trace, number

Function = Callable[[Array], Array]


class Rule(NamedTuple):
    """A function, its derivative and both as a hand would write them."""

    f: Function
    slope: Function
    formula: str
    slope_formula: str

    def of(self, symbol: str) -> str:
        """Write the formula of another symbol than x: ``max(z, 0)``."""
        return re.sub(r"\bx\b", symbol, self.formula)


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sigmoid(x: Array) -> Array:
    """Open a valve between 0 (shut) and 1 (open): 1 / (1 + exp(-x)), written so that exp never overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _normal(x: Array) -> Array:
    return np.asarray(0.5 * _erfc(-x / math.sqrt(2)))


def _gelu_slope(x: Array) -> Array:
    return np.asarray(_normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _silu_slope(x: Array) -> Array:
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


RULES: Mapping[str, Rule] = {
    "identity": Rule(lambda x: x, np.ones_like, "x", "1"),
    "relu": Rule(lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0), "max(x, 0)", "[x > 0]"),
    "sigmoid": Rule(sigmoid, lambda x: sigmoid(x) * sigmoid(-x), "1 / (1 + exp(-x))", "s * (1 - s)"),
    "tanh": Rule(np.tanh, lambda x: 1 / np.cosh(np.clip(x, -350, 350)) ** 2, "tanh(x)", "1 - tanh(x)^2"),
    "gelu": Rule(lambda x: x * _normal(x), _gelu_slope, "x * Phi(x)", "Phi(x) + x * phi(x)"),
    "silu": Rule(lambda x: x * sigmoid(x), _silu_slope, "x * s(x)", "s * (1 + x * (1 - s))"),
    "elu": Rule(
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
        "max(x, 0) + min(exp(x) - 1, 0)",
        "min(1, exp(x))",
    ),
    "softplus": Rule(lambda x: np.logaddexp(0, x), sigmoid, "log(1 + exp(x))", "1 / (1 + exp(-x))"),
}
NAMES = (*RULES, "leaky_relu")


def rule(name: Any, slope: Any = 0.01) -> Rule:
    """Look a function up by its name; ``slope`` is leaky_relu's where x is negative. Raises SpecError."""
    known = one_of("activation", "identity" if name is None else name, NAMES)
    factor = real("slope", slope, 0, 1)  # whether or not it is used: a record writes it down
    if known != "leaky_relu":
        return RULES[known]
    return Rule(
        lambda x: np.where(x > 0, x, factor * x),
        lambda x: np.where(x > 0, 1.0, factor),
        f"max(x, 0) + {factor:g} * min(x, 0)",
        f"[x > 0] + {factor:g} * [x <= 0]",
    )


@dataclass(frozen=True, eq=False)
class Activated(Moment):
    """One number put through the function."""

    place: Place
    x: Array
    function: str
    rule: Rule

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the one step there is."""
        y = number(self.rule.f(self.x))
        return (Step("activation", f"y = {self.rule.formula}", self.function, (Operand("x", self.x),), Operand("y", y)),)


@dataclass(frozen=True, eq=False)
class Activation(Trace):
    """A function of each number of an array."""

    operation: ClassVar[str] = "activation"
    differentiable: ClassVar[tuple[str, ...]] = ("x",)
    x: Array
    function: str
    slope: float

    @property
    def rule(self) -> Rule:
        """Give the function and its derivative."""
        return rule(self.function, self.slope)

    @property
    def shape(self) -> Place:
        """Give the input's own shape."""
        return self.x.shape

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the numbers that go in."""
        return {"x": self.x}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the function's name."""
        return {"function": self.function} | ({"slope": self.slope} if self.function == "leaky_relu" else {})

    def at(self, *place: int) -> Activated:
        """Show one number going through the function."""
        at = inside("place", place, self.shape)
        return Activated(at, number(self.x[at]), self.function, self.rule)

    def contributions(self, name: str, place: Place) -> Contributions:
        """Each number touches its own place alone."""
        return Contributions(np.array([place], dtype=np.intp).reshape(1, -1), np.ones(1), self.rule.slope(self.x[place]).reshape(1))


def activate(x: Any, function: str = "relu", *, slope: float = 0.01) -> Activation:
    """Put each number through a function: relu, sigmoid, tanh, gelu, silu, elu, softplus, leaky_relu, identity.

    Args:
        x: any array.
        function: its name.
        slope: leaky_relu's factor where x is negative.

    Raises:
        SpecError: an unknown function.
        DataError: NaN, infinity or no numbers.

    Example: ``activate([-1.0, 2.0]).output`` is ``[0, 2]``; at -1 the ReLU is shut and its gradient is 0.
    """
    rule(function, slope)
    return Activation(numbers("x", x, ""), function, float(slope))
