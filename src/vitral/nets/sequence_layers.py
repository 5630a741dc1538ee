"""The layers of sequences that hand no memory on: from symbols to vectors, along time, and from time to one vector and back."""

# B batch  T time  F features  V vocabulary  K filters

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitral.nets.sequences import ReadsSequences, Sequences, numbers


class Embedding(ReadsSequences, nn.Embedding):
    """A learned vector for every symbol."""

    def forward(self, x: Tensor | Sequences) -> Tensor | Sequences:  # type: ignore[override]
        """Read codes (B, T), give (B, T, F)."""
        return x.each(super().forward) if isinstance(x, Sequences) else super().forward(x)


class StepDense(nn.Linear):
    """A dense layer with the same weights at every step."""

    def forward(self, x: Tensor) -> Tensor:
        """Read (B, T, F), or codes (B, T) as one-hot vectors, give (B, T, units)."""
        x = numbers(x, self.in_features, self.weight.dtype)
        if x.is_contiguous():
            return super().forward(x)
        return super().forward(x.transpose(0, 1)).transpose(0, 1)  # a cell's answers lie step by step in memory


class Convolution1d(ReadsSequences, nn.Conv1d):
    """Kernels that slide along time.

    Args of ``margins``: steps of zeros before and after, added before ``nn.Conv1d`` runs: kernels of even size need one more behind.
    """

    margins: tuple[int, int] = (0, 0)

    def forward(self, x: Tensor | Sequences) -> Tensor | Sequences:  # type: ignore[override]
        """Read (B, T, F), or codes (B, T) as one-hot vectors, give (B, T', K)."""
        if not isinstance(x, Sequences):
            return self._slide(x)
        read = x if x.values.is_floating_point() else x.each(self._numbers)
        lengths = (x.lengths + sum(self.margins) - self.kernel_size[0]) // self.stride[0] + 1
        y = self._slide(read.values)
        return Sequences(y, lengths.clamp(1, y.shape[1])).each(lambda values: values)

    def _numbers(self, x: Tensor) -> Tensor:
        return numbers(x, self.in_channels, self.weight.dtype)

    def _slide(self, x: Tensor) -> Tensor:
        along = self._numbers(x).transpose(1, 2)  # (B, F, T)
        return super().forward(F.pad(along, self.margins)).transpose(1, 2)


class Pooling1d(ReadsSequences, nn.Module):
    """The maximum or the mean of each stretch of steps; of a sequence shorter than one stretch, of the steps that it has."""

    def __init__(self, mode: str, size: int) -> None:
        super().__init__()
        self.mode = mode
        self.size = size

    def forward(self, x: Tensor | Sequences) -> Tensor | Sequences:
        """Read (B, T, F), give (B, T // size, F)."""
        if not isinstance(x, Sequences):
            return self._pool(x)
        y = self._pool(x.values if self.mode == "average" else x.filled(-torch.inf))
        if self.mode == "average":
            y = y * (self.size / x.lengths.clamp(max=self.size).to(y))[:, None, None]
        return Sequences(y, (x.lengths // self.size).clamp(min=1)).each(lambda values: values)

    def _pool(self, x: Tensor) -> Tensor:
        steps = x.shape[1] // self.size
        whole = x[:, : steps * self.size].reshape(len(x), steps, self.size, -1)  # (B, T', size, F)
        return whole.mean(2) if self.mode == "average" else whole.max(2).values

    def extra_repr(self) -> str:
        """Show the settings in the printed network."""
        return f"{self.mode} {self.size}"


class OverTime(ReadsSequences, nn.Module):
    """One vector of a sequence: its last step, or every feature's mean or maximum over its steps.

    Args of the constructor: ``halves`` is true where the features come from a bidirectional cell: the second half has been read from the end,
    so that its last step is the first.
    """

    def __init__(self, mode: str, *, halves: bool = False) -> None:
        super().__init__()
        self.mode = mode
        self.halves = halves

    def forward(self, x: Tensor | Sequences) -> Tensor:
        """Read (B, T, F), give (B, F)."""
        if not isinstance(x, Sequences):
            x = Sequences(x, torch.full((len(x),), x.shape[1]))
        lengths = x.lengths.to(x.values.device)
        if self.mode == "max":
            return x.filled(-torch.inf).max(1).values
        if self.mode == "mean":
            return x.filled(0).sum(1) / lengths.to(x.values.dtype)[:, None]
        last = x.values[torch.arange(len(lengths), device=lengths.device), lengths - 1]
        if not self.halves:
            return last
        half = last.shape[1] // 2
        return torch.cat([last[:, :half], x.values[:, 0, half:]], 1)

    def extra_repr(self) -> str:
        """Show the setting in the printed network."""
        return f"{self.mode}, both directions" if self.halves else self.mode


class Repeat(nn.Module):
    """Hands one vector to every step of a sequence."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        """Read (B, F), give (B, T, F)."""
        return x[:, None].expand(-1, self.length, -1)

    def extra_repr(self) -> str:
        """Show the setting in the printed network."""
        return f"{self.length} times"
