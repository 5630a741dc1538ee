"""What one layer of recurrent cells did at every step: its gates and memories, the lecture's stages, any step in full."""

# B sequences  T time  F features of one datum  D hidden units

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vitral import explain
from vitral.errors import ShapeError, SpecError
from vitral.explain.recurrent import Recurrent
from vitral.probe.cell import Cell, Floats, Memory, Whole


@dataclass(frozen=True, eq=False)
class Unrolled:
    """One layer of cells in one direction, at every step of every sequence."""

    name: str
    """The module's name; with torch's ending where it has several layers or directions: "lstm.l1_reverse"."""
    cell: Cell
    reverse: bool
    x: Floats | Whole
    """(B, T, F), or (B, T) whole numbers that stand for one-hot data."""
    first: Memory
    """Before the first step read: of a reversed layer, that is the last one."""
    tracks: Mapping[str, Floats]
    """Every part's numbers, (B, T, D); zeros behind the end of a shorter sequence."""
    lengths: Whole | None = None
    """(B,), where sequences end early."""

    @property
    def parts(self) -> str:
        """Name the parts: "ifgoch" of an LSTM, "rznh" of a GRU, "h" of a simple RNN."""
        return self.cell.parts

    @property
    def h(self) -> Floats:
        """Give the short-term memory after every step."""
        return self.tracks["h"]

    @property
    def c(self) -> Floats | None:
        """Give the long-term memory after every step, of an LSTM alone."""
        return self.tracks.get("c")

    def __getitem__(self, part: str) -> Floats:
        """Give a part by its letter. Raises SpecError where this cell has none such."""
        if part not in self.tracks:
            raise SpecError(f'{self.name} has no part "{part}"; expected one of {", ".join(self.parts)}')
        return self.tracks[part]

    def before(self, part: str) -> Floats:
        """Give h or c as each step found it: (B, T, D)."""
        values, first = self[part], self.first.h if part == "h" else self.first.c
        assert first is not None, "a part that is remembered"
        if not self.reverse:
            return np.concatenate([first[:, None], values[:, :-1]], axis=1)
        moved = np.concatenate([values[:, 1:], first[:, None]], axis=1)
        if self.lengths is not None:
            moved[np.arange(len(moved)), self.lengths - 1] = first
        return moved

    @property
    def stages(self) -> Mapping[str, Floats]:
        """Give the lecture's four stages of an LSTM, or what a GRU mixes, at every step, (B, T, D).

        learn = i * g, forget = f * c', remember = c, use = o * tanh(c) = h; of a GRU fresh = (1 - z) * n and kept = z * h'.
        """
        own = self.tracks
        if self.cell.kind == "lstm":
            return {"learn": own["i"] * own["g"], "forget": own["f"] * self.before("c"), "remember": own["c"], "use": own["h"]}
        return {"fresh": (1 - own["z"]) * own["n"], "kept": own["z"] * self.before("h")} if self.cell.kind == "gru" else {}

    def explain(self, t: int, example: int = 0, *, since: int | None = None) -> Recurrent:
        """Hand a step over to ``vitral.explain``: a sequence of that step alone, from the memory that it found.

        Args:
            t: the step.
            example: which of the batch.
            since: begin the sequence at this step instead, so that ``trace.at(t - since)`` is step t; a reversed layer has none before.

        Raises:
            ShapeError: no such step or example.
        Example: ``text.explain(trace, trace.at(0))`` with ``trace = layer.explain(12)`` is the arithmetic of step 12, product by product.
        """
        batch, steps = self.h.shape[:2]
        if not 0 <= example < batch:
            raise ShapeError(f"there is no example {example} in a batch of {batch}; use 0 to {batch - 1}")
        steps = steps if self.lengths is None else int(self.lengths[example])
        if not 0 <= t < steps:
            raise ShapeError(f"there is no step {t}: the sequence has {steps}; use 0 to {steps - 1}")
        first = t if since is None or self.reverse else since
        assert 0 <= first <= t, "a sequence goes forward"
        cell, own = self.cell, self.x[example, first : t + 1]
        x = own if self.x.ndim == 3 else np.eye(cell.weight_ih.shape[1])[own]
        weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
        hidden = self.before("h")[example, first]
        if cell.kind == "lstm":
            return explain.unfold_lstm(x, *weights, hidden=hidden, cell=self.before("c")[example, first])
        if cell.kind == "gru":
            return explain.unfold_gru(x, *weights, hidden=hidden)
        return explain.unfold_rnn(x, *weights, hidden=hidden, function=cell.function)
