"""Convolution, window by window: the products, their sum, the bias, the activation."""

# C channels  H height  W width  K kernels  G groups

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from vitral.errors import ShapeError, SpecError
from vitral.explain import activation as activations
from vitral.explain.checks import inside, numbers, pair, real, same_shape, short, shown, whole
from vitral.explain.trace import Array, Contributions, Indices, Marks, Moment, Operand, Pair, Place, Step, Trace, add_up, number
from vitral.explain.windows import Axis, lay, rings


class Sharing(NamedTuple):
    """How many weights the same outputs cost when windows share them, when they do not, and when everything is joined."""

    shared: int
    """Kernels once, and one bias each."""
    unshared: int
    """Every window its own weights."""
    dense: int
    """Every output joined to every input."""


@dataclass(frozen=True, eq=False)
class Window(Moment):
    """One kernel at one position."""

    place: Place
    """(k, i, j): kernel, row and column of the output."""
    channels: tuple[int, ...]
    """The input channels this kernel sees."""
    rows: Indices
    """(KH,): rows of the image, negative or too large where padding lies."""
    columns: Indices
    cells: Array
    """(C/G, KH, KW): the numbers in the window."""
    padded: Marks
    """(KH, KW): True where a cell is padding."""
    kernel: Array
    """(C/G, KH, KW)."""
    bias: Array
    activation: str
    rule: activations.Rule

    @cached_property
    def products(self) -> Array:
        """Give each cell times its weight: (C/G, KH, KW)."""
        return self.cells * self.kernel

    @cached_property
    def sum(self) -> Array:
        """Give the sum of all products."""
        return add_up(self.products, 3)

    @cached_property
    def before(self) -> Array:
        """Give the sum with its bias, before the activation."""
        return number(self.sum + self.bias)

    @cached_property
    def value(self) -> Array:
        """Give the number of the feature map."""
        return number(self.rule.f(self.before))

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give products, sum, bias and activation."""
        marks = np.broadcast_to(self.padded, self.cells.shape)
        products, total = Operand("p", self.products, marks, "padding"), Operand("s", self.sum)
        steps = [
            Step("products", "p = x * w", "×", (Operand("x", self.cells, marks, "padding"), Operand("w", self.kernel)), products),
            Step("sum", "s = Σ p", "Σ", (products,), total),
            Step("bias", "z = s + b", "+", (total, Operand("b", self.bias)), Operand("z", self.before)),
        ]
        if self.activation != "identity":
            y = Operand("y", self.value)
            steps.append(Step("activation", f"y = {self.rule.of('z')}", self.activation, (Operand("z", self.before),), y))
        return tuple(steps)


@dataclass(frozen=True, eq=False)
class Convolution(Trace):
    """Kernels over an image. Build one with ``convolve``."""

    operation: ClassVar[str] = "convolution"
    learned: ClassVar[tuple[str, ...]] = ("kernels", "bias")
    differentiable: ClassVar[tuple[str, ...]] = ("image", "kernels", "bias")
    image: Array
    kernels: Array
    bias: Array
    stride: Pair
    padding: Any
    dilation: Pair
    groups: int
    fill: str | float
    activation: str
    slope: float
    rows: Axis
    columns: Axis

    @property
    def rule(self) -> activations.Rule:
        """Give the activation and its derivative."""
        return activations.rule(self.activation, self.slope)

    @property
    def shape(self) -> Place:
        """Give (K, OH, OW)."""
        return len(self.kernels), len(self.rows), len(self.columns)

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give image, kernels and bias."""
        return {"image": self.image, "kernels": self.kernels, "bias": self.bias}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give stride, padding, dilation, groups, fill and activation."""
        slope = {"slope": self.slope} if self.activation == "leaky_relu" else {}
        own = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups, "fill": self.fill}
        return {**own, "activation": self.activation, **slope}

    @property
    def sharing(self) -> Sharing:
        """Count the weights: shared, unshared (one set a window) and fully connected, biases left out but for the shared ones."""
        windows, weights = len(self.rows) * len(self.columns), self.kernels.size
        return Sharing(weights + len(self.bias), weights * windows, self.image.size * len(self.kernels) * windows)

    def at(self, *place: int) -> Window:
        """Show the arithmetic of one window, and of that window alone. Raises ShapeError when there is none at (k, i, j)."""
        return self._window(*inside("window (kernel, row, column)", place, self.shape))

    window = at

    def _window(self, k: int, i: int, j: int) -> Window:
        channels = self._channels(k)
        cells = self._cells(channels, self.rows.index[i, :, None], self.columns.index[j], padded := self._padded(i, j))
        names = tuple(range(channels.start, channels.stop))
        rows, columns = self.rows.positions[i], self.columns.positions[j]
        kernel, bias = self.kernels[k], number(self.bias[k])
        return Window((k, i, j), names, rows, columns, cells, padded, kernel, bias, self.activation, self.rule)

    def _channels(self, k: int) -> slice:
        width = self.kernels.shape[1]
        group = k // (len(self.kernels) // self.groups)
        return slice(group * width, (group + 1) * width)

    def _padded(self, i: int, j: int) -> Marks:
        return np.asarray(self.rows.padded[i, :, None] | self.columns.padded[j])

    def _cells(self, channels: slice, rows: Indices, columns: Indices, padded: Marks) -> Array:
        cells = self.image[channels][:, rows, columns]
        return cells if self.fill == "reflect" else np.where(padded, 0.0 if self.fill == "zero" else float(self.fill), cells)

    @cached_property
    def before(self) -> Array:
        """Give sums and biases before the activation, (K, OH, OW): a window's own formula for a whole row of windows at once."""
        out = np.empty(self.shape)
        for i in range(len(self.rows)):
            padded = self.rows.padded[i, None, :, None] | self.columns.padded[:, None, :]
            row = {}
            for k in range(len(self.kernels)):
                channels = self._channels(k)
                if channels.start not in row:  # (OW, C/G, KH, KW), gathered once for all kernels of a group
                    cells = self._cells(channels, self.rows.index[i, None, :, None], self.columns.index[:, None, :], padded)
                    row = {channels.start: cells.transpose(1, 0, 2, 3)}
                out[k, i] = add_up(row[channels.start] * self.kernels[k], 3) + self.bias[k]
        return out

    @cached_property
    def output(self) -> Array:
        """Give (K, OH, OW), bit for bit the numbers of the single windows."""
        out = self.rule.f(self.before).copy()
        out.setflags(write=False)
        return out

    def contributions(self, name: str, place: Place) -> Contributions:
        """A weight touches every window of its map; a pixel every window that lies over it, through every kernel of its group."""
        if name == "image":
            places, local = self._through_kernels(*place)
        else:
            grid = np.indices(self.shape[1:]).reshape(2, -1).T
            places = np.insert(grid, 0, place[0], axis=1)
            local = np.ones(len(grid)) if name == "bias" else self._read(*place).reshape(-1)
        return Contributions(places, local, self._slopes(places))

    def _read(self, k: int, c: int, u: int, v: int) -> Array:
        """Give what every window has under tap (u, v): (OH, OW)."""
        channel = self._channels(k).start + c
        padded = self.rows.padded[:, u, None] | self.columns.padded[:, v]
        (cells,) = self._cells(slice(channel, channel + 1), self.rows.index[:, u, None], self.columns.index[:, v], padded)
        return np.asarray(cells)

    def _through_kernels(self, c: int, row: int, column: int) -> tuple[Indices, Array]:
        reflected = self.fill == "reflect"
        group, inner = divmod(c, self.kernels.shape[1])
        each = len(self.kernels) // self.groups
        down, across = (axis.touching(at, reflected=reflected) for axis, at in ((self.rows, row), (self.columns, column)))
        pairs = [(k, i, j, u, v) for k in range(group * each, (group + 1) * each) for i, u in down for j, v in across]
        table = np.array(pairs, dtype=np.intp).reshape(-1, 5)
        k, _, _, u, v = table.T
        return table[:, :3], self.kernels[k, inner, u, v]

    def _slopes(self, places: Indices) -> Array:
        if self.activation == "identity":
            return np.ones(len(places))
        if "before" in vars(self):  # the whole map is at hand, so nobody makes its windows again
            return self.rule.slope(self.before[tuple(places.T)])
        return self.rule.slope(np.array([self._window(*place).before for place in places.tolist()], dtype=np.float64))


