"""The same recurrent model folded and unfolded in time, an LSTM's valves, and how the gradient fades."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vitral.explain import colour
from vitral.explain.drawing import LEFT, head
from vitral.explain.lstm import Lstm, LstmTick
from vitral.explain.recurrent import Recurrent
from vitral.explain.sheet import write
from vitral.explain.svg import Page
from vitral.explain.through_time import Fading
from vitral.explain.trace import Array
from vitral.explain.words import Language, name_of, say

BOX_W, BOX_H, STEP, MOST_STEPS, MOST_CELLS, TINY = 104.0, 60.0, 176.0, 5, 4, 26


def draw_folded(trace: Recurrent, *, language: Language = "en", heading: str = "") -> str:
    """Draw the model folded (one box with a loop) beside the same model unfolded over the first steps, each with its numbers.

    X(t) goes in below, Y(t) comes out above; S(t-1) goes in from the left, S(t) out to the right; W is the same at every step.
    """
    page = Page(heading or name_of(trace.operation, language))
    lines = [name_of(trace.operation, language), say("same_weights", language)]
    y = head(page, heading, lines) + 8
    middle = y + 190
    page.text(LEFT, y + 16, say("folded", language), "b")
    _box(page, LEFT + 40, middle, "S(t)")
    _up(page, LEFT + 40, middle, "X(t)", "Y(t)")
    right = LEFT + 40 + BOX_W
    loop = f"M{right:g} {middle:g}h18c24 0 24 -56 -8 -56h-{BOX_W:g}c-34 0 -34 56 -22 56h10"
    page.path(loop, arrow=True)
    page.text(right + 44, middle - 24, "W", "b")
    page.text(right + 44, middle - 6, "S(t-1)", "s")
    start = right + 148
    page.text(start - 30, middle + 6, "=", "g")
    page.text(start + 8, y + 16, say("unfolded", language), "b")
    ticks = trace.ticks[:MOST_STEPS]
    page.path(f"M{start:g} {middle:g}h46", arrow=True)
    page.text(start, middle - 10, "S(0)", "s")
    for n, tick in enumerate(ticks):
        x = start + 48 + n * STEP
        _box(page, x, middle, f"S({n + 1})")
        _up(page, x, middle, f"X({n + 1})", f"Y({n + 1})")
        _cells(page, x + BOX_W / 2, middle + 112, tick.x)
        _cells(page, x + BOX_W / 2, middle - 134, tick.hidden)
        page.path(f"M{x + BOX_W:g} {middle:g}h{STEP - BOX_W:g}", arrow=True)
        page.text(x + BOX_W + (STEP - BOX_W) / 2 - 4, middle - 10, "W", "m b")
        if tick.cell is not None:
            page.text(x + BOX_W / 2, middle + 22, f"c = {write(float(tick.cell[0]), 3)}".replace("-", "−"), "m s")
    largest = max(1.0, *(float(np.abs(tick.x).max()) for tick in ticks))
    page.scale(LEFT + 16, middle + 190, largest, say("legend", language))
    page.add("", start + 48 + len(ticks) * STEP + 24, middle + 232)
    return page.render()


def draw_valves(trace: Lstm, t: int, *, language: Language = "en", heading: str = "") -> str:
    """Draw one step of an LSTM as two memories and three valves, each as far open as its sigmoid (the mean over the units)."""
    tick = trace.at(t)
    assert isinstance(tick, LstmTick), "an LSTM's steps are"
    page = Page(heading or name_of("lstm", language))
    y = head(page, heading, [f"{name_of('lstm', language)}: {say('at_step', language, t)}", say("valves_read", language)]) + 24
    long, short, names = y + 56, y + 220, ("forget", "learn", "use")
    columns = dict(zip(names, (LEFT + 190, LEFT + 470, LEFT + 700), strict=True))
    page.text(LEFT, long - 38, say("long_term", language), "b")
    page.text(LEFT, short + 60, say("short_term", language), "b")
    end = LEFT + 960
    page.path(f"M{LEFT + 86:g} {long:g}H{end:g}", arrow=True)
    page.path(f"M{LEFT + 86:g} {short:g}H{columns['learn']:g}")
    page.path(f"M{columns['use']:g} {short:g}H{end:g}", arrow=True)
    page.path(f"M{columns['learn']:g} {short:g}V{long + 8:g}", arrow=True)
    page.path(f"M{columns['use']:g} {long:g}V{short:g}")
    _valve(
        page, columns["forget"], long, tick["f"].value, say("stage_forget", language), formula="f × c(t-1)", language=language, across=True
    )
    _valve(page, columns["learn"], short - 76, tick["i"].value, say("stage_learn", language), formula="i × g", language=language)
    _valve(page, columns["use"], short - 76, tick["o"].value, say("stage_use", language), formula="o × tanh(c)", language=language)
    page.add(f'<circle cx="{columns["learn"]:g}" cy="{long:g}" r="13" class="box page"/>')
    page.text(columns["learn"], long + 6, "+", "g")
    page.text(columns["learn"] + 20, long - 16, say("stage_remember", language), "s")
    assert tick.cell_before is not None, "an LSTM always has one"
    for x, at, values, symbol in (
        (LEFT + 44, long, tick.cell_before, "c(t-1)"), (LEFT + 44, short, tick.hidden_before, "h(t-1)"),
        (end + 52, long, tick.cell, "c(t)"), (end + 52, short, tick.hidden, "h(t)"),
    ):  # fmt: skip
        _cells(page, x, at - 13, values)
        page.text(x, at - 20, symbol, "m s")
    page.text(columns["learn"], short + 36, say("learnable", language, _list(tick["g"].value)), "m s")
    page.scale(LEFT + 16, short + 92, 1.0, say("legend", language))
    page.add("", end + 110, short + 136)
    return page.render()


def draw_fading(fadings: Sequence[Fading], *, language: Language = "en", heading: str = "") -> str:
    """Draw how much of the gradient at the last step is left at every step before it, RNN beside LSTM."""
    page = Page(heading or say("fading", language))
    y = head(page, heading, [say("fading", language)]) + 20
    left, width, height = LEFT + 64.0, 560.0, 260.0
    curves = [(f"left_{fading.operation}", fading.survival) for fading in fadings]
    curves += [("left_cell", fading.cell_survival) for fading in fadings if fading.cell_survival is not None]
    lowest = min(float(curve[curve > 0].min()) for _, curve in curves)
    decades = max(1, math.ceil(-math.log10(lowest)))
    most = max(len(curve) for _, curve in curves) - 1
    for n in range(decades + 1):
        at = y + height * n / decades
        page.path(f"M{left:g} {at:g}h{width:g}", "rim")
        page.text(left - 10, at + 5, f"{100 * 10.0**-n:g} %", "e s")
    ends = []
    for (name, curve), kind in zip(curves, ("one", "two", "three"), strict=False):
        points = [
            (left + width * (len(curve) - 1 - t) / max(1, most), y + height * min(1.0, max(0.0, -math.log10(max(value, 1e-300)) / decades)))
            for t, value in enumerate(curve)
        ]
        page.path("M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in reversed(points)), kind)
        ends.append((points[0][1], say(name, language), f"{100 * curve[0]:.3g} %"))
    last = -math.inf
    for at, name, share in sorted(ends):
        last = max(at, last + 20)
        page.text(left + width + 10, last + 5, f"{name}: {share}")
    for n in range(0, most + 1, max(1, most // 5)):
        page.text(left + width * n / max(1, most), y + height + 22, str(n), "m s")
    page.text(left + width / 2, y + height + 46, say("steps_back", language), "m s")
    page.add("", left + width + 200, y + height + 56)
    return page.render()


def _box(page: Page, x: float, middle: float, name: str) -> None:
    page.box(x, middle - BOX_H / 2, BOX_W, BOX_H, radius=8)
    page.text(x + BOX_W / 2, middle + 5, name, "m b")


def _up(page: Page, x: float, middle: float, below: str, above: str) -> None:
    centre = x + BOX_W / 2
    page.path(f"M{centre:g} {middle + 84:g}V{middle + BOX_H / 2 + 2:g}", arrow=True)
    page.path(f"M{centre:g} {middle - BOX_H / 2:g}V{middle - 82:g}", arrow=True)
    page.text(centre, middle + 102, below, "m b")
    page.text(centre, middle - 92, above, "m b")


def _cells(page: Page, centre: float, top: float, values: Array) -> None:
    """Write a small vector as cells on the signed scale."""
    shown = values[:MOST_CELLS]
    side = max(TINY, 44) if len(shown) == 1 else 30
    left, largest = centre - side * len(shown) / 2, max(1.0, float(np.abs(values).max()))
    for n, value in enumerate(shown):
        step = colour.level(float(value), largest)
        page.box(left + n * side, top, side, TINY, f"edge c{step}")
        words = write(float(value), 2).replace("-", "−")
        page.text(left + (n + 0.5) * side, top + 17, words, f"n t{step} n6")
    if len(values) > MOST_CELLS:
        page.text(left + side * len(shown) + 4, top + 17, "…", "s")


def _valve(page: Page, x: float, y: float, values: Array, name: str, *, formula: str, language: Language, across: bool = False) -> None:
    """Draw a valve on its pipe: the blade lies along the pipe when it is open, the ring around it fills up to the same share."""
    share = float(values.mean())
    angle = math.radians(90 * share)
    page.add(f'<circle cx="{x:g}" cy="{y:g}" r="22" class="box page"/>')
    end = (x + 22 * math.sin(2 * math.pi * min(share, 0.9999)), y - 22 * math.cos(2 * math.pi * min(share, 0.9999)))
    page.path(f"M{x:g} {y - 22:g}A22 22 0 {int(share > 0.5)} 1 {end[0]:.2f} {end[1]:.2f}", "valve")
    dx, dy = 15 * math.sin(angle), 15 * math.cos(angle)
    if not across:
        dx, dy = dy, dx
    page.path(f"M{x - dx:.1f} {y + dy:.1f}L{x + dx:.1f} {y - dy:.1f}", "out")
    page.text(x + 32, y + 26, say("open", language, write(100 * share, 3)), "b")
    page.text(x + 32, y + 43, name, "s")
    page.text(x + 32, y + 60, formula, "f")


def _list(values: Array) -> str:
    return ", ".join(write(float(value), 3) for value in values[:MOST_CELLS]).replace("-", "−")
