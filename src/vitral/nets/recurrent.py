"""Recurrent cells over a whole sequence, with a memory that may go on where the last sequence ended."""

# B batch  T time  F features  V vocabulary  D hidden  G rows of all gates (4D, 3D or D)

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vitral.nets.sequences import ReadsSequences, Sequences, numbers
from vitral.nets.unrolled import Columns, Counts, UnrolledGru, UnrolledLstm, UnrolledRnn

Memory = tuple[Tensor, ...]
"""(h,), or (h, c) of an LSTM; each (directions, B, D)."""


class Weights(NamedTuple):
    """The weights of one direction."""

    ih: Tensor
    """What the inputs are multiplied by, (G, F)."""
    hh: Tensor
    """What the memory h is multiplied by, (G, D)."""
    bias_ih: Tensor
    bias_hh: Tensor


class Recurrent(ReadsSequences, nn.RNNBase):
    """What the cells share: one layer, batch first, with torch's names for its parameters.

    On a CPU the steps are our own (``vitral.nets.unrolled``) where that is faster than torch's; on a GPU they are cuDNN's. Under autocast the
    products run in bfloat16.

    A cell that ``carries`` starts where the last call ended and keeps where this one ends, without a gradient in between: truncated
    backpropagation through time. A batch of another size starts blank.
    """

    num_memories: ClassVar[int] = 1
    carries: bool = False
    memory: Memory | None = None
    weight_hh_l0: Tensor

    def forward(self, x: Tensor | Sequences) -> Tensor | Sequences:
        """Read every step.

        Args:
            x: numbers (B, T, F), or codes (B, T) int64, which stand for one-hot vectors; or either as ``Sequences``.
        Returns:
            h of every step, (B, T, D), or (B, T, 2D) of a bidirectional cell; of ``Sequences``, with 0 behind the ends.
        """
        values, lengths = x if isinstance(x, Sequences) else (x, None)
        run = self._run_unrolled if self._unrolls(values, lengths) else self._run_fused
        y, last = run(values, lengths, self._first(values))
        if self.carries:
            self.memory = tuple(part.detach().to(self.weight_hh_l0.dtype) for part in last)
        return y if lengths is None else Sequences(y, lengths)

    def _unrolls(self, values: Tensor, lengths: Tensor | None) -> bool:
        """Say whether our own steps are the faster ones here."""
        return values.device.type == "cpu"

    def _first(self, values: Tensor) -> Memory:
        if self.carries and self.memory is not None and self.memory[0].shape[1] == len(values):
            return tuple(part.to(values.device, self.weight_hh_l0.dtype) for part in self.memory)
        blank = self.weight_hh_l0.new_zeros(1 + self.bidirectional, len(values), self.hidden_size)
        return (blank,) * self.num_memories

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
        if lengths is None:
            y, last = self._directions(values.transpose(0, 1), None, memory)
            return y.transpose(0, 1), last
        order = lengths.argsort(descending=True, stable=True)
        y, last = self._directions(values.transpose(0, 1)[:, order], lengths[order], tuple(part[:, order] for part in memory))
        back = order.argsort()
        return y[:, back].transpose(0, 1), tuple(part[:, back] for part in last)

    def _directions(self, x: Tensor, lengths: Tensor | None, memory: Memory) -> tuple[Tensor, Memory]:
        """Run x, (T, B, ...), forwards and where it is asked for backwards; the longest sequence comes first."""
        counts = None if lengths is None else (lengths > torch.arange(len(x))[:, None]).sum(1).tolist()
        y, *last = self._unroll(x, self._weights("_l0"), tuple(part[0] for part in memory), counts)
        if not self.bidirectional:
            return y, tuple(part[None] for part in last)
        z, *first = self._unroll(_turned(x, lengths), self._weights("_l0_reverse"), tuple(part[1] for part in memory), counts)
        return torch.cat([y, _turned(z, lengths)], 2), tuple(torch.stack(parts) for parts in zip(last, first, strict=True))

    def _weights(self, suffix: str) -> Weights:
        return Weights(*(getattr(self, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))

    def _unroll(self, x: Tensor, weights: Weights, memory: Memory, counts: Counts) -> tuple[Tensor, ...]:
        """Run one direction over x, (T, B, F) or (T, B): give h of every step and the last of each memory, (B, D)."""
        raise NotImplementedError


class Rnn(Recurrent, nn.RNN):  # type: ignore[misc]
    """h = f(W_ih x + b_ih + W_hh h' + b_hh), f = tanh or ReLU."""

    def _unroll(self, x: Tensor, weights: Weights, memory: Memory, counts: Counts) -> tuple[Tensor, ...]:
        sums = _sums(x, weights.ih, weights.bias_ih + weights.bias_hh)
        return _apply(UnrolledRnn, sums, weights.hh, *memory, self.nonlinearity, counts)


class Lstm(Recurrent, nn.LSTM):  # type: ignore[misc]
    """Learn i * g, forget f * c', remember their sum c, use h = o * tanh(c); the gates' rows in torch's order i, f, g, o."""

    num_memories = 2

    def _unrolls(self, values: Tensor, lengths: Tensor | None) -> bool:
        """Leave to oneDNN, whose LSTM is one kernel, what it is faster at: sequences of one length, but not large cells in bfloat16.

        Its bfloat16 rounds c too at every step, which loses changes below 1/256: where it is not faster, ours is the better one.
        """
        lowers = torch.is_autocast_enabled("cpu")
        swift = self.hidden_size < LARGE if lowers else self.weight_hh_l0.dtype is torch.float32
        return super()._unrolls(values, lengths) and not (lengths is None and swift)

    def _unroll(self, x: Tensor, weights: Weights, memory: Memory, counts: Counts) -> tuple[Tensor, ...]:
        sums = _sums(x, weights.ih, weights.bias_ih + weights.bias_hh)
        return _apply(UnrolledLstm, sums, weights.hh, *memory, counts)


LARGE = 384
"""Hidden units from which on our bfloat16 steps of an LSTM take as little time as oneDNN's (LAB.md: 1.4 times it at 128, 1.1 at 256, 1.0 at 384)."""


class Gru(Recurrent, nn.GRU):  # type: ignore[misc]
    """h = (1 - z) * n + z * h', n = tanh(W_in x + b_in + r * (W_hn h' + b_hn)); the gates' rows in torch's order r, z, n."""

    def _unroll(self, x: Tensor, weights: Weights, memory: Memory, counts: Counts) -> tuple[Tensor, ...]:
        d = self.hidden_size
        outside, inside = weights.bias_hh.split([2 * d, d])  # type: ignore[no-untyped-call]
        sums = _sums(x, weights.ih, weights.bias_ih + F.pad(outside, (0, d)))  # b_hn stands inside, behind the reset gate
        return _apply(UnrolledGru, sums, weights.hh, inside, *memory, counts)


def _sums(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Give W x + b of all steps, (T, B, G), in the precision in which the products run."""
    if x.is_floating_point():
        return F.linear(x, weight, bias)
    lowers = torch.is_autocast_enabled("cpu")
    return _apply(Columns, x, weight, bias, torch.get_autocast_dtype("cpu") if lowers else weight.dtype)[0]


def _apply(function: type[torch.autograd.Function], *args: object) -> tuple[Tensor, ...]:
    answer = function.apply(*args)  # type: ignore[no-untyped-call]
    return (answer,) if isinstance(answer, Tensor) else tuple(answer)


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each sequence of (T, B, ...) round within its own length."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(len(x))[:, None]
    return x[torch.where(steps < lengths, lengths - 1 - steps, steps), torch.arange(len(lengths))]
