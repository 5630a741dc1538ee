"""Where a sliding window looks: the arithmetic of size, stride, padding and dilation, one axis at a time."""

# O output positions  K taps of the window

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vitral.errors import ShapeError, SpecError
from vitral.explain.checks import pair, short
from vitral.explain.trace import Indices, Marks, Pair

Padding = int | Pair | str


@dataclass(frozen=True, eq=False)
class Axis:
    """The taps of every window along one axis."""

    positions: Indices
    """(O, K): place on the image, negative or beyond its side where padding lies."""
    index: Indices
    """(O, K): place that is read; reflected, or held at the border where a constant is read instead."""
    padded: Marks
    """(O, K): True outside the image."""

    def __len__(self) -> int:
        return len(self.positions)

    def touching(self, position: int, *, reflected: bool) -> Indices:
        """Find the (window, tap) pairs that read one position: (n, 2)."""
        reads = self.index == position
        return np.argwhere(reads if reflected else reads & ~self.padded)


def slide(side: int, size: int, *, stride: int, before: int, after: int, dilation: int, reflect: bool) -> Axis:
    """Place a window of ``size`` taps along an axis: O = (side + before + after - dilation*(size-1) - 1) // stride + 1."""
    count = (side + before + after - dilation * (size - 1) - 1) // stride + 1
    positions = np.arange(count)[:, None] * stride - before + np.arange(size)[None, :] * dilation
    padded = (positions < 0) | (positions >= side)
    index = positions
    if reflect:
        index = np.abs(index)
        index = np.where(index >= side, 2 * (side - 1) - index, index)
    return Axis(positions, np.clip(index, 0, side - 1), padded)


def rings(padding: Any, size: Pair, dilation: Pair, stride: Pair) -> tuple[Pair, Pair]:
    """Read ``padding`` as ((top, bottom), (left, right)); "same" keeps height and width, the odd ring below and on the right."""
    if padding == "same":
        if stride != (1, 1):
            raise SpecError(f'padding = "same" needs stride = 1, got {short(stride)}; give padding as a number')
        spare = [d * (n - 1) for d, n in zip(dilation, size, strict=True)]
        return (spare[0] // 2, spare[0] - spare[0] // 2), (spare[1] // 2, spare[1] - spare[1] // 2)
    if isinstance(padding, str):
        raise SpecError(f'padding must be one or two whole numbers or "same", got {short(padding)}')
    height, width = pair("padding", padding, 0)
    return (height, height), (width, width)


def lay(
    sides: Pair, size: Pair, stride: Pair, padding: tuple[Pair, Pair], dilation: Pair, *, what: str, reflect: bool
) -> tuple[Axis, Axis]:
    """Lay windows over an image of ``sides`` (height, width), rows and columns.

    Raises:
        ShapeError: the window does not fit the padded image, or reflection has too few pixels to mirror.
    """
    reach = [d * (n - 1) + 1 for d, n in zip(dilation, size, strict=True)]
    if any(r > side + sum(ring) for r, side, ring in zip(reach, sides, padding, strict=True)):
        cure = max(-(-(r - side) // 2) for r, side in zip(reach, sides, strict=True))
        spread = "" if dilation == (1, 1) else f" (spread over {reach[0]}x{reach[1]} by its dilation)"
        raise ShapeError(
            f"a {size[0]}x{size[1]} {what}{spread} does not fit a {sides[0]}x{sides[1]} image; use padding >= {cure} or a smaller {what}"
        )
    if reflect and any(max(ring) >= side for ring, side in zip(padding, sides, strict=True)):
        widest = max(max(ring) for ring in padding)
        cure = min(sides) - 1
        raise ShapeError(
            f"reflecting {widest} pixels needs a side of at least {widest + 1}, got {sides[0]}x{sides[1]}; use padding <= {cure} or zero fill"
        )
    rows, columns = (
        slide(sides[n], size[n], stride=stride[n], before=padding[n][0], after=padding[n][1], dilation=dilation[n], reflect=reflect)
        for n in (0, 1)
    )
    return rows, columns
