"""What RNN, LSTM and GRU share: gates, the sequence unfolded in time with the same weights at every step, and the way back."""

# T time  F features of one datum  D hidden units  G gates

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import length_hint
from typing import Any, ClassVar, NamedTuple

import numpy as np

from vitral.errors import ShapeError
from vitral.explain import activation as activations
from vitral.explain.checks import inside, numbers, same_shape, shown
from vitral.explain.trace import Array, Contributions, Moment, Operand, Place, Step, Trace, add_up


@dataclass(frozen=True, eq=False)
class Gate:
    """One small neural network inside a cell: D units that read the datum and the short-term memory."""

    name: str
    """In the field's words: "input_gate", "candidate"."""
    symbol: str
    """torch's letter."""
    x: Array
    hidden: Array
    weight_x: Array
    """(D, F)."""
    weight_h: Array
    """(D, D)."""
    bias_x: Array
    bias_h: Array
    function: str
    reset: Array | None = None
    """A GRU's reset gate, which multiplies what the candidate hears from the memory."""

    @cached_property
    def input_products(self) -> Array:
        """Give every weight times its feature: (D, F)."""
        return self.weight_x * self.x

    @cached_property
    def hidden_products(self) -> Array:
        """Give every weight times its memory: (D, D)."""
        return self.weight_h * self.hidden

    @cached_property
    def heard(self) -> Array:
        """Give the memory's part of the sum: (D,)."""
        return add_up(self.hidden_products, 1) + self.bias_h

    @cached_property
    def sum(self) -> Array:
        """Give the sum that the function is put to: (D,)."""
        heard = self.heard if self.reset is None else self.reset * self.heard
        return add_up(self.input_products, 1) + self.bias_x + heard

    @cached_property
    def value(self) -> Array:
        """Give what the gate says: (D,)."""
        return activations.RULES[self.function].f(self.sum)

    @property
    def slope(self) -> Array:
        """Give the function's derivative at the sum."""
        return activations.RULES[self.function].slope(self.sum)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give every product, the sum and the valve."""
        s = self.symbol
        products, memories = Operand("p", self.input_products), Operand("q", self.hidden_products)
        total, value = Operand(f"z_{s}", self.sum), Operand(s, self.value)
        x, hidden = (
            (Operand(f"W_i{s}", self.weight_x), Operand("x", self.x)),
            (Operand(f"W_h{s}", self.weight_h), Operand("h'", self.hidden)),
        )
        memory: tuple[Operand, ...]
        bias, memory = Operand(f"b_i{s}", self.bias_x), (memories, Operand(f"b_h{s}", self.bias_h))
        told: tuple[Step, ...] = ()
        if self.reset is not None:
            heard, passed = Operand("m", self.heard), Operand("r*m", self.reset * self.heard)
            told = (
                Step("memory_sum", f"m = Σ q + b_h{s}", "+", memory, heard, self.name),
                Step("reset", "r*m = r * m", "×", (Operand("r", self.reset), heard), passed, self.name),
            )
            memory = (passed,)
        formula = f"z_{s} = Σ p + b_i{s} + " + ("r*m" if told else f"Σ q + b_h{s}")
        return (
            Step("input_products", f"p = W_i{s} * x", "×", x, products, self.name),
            Step("hidden_products", f"q = W_h{s} * h'", "×", hidden, memories, self.name),
            *told,
            Step("gate_sum", formula, "+", (products, bias, *memory), total, self.name),
            Step(
                "gate" if self.function == "sigmoid" else "activation",
                f"{s} = {self.function}(z_{s})",
                self.function,
                (total,),
                value,
                self.name,
            ),
        )


class Back(NamedTuple):
    """One step back in time through one cell: what arrives, what each gate's sum gets, what is handed on."""

    hidden: Array
    """(D,): dLoss/dh(t), from this step's own loss and from the future."""
    cell: Array | None
    """(D,): dLoss/dc(t) of an LSTM, by way of h(t) and of c(t+1)."""
    into_x: Array
    """(G*D,): dLoss/d(each gate's sum), as its input weights see it."""
    into_h: Array
    """(G*D,): the same as its hidden weights see it; a GRU's candidate hears the memory through the reset gate."""
    direct: Array
    """(D,): what reaches h(t-1) without any weight; a GRU keeps z of it, RNN and LSTM keep nothing."""
    cell_before: Array | None
    """(D,): dLoss/dc(t-1) = dLoss/dc(t) * f(t): the road on which an LSTM's memory reaches back."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Tick(Moment):
    """One step of a cell: the datum and the memory in, the gates, the new memory out."""

    place: Place
    """(t,)."""
    x: Array
    hidden_before: Array
    cell_before: Array | None
    gates: tuple[Gate, ...]

    @property
    @abstractmethod
    def hidden(self) -> Array:
        """Give the new short-term memory h(t): (D,)."""

    @property
    def cell(self) -> Array | None:
        """Give the new long-term memory c(t), of an LSTM alone."""
        return None

    @property
    def value(self) -> Array:
        """Give h(t)."""
        return self.hidden

    @abstractmethod
    def back(self, hidden: Array, cell: Array | None) -> Back:
        """Go one step back, from dLoss/dh(t) and what of dLoss/dc(t) comes from the future."""

    def __getitem__(self, symbol: str) -> Gate:
        """Give a gate by torch's letter."""
        return next(gate for gate in self.gates if gate.symbol == symbol)


