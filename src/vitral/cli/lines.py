"""Lines of spans, as the faces of ``vitral.explain`` lay them out, in the terminal's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitral.cli.options import console

if TYPE_CHECKING:
    from vitral.explain.text import Block

STYLES = {
    "heading": "bold",
    "formula": "cyan",
    "sign": "bold",
    "positive": "dark_orange",
    "negative": "dodger_blue2",
    "marked": "dim",
    "zero": "dim",
    "note": "",
}


def print_lines(lines: Block) -> None:
    """Print lines, each span in the colour of its role."""
    from rich.text import Text

    out = console()
    for line in lines:
        drawn = Text(no_wrap=True, overflow="ignore")
        for span in line:
            drawn.append(span.text, style=STYLES[span.role])
        drawn.rstrip()
        out.print(drawn, crop=False, highlight=False)
