"""The standalone SVG of a trace: where the window lies, and the arithmetic line by line, on one signed scale."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitral.explain import sheet
from vitral.explain.convolution import Convolution, Window
from vitral.explain.pooling import Pool, Pooling
from vitral.explain.recurrent import Recurrent
from vitral.explain.svg import CELL, GAP, SMALL, Page
from vitral.explain.trace import Array, Moment, Operand, Step, Trace
from vitral.explain.words import Language, say

LEFT, BROAD, MOST_CHANNELS, MOST_SIDE = 24, 860, 3, 9
MOST_PIXELS = 40
"""Pictures with longer sides are left out of the overview: the arithmetic is drawn without them."""


def draw(trace: Trace, moment: Moment, *, language: Language = "en", heading: str = "") -> str:
    """Draw the arithmetic behind one place of an output as a standalone SVG.

    Args:
        trace: the operation.
        moment: the place, as ``trace.at(...)`` gives it.
        language: "en" or "es".
        heading: a line above the title, as a preset's own.

    Example: ``Path("window.svg").write_text(draw(trace, trace.at(0, 0, 0)))``.
    """
    page = Page(heading or sheet.title(trace, moment, language))
    y = head(page, heading, [sheet.title(trace, moment, language), *sheet.facts(trace, moment, language)])
    if isinstance(trace, Convolution | Pooling) and isinstance(moment, Window | Pool):
        y = _overview(page, trace, moment, y, language)
    steps = [sheet.stand_up(step) for step in _chosen(trace, moment)]
    scales = _scales(trace, steps)
    for n, largest in enumerate(sorted(set(scales))):
        page.scale(LEFT + 16, y + n * 44, largest, say("legend", language))
        y += 60 if n + 1 == len(set(scales)) else 0
    y += 44 * (len(set(scales)) - 1)
    row = _Row(LEFT, y, y)
    part = ""
    for number, (step, largest) in enumerate(zip(steps, scales, strict=True), 1):
        width, height = _measure(step, language)
        new = bool(step.part) and step.part != part
        if new or row.x + width > BROAD or height > row.bottom - row.y:
            row = _Row(LEFT, row.bottom + GAP * (row.bottom > y), row.bottom)
        if new:
            part = step.part
            page.text(LEFT, row.y + 20, say(f"part_{part}", language), "b")
            row.y += 36
        row.bottom = max(row.bottom, _line(page, row.x, row.y, step, number=number, largest=largest, language=language))
        row.x += width + 40
    return page.render()


@dataclass
class _Row:
    x: float
    y: float
    bottom: float


def head(page: Page, heading: str, lines: Sequence[str]) -> float:
    """Write title and facts, the first line large; gives where the next thing begins."""
    y = 40.0
    for n, line in enumerate(([heading] if heading else []) + list(lines)):
        kind, broad = ("h", 60) if n == 0 else ("b" if heading and n == 1 else "s", 104)
        for part in textwrap.wrap(line, broad):
            page.text(LEFT, y, part, kind)
            y += 28 if n == 0 else 22
    return y + 4


def _chosen(trace: Trace, moment: Moment) -> Sequence[Step]:
    """An LSTM's drawing shows its valves and stages; products and sums stand in the terminal's face and in JSON."""
    if isinstance(trace, Recurrent) and len(moment.steps) > 8:
        return [step for step in moment.steps if step.name not in ("input_products", "hidden_products", "memory_sum", "reset")]
    return moment.steps


def _overview(page: Page, trace: Convolution | Pooling, moment: Window | Pool, y: float, language: Language) -> float:
    if max(trace.image.shape[1:]) > MOST_PIXELS:
        return y
    channel = moment.channels[0] if isinstance(moment, Window) else moment.place[0]
    ring = max(0, -int(trace.rows.positions.min())), max(0, -int(trace.columns.positions.min()))
    after = [
        max(0, int(axis.positions.max()) + 1 - side) for axis, side in zip((trace.rows, trace.columns), trace.image.shape[1:], strict=True)
    ]
    pads = ((ring[0], after[0]), (ring[1], after[1]))
    image = np.pad(trace.image[channel], pads)
    outside = np.pad(np.zeros(trace.image.shape[1:], dtype=bool), pads, constant_values=True)
    result, (i, j) = trace.output[moment.place[0]], moment.place[1:]
    numbers = max(image.shape) <= MOST_SIDE + 3
    side = CELL if numbers else SMALL
    channels = f" ({say('channel', language)} {channel})" if len(trace.image) > 1 else ""
    page.text(LEFT, y + 14, f"{say('image', language)}{channels}, ±{sheet.write(_largest(image), 3)}", "b")
    page.grid(LEFT, y + 24, image, largest=_largest(image), marks=outside, meaning="padding", numbers=numbers)
    top, left = int(moment.rows[0]) + ring[0], int(moment.columns[0]) + ring[1]
    high, wide = int(moment.rows[-1]) - int(moment.rows[0]) + 1, int(moment.columns[-1]) - int(moment.columns[0]) + 1
    page.outline(LEFT + left * side, y + 24 + top * side, wide * side, high * side)
    x = LEFT + image.shape[1] * side + 72
    below = x + result.shape[1] * side > BROAD + 200
    if below:
        x, start = LEFT, y + image.shape[0] * side + 56
    else:
        start = y
        middle = y + 24 + image.shape[0] * side / 2
        page.path(f"M{x - 56:g} {middle:g}H{x - 16:g}", arrow=True)
    page.text(x, start + 14, f"{say('map', language)}, ±{sheet.write(_largest(result), 3)}", "b")
    page.grid(x, start + 24, result, largest=_largest(result), numbers=numbers)
    page.outline(x + j * side, start + 24 + i * side, side, side)
    foot = max(y + 24 + image.shape[0] * side, start + 24 + result.shape[0] * side)
    return float(foot + GAP + 8)


def _scales(trace: Trace, steps: Sequence[Step]) -> list[float]:
    """Put all steps on one scale; a recurrent cell's valves and memories, which live in -1 to 1, on their own."""
    each = [max(_largest(operand.values) for operand in (*step.operands, step.value)) for step in steps]
    top = max(each)
    return [1.0 if isinstance(trace, Recurrent) and value <= 1 and top > 2 else top for value in each]


