"""The GRU: two valves and one memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vitral.explain.recurrent import Back, GateName, Recurrent, Tick, read
from vitral.explain.trace import Array, Operand, Step


@dataclass(frozen=True, eq=False)
class GruTick(Tick):
    """h = (1 - z) * n + z * h'."""

    @cached_property
    def hidden(self) -> Array:
        """Give h(t)."""
        z, n = self["z"].value, self["n"].value
        return (1 - z) * n + z * self.hidden_before

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the gates and the mixture."""
        r, z, n = (self[symbol] for symbol in "rzn")
        fresh = Operand("(1-z)*n", (1 - z.value) * n.value)
        kept = Operand("z*h'", z.value * self.hidden_before)
        return (
            *r.steps,
            *z.steps,
            *n.steps,
            Step("fresh", "(1-z)*n = (1 - z) * n", "×", (Operand("1-z", 1 - z.value), Operand("n", n.value)), fresh, "mix"),
            Step("kept", "z*h' = z * h'", "×", (Operand("z", z.value), Operand("h'", self.hidden_before)), kept, "mix"),
            Step("mixture", "h = (1-z)*n + z*h'", "+", (fresh, kept), Operand("h", self.hidden), "mix"),
        )

    def back(self, hidden: Array, cell: Array | None) -> Back:
        """Go back through the mixture and the gates; the reset gate stands between the candidate and the memory."""
        r, z, n = (self[symbol] for symbol in "rzn")
        to_n = hidden * (1 - z.value) * n.slope
        to_z = hidden * (self.hidden_before - n.value) * z.slope
        to_r = to_n * n.heard * r.slope
        arriving = Operand("dL/dh", hidden)
        steps = (
            Step("through_gate", "dL/dz_n = dL/dh * (1-z) * n'", "×",
                 (arriving, Operand("1-z", 1 - z.value), Operand("n'", n.slope)), Operand("dL/dz_n", to_n), n.name),
            Step("through_gate", "dL/dz_z = dL/dh * (h'-n) * z'", "×",
                 (arriving, Operand("h'-n", self.hidden_before - n.value), Operand("z'", z.slope)), Operand("dL/dz_z", to_z), z.name),
            Step("through_gate", "dL/dz_r = dL/dz_n * (W_hn h' + b_hn) * r'", "×",
                 (Operand("dL/dz_n", to_n), Operand("W_hn h' + b_hn", n.heard), Operand("r'", r.slope)), Operand("dL/dz_r", to_r), r.name),
            Step("road_back", "dL/dh' = dL/dh * z + ...", "×",
                 (arriving, Operand("z", z.value)), Operand("dL/dh' (direct)", hidden * z.value), "mix"),
        )  # fmt: skip
        into_x, into_h = np.concatenate([to_r, to_z, to_n]), np.concatenate([to_r, to_z, to_n * r.value])
        return Back(hidden, None, into_x, into_h, hidden * z.value, None, steps)


@dataclass(frozen=True, eq=False)
class Gru(Recurrent):
    """A sequence through a GRU. Build one with ``gru``."""

    operation: ClassVar[str] = "gru"
    gates: ClassVar[tuple[GateName, ...]] = (
        GateName("reset_gate", "r", "sigmoid"),
        GateName("update_gate", "z", "sigmoid"),
        GateName("candidate", "n", "tanh"),
    )

    def tick(self, t: int, hidden: Array, cell: Array | None) -> GruTick:
        """Make one step."""
        r, z, n = self.make_gates(t, hidden)
        return GruTick((t,), self.x[t], hidden, None, (r, z, replace(n, reset=r.value)))


def unfold_gru(x: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None, *, hidden: Any = None) -> Gru:
    """Read a sequence with one memory and two valves.

        r = sigmoid(W_ir x + b_ir + W_hr h' + b_hr)           reset gate: how much of the memory the candidate hears
        z = sigmoid(W_iz x + b_iz + W_hz h' + b_hz)           update gate: how much of the memory stays
        n = tanh(W_in x + b_in + r * (W_hn h' + b_hn))        candidate
        h = (1 - z) * n + z * h'

    Args:
        x: the sequence, (T, F).
        weight_ih: (3*D, F), the rows of r, z, n in this order, as torch keeps them.
        weight_hh: (3*D, D), the same order.
        bias_ih: (3*D,); zeros when left out.
        bias_hh: (3*D,); not the same as bias_ih here: the candidate's lies inside the reset gate's bracket.
        hidden: (D,), h before the first step; zeros when left out.

    Raises:
        ShapeError: an empty sequence, weights that do not fit.
        DataError: NaN, infinity, text.

    Example: with all weights 0, z = 0.5 and n = 0, so that h halves at every step.

    Source: Cho et al. 2014, arXiv:1406.1078; torch.nn.GRU
    """
    return Gru(*read(Gru.gates, "a GRU", x, (weight_ih, weight_hh, bias_ih, bias_hh), hidden))
