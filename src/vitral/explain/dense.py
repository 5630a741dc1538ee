"""A fully connected layer, unit by unit."""

# U units  N inputs

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vitral.errors import ShapeError
from vitral.explain import activation as activations
from vitral.explain.checks import inside, numbers, same_shape, shown
from vitral.explain.trace import Array, Contributions, Moment, Operand, Place, Step, Trace, add_up, number


@dataclass(frozen=True, eq=False)
class Unit(Moment):
    """One neuron: inputs, weights, sum, activation."""

    place: Place
    x: Array
    weights: Array
    bias: Array
    activation: str
    rule: activations.Rule

    @cached_property
    def products(self) -> Array:
        """Give each input times its weight: (N,)."""
        return self.x * self.weights

    @cached_property
    def sum(self) -> Array:
        """Give the sum of all products."""
        return add_up(self.products, 1)

    @cached_property
    def before(self) -> Array:
        """Give the sum with its bias."""
        return number(self.sum + self.bias)

    @cached_property
    def value(self) -> Array:
        """Give what the unit answers."""
        return number(self.rule.f(self.before))

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give products, sum, bias and activation."""
        products, total, before = Operand("p", self.products), Operand("s", self.sum), Operand("z", self.before)
        steps = [
            Step("products", "p = x * w", "×", (Operand("x", self.x), Operand("w", self.weights)), products),
            Step("sum", "s = Σ p", "Σ", (products,), total),
            Step("bias", "z = s + b", "+", (total, Operand("b", self.bias)), before),
        ]
        if self.activation != "identity":
            steps.append(Step("activation", f"y = {self.rule.of('z')}", self.activation, (before,), Operand("y", self.value)))
        return tuple(steps)


@dataclass(frozen=True, eq=False)
class Dense(Trace):
    """Every unit joined to every input. Build one with ``join``."""

    operation: ClassVar[str] = "dense"
    learned: ClassVar[tuple[str, ...]] = ("weights", "bias")
    differentiable: ClassVar[tuple[str, ...]] = ("x", "weights", "bias")
    x: Array
    weights: Array
    bias: Array
    activation: str
    slope: float

    @property
    def rule(self) -> activations.Rule:
        """Give the activation and its derivative."""
        return activations.rule(self.activation, self.slope)

    @property
    def shape(self) -> Place:
        """Give (U,)."""
        return (len(self.weights),)

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give x, weights and bias."""
        return {"x": self.x, "weights": self.weights, "bias": self.bias}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the activation."""
        return {"activation": self.activation} | ({"slope": self.slope} if self.activation == "leaky_relu" else {})

    def at(self, *place: int) -> Unit:
        """Show one unit. Raises ShapeError when there is none."""
        (u,) = inside("unit", place, self.shape)
        return Unit((u,), self.x, self.weights[u], number(self.bias[u]), self.activation, self.rule)

    def contributions(self, name: str, place: Place) -> Contributions:
        """A weight touches its own unit alone, an input touches every unit."""
        if name == "x":
            units, local = np.arange(len(self.weights)), self.weights[:, place[0]]
        else:
            units, local = np.array(place[:1]), np.array([1.0 if name == "bias" else self.x[place[1]]])
        slope = self.rule.slope(np.array([self.at(int(u)).before for u in units], dtype=np.float64))
        return Contributions(units.reshape(-1, 1), local, slope)


def join(x: Any, weights: Any, bias: Any = None, *, activation: str | None = None, slope: float = 0.01) -> Dense:
    """Join every unit with every input, an image laid out channel by channel first.

    y[u] = f(bias[u] + sum over n of weights[u, n] * x[n])

    Args:
        x: (N,), or an image (C, H, W) that is flattened.
        weights: (U, N).
        bias: (U,); zeros when left out.
        activation: a function of ``vitral.explain.activation``; none when left out.
        slope: leaky_relu's.

    Raises:
        ShapeError: the weights read another number of inputs.
        DataError: NaN, infinity, text.

    Example: ``join([1.0, 2.0], [[3.0, 4.0]], [5.0]).output`` is ``[16]``: 1*3 + 2*4 + 5.
    """
    x = numbers("x", x, "").reshape(-1)
    weights = numbers("weights", weights, "U N")
    if weights.shape[1] != x.size:
        raise ShapeError(
            f"the weights ({shown(weights.shape)}) read {weights.shape[1]} numbers but x has {x.size}; give weights of {x.size} columns"
        )
    bias = np.zeros(len(weights)) if bias is None else numbers("bias", bias, "U", spare=1)
    same_shape("bias", bias.shape, (len(weights),), "the weights ask for")
    activations.rule(activation, slope)
    return Dense(x, weights, bias, activation or "identity", float(slope))
