"""How often each gate stands all but shut or all but open while a network reads."""

# D hidden units

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from vitral.probe.cell import SIGNED, Floats, Whole
from vitral.probe.reading import CHUNK, LEAD, STREAMS, read, side_by_side

BINS = 20
VALVE, ACTIVATION = (0.1, 0.9), (-0.9, 0.9)
"""Below the first a unit is left-saturated, above the second right-saturated: of a valve, and of a simple cell's activation."""


@dataclass(frozen=True, eq=False)
class Saturated:
    """One gate of one layer over a text."""

    layer: str
    part: str
    low: float
    high: float
    left: Floats
    """(D,): each unit's share of steps below ``low``."""
    right: Floats
    """(D,): each unit's share of steps above ``high``."""
    mean: Floats
    """(D,)."""
    histogram: npt.NDArray[np.int64]
    """All units' values in equal bins over the gate's whole range."""
    steps: int

    @property
    def always_open(self) -> int:
        """Count the units that are right-saturated in at least 9 steps of 10: of a forget gate, those that remember for long."""
        return int((self.right >= 0.9).sum())

    @property
    def always_shut(self) -> int:
        """Count the units that are left-saturated in at least 9 steps of 10: of a forget gate, those that forget at once."""
        return int((self.left >= 0.9).sum())


def saturation(model: nn.Module, codes: Whole, *, streams: int = STREAMS, lead: int = LEAD) -> list[Saturated]:
    """Count, for every unit of every gate, the share of steps below 0.1 and above 0.9 while the network reads a text.

    A simple cell has no gates: its activation counts, below -0.9 and above 0.9 (a ReLU's has one end alone).

    Args:
        model: as for ``unfold``, over whole numbers.
        codes: the text, (T,).
        streams: pieces read side by side.
        lead: symbols before each piece that warm its memory up and are not counted.

    Raises:
        SpecError: no recurrent layer.
        DataError: an empty text.

    Example: an LSTM's forget gate with left 0.02 and right 0.71 on average keeps nearly all of its long-term memory most of the time.

    Source: Karpathy, Johnson & Fei-Fei 2015, arXiv:1506.02078, section 4.2
    """
    pieces, skipped = side_by_side(codes, streams=streams, lead=lead)
    counts: dict[tuple[str, str], Counts] = {}
    for passage in read(model, pieces, chunk=CHUNK):
        first = max(0, skipped - passage.start)
        for name, layer in passage.layers.items():
            for part in [letter for letter in layer.parts if letter not in SIGNED] or ["h"]:
                values = layer[part][:, first:].reshape(-1, layer.cell.size)
                if len(values):
                    counts.setdefault((name, part), Counts(part, layer.cell.size)).add(values)
    return [own.done(name, part) for (name, part), own in counts.items()]


class Counts:
    """Sums over the chunks of a text."""

    def __init__(self, part: str, size: int) -> None:
        self.low, self.high = ACTIVATION if part == "h" else VALVE
        self.range = (-1.0, 1.0) if part == "h" else (0.0, 1.0)
        self.left, self.right, self.total = np.zeros(size), np.zeros(size), np.zeros(size)
        self.histogram = np.zeros(BINS, np.int64)
        self.steps = 0

    def add(self, values: Floats) -> None:
        """Take the values of a chunk, (steps, D)."""
        self.left += (values < self.low).sum(axis=0)
        self.right += (values > self.high).sum(axis=0)
        self.total += values.sum(axis=0, dtype=np.float64)
        self.histogram += np.histogram(np.clip(values, *self.range), bins=BINS, range=self.range)[0]
        self.steps += len(values)

    def done(self, layer: str, part: str) -> Saturated:
        """Give the shares."""
        shares = (self.left / self.steps, self.right / self.steps, self.total / self.steps)
        return Saturated(layer, part, self.low, self.high, *shares, self.histogram, self.steps)


def to_values(found: list[Saturated]) -> list[Mapping[str, object]]:
    """Give a record for JSON."""
    return [
        {
            "layer": one.layer,
            "part": one.part,
            "below": one.low,
            "above": one.high,
            "steps": one.steps,
            "left": [round(float(v), 6) for v in one.left],
            "right": [round(float(v), 6) for v in one.right],
            "mean": [round(float(v), 6) for v in one.mean],
            "histogram": one.histogram.tolist(),
        }
        for one in found
    ]
