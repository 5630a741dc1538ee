"""Kernels with a name: what each one sees in a picture."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from vitral.errors import SpecError
from vitral.explain.checks import short
from vitral.explain.trace import Array


class Kernel(NamedTuple):
    """A classic 3x3 kernel."""

    rows: tuple[tuple[float, float, float], ...]
    english: str
    spanish: str

    @property
    def values(self) -> Array:
        """Give the numbers: (3, 3)."""
        return np.array(self.rows, dtype=np.float64)


NINTH, SIXTEENTH = 1 / 9, 1 / 16
KERNELS: Mapping[str, Kernel] = {
    "edge": Kernel(
        ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
        "a pixel that differs from the 8 around it",
        "un píxel que difiere de los 8 que lo rodean",
    ),
    "laplacian": Kernel(
        ((0, -1, 0), (-1, 4, -1), (0, -1, 0)),
        "a pixel that differs from the 4 beside it",
        "un píxel que difiere de los 4 vecinos",
    ),
    "sobel-x": Kernel(
        ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
        "vertical edges: darker on the left, lighter on the right",
        "bordes verticales: oscuro a la izquierda, claro a la derecha",
    ),
    "sobel-y": Kernel(
        ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
        "horizontal edges: darker above, lighter below",
        "bordes horizontales: oscuro arriba, claro abajo",
    ),
    "prewitt-x": Kernel(
        ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
        "vertical edges, all three rows alike",
        "bordes verticales, las tres filas por igual",
    ),
    "prewitt-y": Kernel(
        ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
        "horizontal edges, all three columns alike",
        "bordes horizontales, las tres columnas por igual",
    ),
    "sharpen": Kernel(
        ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        "the pixel and, on top, its difference from the 4 beside it",
        "el píxel y, además, su diferencia con los 4 vecinos",
    ),
    "blur": Kernel(((NINTH,) * 3,) * 3, "the mean of the 9", "la media de los 9"),
    "gaussian": Kernel(
        ((SIXTEENTH, 2 * SIXTEENTH, SIXTEENTH), (2 * SIXTEENTH, 4 * SIXTEENTH, 2 * SIXTEENTH), (SIXTEENTH, 2 * SIXTEENTH, SIXTEENTH)),
        "a mean in which the middle weighs most",
        "una media en la que el centro pesa más",
    ),
    "emboss": Kernel(((-2, -1, 0), (-1, 1, 1), (0, 1, 2)), "relief, lit from the lower right", "relieve, con luz desde abajo a la derecha"),
    "identity": Kernel(((0, 0, 0), (0, 1, 0), (0, 0, 0)), "the image as it is", "la imagen tal cual"),
}


def kernel(name: str) -> Array:
    """Look a kernel up by its name: (3, 3).

    Raises:
        SpecError: an unknown name, with the nearest known one.

    Example: the window 1 3 2 / 6 6 4 / 5 7 6 under ``kernel("edge")`` gives 8*6 - 34 = 14.
    """
    if name not in KERNELS:
        close = difflib.get_close_matches(name, KERNELS, n=1)
        cure = f'did you mean "{close[0]}"?' if close else f"expected one of {', '.join(KERNELS)}"
        raise SpecError(f"there is no kernel called {short(name)}; {cure}")
    return KERNELS[name].values
