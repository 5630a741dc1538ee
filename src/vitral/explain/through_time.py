"""Back through time: what each weight's gradient is made of, and how much of it is left step by step back."""

# T time  D hidden units  G gates

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vitral.errors import SpecError
from vitral.explain.checks import inside
from vitral.explain.gradients import Check, Gradient, measure, named_place, upstream_of
from vitral.explain.recurrent import Back, Recurrent, vector
from vitral.explain.trace import Array, Indices, Place

DIRECT = -1
"""In a gradient of the first hidden state: the place of what arrives without any weight (a GRU's z)."""


@dataclass(frozen=True, eq=False)
class ThroughTime:
    """A sequence turned round, for the loss sum(upstream * h) + sum(upstream_cell * c(T))."""

    trace: Recurrent
    upstream: Array
    """(T, D)."""
    upstream_cell: Array
    """(D,); zeros for cells without a long-term memory."""

    @classmethod
    def of_recurrent(cls, trace: Recurrent, upstream: Any, upstream_cell: Any) -> ThroughTime:
        """Check the upstream gradients. Raises ShapeError, or SpecError for a cell state that is not there."""
        if upstream_cell is not None and trace.first_cell is None:
            raise SpecError(f"{trace.operation} has no cell state; leave upstream_cell out")
        return cls(trace, upstream_of(trace, upstream), vector("upstream_cell", upstream_cell, trace.shape[1]))

    @cached_property
    def steps(self) -> tuple[Back, ...]:
        """Give every step back, in the order of time: the last is the first one walked."""
        hidden, cell = np.zeros(self.trace.shape[1]), None if self.trace.first_cell is None else self.upstream_cell
        steps: list[Back] = []
        for t in reversed(range(len(self.trace.ticks))):
            step = self.trace.ticks[t].back(self.upstream[t] + hidden, cell)
            hidden, cell = self.trace.weight_hh.T @ step.into_h + step.direct, step.cell_before
            steps.append(step)
        return tuple(reversed(steps))

    def at(self, t: int) -> Back:
        """Show the step back through one cell. Raises ShapeError when the sequence has no such step."""
        (t,) = inside("step", (t,), (len(self.steps),))
        return self.steps[t]

    def of(self, name: str, *place: int) -> Gradient:
        """Show what one number's gradient is made of: for a weight, one product for every step in time.

        Raises:
            SpecError: no such input.
            ShapeError: no such place.
        """
        where = named_place(self.trace, name, place)
        places, upstream, local = self._parts(name, where)
        check = measure(self.trace.inputs[name], where, float((upstream * local).sum()), lambda values: self._losses(name, values))
        return Gradient(name, where, places, upstream, np.ones(len(local)), local, check)

    def total(self, name: str) -> Array:
        """Give the whole gradient of one input, each number the sum of its own contributions."""
        values = self.trace.inputs[name]
        out = np.empty(values.shape)
        for place in np.ndindex(values.shape):
            _, upstream, local = self._parts(name, place)
            out[place] = Gradient(name, place, np.empty((0, 1), dtype=np.intp), upstream, np.ones(len(local)), local, Check(0, 0, 0)).value
        return out

    def _losses(self, name: str, values: Array) -> Array:
        moved = self.trace.given(**{name: values})
        last = moved.ticks[-1].cell
        kept = np.zeros_like(self.upstream_cell) if last is None else last
        return np.append(self.upstream * moved.output, self.upstream_cell * kept)

    def _parts(self, name: str, place: Place) -> tuple[Indices, Array, Array]:
        times, first = np.arange(len(self.steps))[:, None], self.steps[0]
        into_x, into_h = np.stack([step.into_x for step in self.steps]), np.stack([step.into_h for step in self.steps])
        if name in self.trace.learned:
            into = into_x if name.endswith("_ih") else into_h
            before = self.trace.x if name == "weight_ih" else np.stack([tick.hidden_before for tick in self.trace.ticks])
            return times, into[:, place[0]], before[:, place[1]] if name.startswith("weight") else np.ones(len(times))
        rows = np.arange(len(self.trace.weight_ih))[:, None]
        if name == "x":
            return rows, into_x[place[0]], self.trace.weight_ih[:, place[1]]
        if name == "hidden":
            upstream, local = np.append(first.into_h, first.direct[place]), np.append(self.trace.weight_hh[:, place[0]], 1.0)
            return np.append(rows, [[DIRECT]], axis=0), upstream, local
        assert first.cell is not None, "only an LSTM has an input named cell"
        assert first.cell_before is not None, "and hands it on"
        return np.zeros((1, 1), dtype=np.intp), first.cell[list(place)], self.trace.ticks[0]["f"].value[list(place)]


@dataclass(frozen=True, eq=False)
class Fading:
    """How much of dLoss/dh(T) is left, step by step back in time, when the loss looks at the last step alone."""

    operation: str
    hidden: Array
    """(T,): |dLoss/dh(t)|, Euclidean."""
    cell: Array | None
    """(T,): |dLoss/dc(t)| of an LSTM."""

    @property
    def survival(self) -> Array:
        """Give |dLoss/dh(t)| / |dLoss/dh(T)| from the first step to the last, which is 1."""
        return np.asarray(self.hidden / self.hidden[-1])

    @property
    def cell_survival(self) -> Array | None:
        """Give |dLoss/dc(t)| / |dLoss/dc(T)|: where the valves of forgetting stay open it hardly falls."""
        return None if self.cell is None else self.cell / self.cell[-1]


def fade(trace: Recurrent) -> Fading:
    """Follow dLoss/dh(T) = 1 back to the first step.

    Example: an RNN of one unit with weight_hh = 0.5 and small numbers halves it at every step: after ten steps 1/1024 is left.

    Source: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735
    """
    upstream = np.zeros(trace.shape)
    upstream[-1] = 1
    steps = trace.backward(upstream).steps
    cells = [step.cell for step in steps]
    hidden = np.array([np.linalg.norm(step.hidden) for step in steps])
    return Fading(trace.operation, hidden, None if cells[0] is None else np.array([np.linalg.norm(cell) for cell in cells]))
