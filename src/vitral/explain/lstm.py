"""The LSTM: four small networks, of which three are valves, keep a long-term memory beside the short-term one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vitral.explain.recurrent import Back, GateName, Recurrent, Tick, read, vector
from vitral.explain.trace import Array, Operand, Step


@dataclass(frozen=True, eq=False)
class LstmTick(Tick):
    """One step: learn, forget, remember, use."""

    @cached_property
    def learned(self) -> Array:
        """Learn: i * g, the valve i times the candidate g."""
        return self["i"].value * self["g"].value

    @cached_property
    def kept(self) -> Array:
        """Forget: f * c(t-1), what the valve f leaves of the long-term memory."""
        assert self.cell_before is not None, "an LSTM always has one"
        return self["f"].value * self.cell_before

    @cached_property
    def cell(self) -> Array:
        """Remember: c(t) = f * c(t-1) + i * g, the new long-term memory."""
        return self.kept + self.learned

    @cached_property
    def hidden(self) -> Array:
        """Use: h(t) = o * tanh(c(t)), the new short-term memory and the output."""
        return self["o"].value * np.tanh(self.cell)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the four stages, each with the gates that it needs."""
        assert self.cell_before is not None, "an LSTM always has one"
        i, f, g, o = (self[symbol] for symbol in "ifgo")
        learned, kept, cell = Operand("i*g", self.learned), Operand("f*c'", self.kept), Operand("c", self.cell)
        tanh = Operand("tanh(c)", np.tanh(self.cell))
        return (
            *i.steps,
            *g.steps,
            Step("learn", "i*g = i * g", "×", (Operand("i", i.value), Operand("g", g.value)), learned, "learn"),
            *f.steps,
            Step("forget", "f*c' = f * c'", "×", (Operand("f", f.value), Operand("c'", self.cell_before)), kept, "forget"),
            Step("remember", "c = f*c' + i*g", "+", (kept, learned), cell, "remember"),
            *o.steps,
            Step("tanh", "tanh(c)", "tanh", (cell,), tanh, "use"),
            Step("use", "h = o * tanh(c)", "×", (Operand("o", o.value), tanh), Operand("h", self.hidden), "use"),
        )

    def back(self, hidden: Array, cell: Array | None) -> Back:
        """Go back through use, remember, forget and learn."""
        assert cell is not None, "an LSTM always has one"
        assert self.cell_before is not None, "an LSTM always has one"
        i, f, g, o = (self[symbol] for symbol in "ifgo")
        tanh = np.tanh(self.cell)
        through_use = hidden * o.value * (1 - tanh * tanh)
        memory = cell + through_use
        sums = {
            "i": (memory * g.value, i.slope, "dL/dc * g"),
            "f": (memory * self.cell_before, f.slope, "dL/dc * c'"),
            "g": (memory * i.value, g.slope, "dL/dc * i"),
            "o": (hidden * tanh, o.slope, "dL/dh * tanh(c)"),
        }
        into = np.concatenate([upstream * slope for upstream, slope, _ in sums.values()])
        total = Operand("dL/dc", memory)
        use = (Operand("dL/dc(future)", cell), Operand("dL/dh*o*(1-tanh(c)^2)", through_use))
        steps = [Step("into_memory", "dL/dc = dL/dc(future) + dL/dh * o * (1 - tanh(c)^2)", "+", use, total, "use")]
        for symbol, (upstream, slope, formula) in sums.items():
            parts = (Operand(formula, upstream), Operand(f"{symbol}'", slope))
            result = Operand(f"dL/dz_{symbol}", upstream * slope)
            steps.append(Step("through_gate", f"dL/dz_{symbol} = {formula} * {symbol}'", "×", parts, result, self[symbol].name))
        before = memory * f.value
        steps.append(Step("road_back", "dL/dc' = dL/dc * f", "×", (total, Operand("f", f.value)), Operand("dL/dc'", before), "forget"))
        return Back(hidden, memory, into, into, 0 * hidden, before, tuple(steps))


@dataclass(frozen=True, eq=False)
class Lstm(Recurrent):
    """A sequence through an LSTM. Build one with ``lstm``."""

    operation: ClassVar[str] = "lstm"
    gates: ClassVar[tuple[GateName, ...]] = (
        GateName("input_gate", "i", "sigmoid"),
        GateName("forget_gate", "f", "sigmoid"),
        GateName("candidate", "g", "tanh"),
        GateName("output_gate", "o", "sigmoid"),
    )
    cell: Array

    @property
    def first_cell(self) -> Array:
        """Give the long-term memory before the first step."""
        return self.cell

    def tick(self, t: int, hidden: Array, cell: Array | None) -> LstmTick:
        """Make one step."""
        return LstmTick((t,), self.x[t], hidden, cell, tuple(self.make_gates(t, hidden)))


def unfold_lstm(
    x: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None, *, hidden: Any = None, cell: Any = None
) -> Lstm:
    """Read a sequence with a short-term memory h and a long-term memory c.

        i = sigmoid(W_ii x + b_ii + W_hi h' + b_hi)    input gate          learn    i * g
        f = sigmoid(W_if x + b_if + W_hf h' + b_hf)    forget gate         forget   f * c'
        g = tanh(W_ig x + b_ig + W_hg h' + b_hg)       candidate           remember c = f * c' + i * g
        o = sigmoid(W_io x + b_io + W_ho h' + b_ho)    output gate         use      h = o * tanh(c)

    The lecture's four "gates" (learn, forget, remember, use) are stages, on the right; torch's i, f, g, o are on the left. A dash
    marks the memory of the step before.

    Args:
        x: the sequence, (T, F).
        weight_ih: (4*D, F), the rows of i, f, g, o in this order, as torch keeps them.
        weight_hh: (4*D, D), the same order.
        bias_ih: (4*D,); zeros when left out.
        bias_hh: (4*D,); torch has two biases, they add up.
        hidden: (D,), h before the first step; zeros when left out.
        cell: (D,), c before the first step; zeros when left out.

    Raises:
        ShapeError: an empty sequence, weights that do not fit.
        DataError: NaN, infinity, text.

    Example:
        With all weights and biases 0 every valve is half open (0.5) and nothing is learned: c halves at every step.

    Source: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; forget gate: Gers et al. 2000; torch.nn.LSTM
    """
    weights = read(Lstm.gates, "an LSTM", x, (weight_ih, weight_hh, bias_ih, bias_hh), hidden)
    return Lstm(*weights, vector("cell", cell, len(weights.hidden)))
