"""Recurrent cells over a whole sequence, with a memory that may go on where the last sequence ended."""

# B batch  T time  F features  V vocabulary  D hidden  G rows of all gates (4D, 3D or D)

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vitral.nets.sequences import ReadsSequences, Sequences, numbers
from vitral.nets.unrolled import Columns, Counts, UnrolledGru, UnrolledLstm, UnrolledRnn

Memory = tuple[Tensor, ...]
"""(h,), or (h, c) of an LSTM; each (directions, B, D)."""


class Recurrent(ReadsSequences, nn.RNNBase):
    """What the cells share: one layer, batch first, with torch's names for its parameters.

    On a CPU the steps are our own (``vitral.nets.unrolled``); on a GPU they are cuDNN's. Under autocast the products run in bfloat16.

    A cell that ``carries`` starts where the last call ended and keeps where this one ends, without a gradient in between: truncated
    backpropagation through time. A batch of another size starts blank.
    """

    num_memories: ClassVar[int] = 1
    carries: bool = False
    memory: Memory | None = None

    def forward(self, x: Tensor | Sequences) -> Tensor | Sequences:  # type: ignore[override]
        """Read every step.

        Args:
            x: numbers (B, T, F), or codes (B, T) int64, which stand for one-hot vectors; or either as ``Sequences``.
        Returns:
            h of every step, (B, T, D), or (B, T, 2D) of a bidirectional cell; of ``Sequences``, with 0 behind the ends.
        """
        values, lengths = x if isinstance(x, Sequences) else (x, None)
        run = self._run_unrolled if values.device.type == "cpu" else self._run_fused
        y, last = run(values, lengths, self._first(values))
        if self.carries:
            self.memory = tuple(part.detach() for part in last)
        return y if lengths is None else Sequences(y, lengths)

    def _first(self, values: Tensor) -> Memory:
        if self.carries and self.memory is not None and self.memory[0].shape[1] == len(values):
            return tuple(part.to(values.device, self.weight_hh_l0.dtype) for part in self.memory)
        shape = (1 + self.bidirectional, len(values), self.hidden_size)
        return (self.weight_hh_l0.new_zeros(shape),) * self.num_memories

    def _run_fused(self, values: Tensor, lengths: Tensor | None, memory: Memory) -> tuple[Tensor, Memory]:
        """Let torch run the steps; sequences of different lengths packed."""
        x = numbers(values, self.input_size, self.weight_hh_l0.dtype)
        packed = x if lengths is None else pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, last = super().forward(packed, memory if self.num_memories > 1 else memory[0])
        if lengths is not None:
            y, _ = pad_packed_sequence(y, batch_first=True, total_length=values.shape[1])
        return y, last if self.num_memories > 1 else (last,)

    def _run_unrolled(self, values: Tensor, lengths: Tensor | None, memory: Memory) -> tuple[Tensor, Memory]:
        """Run the steps one after the other; sequences of different lengths sorted by length."""
        x, counts = values.transpose(0, 1), None
        if lengths is not None:
            order = lengths.argsort(descending=True, stable=True)
            x, memory, lengths = x[:, order], tuple(part[:, order] for part in memory), lengths[order]
            counts = (lengths > torch.arange(len(x))[:, None]).sum(1).tolist()
        ys, lasts = [], []
        for direction in range(1 + self.bidirectional):
            suffix = "_l0_reverse" if direction else "_l0"
            y, *last = self._unroll(
                _turned(x, lengths) if direction else x,
                *(getattr(self, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
                tuple(part[direction] for part in memory),
                counts,
            )
            ys.append(_turned(y, lengths) if direction else y)
            lasts.append(last)
        y = ys[0] if len(ys) == 1 else torch.cat(ys, 2)
        lasts = [torch.stack(parts) for parts in zip(*lasts, strict=True)]
        if lengths is not None:
            back = order.argsort()
            y, lasts = y[:, back], [last[:, back] for last in lasts]
        return y.transpose(0, 1), tuple(lasts)

    def _unroll(
        self, x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, memory: Memory, counts: Counts
    ) -> tuple[Tensor, ...]:
        """Run one direction over x, (T, B, F) or (T, B): give h of every step and the last of each memory, (B, D)."""
        raise NotImplementedError


class Rnn(Recurrent, nn.RNN):
    """h = f(W_ih x + b_ih + W_hh h' + b_hh), f = tanh or ReLU."""

    def _unroll(
        self, x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, memory: Memory, counts: Counts
    ) -> tuple[Tensor, ...]:
        return _apply(UnrolledRnn, _sums(x, weight_ih, bias_ih + bias_hh), weight_hh, *memory, self.nonlinearity, counts)


class Lstm(Recurrent, nn.LSTM):
    """Learn i * g, forget f * c', remember their sum c, use h = o * tanh(c); the gates' rows in torch's order i, f, g, o."""

    num_memories = 2

    def _unroll(
        self, x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, memory: Memory, counts: Counts
    ) -> tuple[Tensor, ...]:
        return _apply(UnrolledLstm, _sums(x, weight_ih, bias_ih + bias_hh), weight_hh, *memory, counts)


class Gru(Recurrent, nn.GRU):
    """h = (1 - z) * n + z * h', n = tanh(W_in x + b_in + r * (W_hn h' + b_hn)); the gates' rows in torch's order r, z, n."""

    def _unroll(
        self, x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, memory: Memory, counts: Counts
    ) -> tuple[Tensor, ...]:
        d = self.hidden_size
        outside = bias_ih + F.pad(bias_hh[: 2 * d], (0, d))  # b_hn stands inside, behind the reset gate
        return _apply(UnrolledGru, _sums(x, weight_ih, outside), weight_hh, bias_hh[2 * d :], *memory, counts)


def _sums(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Give W x + b of all steps, (T, B, G), in the precision in which the products run."""
    if x.is_floating_point():
        return F.linear(x, weight, bias)
    lowers = torch.is_autocast_enabled("cpu")
    return cast(Tensor, Columns.apply(x, weight, bias, torch.get_autocast_dtype("cpu") if lowers else weight.dtype))


def _apply(steps: type[torch.autograd.Function], *args: object) -> tuple[Tensor, ...]:
    return cast(tuple[Tensor, ...], steps.apply(*args))


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each sequence of (T, B, ...) round within its own length."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(len(x))[:, None]
    return x[torch.where(steps < lengths, lengths - 1 - steps, steps), torch.arange(len(lengths))]
