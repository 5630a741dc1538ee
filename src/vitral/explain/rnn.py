"""The simple recurrent cell: a neuron that also reads its own last answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vitral.explain.checks import one_of
from vitral.explain.recurrent import Back, Gate, GateName, Recurrent, Tick, read
from vitral.explain.trace import Array, Operand, Step

FUNCTIONS = ("tanh", "relu")


@dataclass(frozen=True, eq=False)
class RnnTick(Tick):
    """S(t) = f(W_ih X(t) + b_ih + W_hh S(t-1) + b_hh)."""

    @property
    def gate(self) -> Gate:
        """Give the one neural network there is."""
        return self.gates[0]

    @property
    def hidden(self) -> Array:
        """Give S(t), in the field h(t)."""
        return self.gate.value

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give products, sum and activation."""
        return self.gate.steps

    def back(self, hidden: Array, cell: Array | None) -> Back:
        """Go through the activation: what each sum gets is dLoss/dh times the slope there."""
        slope = self.gate.slope
        into = hidden * slope
        parts = (Operand("dL/dh", hidden), Operand("f'(z)", slope))
        step = Step("through_activation", "dL/dz = dL/dh * f'(z)", "×", parts, Operand("dL/dz", into), "backward")
        return Back(hidden, None, into, into, 0 * hidden, None, (step,))


@dataclass(frozen=True, eq=False)
class Rnn(Recurrent):
    """A sequence through a simple recurrent cell. Build one with ``rnn``."""

    operation: ClassVar[str] = "rnn"
    gates: ClassVar[tuple[GateName, ...]] = (GateName("state", "h", "tanh"),)
    function: str = "tanh"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Give the activation."""
        return {"function": self.function}

    def tick(self, t: int, hidden: Array, cell: Array | None) -> RnnTick:
        """Make one step."""
        return RnnTick((t,), self.x[t], hidden, None, tuple(self.make_gates(t, hidden, (self.function,))))


def unfold_rnn(
    x: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None, *, hidden: Any = None, function: str = "tanh"
) -> Rnn:
    """Read a sequence with one neuron layer that remembers its last answer.

    h(t) = tanh(W_ih x(t) + b_ih + W_hh h(t-1) + b_hh); the lecture's S(t) is h(t), its X(t) is x(t), its W all weights together.

    Args:
        x: the sequence, (T, F).
        weight_ih: (D, F).
        weight_hh: (D, D).
        bias_ih: (D,); zeros when left out.
        bias_hh: (D,); torch has two biases, they add up.
        hidden: (D,), h before the first step; zeros when left out.
        function: "tanh" or "relu".

    Raises:
        ShapeError: an empty sequence, weights that do not fit.
        DataError: NaN, infinity, text.

    Example:
        One unit with W_ih = 1 and W_hh = 0.5 reads 1, 0, 0: h = 0.762, 0.364, 0.180. It still remembers the 1.

    Source: Elman 1990, doi:10.1207/s15516709cog1402_1; torch.nn.RNN
    """
    one_of("function", function, FUNCTIONS)
    return Rnn(*read(Rnn.gates, "an RNN", x, (weight_ih, weight_hh, bias_ih, bias_hh), hidden), function)
