"""What a network loses when a part of it is switched off: over a text that it reads, and in a text that it writes."""

# B pieces of a text side by side  T time  V vocabulary

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from vitral.errors import DataError, ShapeError
from vitral.probe.cell import Floats, Held, Whole
from vitral.probe.reading import LEAD, STREAMS, Reader, read, side_by_side

Choose = Callable[[Floats], int]
"""From scores (V,) to the symbol that is written."""


@dataclass(frozen=True, eq=False)
class Ablation:
    """The loss over a text as the network is, and with something switched off."""

    before: float
    """Nats a symbol, by the network's own probabilities."""
    after: float
    error: float
    """The standard error of after - before, from the pieces that the text was read in; NaN of a single piece."""
    num_symbols: int
    hurt: tuple[tuple[int, float, int], ...]
    """The symbols whose loss rose most in total: which, by how many nats each, how often it came."""

    @property
    def rise(self) -> float:
        """Give after - before: above 0 the network needs what was switched off."""
        return self.after - self.before


def ablate(
    model: nn.Module, codes: Whole, held: Sequence[Held], *, streams: int = STREAMS, lead: int = LEAD, most_hurt: int = 5
) -> Ablation:
    """Read a text twice, as the network is and with parts of its cells held at a value, and compare the losses.

    Args:
        model: a network over whole numbers that gives scores (B, T, V).
        codes: the text, (T,).
        held: what is held: a unit of h or c at 0, a gate at 0 or 1, a gate at its mean (``means``). Nothing gives no difference.
        streams: pieces read side by side.
        lead: symbols before each piece that warm its memory up and are not counted.
        most_hurt: of how many symbols to tell.

    Raises:
        SpecError: no such layer, part or unit.
        DataError: a text of fewer than two symbols.

    Example: ``ablate(net, codes, [Held("lstm1", "f", None, 0.0)])`` takes the long-term memory away: what is left knows one symbol.
    """
    Reader(model, held=held)  # says what is wrong before anything is read
    pieces, skipped = _pieces(codes, streams, lead)
    before = losses(model, pieces)[:, skipped:]
    after = losses(model, pieces, held)[:, skipped:] if held else before
    rise = (after - before).mean(axis=1)
    error = float(rise.std(ddof=1) / np.sqrt(len(rise))) if len(rise) > 1 else float("nan")
    targets = pieces[:, 1 + skipped :].reshape(-1)
    counts = np.bincount(targets)
    totals = np.bincount(targets, (after - before).reshape(-1))
    worst = [int(n) for n in np.argsort(-totals, kind="stable")[:most_hurt] if totals[n] > 0]
    hurt = tuple((n, float(totals[n] / counts[n]), int(counts[n])) for n in worst)
    return Ablation(float(before.mean()), float(after.mean()), error, before.size, hurt)


def each(
    model: nn.Module,
    codes: Whole,
    layer: str,
    part: str = "h",
    *,
    value: float = 0.0,
    streams: int = 16,
    lead: int = LEAD,
    at_once: int = 16,
) -> Floats:
    """Switch the units of a layer off one after the other: how much the loss over a text rises for each, (D,).

    Args:
        model: as for ``ablate``.
        codes: the text, (T,).
        layer: whose units.
        part: what of each unit is held.
        value: at what it is held.
        streams: pieces read side by side.
        lead: symbols before each piece that are not counted.
        at_once: how many units, each in its own copy of the text.

    Raises:
        SpecError: no such layer or part.
        DataError: a text of fewer than two symbols.
    """
    size = Reader(model, held=[Held(layer, part, None, value)]).cell(layer).size
    pieces, skipped = _pieces(codes, streams, lead)
    rows = len(pieces)
    before = losses(model, pieces)[:, skipped:].mean()
    rises: list[float] = []
    for first in range(0, size, at_once):
        units = range(first, min(first + at_once, size))
        held = [Held(layer, part, unit, value, slice(n * rows, (n + 1) * rows)) for n, unit in enumerate(units)]
        after = losses(model, np.tile(pieces, (len(units), 1)), held)[:, skipped:].reshape(len(units), -1).mean(axis=1)
        rises += (after - before).tolist()
    return np.array(rises)


def losses(model: nn.Module, pieces: Whole, held: Sequence[Held] = ()) -> Floats:
    """Give -log p of every next symbol, in nats: (B, T-1).

    Raises:
        ShapeError: a network that does not give a score for every symbol at every step.
    """
    found = []
    for passage in read(model, pieces[:, :-1], held=held):
        scores = passage.output
        if scores.ndim != 3:
            raise ShapeError(
                f"the network gives {scores.ndim - 1} axes an example, expected scores (T, V): one for every symbol at every step"
            )
        scores = scores - scores.max(axis=2, keepdims=True)
        targets = pieces[:, 1 + passage.start : 1 + passage.start + scores.shape[1]]
        own = np.take_along_axis(scores, targets[..., None], axis=2)[..., 0]
        found.append(np.log(np.exp(scores).sum(axis=2, dtype=np.float64)) - own)
    return np.concatenate(found, axis=1)


def means(model: nn.Module, codes: Whole, layer: str, part: str, *, streams: int = STREAMS, lead: int = LEAD) -> Floats:
    """Give every unit's mean over a text, (D,): what to hold a gate at so that it stands where it stands on average.

    Raises:
        SpecError: no such layer or part.
        DataError: a text of fewer than two symbols.
    """
    Reader(model, held=[Held(layer, part, None, 0.0)])
    pieces, skipped = _pieces(codes, streams, lead)
    total, count = np.zeros(()), 0
    for passage in read(model, pieces):
        values = passage.layers[layer][part][:, max(0, skipped - passage.start) :]
        total, count = total + values.sum(axis=(0, 1), dtype=np.float64), count + values.shape[0] * values.shape[1]
    return np.asarray(total / count)


def write(model: nn.Module, prime: Sequence[int], length: int, choose: Choose, held: Sequence[Held] = ()) -> list[int]:
    """Let the network read ``prime`` and write on with parts of its cells held.

    Args:
        model: a network over whole numbers that gives scores (B, T, V).
        prime: at least one symbol.
        length: how many symbols to write.
        choose: from scores to a symbol; with the same draws twice, the two texts differ by what is held alone.
        held: what is switched off, while reading and while writing.

    Raises:
        SpecError: no such layer, part or unit.
        DataError: an empty prime.
    """
    if not len(prime):
        raise DataError("the prime is empty; give at least one symbol to begin with")
    reader, written = Reader(model, held=held), list[int]()
    own = np.asarray(prime, np.int64)
    for _ in range(length):
        written.append(choose(reader.feed(own).output[0, -1]))
        own = np.array(written[-1:], np.int64)
    return written


def _pieces(codes: Whole, streams: int, lead: int) -> tuple[Whole, int]:
    if len(codes) < 2:
        raise DataError(f"a loss needs a symbol and one that follows it, got {len(codes)}; give a longer text")
    pieces, skipped = side_by_side(codes, streams=streams, lead=lead)
    return pieces, max(0, skipped - 1)