def _pieces(step: Step) -> list[tuple[str, Operand]]:
    """Give the operands and the result, each with the sign before it."""
    first = len(step.operands) == 1
    between = step.sign.replace("-", "−") if step.sign in "×+-/" else ","
    opening = "" if step.sign == "identity" else step.sign
    signs = [opening.replace("-", "−")] if first else ["", *[between] * (len(step.operands) - 1)]
    return [*zip(signs, step.operands, strict=True), ("=", step.value)]


def _advance(sign: str) -> float:
    return 24 + 9 * len(sign) if sign else 0


def _measure(step: Step, language: Language) -> tuple[float, float]:
    """Say how much room a step takes when its operands stand in one row."""
    pieces = _pieces(step)
    words = 40 + 8.4 * len(say(step.name, language)) + 7.9 * len(step.formula)
    grids = 24 + sum(_advance(sign) + _width(operand) for sign, operand in pieces)
    marks = 16 if any(operand.marks is not None and operand.marks.any() for _, operand in pieces) else 0
    return max(words, grids), 48 + max(_height(operand) for _, operand in pieces) + marks


def _line(page: Page, left: float, y: float, step: Step, *, number: int, largest: float, language: Language) -> float:
    page.titled(left, y + 16, number, say(step.name, language), step.formula)
    top, x, bottom = y + 28, left + 24, y + 28
    pieces = _pieces(step)
    tallest = max(_height(operand) for _, operand in pieces)
    for n, (sign, operand) in enumerate(pieces):
        if x > left + 24 and x + _advance(sign) + _width(operand) > BROAD:
            top, x = bottom + 12, left + 24
            tallest = max(_height(o) for _, o in pieces[n:])
        if sign:
            page.text(x + _advance(sign) / 2, top + 20 + tallest / 2 + 6, sign, "g")
        x += _advance(sign)
        reach = _operand(page, x, top + (tallest - _height(operand)) / 2, operand, largest=largest, language=language)
        x, bottom = x + _width(operand), max(bottom, reach)
    return bottom


def _operand(page: Page, x: float, y: float, operand: Operand, *, largest: float, language: Language) -> float:
    page.text(x, y + 12, operand.symbol, "f")
    y += 20
    marks = sheet.blocks(np.zeros(operand.values.shape) if operand.marks is None else operand.marks.astype(float))
    pictures = sheet.blocks(operand.values)
    for picture, marked in zip(pictures[:MOST_CHANNELS], marks, strict=False):
        cut = picture[:MOST_SIDE, :MOST_SIDE]
        _, high = page.grid(x, y, cut, largest=largest, marks=marked[:MOST_SIDE, :MOST_SIDE].astype(bool), meaning=operand.meaning)
        y += high + 8
        if picture.size > cut.size:
            page.text(x, y + 10, say("more", language, picture.size - cut.size), "s")
            y += 20
    if len(pictures) > MOST_CHANNELS:
        page.text(x, y + 10, say("more", language, len(pictures) - MOST_CHANNELS), "s")
        y += 20
    if operand.marks is not None and operand.marks.any():
        page.text(x, y + 10, say(operand.meaning, language), "s")
        y += 16
    return y - 8


def _width(operand: Operand) -> float:
    cells = min(MOST_SIDE, sheet.blocks(operand.values)[0].shape[1]) * CELL
    return float(max(cells, 7.9 * len(operand.symbol)))


def _height(operand: Operand) -> float:
    pictures = sheet.blocks(operand.values)
    return float(min(len(pictures), MOST_CHANNELS) * (min(MOST_SIDE, pictures[0].shape[0]) * CELL + 8) - 8)


def _largest(values: Array) -> float:
    return float(np.abs(values).max()) or 1.0
