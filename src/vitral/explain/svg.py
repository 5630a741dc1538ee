"""A page of SVG: text, boxes, arrows and grids of numbers on the signed scale, light and dark in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import numpy as np

from vitral.explain import colour
from vitral.explain.sheet import write
from vitral.explain.trace import Array, Marks

CELL, SMALL, GAP = 40, 16, 24
SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'
MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace'
STEPS = range(-colour.LEVELS, colour.LEVELS + 1)
PAGES: dict[colour.Theme, dict[str, str]] = {
    "light": {"page": "#ffffff", "ink": "#1b1b1f", "soft": "#5d5d66", "line": "#b9b9c2", "accent": "#0b57d0", "hatch": "#5d5d66"},
    "dark": {"page": "#15151a", "ink": "#ececf1", "soft": "#a8a8b3", "line": "#55555f", "accent": "#8ab4f8", "hatch": "#c4c4ce"},
}


def _theme(theme: colour.Theme) -> str:
    page = "".join(f"--{name}:{value};" for name, value in PAGES[theme].items())
    cells = "".join(f".c{s}{{fill:{colour.fill(s, theme)}}}.t{s}{{fill:{colour.ink(s, theme)}}}" for s in STEPS)
    return f"svg{{{page}}}{cells}"


STYLE = (
    f"text{{font-family:{SANS};font-size:14px;fill:var(--ink);font-variant-numeric:tabular-nums}}"
    ".h{font-size:20px;font-weight:600}.b{font-weight:600}.s{fill:var(--soft);font-size:13px}"
    f".f{{font-family:{MONO};font-size:13px;fill:var(--soft)}}.n{{text-anchor:middle;font-size:13px}}.n5{{font-size:11.5px}}.n6{{font-size:10px}}"
    ".g{text-anchor:middle;font-size:18px}.m{text-anchor:middle}.e{text-anchor:end}"
    ".edge{stroke:var(--line);stroke-width:1}.rim{stroke:var(--line);fill:none}.box{fill:none;stroke:var(--ink);stroke-width:1.5}"
    ".out{fill:none;stroke:var(--ink);stroke-width:3}.halo{fill:none;stroke:var(--page);stroke-width:6}.wire{fill:none;stroke:var(--ink);stroke-width:1.5}"
    ".tip{fill:var(--ink)}.won{fill:none;stroke:#000;stroke-width:2.5}.hatch{stroke:var(--hatch);stroke-width:1;opacity:.4}"
    ".page{fill:var(--page)}.track{stroke:var(--line);stroke-width:6;fill:none}.valve{stroke:var(--accent);stroke-width:6;fill:none}"
    ".one{stroke:#c2570c;stroke-width:2.5;fill:none}.two{stroke:#2f6fdd;stroke-width:2.5;fill:none}.three{stroke:#6d7a1f;stroke-width:2.5;fill:none}"
)


@dataclass
class Page:
    """Elements one after another, and how far they reach."""

    title: str
    width: float = 720
    height: float = 0
    elements: list[str] = field(default_factory=list)

    def add(self, element: str, right: float = 0, bottom: float = 0) -> None:
        """Add an element that reaches so far."""
        self.elements.append(element)
        self.width, self.height = max(self.width, right + GAP), max(self.height, bottom + GAP)

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        """Write words with their baseline at (x, y)."""
        names = f' class="{kind}"' if kind else ""
        reach = (
            x + (12.8 if "h" in kind.split() else 8.2 if "b" in kind.split() else 7) * len(words)
            if not {"n", "g", "m", "e"} & set(kind.split())
            else x
        )
        self.add(f'<text x="{x:g}" y="{y:g}"{names}>{escape(words)}</text>', reach, y)

    def box(self, x: float, y: float, width: float, height: float, kind: str = "box", *, radius: float = 0) -> None:
        """Draw a rectangle."""
        round_off = f' rx="{radius:g}"' if radius else ""
        self.add(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{kind}"{round_off}/>', x + width, y + height)

    def outline(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a frame that stands out on every colour of the scale."""
        self.box(x, y, width, height, "halo", radius=2)
        self.box(x, y, width, height, "out", radius=2)

    def titled(self, x: float, y: float, number: int, name: str, formula: str) -> None:
        """Write a step's number, name and formula in one line."""
        spans = f'<tspan class="b">{number}</tspan><tspan class="b" dx="10">{escape(name)}</tspan><tspan class="f" dx="12">{escape(formula)}</tspan>'
        self.add(f'<text x="{x:g}" y="{y:g}">{spans}</text>', x + 40 + 8.6 * len(name) + 8 * len(formula), y)

    def path(self, points: str, kind: str = "wire", *, arrow: bool = False) -> None:
        """Draw a path; ``arrow`` puts a tip at its end."""
        tip = ' marker-end="url(#tip)"' if arrow else ""
        self.add(f'<path d="{points}" class="{kind}"{tip}/>')

    def grid(
        self, x: float, y: float, values: Array, *, largest: float, marks: Marks | None = None, meaning: str = "", numbers: bool = True
    ) -> tuple[float, float]:
        """Draw a two-axis array as cells on the signed scale; padding is hatched, a winner ringed. Gives (width, height)."""
        side = CELL if numbers else SMALL
        rows, columns = values.shape
        for (i, j), value in np.ndenumerate(values):
            step, left, top = colour.level(float(value), largest), x + j * side, y + i * side
            self.add(f'<rect x="{left:g}" y="{top:g}" width="{side}" height="{side}" class="edge c{step}"/>')
            if marks is not None and marks[i, j]:
                self._mark(left, top, side, meaning)
            if numbers:
                words = write(float(value), 3)
                shown = words.replace("-", "−")
                kind = f"n t{step}" + (" n6" if len(words) > 5 else " n5" if len(words) > 4 else "")
                self.add(f'<text x="{left + side / 2:g}" y="{top + side / 2 + 4.5:g}" class="{kind}">{shown}</text>')
        self.add("", x + columns * side, y + rows * side)
        return columns * side, rows * side

    def _mark(self, left: float, top: float, side: float, meaning: str) -> None:
        if meaning == "winner":
            self.add(f'<rect x="{left + 3:g}" y="{top + 3:g}" width="{side - 6}" height="{side - 6}" class="won" rx="4"/>')
            return
        reach = [(max(0, d - side), min(d, side)) for d in range(8, 2 * int(side), 8)]
        lines = "".join(f"M{left + near:g} {top + far:g}L{left + far:g} {top + near:g}" for near, far in reach)
        self.add(f'<path d="{lines}" class="hatch"/>')

    def scale(self, x: float, y: float, largest: float, words: str) -> None:
        """Draw the legend: the colours with the numbers at their ends."""
        for n, step in enumerate(STEPS):
            self.add(f'<rect x="{x + n * 8:g}" y="{y:g}" width="8" height="12" class="c{step}"/>')
        self.box(x, y, 8 * len(STEPS), 12, "rim")
        middle = x + 4 * len(STEPS)
        for at, value in ((x, -largest), (middle, 0.0), (x + 8 * len(STEPS), largest)):
            self.text(at, y + 28, write(value, 3).replace("-", "−"), "s m")
        self.text(x + 8 * len(STEPS) + 28, y + 11, words, "s")

    def render(self) -> str:
        """Give the whole file."""
        w, h = self.width, self.height
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:g} {h:g}" width="{w:g}" height="{h:g}" role="img">'
        style = f"{STYLE}{_theme('light')}@media screen and (prefers-color-scheme:dark){{{_theme('dark')}}}"
        tip = '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        defs = f'<defs>{tip}<path d="M0 0L10 5L0 10z" class="tip"/></marker></defs>'
        back = f'<rect width="{w:g}" height="{h:g}" class="page"/>'
        body = "\n".join(element for element in self.elements if element)
        return f"{head}\n<title>{escape(self.title)}</title>\n<style>{style}</style>{defs}\n{back}\n{body}\n</svg>\n"
