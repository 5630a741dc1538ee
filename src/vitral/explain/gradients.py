"""Gradients as the sums they are, each with a finite difference beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from vitral.errors import SpecError
from vitral.explain.checks import inside, numbers, same_shape, short
from vitral.explain.trace import Array, Indices, Place, Trace

STEP = float(np.finfo(np.float64).eps ** (1 / 3))  # balances rounding against curvature for a central difference


class Check(NamedTuple):
    """The derivative measured without any rule: move the number a little both ways and see how the loss moves."""

    value: float
    """(loss(x + step) - loss(x - step)) / (2 * step)."""
    step: float
    deviation: float
    """|gradient - value| / max(1, |gradient|)."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """One number of a gradient: the sum over all the places that its input touches.

    dLoss/dx = sum over places of upstream * slope * local
    """

    of: str
    place: Place
    places: Indices
    """(n, axes): windows of a convolution, units of a dense layer, time steps of a recurrent cell."""
    upstream: Array
    """(n,): dLoss/dOutput at those places."""
    slope: Array
    """(n,): the activation's derivative there."""
    local: Array
    """(n,): how much the sum there moves with the number."""
    check: Check

    @property
    def products(self) -> Array:
        """Give what each place adds."""
        return self.upstream * self.slope * self.local

    @property
    def value(self) -> float:
        """Give the gradient."""
        return float(self.products.sum())


@dataclass(frozen=True, eq=False)
class Backward:
    """A trace turned round, for the loss sum(upstream * output)."""

    trace: Trace
    upstream: Array

    @classmethod
    def of_trace(cls, trace: Trace, upstream: Any = None) -> Backward:
        """Check the upstream gradient against the output. Raises ShapeError when the two differ in shape."""
        return cls(trace, upstream_of(trace, upstream))

    def of(self, name: str, *place: int, checked: bool = True) -> Gradient:
        """Show what one number's gradient is made of.

        Args:
            name: an input, as "kernels".
            place: the number's place in it.
            checked: False leaves the finite difference out (NaN), which costs as much as all the places that the number touches.

        Raises:
            SpecError: no such input, or one without a gradient.
            ShapeError: no such place.
        """
        return self._explain(name, named_place(self.trace, name, place), checked=checked)

    def total(self, name: str) -> Array:
        """Give the whole gradient of one input, each number the sum of its own contributions (not checked by differences)."""
        values = self.trace.inputs[named(self.trace, name)]
        out = np.empty(values.shape)
        for place in np.ndindex(values.shape):
            out[place] = self._explain(name, place, checked=False).value
        return out

    def _explain(self, name: str, place: Place, *, checked: bool) -> Gradient:
        places, local, slope = self.trace.contributions(name, place)
        upstream = self.upstream[tuple(places.T)] if places.shape[1] else np.full(len(places), self.upstream)
        value = float((upstream * slope * local).sum())
        check = self._measure(name, place, places, value) if checked else Check(np.nan, 0.0, np.nan)
        return Gradient(name, place, places, upstream, slope, local, check)

    def _measure(self, name: str, place: Place, places: Indices, gradient: float) -> Check:
        touched = [tuple(int(i) for i in row) for row in np.unique(places, axis=0)] if places.shape[1] else [()] * min(1, len(places))

        def loss_beside(values: Array) -> Array:
            moved = self.trace.given(**{name: values})
            return np.array([self.upstream[at] * moved.at(*at).value for at in touched])

        return measure(self.trace.inputs[name], place, gradient, loss_beside)


def measure(values: Array, place: Place, gradient: float, losses: Any) -> Check:
    """Move one number both ways and compare the slope of the loss with the gradient.

    Args:
        values: the input that holds the number.
        place: where it lies.
        gradient: what the rules say.
        losses: a function from the moved input to the loss, or to parts that sum to it (subtracted part by part: less is lost).
    """
    step = STEP * max(1.0, abs(float(values[place])))
    sides = []
    for sign in (1.0, -1.0):
        moved = values.copy()
        moved[place] += sign * step
        sides.append((np.asarray(losses(moved)), moved[place]))
    (up, right), (down, left) = sides
    value = float((up - down).sum() / (right - left))
    return Check(value, step, abs(gradient - value) / max(1.0, abs(gradient)))


def upstream_of(trace: Trace, upstream: Any) -> Array:
    """Read dLoss/dOutput; all ones when left out. Raises ShapeError when it differs from the output in shape."""
    if upstream is None:
        return np.ones(trace.shape)
    values = numbers("upstream", upstream, "")
    same_shape("upstream", values.shape, trace.shape, "the output is")
    return values


def named(trace: Trace, name: str) -> str:
    """Look an input up by its name. Raises SpecError."""
    if name not in trace.differentiable or name not in trace.inputs:
        present = [known for known in trace.differentiable if known in trace.inputs]
        raise SpecError(f"{trace.operation} has no gradient of {short(name)}; expected one of {', '.join(present)}")
    return name


def named_place(trace: Trace, name: str, place: Place) -> Place:
    """Look a number up in an input. Raises SpecError or ShapeError."""
    return inside(f"number of {name}", place, trace.inputs[named(trace, name)].shape)
