"""From a tensor of any size to figures and to a picture of bounded size, whose every number is one of the tensor's own."""

# B batch  C channels  H height  W width  T time  F features  K kernels  N numbers

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MAX_MAPS = 64
MAX_SIDE = 64
MAX_NUMBERS = MAX_MAPS * MAX_SIDE * MAX_SIDE
FEW = 8
"""So many examples say already of most units that they are not silent."""


@dataclass(frozen=True)
class Figures:
    """What many numbers are like: smallest, largest, mean, and deviation from it (of all of them: divided by N).

    ``count`` of the ``total`` numbers were read; ``broken`` of these are NaN or infinite and enter none of the other figures.
    """

    min: float
    max: float
    mean: float
    std: float
    count: int
    total: int
    broken: int = 0


@dataclass(frozen=True, eq=False)
class Maps:
    """Numbers small enough to be drawn, and how they were chosen from ``shape``: nothing is averaged.

    Attributes:
        values: float32, of as many axes as ``shape``.
        shape: of the whole: (C, H, W), (N,), (T, F), or of kernels (K, C, KH, KW).
        channels: which of the first axis are shown.
        stride: every so many-th row and column of the last two axes (of a vector: its numbers).
    """

    values: npt.NDArray[np.float32]
    shape: tuple[int, ...]
    channels: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)


Choice: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], tuple[int, int]]
"""The shape of the whole, the channels that are shown, and the stride: see ``Maps``."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Figures of numbers, and those of them that can be drawn."""

    figures: Figures
    maps: Maps | None


def measure(x: Tensor, total: int | None = None) -> Figures | None:
    """Give the figures of a tensor; None of an empty one, or where no number is finite.

    Args:
        x: numbers of any format and shape, which belong to no graph.
        total: how many there are, when x is a part of them.

    Example: ``measure(torch.tensor([1.0, 3.0]))`` has mean 2 and deviation 1.
    """
    return None if not x.numel() else _summary(_in_a_row(x), total or x.numel())


def _summary(values: npt.NDArray[Any], total: int) -> Figures | None:
    count = values.size
    low, high, mean, std = _figures(values)
    if math.isfinite(std):
        return Figures(low, high, mean, std, count, total)
    known = values[np.isfinite(values)].astype(np.float64)  # a number is broken, or the sum of large ones was too large
    return Figures(*_figures(known), count, total, count - known.size) if known.size else None


def _figures(values: npt.NDArray[Any]) -> tuple[float, float, float, float]:
    """Give min, max, mean and deviation of a row: a tenth of the time of torch's var_mean at the sizes of a feature map."""
    with np.errstate(all="ignore"):
        mean = np.add.reduce(values) / values.size
        away = values - mean
        return float(values.min()), float(values.max()), float(mean), math.sqrt(float(away.dot(away)) / values.size)


def _in_a_row(x: Tensor) -> npt.NDArray[Any]:
    """See numbers as one row, in whatever order they lie in memory: without a copy where there are no gaps."""
    if x.dtype not in (torch.float32, torch.float64):
        x = x.float()
    if x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last):
        x = x.permute(0, 2, 3, 1)
    return np.asarray(x.detach().cpu().reshape(-1).numpy())


def draw(x: Tensor, room: int = MAX_NUMBERS) -> Maps:
    """Choose what can be drawn of one example's numbers, or of a layer's weights: a copy in float32.

    Nothing that is drawn is the tensor's own memory, which the next in-place operation would change.

    Args:
        x: (N,), (R, C), (C, H, W) or (K, C, KH, KW); kernels of more axes (K, C, KD, KH, KW) are laid out as (K, C, KD * KH, KW).
        room: how many numbers there may be at most.

    Example: of (512, 112, 112) every 8th channel and every 2nd row and column: (64, 56, 56).
    """
    part, choice = _choose(x, room)
    return Maps(np.array(part.detach().to("cpu", torch.float32).numpy(), order="C", copy=True), *choice)


