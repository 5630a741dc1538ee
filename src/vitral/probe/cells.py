"""A search for cells that keep track of something: fitted on one half of a text, judged on the other."""

# T time  N cells  P properties  K different answers to all yes-or-no properties

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import nn

from vitral.errors import DataError, ShapeError, SpecError
from vitral.probe.cell import Floats, Whole
from vitral.probe.properties import PROPERTIES, Property
from vitral.probe.reading import LEAD, STREAMS, Reader, read, side_by_side

BINS = 512
FEWEST = 50
"""So many characters of each answer are asked for in each half."""
MOST_VALUES = 500_000_000
"""Cells times characters held at once: 2 GB in float32."""


class Place(NamedTuple):
    """One cell: a unit of a layer's h or c."""

    layer: str
    part: str
    unit: int


@dataclass(frozen=True, eq=False)
class Activity:
    """What every cell did at every character of a text."""

    places: tuple[Place, ...]
    values: Floats
    """(N, T)."""
    start: int
    """The first character of the text that counts: those before it warmed the memory up."""


@dataclass(frozen=True)
class Finding:
    """How well one cell tells a property, by one threshold or one straight line."""

    property: str
    place: Place
    fit: float
    """On the half that it was chosen on: balanced accuracy, or the size of the correlation."""
    score: float
    """The same on the other half."""
    area: float | None
    """The area under the ROC curve on the other half, of a yes-or-no property."""
    threshold: float
    """Where yes and no part; of a number, the offset of the line."""
    slope: float
    """1 where values above the threshold mean yes, -1 where those below do; of a number, what one unit of the cell is worth."""


@dataclass(frozen=True)
class Search:
    """The best cells of each property, and what could not be looked for."""

    findings: Mapping[str, tuple[Finding, ...]]
    """The best first, as they did on the half that they were chosen on."""
    alone: Mapping[str, float]
    """What the current character alone would score on the other half: what a cell has to beat."""
    skipped: Mapping[str, str]
    """Property and reason."""
    num_cells: int
    num_characters: int


def listen(model: nn.Module, codes: Whole, *, parts: str = "hc", streams: int = STREAMS, lead: int = LEAD) -> Activity:
    """Read a text and keep every cell's value at every character.

    Args:
        model: as for ``unfold``, over whole numbers, in one direction.
        codes: the text, (T,).
        parts: "h", "c" or both.
        streams: pieces read side by side.
        lead: symbols before each piece that warm its memory up and are not counted.

    Raises:
        SpecError: no recurrent layer, or one that reads in both directions.
        DataError: an empty text, or more values than fit in memory.
    """
    reader = Reader(model)
    if not reader.one_way:
        raise SpecError("a layer of both directions knows what follows, so its cells track nothing; choose a network that reads one way")
    pieces, skipped = side_by_side(codes, streams=streams, lead=lead)
    places: list[Place] = []
    chunks: list[Floats] = []
    for passage in read(model, pieces):
        kept = [(name, part, layer[part]) for name, layer in passage.layers.items() for part in parts if part in layer.parts]
        if not places:
            places = [Place(name, part, unit) for name, part, values in kept for unit in range(values.shape[2])]
            if len(places) * pieces.size > MOST_VALUES:
                raise DataError(
                    f"{len(places):,} cells over {pieces.size:,} characters are too many to hold at once; "
                    f"give at most {MOST_VALUES // len(places):,} characters"
                )
        first = max(0, skipped - passage.start)
        chunks.append(np.concatenate([values[:, first:] for _, _, values in kept], axis=2))  # (B, t, N)
    values = np.concatenate(chunks, axis=1)
    return Activity(tuple(places), np.ascontiguousarray(values.reshape(-1, len(places)).T), skipped)


