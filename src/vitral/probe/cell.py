"""One layer of recurrent cells in vectorised NumPy: every gate of every unit at every step, for many sequences at once."""

# B sequences  T time  F features of one datum  D hidden units  G gates

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Kind = Literal["rnn", "lstm", "gru"]
Floats = npt.NDArray[np.floating[Any]]
Whole = npt.NDArray[np.int64]

GATES: Mapping[Kind, str] = {"rnn": "", "lstm": "ifgo", "gru": "rzn"}
"""torch's letters, in the order in which their rows lie in every weight."""
PARTS: Mapping[Kind, str] = {"rnn": "h", "lstm": "ifgoch", "gru": "rznh"}
"""All that a cell has at every step: its gates, its long-term memory where it has one, its short-term memory."""
SIGNED = "hcgn"
"""Parts that lie on both sides of zero; all others are valves, between 0 (shut) and 1 (open)."""


class Memory(NamedTuple):
    """What a layer remembers between two steps."""

    h: Floats
    """(B, D): the short-term memory."""
    c: Floats | None = None
    """(B, D): the long-term memory, of an LSTM alone."""


class Row(NamedTuple):
    """Where one step writes what it computes."""

    gates: Floats
    """(B, G*D)."""
    c: Floats
    """(B, D), of an LSTM; (B, 0) otherwise."""
    h: Floats
    """(B, D)."""


class Held(NamedTuple):
    """A part of a cell that is kept at a value instead of what its weights say."""

    layer: str
    part: str
    """"h", "c" or a gate's letter."""
    unit: int | None
    """Which unit; None means all of the layer."""
    value: float | Floats
    """One number, or (D,): one for every unit."""
    rows: slice = slice(None)
    """In which of the sequences that are read side by side; all of them when left out."""