def convolve(
    image: Any,
    kernels: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    fill: Any = "zero",
    activation: str | None = None,
    slope: float = 0.01,
) -> Convolution:
    """Slide every kernel over one image and keep every step of the sum.

    y[k, i, j] = f(bias[k] + sum over c, u, v of kernels[k, c, u, v] * padded[c, i*stride + u*dilation, j*stride + v*dilation])

    The kernel is not flipped: what deep learning calls convolution is cross-correlation, as in torch.nn.functional.conv2d.

    Args:
        image: (C, H, W), or (H, W) for one channel.
        kernels: weights shared by all positions, (K, C/groups, KH, KW), or (KH, KW) for one kernel over one channel.
        bias: (K,), one number for every kernel; zeros when left out.
        stride: pixels from one window to the next, one or two numbers.
        padding: rings around the image, one or two numbers, or "same".
        dilation: pixels from one tap to the next; 1 for neighbours.
        groups: so many groups of channels that do not see each other.
        fill: what padding holds: "zero", "reflect" (the image mirrored at its border) or a number.
        activation: a function of ``vitral.explain.activation``; none when left out.
        slope: leaky_relu's.

    Returns:
        A lazy trace whose output is (K, OH, OW), OH = (H + 2*padding - dilation*(KH-1) - 1)//stride + 1.

    Raises:
        ShapeError: channels differ, or the kernel is larger than the padded image.
        SpecError: stride 0 and the like.
        DataError: NaN, infinity, text.

    Example:
        A 10x10 image under one 3x3 kernel has 64 windows (8x8) that share 9 weights; unshared they would be 576, fully
        connected 6400. The window 1 3 2 / 6 6 4 / 5 7 6 under the 8-neighbour Laplacian gives 8*6 - 34 = 14.

    Source: Dumoulin & Visin 2016, arXiv:1603.07285
    """
    image = numbers("image", image, "C H W", spare=1)
    kernels = numbers("kernels", kernels, "K C KH KW", spare=2)
    bias = np.zeros(len(kernels)) if bias is None else numbers("bias", bias, "K", spare=1)
    same_shape("bias", bias.shape, (len(kernels),), "the kernels ask for")
    step, spread = pair("stride", stride, 1), pair("dilation", dilation, 1)
    _group(image.shape[0], kernels.shape, whole("groups", groups, 1))
    size = (kernels.shape[2], kernels.shape[3])
    fill = _fill(fill)
    sides = (image.shape[1], image.shape[2])
    rows, columns = lay(sides, size, step, rings(padding, size, spread, step), spread, what="kernel", reflect=fill == "reflect")
    activations.rule(activation, slope)
    padding = padding if padding == "same" else pair("padding", padding, 0)
    name = activation or "identity"
    return Convolution(image, kernels, bias, step, padding, spread, groups, fill, name, float(slope), rows, columns)


def _fill(fill: Any) -> str | float:
    if isinstance(fill, str):
        if fill not in ("zero", "reflect"):
            raise SpecError(f'fill must be "zero", "reflect" or a number, got {short(fill)}')
        return fill
    return real("fill", fill, -np.inf)


def _group(channels: int, kernels: Place, groups: int) -> None:
    if channels % groups or kernels[0] % groups:
        raise ShapeError(f"groups = {groups} must divide both the {channels} channels and the {kernels[0]} kernels; use groups = 1")
    if channels // groups != kernels[1]:
        shared = f" in {groups} groups" if groups > 1 else ""
        raise ShapeError(
            f"the kernels ({shown(kernels)}) read {kernels[1]} channels but the image has {channels}{shared}; "
            f"give kernels of {channels // groups} channels"
        )
