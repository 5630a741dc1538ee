"""The terminal's face of a trace: lines of spans, each with a role that the command line colours."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vitral.explain import sheet
from vitral.explain.gradients import Gradient
from vitral.explain.recurrent import Back
from vitral.explain.trace import Moment, Operand, Step, Trace
from vitral.explain.words import Language, say

MOST_CHANNELS, MOST_SIDE, MOST_TERMS = 3, 12, 32


class Span(NamedTuple):
    """A few signs and what they are: heading, formula, positive, negative, zero, marked, sign, note."""

    text: str
    role: str = "note"


Line = tuple[Span, ...]
Block = list[Line]


def explain(trace: Trace, moment: Moment | None = None, *, width: int = 100, language: Language = "en") -> Block:
    """Lay the arithmetic behind one place out in lines no wider than ``width``.

    Args:
        trace: the operation.
        moment: the place, as ``trace.at(...)`` gives it; the facts alone when left out.
        width: columns of the terminal.
        language: "en" or "es".

    Example: ``plain(explain(trace, trace.at(0, 0, 0)))`` is one text to print.
    """
    lines: Block = [(Span(sheet.title(trace, moment, language), "heading"),)]
    for fact in sheet.facts(trace, moment, language):
        lines += [(Span(part),) for part in textwrap.wrap(fact, width)]
    return lines + _steps(moment.steps if moment is not None else (), width, language)


def go_back(back: Back, t: int, *, width: int = 100, language: Language = "en") -> Block:
    """Lay out one step back in time through a recurrent cell, as ``trace.backward(...).at(t)`` gives it."""
    return [(Span(say("back_at", language, t), "heading"),), *_steps(back.steps, width, language)]


def _steps(steps: Iterable[Step], width: int, language: Language) -> Block:
    lines: Block = []
    part = ""
    for number, step in enumerate(steps, 1):
        lines.append(())
        if step.part and step.part != part:
            part = step.part
            lines += [(Span(say(f"part_{part}", language), "heading"),), ()]
        lines += _step(number, step, width, language)
    return lines


def differentiate(gradient: Gradient, *, width: int = 100, language: Language = "en") -> Block:
    """Lay out what one number's gradient is made of, term by term, with the difference beside it."""
    head = tuple(say(key, language) for key in ("term", "upstream", "slope", "local", "product"))
    rows = [
        (_place(place), *(sheet.write(float(v)) for v in values))
        for place, *values in zip(
            gradient.places.tolist(), gradient.upstream, gradient.slope, gradient.local, gradient.products, strict=True
        )
    ]
    kept = rows if len(rows) <= MOST_TERMS else rows[:MOST_TERMS]
    widths = [max(len(row[n]) for row in (head, *kept)) + 2 for n in range(5)]
    lines: Block = [
        (Span(say("gradient_of", language, gradient.of, _place(gradient.place)), "heading"),),
        (Span("".join(word.rjust(size) for word, size in zip(head, widths, strict=True)), "formula"),),
    ]
    for row in kept:
        cells = [Span(row[0].rjust(widths[0]))]
        cells += [Span(text.rjust(size), _role(float(text))) for text, size in zip(row[1:], widths[1:], strict=True)]
        lines.append(tuple(cells))
    if len(rows) > len(kept):
        rest = float(gradient.products[len(kept) :].sum())
        lines.append((Span(f"  {say('more', language, len(rows) - len(kept))}: {sheet.write(rest)}"),))
    lines.append((Span(f"= {sheet.write(gradient.value, 6)}".rjust(sum(widths)), "heading"),))
    check = say("checked", language, sheet.write(gradient.check.value, 6), gradient.check.deviation)
    return [*lines, *((Span(part),) for part in textwrap.wrap(check, width))]