class GateName(NamedTuple):
    """A gate's name, torch's letter for it, and its function."""

    name: str
    symbol: str
    function: str


@dataclass(frozen=True, eq=False)
class Recurrent(Trace):
    """A sequence through one cell, unfolded: the same weights at every step."""

    learned: ClassVar[tuple[str, ...]] = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    differentiable: ClassVar[tuple[str, ...]] = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "hidden", "cell")
    gates: ClassVar[tuple[GateName, ...]]
    """In torch's order: their rows lie in this order in every weight."""
    x: Array
    """(T, F)."""
    weight_ih: Array
    """(G*D, F)."""
    weight_hh: Array
    """(G*D, D)."""
    bias_ih: Array
    """(G*D,)."""
    bias_hh: Array
    hidden: Array
    """(D,): the short-term memory before the first step."""

    @property
    def shape(self) -> Place:
        """Give (T, D)."""
        return len(self.x), len(self.hidden)

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Give the sequence, the weights and the memories before the first step."""
        names = ("x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "hidden")
        return {name: getattr(self, name) for name in names} | ({} if self.first_cell is None else {"cell": self.first_cell})

    @property
    def first_cell(self) -> Array | None:
        """Give the long-term memory before the first step, of an LSTM alone."""
        return None

    @abstractmethod
    def tick(self, t: int, hidden: Array, cell: Array | None) -> Tick:
        """Make one step from the memories before it."""

    @cached_property
    def ticks(self) -> tuple[Tick, ...]:
        """Give the sequence unfolded in time."""
        ticks: list[Tick] = []
        hidden, cell = self.hidden, self.first_cell
        for t in range(len(self.x)):
            ticks.append(self.tick(t, hidden, cell))
            hidden, cell = ticks[-1].hidden, ticks[-1].cell
        return tuple(ticks)

    def at(self, *place: int) -> Tick:
        """Show one step in full. Raises ShapeError when the sequence has no such step."""
        (t,) = inside("step", place, (len(self.x),))
        return self.ticks[t]

    @cached_property
    def output(self) -> Array:
        """Give h(1) to h(T): (T, D)."""
        return np.stack([tick.hidden for tick in self.ticks])

    def make_gates(self, t: int, hidden: Array, functions: tuple[str, ...] = ()) -> list[Gate]:
        """Cut the weights into gates, in torch's order, for the step ``t``."""
        size, gates = len(self.hidden), []
        for n, (name, symbol, function) in enumerate(self.gates):
            rows = slice(n * size, (n + 1) * size)
            own = functions[n] if functions else function
            weights = self.weight_ih[rows], self.weight_hh[rows], self.bias_ih[rows], self.bias_hh[rows]
            gates.append(Gate(name, symbol, self.x[t], hidden, *weights, own))
        return gates

    def backward(self, upstream: Any = None, upstream_cell: Any = None) -> Any:
        """Go back through time for the loss sum(upstream * output) + sum(upstream_cell * c(T)).

        Args:
            upstream: (T, D), dLoss/dh(t) of each step's own loss; all ones when left out.
            upstream_cell: (D,), dLoss/dc(T) of an LSTM; zeros when left out.
        """
        from vitral.explain.through_time import ThroughTime

        return ThroughTime.of_recurrent(self, upstream, upstream_cell)

    def contributions(self, name: str, place: Place) -> Contributions:
        """Weights are used at every step; ``backward`` walks through them."""
        raise AssertionError("recurrent cells go back through time")


class Weights(NamedTuple):
    """Checked weights of a recurrent cell."""

    x: Array
    weight_ih: Array
    weight_hh: Array
    bias_ih: Array
    bias_hh: Array
    hidden: Array


def read(gates: tuple[GateName, ...], kind: str, x: Any, weights: tuple[Any, Any, Any, Any], hidden: Any) -> Weights:
    """Check a sequence and the weights of a cell against one another.

    Raises:
        ShapeError: an empty sequence, weights of another number of rows or columns.
        DataError: NaN, infinity, text.
    """
    if length_hint(x, 1) == 0:
        raise ShapeError("the sequence is empty; give at least one step, as [[1.0, 0.0]]")
    x = numbers("x", x, "T F")
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    w, u = numbers("weight_ih", weight_ih, "rows F"), numbers("weight_hh", weight_hh, "rows D")
    size = u.shape[1]
    letters = f"{len(gates)} x {size} = {len(gates) * size} ({', '.join(gate.symbol for gate in gates)})" if len(gates) > 1 else str(size)
    for name, values in (("weight_ih", w), ("weight_hh", u)):
        if len(values) != len(gates) * size:
            raise ShapeError(
                f"{name} ({shown(values.shape)}) has {len(values)} rows but {kind} with {size} hidden units needs {letters}; "
                "stack the gates in this order, and give weight_hh one column for every hidden unit"
            )
    if w.shape[1] != x.shape[1]:
        raise ShapeError(
            f"weight_ih ({shown(w.shape)}) reads {w.shape[1]} features but the data have {x.shape[1]}; give it {x.shape[1]} columns"
        )
    return Weights(x, w, u, vector("bias_ih", bias_ih, len(w)), vector("bias_hh", bias_hh, len(w)), vector("hidden", hidden, size))


def vector(name: str, given: Any, length: int) -> Array:
    """Read a vector of so many numbers; zeros when left out. Raises ShapeError."""
    if given is None:
        return np.zeros(length)
    values = numbers(name, given, "rows")
    same_shape(name, values.shape, (length,), "the weights ask for")
    return values
