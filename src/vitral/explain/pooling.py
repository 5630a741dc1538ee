"""Pooling, window by window: the winner or the mean. Height and width shrink, depth never."""

# C channels  H height  W width

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vitral.errors import ShapeError
from vitral.explain.checks import inside, numbers, one_of, pair
from vitral.explain.trace import Array, Contributions, Indices, Marks, Moment, Operand, Pair, Place, Step, Trace, add_up, number
from vitral.explain.windows import Axis, lay

MODES = ("max", "average")


@dataclass(frozen=True, eq=False)
class Pool(Moment):
    """One window of one channel."""

    place: Place
    """(c, i, j)."""
    rows: Indices
    columns: Indices
    cells: Array
    """(KH, KW): the numbers in the window; padding holds 0 here and is marked."""
    padded: Marks
    mode: str

    @cached_property
    def winner(self) -> Pair:
        """Give the row and column of the image that holds the maximum; the first in reading order where several tie."""
        u, v = np.unravel_index(int(np.argmax(self._held)), self.cells.shape)
        return int(self.rows[u]), int(self.columns[v])

    @property
    def ties(self) -> int:
        """Count the cells that hold the maximum; 1 when there is a single winner."""
        return int((self._held == self._held.max()).sum())

    @property
    def _held(self) -> Array:
        """Padding never wins a maximum: it counts as -inf, even where every pixel is negative."""
        return np.where(self.padded, -np.inf, self.cells)

    @cached_property
    def value(self) -> Array:
        """Give the maximum, or the mean with padding counted as zeros."""
        return number(self._held.max()) if self.mode == "max" else number(add_up(self.cells, 2) / self.cells.size)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the comparison, or the sum and its division."""
        if self.mode == "max":
            marks = self._held == self._held.max()
            cells = Operand("x", self.cells, marks | self.padded, "padding" if self.padded.any() else "winner")
            won = Operand("x", self.cells, marks, "winner")
            return (Step("maximum", "y = max x", "max", (won if not self.padded.any() else cells,), Operand("y", self.value)),)
        cells, total = Operand("x", self.cells, self.padded, "padding"), Operand("s", add_up(self.cells, 2))
        return (
            Step("sum", "s = Σ x", "Σ", (cells,), total),
            Step("mean", "y = s / n", "/", (total, Operand("n", number(self.cells.size))), Operand("y", self.value)),
        )


@dataclass(frozen=True, eq=False)
class Pooling(Trace):
    """Windows over each channel. Build one with ``pool``."""

    operation: ClassVar[str] = "pooling"
    differentiable: ClassVar[tuple[str, ...]] = ("image",)
    image: Array
    mode: str
    size: Pair
    stride: Pair
    padding: Pair
    rows: Axis
    columns: Axis

    @property
    def shape(self) -> Place:
        """Give (C, OH, OW)."""
        return len(self.image), len(self.rows), len(self.columns)

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the image."""
        return {"image": self.image}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give mode, size, stride and padding."""
        return {"mode": self.mode, "size": self.size, "stride": self.stride, "padding": self.padding}

    @property
    def area_kept(self) -> float:
        """Give the share of the image's area that is left: 0.25 for 2x2 with stride 2."""
        return float(self.shape[1] * self.shape[2] / (self.image.shape[1] * self.image.shape[2]))

    def at(self, *place: int) -> Pool:
        """Show one window of one channel. Raises ShapeError when there is none at (c, i, j)."""
        c, i, j = inside("window (channel, row, column)", place, self.shape)
        padded = self.rows.padded[i, :, None] | self.columns.padded[j]
        cells = np.where(padded, 0.0, self.image[c][self.rows.index[i, :, None], self.columns.index[j]])
        return Pool((c, i, j), self.rows.positions[i], self.columns.positions[j], cells, padded, self.mode)

    window = at

    @cached_property
    def output(self) -> Array:
        """Give (C, OH, OW): the window's own formula for a whole row of windows at once, bit for bit the same numbers."""
        out = np.empty(self.shape)
        empty = -np.inf if self.mode == "max" else 0.0
        for i in range(len(self.rows)):
            padded = self.rows.padded[i, None, :, None] | self.columns.padded[:, None, :]
            cells = np.where(padded, empty, self.image[:, self.rows.index[i, None, :, None], self.columns.index[:, None, :]])
            out[:, i] = cells.max(axis=(2, 3)) if self.mode == "max" else add_up(cells, 2) / (self.size[0] * self.size[1])
        out.setflags(write=False)
        return out

    def contributions(self, name: str, place: Place) -> Contributions:
        """A pixel touches the windows over it: with its share of a mean, or wholly where it won and not at all where it lost."""
        c, row, column = place
        over = [
            (c, int(i), int(j))
            for i, _ in self.rows.touching(row, reflected=False)
            for j, _ in self.columns.touching(column, reflected=False)
        ]
        share = 1 / (self.size[0] * self.size[1])
        local = [float(self.at(*at).winner == (row, column)) if self.mode == "max" else share for at in over]
        return Contributions(np.array(over, dtype=np.intp).reshape(-1, 3), np.array(local, dtype=np.float64), np.ones(len(over)))


