"""Binary pictures made on the spot, and the edges in them: what a single 3x3 kernel can learn."""

# N examples  H height  W width

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vitral.data.arrays import Arrays, Pixels, Split
from vitral.data.draws import below, key, words
from vitral.data.source import Source
from vitral.errors import DataError

EDGES = Source(
    name="edges",
    title="binary pictures of simple shapes, and the edges in them",
    licence="CC0 1.0 (made by Vitral itself)",
    origin="this machine, which computes them",
    citation="the edge detector of the lecture: relu of 8 times a pixel minus the sum of its 8 neighbours",
    num_bytes=0,
)

SEED = 3
SHAPES = 4  # a picture holds so many at most, one of each kind, each drawn or left out
TRAIN, TEST = 2048, 512
LARGEST = 256
BLOCK = 2**20  # pixels at a time, which keeps the memory in between at some 10 MB an array


def read(height: int = 28, width: int = 28, train_size: int = TRAIN, test_size: int = TEST) -> Arrays:
    """Make both splits; a picture depends on its number and its size alone.

    Returns:
        Pixels of 0 and 255, (N, H, W, 1), and float32 targets, (N, 1, H, W), from 0 to 8.
    Raises:
        DataError: a side is longer than 256.
    """
    if max(height, width) > LARGEST:
        raise DataError(f"edges: expected sides of at most {LARGEST}, got {height}x{width}; set network.input = [1, 28, 28]")
    return Arrays((), _split(0, train_size, height, width), _split(1, test_size, height, width))


def edges(images: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Give relu(8 x - sum of the 8 neighbours) of binary images (N, H, W), with zeros around them.

    Example: a single white pixel gives 8; the inside of a white square gives 0, its straight border 3, its corner 5.
    """
    n, h, w = images.shape
    padded = np.zeros((n, h + 2, w + 2), np.int8)
    padded[:, 1:-1, 1:-1] = images
    answer = np.zeros((n, h, w), np.int8)
    for dy in range(3):
        for dx in range(3):
            answer += padded[:, dy : dy + h, dx : dx + w] * np.int8(8 if dy == dx == 1 else -1)
    return np.maximum(answer, 0).astype(np.float32)


def _split(number: int, count: int, height: int, width: int) -> Split:
    block = max(1, BLOCK // (height * width))
    numbers = [np.arange(first, min(first + block, count)) for first in range(0, count, block)]
    images = np.concatenate([_draw(key(SEED, number), part, height, width) for part in numbers])
    pixels: Pixels = np.where(images, np.uint8(255), np.uint8(0))[..., None]
    return pixels, edges(images)[:, None]


def _draw(start: int, numbers: npt.NDArray[np.int64], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Unite a rectangle, a disc, a stroke and a blot, each there with probability 5/8, at least one of them."""
    count = len(numbers)
    y, x = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    side = min(height, width)

    def draw(what: int, bound: int) -> npt.NDArray[np.int64]:
        return below(words(key(start, what), numbers), max(1, bound))[:, None, None]

    top, left = draw(0, height), draw(1, width)
    rectangle = (y >= top) & (y <= top + 1 + draw(2, side // 2)) & (x >= left) & (x <= left + 1 + draw(3, side // 2))
    disc = (y - draw(4, height)) ** 2 + (x - draw(5, width)) ** 2 <= (1 + draw(6, side // 4)) ** 2
    run, rise = draw(7, 2 * side + 1) - side, draw(8, 2 * side + 1) - side
    across = (x - draw(9, width)) * rise - (y - draw(10, height)) * run
    stroke = 4 * across**2 <= (1 + draw(11, 3)) ** 2 * np.maximum(run**2 + rise**2, 1)
    blot = np.zeros((count, height, width), bool)
    cy, cx = draw(12, height), draw(13, width)
    for lobe in range(3):  # three discs that overlap
        oy, ox = draw(14 + 3 * lobe, side // 3) - side // 6, draw(15 + 3 * lobe, side // 3) - side // 6
        blot |= (y - cy - oy) ** 2 + (x - cx - ox) ** 2 <= (1 + draw(16 + 3 * lobe, side // 6)) ** 2
    kinds = [rectangle, disc, stroke, blot]
    sure = draw(30, SHAPES)
    there = [(draw(31 + kind, 8) < 5) | (sure == kind) for kind in range(SHAPES)]
    united = np.zeros((count, height, width), bool)
    for shape, shown in zip(kinds, there, strict=True):
        united |= shape & shown
    return united
