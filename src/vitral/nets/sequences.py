"""Sequences of different lengths in one batch."""

# B batch  T time  F features  V vocabulary

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Sequences(NamedTuple):
    """A batch padded to one length, with the number of steps that each sequence really has.

    Example:
        The words "no" and "yes" as codes: values [[13, 14, 0], [24, 4, 18]], lengths [2, 3].
    """

    values: Tensor
    """(B, T, F) numbers or (B, T) int64 codes, 0 behind each end."""
    lengths: Tensor
    """(B,) int64, on the CPU; each from 1 to T."""

    def behind(self) -> Tensor:
        """Say of every step whether it lies behind its sequence's end, (B, T) on the device of the values."""
        steps = torch.arange(self.values.shape[1], device=self.values.device)
        return steps >= self.lengths.to(self.values.device)[:, None]

    def filled(self, value: float) -> Tensor:
        """Give (B, T, F) with this value behind the ends."""
        return self.values.masked_fill(self.behind()[..., None], value)

    def each(self, function: Callable[[Tensor], Tensor]) -> Sequences:
        """Apply a function that works step by step; behind the ends there is 0 again, whatever bias or sigmoid makes of 0."""
        y = Sequences(function(self.values), self.lengths)
        return Sequences(y.filled(0), self.lengths)


class ReadsSequences:
    """Marks modules that read ``Sequences`` themselves; all others work step by step and are handed the values alone."""


def numbers(x: Tensor, num_symbols: int, dtype: torch.dtype) -> Tensor:
    """Give codes (B, T) one-hot as (B, T, V); leave numbers (B, T, F) as they are."""
    if x.is_floating_point():
        return x
    return torch.zeros(*x.shape, num_symbols, dtype=dtype, device=x.device).scatter_(2, x[..., None], 1)
