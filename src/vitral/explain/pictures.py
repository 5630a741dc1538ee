"""The small pictures that the presets look at, all made here."""

from __future__ import annotations

import numpy as np

from vitral.explain.kernels import kernel
from vitral.explain.trace import Array


def drawn(*rows: str) -> Array:
    """Read a black and white picture from text: # is 1, anything else 0."""
    return np.array([[float(sign == "#") for sign in row] for row in rows])


DISC = drawn(
    "..........",
    "...####...",
    "..######..",
    ".########.",
    ".########.",
    ".########.",
    ".########.",
    "..######..",
    "...####...",
    "..........",
)
SIX = drawn("######", "#....#", "#.##.#", "#.##.#", "#....#", "######")
CHECKS = (np.add.outer(np.arange(480) // 40, np.arange(640) // 40) % 2).astype(np.float64)
"""480 rows of 640 pixels: squares of 40."""


def turned(count: int) -> Array:
    """Give Sobel's kernel turned through ``count`` directions: (count, 1, 3, 3)."""
    angles = 2 * np.pi * np.arange(count)[:, None, None, None] / count
    return np.asarray(np.cos(angles) * kernel("sobel-x") + np.sin(angles) * kernel("sobel-y"))