@dataclass(frozen=True, eq=False)
class Cell:
    """The weights of one layer in one direction, in the number format that it computes in."""

    kind: Kind
    weight_ih: Floats
    """(G*D, F)."""
    weight_hh: Floats
    """(G*D, D)."""
    bias_ih: Floats
    """(G*D,)."""
    bias_hh: Floats
    """(G*D,): torch has two biases; they add up everywhere but in a GRU's candidate, whose reset gate stands between them."""
    function: Literal["tanh", "relu"] = "tanh"
    """A simple cell's activation."""

    @property
    def size(self) -> int:
        """Count the hidden units D."""
        return int(self.weight_hh.shape[1])

    @property
    def parts(self) -> str:
        """Name the parts: "ifgoch" of an LSTM."""
        return PARTS[self.kind]

    def run(self, x: Floats | Whole, memory: Memory | None = None, *, held: Sequence[Held] = ()) -> dict[str, Floats]:
        """Read sequences and keep every part at every step.

        The formulas are those of ``vitral.explain.unfold_rnn``, ``unfold_lstm`` and ``unfold_gru``, for B sequences at once.

        Args:
            x: (B, T, F), or (B, T) whole numbers that stand for one-hot data: their columns are looked up.
            memory: before the first step; zeros when left out.
            held: parts of this layer kept at a value, each as soon as it is computed: what comes after in the same step sees it.

        Returns:
            For every part its numbers, (B, T, D).
        """
        dtype, size = self.weight_hh.dtype, self.size
        sums = np.ascontiguousarray(np.moveaxis(self._entered(x), 0, 1))  # (T, B, G*D): what does not depend on the memory, at once
        steps, batch, rows = sums.shape
        memory = memory or self.blank(batch)
        holds = _by_part(held)
        gates = np.empty((steps, batch, rows if self.kind != "rnn" else 0), dtype)
        h, c = np.empty((steps, batch, size), dtype), np.empty((steps, batch, size if self.kind == "lstm" else 0), dtype)
        step = {"rnn": self._rnn, "lstm": self._lstm, "gru": self._gru}[self.kind]
        for t in range(steps):
            row = Row(gates[t], c[t], h[t])
            step(sums[t], memory, row, holds)
            memory = Memory(row.h, row.c)
        tracks = {letter: gates[..., n * size : (n + 1) * size] for n, letter in enumerate(GATES[self.kind])}
        tracks |= ({"c": c} if self.kind == "lstm" else {}) | {"h": h}
        return {name: np.moveaxis(values, 0, 1) for name, values in tracks.items()}

    def blank(self, batch: int) -> Memory:
        """Give the memory of a network that has read nothing: zeros."""
        zeros = np.zeros((batch, self.size), self.weight_hh.dtype)
        return Memory(zeros, zeros if self.kind == "lstm" else None)

    def _entered(self, x: Floats | Whole) -> Floats:
        """Give the part of every sum that the datum makes: (B, T, G*D)."""
        bias = self.bias_ih if self.kind == "gru" else self.bias_ih + self.bias_hh
        if x.ndim == 2:
            return np.asarray(self._columns[x] + bias)
        return np.asarray(x.astype(self.weight_ih.dtype, copy=False) @ self.weight_ih.T + bias)

    @cached_property
    def _columns(self) -> Floats:
        return np.ascontiguousarray(self.weight_ih.T)

    @cached_property
    def _recurrent(self) -> Floats:
        return np.ascontiguousarray(self.weight_hh.T)

    @cached_property
    def _half(self) -> Floats:
        """1/2 for valves and 1 for the candidate: sigmoid(z) = tanh(z/2)/2 + 1/2, so that one tanh serves all gates."""
        half = [1.0 if letter in SIGNED else 0.5 for letter in GATES[self.kind]]
        return np.repeat(np.array(half, self.weight_hh.dtype), self.size)

    def _rnn(self, total: Floats, before: Memory, row: Row, holds: Holds) -> None:
        h = row.h
        np.add(total, before.h @ self._recurrent, out=h)
        np.tanh(h, out=h) if self.function == "tanh" else np.maximum(h, 0, out=h)
        _hold(holds, "h", h)

    def _lstm(self, total: Floats, before: Memory, row: Row, holds: Holds) -> None:
        assert before.c is not None, "an LSTM always has one"
        (gates, c, h), size, half = row, self.size, self._half
        np.tanh((total + before.h @ self._recurrent) * half, out=gates)
        gates *= half
        gates += 1 - half
        i, f, g, o = (gates[:, n * size : (n + 1) * size] for n in range(4))
        for letter, gate in zip("ifgo", (i, f, g, o), strict=True):
            _hold(holds, letter, gate)
        np.multiply(f, before.c, out=c)
        c += i * g
        _hold(holds, "c", c)
        np.multiply(o, np.tanh(c), out=h)
        _hold(holds, "h", h)

    def _gru(self, total: Floats, before: Memory, row: Row, holds: Holds) -> None:
        (gates, _, h), size, heard = row, self.size, before.h @ self._recurrent + self.bias_hh
        r, z, n = (gates[:, k * size : (k + 1) * size] for k in range(3))
        valves = gates[:, : 2 * size]
        np.tanh((total[:, : 2 * size] + heard[:, : 2 * size]) / 2, out=valves)
        valves += 1
        valves /= 2
        _hold(holds, "r", r)
        _hold(holds, "z", z)
        np.tanh(total[:, 2 * size :] + r * heard[:, 2 * size :], out=n)
        _hold(holds, "n", n)
        np.add((1 - z) * n, z * before.h, out=h)
        _hold(holds, "h", h)


Holds = Mapping[str, list[tuple[slice, slice, Any]]]


def _by_part(held: Sequence[Held]) -> Holds:
    found: dict[str, list[tuple[slice, slice, Any]]] = {}
    for one in held:
        units = slice(None) if one.unit is None else slice(one.unit, one.unit + 1)
        value = one.value if one.unit is None or np.ndim(one.value) == 0 else np.asarray(one.value)[units]
        found.setdefault(one.part, []).append((one.rows, units, value))
    return found


def _hold(holds: Holds, part: str, values: Floats) -> None:
    """Put what is held in its place: the one spot where anything is switched off."""
    for rows, units, value in holds.get(part, ()):
        values[rows, units] = value
