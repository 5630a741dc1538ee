"""A text as numbers: an array in memory, an array on the disk, or a file's own bytes seen through a table."""

# N characters of the text  B batch  T time

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vitral.errors import DataError

Integers = npt.NDArray[np.int64]


class Mapped:
    """The codes of a file of bytes that stays on the disk: every window is looked up as it is read.

    It stands in for an array of codes: it has a length, and a slice of it is an array.

    Args:
        raw: the file's bytes, memory-mapped, uint8, (N,).
        table: the code of every byte, (256,); -1 for those that the file did not have when it was surveyed.
    """

    def __init__(self, raw: npt.NDArray[np.uint8], table: npt.NDArray[Any]) -> None:
        self.raw, self.table = raw, table

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, part: slice) -> npt.NDArray[Any]:
        return self.look(self.raw[part])

    def look(self, points: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Give the codes of bytes that were read from the file.

        Raises:
            DataError: the file has changed since it was surveyed.
        """
        codes: npt.NDArray[Any] = self.table[points]
        if codes.min(initial=0) < 0:
            raise DataError("the text's file has changed while it is in use; start again when nothing writes to it")
        return codes

    def part(self, start: int, stop: int) -> Mapped:
        """Give a stretch of it that stays on the disk."""
        return Mapped(self.raw[start:stop], self.table)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:].astype(dtype) if dtype is not None else self[:]


Codes = npt.NDArray[Any] | Mapped


def window(codes: Codes, starts: Integers, length: int) -> Integers:
    """Copy one stretch of ``length`` codes from every start: int64, (B, T). Behind the end of the text the last code is repeated."""
    positions = starts[:, None] + np.arange(length)
    raw = codes.raw if isinstance(codes, Mapped) else codes
    if positions[:, -1].max() >= len(raw):
        np.minimum(positions, len(raw) - 1, out=positions)
    taken = raw[positions]
    found: npt.NDArray[Any] = codes.look(taken) if isinstance(codes, Mapped) else taken
    return found.astype(np.int64)


def part(codes: Codes, start: int, stop: int) -> Codes:
    """Give a stretch of a text without copying it."""
    return codes.part(start, stop) if isinstance(codes, Mapped) else codes[start:stop]