def pictures(tensors: Sequence[Tensor], room: int = MAX_NUMBERS) -> list[Picture | None]:
    """Measure and draw many tensors that belong to no batch; None where none of the numbers is finite.

    All that is drawn is copied into one row of float32, and measured there together: for thirty small tensors half of the time of doing
    it one by one.
    """
    wanted = [x.detach() for x in tensors if x.numel()]
    if not wanted:
        return [None] * len(tensors)
    chosen = [_choose(x, room) for x in wanted]
    sizes = [part.numel() for part, _ in chosen]
    row = torch.empty(sum(sizes), device=wanted[0].device)
    places = torch.split(row, sizes)
    torch._foreach_copy_([place.view(part.shape) for place, (part, _) in zip(places, chosen, strict=True)], [part for part, _ in chosen])
    numbers = row.cpu().numpy()
    ends = np.cumsum(sizes)
    found = []
    for x, (part, choice), end, figures in zip(wanted, chosen, ends.tolist(), _figures_of_all(numbers, sizes), strict=True):
        values = numbers[end - part.numel() : end]
        told = part.numel() == x.numel() and math.isfinite(figures[3])
        summary = Figures(*figures, x.numel(), x.numel()) if told else measure(x)
        found.append(None if summary is None else Picture(summary, Maps(values.reshape(part.shape), *choice)))
    each = iter(found)
    return [next(each) if x.numel() else None for x in tensors]


def silent(x: Tensor, axis: int) -> tuple[int, ...]:
    """Name the units along an axis that give exactly 0 everywhere: with every example and at every place."""
    axis %= x.ndim
    if axis and len(x) > FEW:  # a living unit mostly speaks at once: the rest is read for those alone that have not spoken
        quiet = silent(x[:FEW], axis)
        rest = silent(x[FEW:].index_select(axis, torch.tensor(quiet, device=x.device)), axis) if quiet else ()
        return tuple(quiet[number] for number in rest)
    others = [other for other in range(x.ndim) if other != axis]
    speaks = (x != 0).any(dim=others) if others else x != 0  # NaN is not silence
    return tuple((~speaks).nonzero().flatten().tolist())


def _figures_of_all(row: npt.NDArray[np.float32], sizes: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """Give min, max, mean and deviation of each of the stretches that lie one behind the other in a row."""
    starts, counts = np.cumsum([0, *sizes[:-1]]), np.array(sizes)
    with np.errstate(all="ignore"):
        means = np.add.reduceat(row, starts, dtype=np.float64) / counts
        away = row - np.repeat(means.astype(np.float32), counts)
        np.square(away, out=away)
        spreads = np.sqrt(np.add.reduceat(away, starts, dtype=np.float64) / counts)
        columns = np.minimum.reduceat(row, starts), np.maximum.reduceat(row, starts), means, spreads
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _choose(x: Tensor, room: int) -> tuple[Tensor, Choice]:
    """Give the part of a tensor that is drawn, as a view, and what ``Maps`` says of it."""
    shape = tuple(x.shape)
    if x.ndim > 4:
        x = x.flatten(2, -2)
    if x.ndim <= 1:
        step = _step(x.numel(), min(room, MAX_SIDE * MAX_SIDE))
        x = x.reshape(-1)[::step]
        return x, (shape or (1,), tuple(range(0, shape[0] if shape else 1, step)), (1, step))
    if x.ndim == 2:
        side = math.isqrt(room)
        down, across = _step(x.shape[0], side), _step(x.shape[1], side)
        return x[::down, ::across], (shape, tuple(range(0, x.shape[0], down)), (down, across))
    down, across = _step(x.shape[-2], MAX_SIDE), _step(x.shape[-1], MAX_SIDE)
    panes = max(1, room // (math.ceil(x.shape[-2] / down) * math.ceil(x.shape[-1] / across)))
    if x.ndim == 3:
        step = _step(x.shape[0], min(MAX_MAPS, panes))
        return x[::step, ::down, ::across], (shape, tuple(range(0, x.shape[0], step)), (down, across))
    inner = _step(x.shape[1], MAX_MAPS)
    step = _step(x.shape[0], max(1, min(MAX_MAPS, panes // math.ceil(x.shape[1] / inner))))
    return x[::step, ::inner, ::down, ::across], (shape, tuple(range(0, x.shape[0], step)), (down, across))


def _step(length: int, most: int) -> int:
    return max(1, math.ceil(length / most))
