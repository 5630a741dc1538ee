"""A text coloured by what a cell or a gate did at each character: for the terminal, as a page, as a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from vitral.errors import DataError, ShapeError
from vitral.explain import colour
from vitral.explain.sheet import grouped, write
from vitral.explain.svg import GAP, Page
from vitral.explain.words import Language
from vitral.probe.cell import SIGNED, Floats
from vitral.probe.unrolled import Unrolled
from vitral.probe.words import say

MOST_PAGE, MOST_DRAWING = 50_000, 4_000
"""Characters that a page and a drawing still hold well."""
WIDE, HIGH, COLUMNS = 10, 22, 80
MARKS = {"\n": "↵", "\t": "→", "\r": "␍", "\u00a0": "␣", "\u200b": "·", "\ufeff": "·"}
"""White space and signs without a shape of their own, made visible; a plain blank shows by its colour."""
STEPS = range(-colour.LEVELS, colour.LEVELS + 1)


@dataclass(frozen=True, eq=False)
class Coloured:
    """Symbols, a number for each, and the scale that they lie on."""

    symbols: tuple[str, ...]
    values: Floats
    """(T,)."""
    largest: float
    """The scale's end: 1 for a valve, for a memory what 99 % of its values stay within."""
    signed: bool
    layer: str
    part: str
    unit: int | None
    """None means the mean of all units."""
    num_units: int

    @property
    def clamped(self) -> float:
        """Give the share of values beyond the scale's end."""
        return float((np.abs(self.values) > self.largest * (1 + 1e-9)).mean())

    @property
    def steps(self) -> list[int]:
        """Give each symbol's place on the scale, -10 to 10."""
        return [colour.level(float(value), self.largest) for value in self.values]

    def title(self, language: Language = "en") -> str:
        """Say what colours the text: ``lstm1, forget gate f, unit 12``."""
        if self.unit is None:
            return say("all_units", language, self.layer, say(self.part, language), self.num_units)
        return say("cell", language, self.layer, say(self.part, language), self.unit)

    def legend(self, language: Language = "en") -> str:
        """Say what the colours mean, with the share that lies beyond the scale."""
        words = say("signed" if self.signed else "valve", language)
        return f"{words}; {say('clamped', language, write(100 * self.clamped, 2))}" if self.clamped else words

    def to_values(self) -> dict[str, object]:
        """Give a record for JSON."""
        return {
            "layer": self.layer,
            "part": self.part,
            "unit": self.unit,
            "largest": self.largest,
            "signed": self.signed,
            "clamped": self.clamped,
            "symbols": list(self.symbols),
            "values": [round(float(value), 6) for value in self.values],
        }


def coloured(
    layer: Unrolled, symbols: Sequence[str], part: str, unit: int | None = None, *, example: int = 0, values: Floats | None = None
) -> Coloured:
    """Put a cell's or a gate's values beside the symbols that it read.

    Args:
        layer: as ``unfold`` or ``read`` gives it.
        symbols: the text, one string a step.
        part: "h", "c" or a gate's letter.
        unit: which cell; the mean over all when left out.
        example: which of the batch.
        values: the part over a text that was read in chunks, (T, D), put together; the layer's own when left out.

    Raises:
        SpecError: no such part.
        ShapeError: no such unit, or another number of symbols.
    """
    values = layer[part][example] if values is None else values
    if len(symbols) != len(values):
        raise ShapeError(f"the layer read {len(values)} symbols but {len(symbols)} are to be coloured; give the text that was read")
    if unit is not None and not 0 <= unit < layer.cell.size:
        raise ShapeError(f"{layer.name} has no unit {unit}; use 0 to {layer.cell.size - 1}")
    own = values.mean(axis=1) if unit is None else values[:, unit]
    signed = part in SIGNED
    largest = float(np.quantile(np.abs(own), 0.99)) if signed else 1.0
    return Coloured(tuple(symbols), own, largest or 1.0, signed, layer.name, part, unit, layer.cell.size)


def visible(symbol: str) -> str:
    """Give a symbol something to see: a sign for line ends and tabs, the code of what has no shape.

    Example: a tab is ``→``, the bell is a backslash with x07.
    """
    return "".join(MARKS.get(sign, sign if sign.isprintable() else f"\\x{ord(sign):02x}") for sign in symbol)


def lines(own: Coloured, width: int) -> Iterator[list[tuple[str, int]]]:
    """Break the text into lines of pairs (signs to show, step on the scale), at its own line ends and at ``width``."""
    line: list[tuple[str, int]] = []
    room = width
    for symbol, step in zip(own.symbols, own.steps, strict=True):
        signs = visible(symbol)
        if len(signs) > room and line:
            yield line
            line, room = [], width
        line.append((signs, step))
        room -= len(signs)
        if symbol == "\n":
            yield line
            line, room = [], width
    if line:
        yield line