def plain(lines: Iterable[Line]) -> str:
    """Join lines into one text without colours."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines)


def _step(number: int, step: Step, width: int, language: Language) -> Iterator[Line]:
    step = sheet.stand_up(step)
    yield Span(f"{number:>2}  ", "sign"), Span(say(step.name, language), "heading"), Span(f"   {step.formula}", "formula")
    if all(operand.values.ndim == 0 for operand in step.operands):
        yield _scalars(step)
        return
    columns: list[tuple[str, Block]] = []
    for n, operand in enumerate(step.operands):
        columns.append((_sign(step, n, len(step.operands)), _grid(operand, language)))
    columns.append(("=", _grid(step.value, language)))
    yield from _beside(columns, width)
    marked = {o.meaning for o in (*step.operands, step.value) if o.marks is not None and o.marks.any()}
    for meaning in sorted(marked):
        yield (Span(f"    ({'…'}) {say(meaning, language)}"),)


def _sign(step: Step, position: int, count: int) -> str:
    """Between two operands stands the sign; before a single one what is done to it."""
    if count == 1:
        return step.sign
    return "" if position == 0 else step.sign if step.sign in "×+-/" else ","


def _scalars(step: Step) -> Line:
    spans = [Span("    ")]
    for n, operand in enumerate(step.operands):
        sign = _sign(step, n, len(step.operands))
        spans += [Span(f"{sign} " if n == 0 and sign else f" {sign} " if sign else "", "sign"), _number(operand)]
    return (*spans, Span(" = ", "sign"), _number(step.value))


def _number(operand: Operand) -> Span:
    value = float(operand.values)
    marked = operand.marks is not None and bool(operand.marks)
    text = sheet.write(value, 6)
    return Span(f"({text})" if marked else text, "marked" if marked else _role(value))


def _grid(operand: Operand, language: Language) -> Block:
    """Draw numbers as rows under their symbol; marked ones stand in brackets."""
    pictures = sheet.blocks(operand.values)
    marks = sheet.blocks(np.zeros(operand.values.shape) if operand.marks is None else operand.marks.astype(float))
    lines: Block = [(Span(operand.symbol, "formula"),)]
    for c, (picture, marked) in enumerate(zip(pictures[:MOST_CHANNELS], marks, strict=False)):
        if len(pictures) > 1:
            lines.append((Span(f"{say('channel', language)} {c}"),))
        rows = [
            [_cell(v, m) for v, m in zip(row[:MOST_SIDE], line, strict=False)]
            for row, line in zip(picture[:MOST_SIDE], marked, strict=False)
        ]
        size = max(len(span.text) for row in rows for span in row) + 1
        lines += [tuple(Span(span.text.rjust(size), span.role) for span in row) for row in rows]
        cut = max(picture.shape[0] - MOST_SIDE, picture.shape[1] - MOST_SIDE, 0)
        if cut:
            lines.append(
                (Span(f" {say('more', language, picture.size - min(picture.shape[0], MOST_SIDE) * min(picture.shape[1], MOST_SIDE))}"),)
            )
    if len(pictures) > MOST_CHANNELS:
        lines.append((Span(say("more", language, len(pictures) - MOST_CHANNELS)),))
    return lines


def _cell(value: float, marked: float) -> Span:
    text = sheet.write(float(value))
    return Span(f"({text})", "marked") if marked else Span(f"{text} ", _role(value))


def _role(value: float) -> str:
    return "positive" if value > 0 else "negative" if value < 0 else "zero"


def _place(place: Sequence[int]) -> str:
    return ",".join(map(str, place)) if place else "-"


def _beside(columns: Sequence[tuple[str, Block]], width: int) -> Iterator[Line]:
    """Set blocks side by side with their signs between, as many as fit in a line."""
    row: list[tuple[str, Block]] = []
    used = 4
    for sign, block in columns:
        size = _width(block) + len(sign) + 2
        if row and used + size > width:
            yield from _row(row)
            row, used = [], 4
        row.append((sign, block))
        used += size
    yield from _row(row)


def _row(columns: Sequence[tuple[str, Block]]) -> Iterator[Line]:
    height = max(len(block) for _, block in columns)
    middle = (height + 1) // 2 if height > 2 else 1  # the symbols stand in row 0
    for y in range(height):
        spans: list[Span] = [Span("    ")]
        for sign, block in columns:
            spans.append(Span(f" {sign if y == middle else ' ' * len(sign)} " if sign else "", "sign"))
            line = block[y - down] if 0 <= y - (down := (height - len(block)) // 2) < len(block) else ()
            spans += [*line, Span(" " * (_width(block) - sum(len(span.text) for span in line)))]
        yield tuple(spans)


def _width(block: Block) -> int:
    return max(sum(len(span.text) for span in line) for line in block)
