"""Dropout with the mask in the open: which numbers are dropped, and how the rest are scaled up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vitral.errors import SpecError
from vitral.explain.checks import inside, numbers, real, same_shape
from vitral.explain.trace import Array, Contributions, Moment, Operand, Place, Step, Trace, number


@dataclass(frozen=True, eq=False)
class Kept(Moment):
    """One number, kept or dropped."""

    place: Place
    x: Array
    mask: Array
    probability: float

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the one step there is."""
        y = Operand("y", number(self.x * self.mask / (1 - self.probability)), np.asarray(self.mask == 0), "dropped")
        parts = (Operand("x", self.x), Operand("m", self.mask), Operand("q", number(1 - self.probability)))
        return (Step("dropout", "y = x * m / q", "×", parts, y),)


@dataclass(frozen=True, eq=False)
class Dropout(Trace):
    """A mask over numbers. Build one with ``drop``."""

    operation: ClassVar[str] = "dropout"
    differentiable: ClassVar[tuple[str, ...]] = ("x",)
    x: Array
    mask: Array
    probability: float

    @property
    def shape(self) -> Place:
        """Give the input's own shape."""
        return self.x.shape

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the numbers and the mask."""
        return {"x": self.x, "mask": self.mask}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the probability."""
        return {"probability": self.probability}

    def at(self, *place: int) -> Kept:
        """Show one number. Raises ShapeError when there is no such place."""
        at = inside("place", place, self.shape)
        return Kept(at, number(self.x[at]), number(self.mask[at]), self.probability)

    def contributions(self, name: str, place: Place) -> Contributions:
        """What was dropped learns nothing."""
        local = np.array([self.mask[place] / (1 - self.probability)])
        return Contributions(np.array([place], dtype=np.intp).reshape(1, -1), local, np.ones(1))


def drop(x: Any, mask: Any, *, probability: float = 0.5) -> Dropout:
    """Zero what the mask drops and scale the rest up, so that the expected sum stays: y = x * mask / (1 - probability).

    Args:
        x: any array.
        mask: 1 keeps, 0 drops; of x's shape.
        probability: how likely each number was to be dropped, from 0 to below 1.

    Raises:
        ShapeError: x and mask differ.
        SpecError: a mask of other numbers than 0 and 1.

    Example: ``drop([3.0, 4.0], [1, 0]).output`` is ``[6, 0]``.

    Source: Srivastava et al. 2014, jmlr.org/papers/v15/srivastava14a.html
    """
    x, mask = numbers("x", x, ""), numbers("mask", mask, "")
    same_shape("mask", mask.shape, x.shape, "x is")
    if not np.isin(mask, (0, 1)).all():
        raise SpecError(f"mask must hold 0 (drop) and 1 (keep) alone, got {mask[~np.isin(mask, (0, 1))][0]:g}")
    share = real("probability", probability, 0, 1)
    if share == 1:
        raise SpecError("probability must be below 1, got 1: nothing would be left to scale up; use 0.5")
    return Dropout(x, mask, share)