def search(activity: Activity, text: str, properties: Iterable[Property] | None = None, *, best: int = 5) -> Search:
    """Find the cells that tell most about each property of a text.

    Every cell is fitted on the first half (the threshold with the best balanced accuracy; a straight line for a number), the best are chosen
    there, and judged on the second half, which had no say: what a lucky cell among thousands gains by luck is gone.

    Args:
        activity: what ``listen`` gives.
        text: the whole text that was read, one character a symbol.
        properties: what to look for; all of ``PROPERTIES`` when left out.
        best: how many cells to keep for each.

    Raises:
        ShapeError: a text of another length.

    Example: a balanced accuracy of 0.5 is chance, of 0.99 for "quotes" a cell that knows where quotations begin and end.

    Source: the cells of Karpathy, Johnson & Fei-Fei 2015, arXiv:1506.02078, section 4.2, found there by eye
    """
    steps = activity.values.shape[1]
    if activity.start + steps > len(text):
        raise ShapeError(
            f"the cells read {activity.start + steps:,} characters but the text has {len(text):,}; give the text that was read"
        )
    wanted = list(PROPERTIES.values() if properties is None else properties)
    values: dict[str, npt.NDArray[np.generic]] = {}
    skipped: dict[str, str] = {}
    own = slice(activity.start, activity.start + steps)
    for one in wanted:
        answers = one.function(text)[own]
        reason = one.needs(text) or (_too_flat(answers) if one.number else _too_rare(answers))
        if reason is None:
            values[one.name] = answers
        else:
            skipped[one.name] = reason
    yes_no = {name: answers for name, answers in values.items() if answers.dtype == bool}
    numbers = {name: answers for name, answers in values.items() if answers.dtype != bool}
    findings = (_thresholds(activity, yes_no, best) if yes_no else {}) | (_lines(activity, numbers, best) if numbers else {})
    signs = np.unique(list(text[own]), return_inverse=True)[1]
    alone = {name: _alone(signs, answers) for name, answers in values.items()}
    return Search({one.name: findings[one.name] for one in wanted if one.name in findings}, alone, skipped, len(activity.places), steps)


def _thresholds(activity: Activity, properties: Mapping[str, npt.NDArray[np.generic]], best: int) -> dict[str, tuple[Finding, ...]]:
    """Score every cell by histograms of its values under every combination of answers: one pass serves all properties."""
    names = list(properties)
    answers = np.stack([properties[name] for name in names])  # (P, T)
    patterns, which = np.unique(answers, axis=1, return_inverse=True)  # (P, K), (T,)
    steps, count = answers.shape[1], patterns.shape[1]
    half = steps // 2
    base = which.reshape(-1).astype(np.int64) * BINS
    fits, others = np.empty((2, len(names), len(activity.places))), np.empty((2, len(names), len(activity.places)))
    rules = np.empty((2, len(names), len(activity.places)))
    yes = patterns.astype(np.float64)
    for n, values in enumerate(activity.values):
        low, high = float(values[:half].min()), float(values[:half].max())
        width = (high - low) / BINS or 1.0
        bins = base + np.clip((values - low) / width, 0, BINS - 1).astype(np.int64)
        for k, part in enumerate((slice(None, half), slice(half, None))):
            counts = np.bincount(bins[part], minlength=count * BINS).reshape(count, BINS).astype(np.float64)
            positive = yes @ counts
            negative = counts.sum(axis=0) - positive
            shares = np.cumsum(positive, axis=1) / positive.sum(axis=1, keepdims=True)
            others_shares = np.cumsum(negative, axis=1) / negative.sum(axis=1, keepdims=True)
            gain = (others_shares - shares) / 2  # balanced accuracy - 1/2 of "above this bin means yes"
            if k == 0:
                at = np.abs(gain).argmax(axis=1)
                sign = np.where(np.take_along_axis(gain, at[:, None], 1)[:, 0] >= 0, 1.0, -1.0)
                rules[:, :, n] = low + width * (at + 1), sign
            scored = 0.5 + sign * np.take_along_axis(gain, at[:, None], 1)[:, 0]
            below = np.concatenate([np.zeros((len(names), 1)), others_shares[:, :-1]], axis=1)
            weight = positive / positive.sum(axis=1, keepdims=True)
            area = (weight * (below + others_shares) / 2).sum(axis=1)
            (fits if k == 0 else others)[:, :, n] = scored, np.where(sign > 0, area, 1 - area)
    return {
        name: tuple(
            Finding(
                name, activity.places[n], float(fits[0, p, n]), float(others[0, p, n]), float(others[1, p, n]), *map(float, rules[:, p, n])
            )
            for n in np.argsort(-fits[0, p], kind="stable")[:best]
        )
        for p, name in enumerate(names)
    }


