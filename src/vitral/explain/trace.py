"""A traced operation: every number it gives is the last step of the arithmetic that made it, so the two cannot drift apart."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vitral.explain.gradients import Backward

Array = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Place = tuple[int, ...]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Operand:
    """Numbers under the symbol they carry in a formula, some of them marked (padded, winning, dropped)."""

    symbol: str
    values: Array
    marks: Marks | None = None
    meaning: str = ""
    """What a mark says: "padding", "winner", "dropped"; empty without marks."""


@dataclass(frozen=True, eq=False)
class Step:
    """One line of arithmetic: the operands, the sign between them, and what comes out."""

    name: str
    """What is done, as a key of ``vitral.explain.words``: "products", "forget_gate"."""
    formula: str
    sign: str
    operands: tuple[Operand, ...]
    value: Operand
    part: str = ""
    """The gate or stage of a recurrent cell that the line belongs to, also a key: "forget_gate", "learn"."""


class Moment(ABC):
    """The arithmetic behind one place of an output: steps, the last of which gives the number."""

    place: Place

    @property
    @abstractmethod
    def steps(self) -> tuple[Step, ...]:
        """Give the arithmetic in the order a hand would write it."""

    @property
    def value(self) -> Array:
        """Give what the last step gives: one number, or a vector for one step of a recurrent cell."""
        return self.steps[-1].value.values


class Contributions(NamedTuple):
    """How one number reaches the output: the places it touches, and the derivative of each with respect to it."""

    places: Indices
    """(n, axes of the output); a place can come twice when the number enters its sum twice."""
    local: Array
    """(n,): derivative of the sum at that place with respect to the number."""
    slope: Array
    """(n,): derivative of the activation at that place; 1 where there is none."""


class Trace(ABC):
    """An operation with its numbers. Nothing is computed before somebody asks for a place, the output or a gradient."""

    operation: ClassVar[str]
    learned: ClassVar[tuple[str, ...]] = ()
    """The inputs that are weights, of those that have gradients."""
    differentiable: ClassVar[tuple[str, ...]]
    """The inputs that have gradients."""

    @property
    @abstractmethod
    def shape(self) -> Place:
        """Give the shape of the output without computing it."""

    @property
    @abstractmethod
    def inputs(self) -> Mapping[str, Array]:
        """Give the numbers that go in, each under its argument's name."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the arguments that are not arrays; with ``inputs`` they make the trace again."""
        return {}

    @abstractmethod
    def at(self, *place: int) -> Moment:
        """Show the arithmetic behind one number of the output. Raises ShapeError when there is no such place."""

    @abstractmethod
    def contributions(self, name: str, place: Place) -> Contributions:
        """Say where the number ``place`` of the input ``name`` enters the output, and how much each place moves with it."""

    @cached_property
    def output(self) -> Array:
        """Give all numbers, each the last step of its own arithmetic."""
        out = np.empty(self.shape)
        for place in np.ndindex(self.shape):
            out[place] = self.at(*place).value
        out.setflags(write=False)
        return out

    def given(self, **changes: Any) -> Self:
        """Make the same trace with other numbers (already checked), as ``trace.given(image=moved)``."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def backward(self, upstream: Any = None) -> Backward:
        """Turn the trace round: what each input's gradient is made of.

        Args:
            upstream: dLoss/dOutput, of the output's shape; all ones when left out.
        """
        from vitral.explain.gradients import Backward

        return Backward.of_trace(self, upstream)


def add_up(products: Array, axes: int) -> Array:
    """Sum over the last ``axes`` axes in an order that does not depend on how many sums are made at once.

    One window alone and a whole row of windows so give the same bits.
    """
    lead = products.shape[: products.ndim - axes]
    return np.asarray(np.ascontiguousarray(products).reshape(*lead, -1).sum(axis=-1))


def number(value: float | np.floating[Any] | Array) -> Array:
    """Make a plain number an array without axes, as every operand is."""
    return np.asarray(value, dtype=np.float64)