@dataclass(frozen=True, eq=False)
class GlobalPooling(Trace):
    """One number of every channel. Build one with ``pool_globally``."""

    operation: ClassVar[str] = "global_pooling"
    differentiable: ClassVar[tuple[str, ...]] = ("image",)
    image: Array
    mode: str

    @cached_property
    def windows(self) -> Pooling:
        """Give the same as pooling with one window as large as the image."""
        return pool(self.image, self.image.shape[1:], mode=self.mode)

    @property
    def shape(self) -> Place:
        """Give (C,)."""
        return (len(self.image),)

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the image."""
        return {"image": self.image}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the mode."""
        return {"mode": self.mode}

    def at(self, *place: int) -> Pool:
        """Show one channel. Raises ShapeError when there is no such channel."""
        (c,) = inside("channel", place, self.shape)
        return self.windows.at(c, 0, 0)

    def contributions(self, name: str, place: Place) -> Contributions:
        """A pixel touches its channel's number alone."""
        places, local, slope = self.windows.contributions(name, place)
        return Contributions(places[:, :1], local, slope)


def pool(image: Any, size: Any = 2, *, stride: Any = None, padding: Any = 0, mode: str = "max") -> Pooling:
    """Keep the maximum or the mean of each window of each channel.

    y[c, i, j] = max (or mean) over u, v of padded[c, i*stride + u, j*stride + v]

    Args:
        image: (C, H, W), or (H, W) for one channel.
        size: height and width of the window, one or two numbers (the lecture's spatial extent).
        stride: pixels from one window to the next; the size when left out, so that windows touch.
        padding: rings that never win a maximum (-inf) and count as zeros in a mean, as in torch; at most half the size.
        mode: "max" or "average".

    Raises:
        ShapeError: the window does not fit, or padding is more than half of it.
        SpecError: stride 0, an unknown mode.
        DataError: NaN, infinity, text.

    Example: 2x2 with stride 2 turns 640x480x32 into 320x240x32: a quarter of the area, the depth kept.

    Source: LeCun et al. 1998, doi:10.1109/5.726791
    """
    image = numbers("image", image, "C H W", spare=1)
    window = pair("size", size, 1)
    step = window if stride is None else pair("stride", stride, 1)
    ring = pair("padding", padding, 0)
    if 2 * ring[0] > window[0] or 2 * ring[1] > window[1]:
        cure = min(window) // 2
        raise ShapeError(f"padding {max(ring)} is more than half of the {window[0]}x{window[1]} window; use padding <= {cure}")
    sides = (image.shape[1], image.shape[2])
    both = ((ring[0], ring[0]), (ring[1], ring[1]))
    rows, columns = lay(sides, window, step, both, (1, 1), what="window", reflect=False)
    return Pooling(image, one_of("mode", mode, MODES), window, step, ring, rows, columns)


def pool_globally(image: Any, *, mode: str = "average") -> GlobalPooling:
    """Keep one number of every channel: its mean or its maximum over the whole image.

    Example: ``pool_globally([[[1.0, 3.0], [6.0, 6.0]]]).output`` is ``[4.0]``.
    """
    image = numbers("image", image, "C H W", spare=1)
    return GlobalPooling(image, one_of("mode", mode, MODES))