def _lines(activity: Activity, properties: Mapping[str, npt.NDArray[np.generic]], best: int) -> dict[str, tuple[Finding, ...]]:
    """Fit one straight line for every cell and number by least squares: matrix products over all at once."""
    names = list(properties)
    answers = np.stack([properties[name] for name in names]).astype(np.float32)  # (P, T)
    half = answers.shape[1] // 2
    (slopes, offsets, fit), (_, _, score) = (
        _regress(activity.values[:, part], answers[:, part]) for part in (slice(None, half), slice(half, None))
    )
    return {
        name: tuple(
            Finding(
                name, activity.places[n], abs(float(fit[n, p])), float(score[n, p]) * (1 if fit[n, p] >= 0 else -1), None,
                float(offsets[n, p]), float(slopes[n, p]),
            )
            for n in np.argsort(-np.abs(fit[:, p]), kind="stable")[:best]
        )
        for p, name in enumerate(names)
    }  # fmt: skip


def _regress(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Give slope, offset and correlation of every row of y on every row of x: (N, P) each."""
    mean_x, mean_y = x.mean(axis=1, dtype=np.float64), y.mean(axis=1, dtype=np.float64)
    spread_x, spread_y = x.std(axis=1, dtype=np.float64), y.std(axis=1, dtype=np.float64)
    both = ((y - mean_y[:, None].astype(y.dtype)) @ x.T / x.shape[1]).T.astype(np.float64)
    safe_x, safe_y = np.where(spread_x > 0, spread_x, np.inf), np.where(spread_y > 0, spread_y, np.inf)
    slope = both / (safe_x**2)[:, None]
    return slope, mean_y - slope * mean_x[:, None], both / (safe_x[:, None] * safe_y)


def _alone(signs: npt.NDArray[np.intp], answers: npt.NDArray[np.generic]) -> float:
    """Score the current character by itself: each one's mean on the first half, judged on the second."""
    half, truth = len(signs) // 2, answers.astype(np.float64)
    counts = np.bincount(signs[:half], minlength=signs.max() + 1)
    overall = truth[:half].mean()
    guess = ((np.bincount(signs[:half], truth[:half], minlength=signs.max() + 1) + overall) / (counts + 1))[signs[half:]]
    rest = truth[half:]
    if answers.dtype == bool:
        said = guess > overall
        return float((said[rest == 1].mean() + (~said[rest == 0]).mean()) / 2)
    return float(np.corrcoef(guess, rest)[0, 1]) if guess.std() > 0 else 0.0


def _too_rare(answers: npt.NDArray[np.generic]) -> str | None:
    half = len(answers) // 2
    for part, words in ((answers[:half], "first"), (answers[half:], "second")):
        yes = int(part.sum())
        if min(yes, len(part) - yes) < FEWEST:
            which = "true" if yes < FEWEST else "false"
            return f"too rare: {which} of {min(yes, len(part) - yes):,} of the {len(part):,} characters of the {words} half, fewer than {FEWEST}"
    return None


def _too_flat(answers: npt.NDArray[np.generic]) -> str | None:
    half = len(answers) // 2
    for part, words in ((answers[:half], "first"), (answers[half:], "second")):
        if np.unique(part, return_counts=True)[1].max(initial=0) > len(part) - FEWEST:
            return f"all but the same everywhere: another value at fewer than {FEWEST} of the {len(part):,} characters of the {words} half"
    return None
