"""A vector times a matrix, again and again, as fast as one core reads the matrix, or all of them."""

# N numbers in  M numbers out

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Product = Callable[[Floats, Floats, Floats], Callable[[], None]]

LARGEST: Final = 450_000
"""Numbers of a matrix that OpenBLAS still multiplies on one thread: from 460,800 on it wakes the others for every single product, which
is slower beside anything else that runs, a training most of all (LAB.md)."""
LINE: Final = 16
"""float32 numbers of one cache line: parts begin on one."""


def product(x: Floats, matrix: Floats, out: Floats, *, alone: bool = False) -> Callable[[], None]:
    """Prepare ``out[m] = sum over n of x[n] * matrix[n, m]``; the function that comes back computes it from what x holds then.

    The matrix is copied, its columns in parts that one thread multiplies. It stands with a row for each number of x, so that the
    product is a sum of rows, each times a number: a third faster than M products of rows at small sizes (LAB.md).

    Args:
        x: (N,), contiguous.
        matrix: (N, M).
        out: (M,), contiguous.
        alone: a large product may take every core, because nothing else is at work here.
    """
    num_parts = 1 if alone else -(-matrix.size // LARGEST)
    edges = [matrix.shape[1] * part // num_parts // LINE * LINE for part in range(num_parts)] + [matrix.shape[1]]
    parts = [(np.array(matrix[:, a:b], order="C"), out[a:b]) for a, b in itertools.pairwise(edges)]
    dot = np.dot

    def once() -> None:
        dot(x, only, into)

    def several() -> None:
        for part, part_of_out in parts:
            dot(x, part, part_of_out)

    only, into = parts[0]
    return once if len(parts) == 1 else several
