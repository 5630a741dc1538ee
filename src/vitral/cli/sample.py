"""``vitral sample``: a trained network writes, in front of one's eyes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitral.cli.ladder import printable
from vitral.cli.options import Json, RunId, Workspace, console, print_json, workspace_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from vitral.generate.choose import Candidate, Written
    from vitral.runtime.written import Author, Copied

CANDIDATES = 5
SYMBOL, BAR, CANDIDATE = 4, 4, 16  # columns: of a symbol, of a bar of probability 1, of a candidate with both
LEFT = 25  # columns of what stands before the candidates
SHOWN = 60  # characters of a copied stretch that are quoted
INTERRUPTED = 130


def sample(
    run: RunId = "last",
    *,
    prime: Annotated[
        str | None, typer.Option(help="What it reads first; by default the prompt of the run's own samples, or a line end.", metavar="TEXT")
    ] = None,
    length: Annotated[int, typer.Option(help="How many characters (or bytes) it writes.", metavar="N")] = 500,
    temperature: Annotated[
        float, typer.Option(help="Below 1 what is likely gets likelier, above 1 rarer things get their turn; 0 takes the likeliest.")
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Draw among so many likeliest symbols only.", metavar="K")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw among the fewest symbols with this probability together.", metavar="P")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws: the same seed writes the same text.", metavar="N")] = 0,
    candidates: Annotated[bool, typer.Option("--candidates", help="One line a symbol, with what else might have come.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look for the longest stretch copied from the training text.")] = True,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Let a network that has learned from a text write one, character by character."""
    from vitral.cli.loading import Loading

    with Loading(console(stderr=True), quiet=json):
        from vitral.generate.choose import Choice
        from vitral.runtime.written import author_of

        choice = Choice(temperature, top_k, top_p)
        author = author_of(run, workspace=workspace_of(workspace))
        beginning = author.beginning(prime)
        stream = Timed(author.write(beginning, length, choice, seed=seed, candidates=CANDIDATES if candidates else 0))
    if json:
        written = list(stream)
        copied, why = _check(author, written) if check else (None, "")
        text = to_values(author, beginning, written)
        how = {"temperature": choice.temperature, "top_k": choice.top_k, "top_p": choice.top_p, "seed": seed}
        checked = {"copied": asdict(copied) if copied else None, **({"not_checked": why} if why else {})}
        print_json({**text, **how, "symbols_per_second": round(stream.pace, 1), **checked, **places_of(author, written)})
        return
    out = console()
    written, stopped = (_show_candidates if candidates else _show_text)(author, beginning, stream, out)
    copied, why = _check(author, written) if check and written and not stopped else (None, "")
    out.print(f"[bright_black]{_closing(author, written, stream.pace, copied, why)}[/bright_black]")
    if stopped:
        raise typer.Exit(INTERRUPTED)


class Timed(Iterator["Written"]):
    """Hands symbols on and counts the time that they take to be made, without the time that showing them takes."""

    def __init__(self, source: Iterator[Written]) -> None:
        self._source = source
        self.seconds = 0.0
        self.count = 0

    def __next__(self) -> Written:
        began = time.perf_counter()
        written = next(self._source)
        self.seconds += time.perf_counter() - began
        self.count += 1
        return written

    @property
    def pace(self) -> float:
        """Symbols per second."""
        return self.count / self.seconds if self.seconds else 0.0


def to_values(author: Author, prime: str, written: list[Written]) -> dict[str, Any]:
    """Give a written text as JSON knows it."""
    codes = [one.symbol for one in written]
    whose = {"run": author.id, "step": author.step, "prime": prime}
    return {**whose, "text": author.vocabulary.decode(codes), "symbols": author.vocabulary.kind, "length": len(codes)}


def places_of(author: Author, written: list[Written]) -> dict[str, Any]:
    """Give what might have come at each place of a text, where candidates were asked for."""
    show = author.vocabulary.show
    if not written or not written[0].candidates:
        return {}
    return {
        "places": [
            {
                "symbol": show(one.symbol),
                "probability": one.probability,
                "chance": one.chance,
                "candidates": [{**other._asdict(), "symbol": show(other.symbol)} for other in one.candidates],
            }
            for one in written
        ]
    }


def _show_text(author: Author, prime: str, stream: Timed, out: Console) -> tuple[list[Written], bool]:
    """Write the text as it comes; say what was written and whether it was interrupted."""
    from vitral.runtime.written import spell

    written: list[Written] = []

    def codes() -> Iterator[int]:
        for one in stream:
            written.append(one)
            yield one.symbol

    from rich.text import Text

    out.print(Text(printable(prime), style="bright_black"), end="")
    stopped = True
    with contextlib.suppress(KeyboardInterrupt):
        for piece in spell(author.vocabulary, codes()):
            if piece and piece != "\r":
                out.file.write(printable(piece))
                out.file.flush()
        stopped = False
    out.print("\n")
    return written, stopped


def _show_candidates(author: Author, prime: str, stream: Timed, out: Console) -> tuple[list[Written], bool]:
    """Write one line a symbol, and the text at the end."""
    from rich.text import Text

    out.print(Text("written   own    drawn   the likeliest, in percent", style="bright_black"))
    written: list[Written] = []
    count = max(1, min(CANDIDATES, (out.width - LEFT) // CANDIDATE))
    stopped = True
    with contextlib.suppress(KeyboardInterrupt):
        for one in stream:
            written.append(one)
            out.print(line_of(author, one, count))
        stopped = False
    text = printable(author.vocabulary.decode([one.symbol for one in written]))
    out.print(Text.assemble("\n", (printable(prime), "bright_black"), text, "\n"))
    return written, stopped


def line_of(author: Author, one: Written, count: int) -> Text:
    """Draw one place of a text: the symbol, what the network itself says, with which chance it was drawn, and what else might have come."""
    from rich.text import Text

    from vitral.cli.words import bar, percent

    line = Text(no_wrap=True)
    line.append(f"  {_cell(author, one)}", "bold")
    line.append(f"{percent(one.probability):>7} {percent(one.chance):>8}   ")
    for other in one.candidates[:count]:
        style = "dark_orange" if other.symbol == one.symbol else "" if other.chance else "bright_black"
        line.append(f"{_cell(author, other)}{bar(other.probability, BAR)}{100 * other.probability:5.1f}  ", style)
    line.rstrip()
    return line


def _cell(author: Author, one: Written | Candidate) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(author.vocabulary.show(one.symbol, space=True), SYMBOL) + " "


def _check(author: Author, written: list[Written]) -> tuple[Copied | None, str]:
    """Find the longest copied stretch, or say why it cannot be looked for: the text itself is worth showing without it."""
    from vitral.errors import DataError

    try:
        return author.copied([one.symbol for one in written]), ""
    except DataError as cause:
        return None, str(cause)


def _closing(author: Author, written: list[Written], pace: float, copied: Copied | None, why: str) -> str:
    from rich.markup import escape

    from vitral.cli.words import number, thousands

    kind = author.vocabulary.kind
    words = [f"{author.id} at step {thousands(author.step)}", f"{thousands(len(written))} {kind}, {number(pace)} a second"]
    if copied is not None and copied.length:
        quoted = printable(copied.text).replace("\n", "↵")
        quoted = quoted if len(quoted) <= SHOWN else f"{quoted[: SHOWN - 1]}…"
        words.append(f"longest stretch that stands in the training text: {thousands(copied.length)} {kind}, “{quoted}”")
    elif copied is not None:
        words.append("nothing of it stands in the training text")
    elif why:
        words.append(f"not compared with the training text: {why}")
    return escape(" · ".join(words))
