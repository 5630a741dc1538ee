"""How far back a loss is felt, drawn: a chart in signs for the terminal, and an SVG with a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from vitral.explain.sheet import grouped
from vitral.explain.svg import GAP, Page
from vitral.explain.words import Language
from vitral.probe.cell import Floats
from vitral.probe.reach import Reach
from vitral.probe.words import say

MOST_DECADES = 12
"""Below so many powers of ten under the largest value a curve leaves the picture."""
SIGNS = "●○×+◆◇▲△"
LEFT, WIDTH, HEIGHT = 96.0, 600.0, 320.0
STROKES = ("", "7 4", "2 3", "10 4 2 4")


class Curve(NamedTuple):
    """One line of the picture."""

    label: str
    values: Floats
    """(K+1,)."""


def curves(reaches: Sequence[tuple[str, Reach]]) -> list[Curve]:
    """Give every layer's h and, of an LSTM, c; each run's name stands before its layers' where there are several."""
    several = len({run for run, _ in reaches}) > 1
    found: list[Curve] = []
    for run, reach in reaches:
        name = f"{run} {reach.layer}" if several else reach.layer
        found.append(Curve(f"{name} h", reach.hidden))
        if reach.cell is not None:
            found.append(Curve(f"{name} c", reach.cell))
    return found


def chart(drawn: Sequence[Curve], *, width: int = 72, height: int = 14) -> list[str]:
    """Draw curves as signs, one a curve, over a logarithmic axis of powers of ten.

    Example: two curves over 100 steps are 14 lines, an axis of k, and one line a curve that says which sign it has.
    """
    top, decades = _decades(drawn)
    steps = max(len(curve.values) for curve in drawn) - 1
    columns = max(10, width - 10)
    between = max(1, height // decades)  # lines from one power of ten to the next
    height = between * decades + 1
    grid = [[" "] * columns for _ in range(height)]
    for n, curve in enumerate(drawn):
        for column in range(columns):
            k = round(column * steps / (columns - 1))
            row = _height(float(curve.values[k]), top, decades) if k < len(curve.values) else None
            if row is None:
                continue
            line = grid[round(row * (height - 1))]
            if line[column] == " " or column % 2:  # where two curves lie on one another, both are seen
                line[column] = SIGNS[n % len(SIGNS)]
    labels = {n * between: _power(top - n) for n in range(decades + 1)}
    lines = [f"{labels.get(n, ''):>7} │{''.join(row)}".rstrip() for n, row in enumerate(grid)]
    ticks = [" "] * (columns + 4)
    for n in range(5):
        k = round(steps * n / 4)
        at = round(k * (columns - 1) / max(1, steps))
        ticks[at : at + len(str(k))] = str(k)
    return [*lines, " " * 8 + "└" + "─" * columns, " " * 9 + "".join(ticks).rstrip()]


def draw_reach(reaches: Sequence[tuple[str, Reach]], *, language: Language = "en", heading: str = "") -> str:
    """Draw the curves as an SVG file, light and dark in one: each bears its name at its end and a stroke of its own."""
    drawn = curves(reaches)
    top, decades = _decades(drawn)
    steps = max(len(curve.values) for curve in drawn) - 1
    page = Page(heading or say("reach", language))
    page.text(GAP, 44, heading or say("reach", language), "h")
    page.text(GAP, 70, say("reach_height", language, grouped(reaches[0][1].num_places, language)), "s")
    y = 96.0
    for n in range(decades + 1):
        at = y + HEIGHT * n / decades
        page.path(f"M{LEFT:g} {at:g}h{WIDTH:g}", "rim")
        page.add(f'<text x="{LEFT - 10:g}" y="{at + 5:g}" class="e s">10<tspan dy="-5" font-size="10">{_signed(top - n)}</tspan></text>')
    for n in range(5):
        k = round(steps * n / 4)
        page.text(LEFT + WIDTH * k / max(1, steps), y + HEIGHT + 22, str(k), "m s")
    page.text(LEFT + WIDTH / 2, y + HEIGHT + 46, say("reach_axis", language), "m s")
    ends: list[tuple[float, float, str]] = []
    for n, curve in enumerate(drawn):
        points = []
        for k, value in enumerate(curve.values):
            at_height = _height(float(value), top, decades)
            if at_height is None:
                break
            points.append((LEFT + WIDTH * k / max(1, steps), y + HEIGHT * at_height))
        stroke = STROKES[n // 3 % len(STROKES)]
        dashes = f' stroke-dasharray="{stroke}"' if stroke else ""
        path = "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
        page.add(f'<path d="{path}" class="{("one", "two", "three")[n % 3]}"{dashes}/>')
        ends.append((points[-1][1], points[-1][0], curve.label))
    last = -math.inf
    for at, right, label in sorted(ends):
        last = max(at, last + 20)
        page.text(max(right, LEFT + WIDTH * 0.2) + 10, last + 5, label)
    page.add("", LEFT + WIDTH + 20, y + HEIGHT + 56)
    return page.render()


def _decades(drawn: Sequence[Curve]) -> tuple[int, int]:
    """Give the power of ten at the top, and how many powers the picture holds."""
    largest = max(float(curve.values.max()) for curve in drawn)
    positive = [float(value) for curve in drawn for value in curve.values if value > 0]
    if not positive:
        return 0, 1
    top = math.ceil(math.log10(largest) - 1e-9)
    return top, min(MOST_DECADES, max(1, top - math.floor(math.log10(min(positive)))))


def _height(value: float, top: int, decades: int) -> float | None:
    """Give the place between top (0) and bottom (1), or None below the picture."""
    if value <= 0:
        return None
    share = (top - math.log10(value)) / decades
    return share if share <= 1 else None


def _power(n: int) -> str:
    return "1" if n == 0 else f"1e{_signed(n)}"


def _signed(n: int) -> str:
    return str(n).replace("-", "−")