def plainly(line: Sequence[tuple[str, int]]) -> str:
    """Write a line's steps as signs, for where there are no colours: 1 to 9 positive, a to i negative, a dot for zero."""
    return "".join(_sign(step) + " " * (len(signs) - 1) for signs, step in line).rstrip()


def _sign(step: int) -> str:
    size = min(9, abs(step))
    return "·" if step == 0 else str(size) if step > 0 else "abcdefghi"[size - 1]


def fragment(own: Coloured, *, language: Language = "en") -> str:
    """Give a self-contained piece of HTML: title, legend and text, without scripts, in the reader's own theme.

    Each character bears its exact value as a title, which shows when one points at it.

    Raises:
        DataError: more characters than a page holds well.
    """
    _bound(own, MOST_PAGE, "a page")
    spans = "".join(
        f'<span class="c{step}" title="{_value(float(value))}">{escape(visible(symbol))}</span>' + ("<br>" if symbol == "\n" else "")
        for symbol, value, step in zip(own.symbols, own.values, own.steps, strict=True)
    )
    shown = STEPS if own.signed else range(colour.LEVELS + 1)
    ends = (-own.largest, 0.0, own.largest) if own.signed else (0.0, 1.0)
    bar = "".join(f'<i class="c{step}"></i>' for step in shown)
    numbers = "".join(f"<span>{_value(end)}</span>" for end in ends)
    heading = escape(own.title(language))
    return (
        f'<section class="vitral-text" lang="{language}"><style>{_style()}</style>\n<h2>{heading}</h2>\n'
        f"<p>{escape(say('after', language, grouped(len(own.symbols), language)))}</p>\n"
        f'<div class="key"><div class="bar">{bar}</div><div class="ends">{numbers}</div><p>{escape(own.legend(language))}</p></div>\n'
        f"<pre>{spans}</pre></section>\n"
    )


def page(own: Coloured, *, language: Language = "en") -> str:
    """Give a whole HTML page with the fragment in it; nothing is loaded from anywhere.

    Raises:
        DataError: more characters than a page holds well.
    """
    wall = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{wall}">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(own.title(language))}</title></head>\n<body>\n{fragment(own, language=language)}</body></html>\n"
    )


def draw(own: Coloured, *, language: Language = "en", heading: str = "") -> str:
    """Draw the text as an SVG file, light and dark in one.

    Raises:
        DataError: more characters than a drawing holds well.
    """
    _bound(own, MOST_DRAWING, "a drawing")
    drawing = Page(heading or own.title(language))
    y = GAP + 20.0
    if heading:
        drawing.text(GAP, y, heading, "h")
        y += 28
    drawing.text(GAP, y, own.title(language), "b" if heading else "h")
    drawing.text(GAP, y + 24, say("after", language, grouped(len(own.symbols), language)), "s")
    drawing.scale(GAP + 16, y + 40, own.largest, own.legend(language))
    y += 88
    for line in lines(own, COLUMNS):
        x = float(GAP)
        for signs, step in line:
            drawing.add(f'<rect x="{x:g}" y="{y:g}" width="{WIDE * len(signs)}" height="{HIGH}" class="c{step}"/>')
            if signs != " ":
                drawing.add(
                    f'<text x="{x + WIDE * len(signs) / 2:g}" y="{y + 16:g}" class="n t{step}" style="font-family:monospace">{escape(signs)}</text>'
                )
            x += WIDE * len(signs)
        y += HIGH
        drawing.add("", x, y)
    return drawing.render()


def _value(value: float) -> str:
    return write(value, 3).replace("-", "−")


def _bound(own: Coloured, most: int, what: str) -> None:
    if len(own.symbols) > most:
        raise DataError(f"{what} holds at most {most:,} characters well, got {len(own.symbols):,}; give a shorter text")


def _style() -> str:
    def theme(name: colour.Theme) -> str:
        ground, words, soft = ("#ffffff", "#1b1b1f", "#5d5d66") if name == "light" else ("#15151a", "#ececf1", "#a8a8b3")
        cells = "".join(f".vitral-text .c{s}{{background:{colour.fill(s, name)};color:{colour.ink(s, name)}}}" for s in STEPS)
        return f".vitral-text{{background:{ground};color:{words}}}.vitral-text p,.vitral-text .ends{{color:{soft}}}{cells}"

    return (
        ".vitral-text{font:14px/1.5 system-ui,sans-serif;padding:24px;font-variant-numeric:tabular-nums}"
        ".vitral-text h2{font-size:20px;margin:0 0 8px}.vitral-text p{margin:0 0 8px}.vitral-text .key{max-width:336px}"
        ".vitral-text .bar{display:flex}.vitral-text .bar i{flex:1;height:12px}"
        ".vitral-text .ends{display:flex;justify-content:space-between}"
        ".vitral-text pre{font:14px/1.6 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-width:80ch}"
        f"{theme('light')}@media (prefers-color-scheme:dark){{{theme('dark')}}}"
    )
