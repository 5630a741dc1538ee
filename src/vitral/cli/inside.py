"""``vitral inside``: what a recurrent network does with a text, gate by gate and cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperGroup

from vitral.cli.options import Json, RunId, Workspace, console, print_json, workspace_of
from vitral.errors import SpecError, StoreError

if TYPE_CHECKING:
    from vitral.runtime.inside import Inside

Language = Literal["en", "es"]

Given = Annotated[str | None, typer.Option("--text", help="A text to read.", metavar="TEXT")]
File = Annotated[Path | None, typer.Option("--file", help="A file of text to read.", metavar="FILE")]
Start = Annotated[int, typer.Option("--from", help="The first character of the text to read.", metavar="N")]
Length = Annotated[int | None, typer.Option("--length", help="How many characters to read.", metavar="N")]
LayerName = Annotated[
    str | None, typer.Option("--layer", help="The recurrent layer, as in vitral describe; by default the last.", metavar="NAME")
]
Unit = Annotated[int | None, typer.Option("--unit", "--cell", help="The unit; by default the mean of all.", metavar="N")]
Part = Annotated[str | None, typer.Option("--part", "--gate", help="h, c, or a gate: i f g o of an LSTM, r z n of a GRU.", metavar="PART")]
Spoken = Annotated[Language, typer.Option("--language", help="English or Spanish, in drawings and pages.")]
Svg = Annotated[Path | None, typer.Option("--svg", help="Write a drawing to a file.", metavar="FILE")]


class Wanted(NamedTuple):
    """Which text is to be read."""

    text: str | None
    file: Path | None
    start: int
    length: int


class CommandOrRun(TyperGroup):
    """Reads a first word that names no command as the id of a run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Send ``RUN ...`` to the command for a first look."""
        named = bool(args) and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if named else ["look", *args])


inside_app = typer.Typer(
    cls=CommandOrRun,
    no_args_is_help=True,
    help="See inside a recurrent network. A first look: [bold]vitral inside RUN[/bold].",
    epilog="By default the text is what the run never learned from: its test part, or else its validation part.",
)


@inside_app.command("look", hidden=True)
def look(
    run: RunId = "last",
    *,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Take a first look: how open the gates stand, which cells keep track of something, and what to look at next."""
    from vitral.cli import inside_faces as faces

    seen = _look(run, workspace, Wanted(text, file, start, length or 30_000), quiet=json)
    gates, cells = seen.saturation(), seen.cells(best=1)
    if json:
        from vitral.probe.saturation import to_values

        print_json(faces.about(seen) | {"gates": to_values(gates)} | faces.search_values(cells))
        return
    out = console()
    faces.show_saturation(seen, gates, out)
    out.print()
    faces.show_cells(seen, cells, out, headed=False)
    faces.show_next(seen, out)


@inside_app.command("gates")
def gates(
    run: RunId = "last",
    *,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    layer: LayerName = None,
    unit: Unit = None,
    step: Annotated[int | None, typer.Option("--step", help="Show the arithmetic of one step in full.", metavar="N")] = None,
    svg: Svg = None,
    language: Spoken = "en",
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show every gate and memory at every step, recomputed from the weights and compared with what torch computed."""
    from vitral.cli import inside_faces as faces

    seen = _look(run, workspace, Wanted(text, file, start, length or (len(text) if text else 40)), quiet=json)
    found = seen.unfold()
    name = seen.layer(layer)
    own = found[name]
    _check_unit(name, unit, own.cell.size)
    if svg is not None:
        from vitral.explain.diagrams import draw_valves
        from vitral.explain.lstm import Lstm

        trace = own.explain(step or 0, since=0)
        if not isinstance(trace, Lstm):
            raise SpecError(f"--svg draws the valves of an LSTM, and {name} is none; leave it out")
        _write(svg, draw_valves(trace, len(trace.ticks) - 1, language=language, heading=faces.reads(seen, step or 0)))
    if json:
        print_json(faces.unfolding_values(seen, found))
    elif step is None:
        faces.show_gates(seen, found, name, unit, console())
    else:
        faces.show_step(seen, own, step, unit, console(), language=language)


@inside_app.command("saturation")
def saturation(
    run: RunId = "last",
    *,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show how often each gate is all but shut (below 0.1) or all but open (above 0.9)."""
    from vitral.cli import inside_faces as faces

    seen = _look(run, workspace, Wanted(text, file, start, length or 20_000), quiet=json)
    found = seen.saturation()
    if json:
        from vitral.probe.saturation import to_values

        print_json(faces.about(seen) | {"gates": to_values(found)})
    else:
        faces.show_saturation(seen, found, console())


@inside_app.command("cells")
def cells(
    run: RunId = "last",
    *,
    named: Annotated[
        list[str] | None, typer.Option("--property", help="What a cell may track, as quotes; may be given again.", metavar="NAME")
    ] = None,
    best: Annotated[int, typer.Option("--best", help="How many cells to show for each property.", min=1)] = 1,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Search for cells that keep track of something: quotations, the position in the line, brackets ..."""
    from vitral.cli import inside_faces as faces

    seen = _look(run, workspace, Wanted(text, file, start, length or 100_000), quiet=json)
    found = seen.cells(named or (), best=best)
    if json:
        print_json(faces.about(seen) | faces.search_values(found))
    else:
        faces.show_cells(seen, found, console())


@inside_app.command("colour")
def colour(
    run: RunId = "last",
    *,
    layer: LayerName = None,
    unit: Unit = None,
    part: Part = None,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page to a file.", metavar="FILE")] = None,
    svg: Svg = None,
    language: Spoken = "en",
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Colour a text by what a cell or a gate did at each character."""
    from vitral.cli import inside_faces as faces
    from vitral.probe import coloured

    seen = _look(run, workspace, Wanted(text, file, start, length or (len(text) if text else 1000)), quiet=json)
    own = seen.colour(layer, part, unit)
    if html is not None:
        _write(html, coloured.page(own, language=language))
    if svg is not None:
        _write(svg, coloured.draw(own, language=language, heading=seen.run))
    if json:
        print_json(faces.about(seen) | own.to_values())
    elif html is None and svg is None:
        faces.show_coloured(seen, own, language, console())


@inside_app.command("reach")
def reach(
    runs: Annotated[list[str], typer.Argument(help="One run or several, to lie side by side.", metavar="RUN...")],
    *,
    steps: Annotated[int, typer.Option("--steps", help="How many characters back to look.", min=1, max=2000)] = 100,
    places: Annotated[int, typer.Option("--places", help="At how many places of the text.", min=1, max=10_000)] = 64,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    svg: Svg = None,
    language: Spoken = "en",
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show how far back a loss is felt: the size of dL(t)/dh(t-k) against k, for every layer of one run or of several."""
    from vitral.cli import inside_faces as faces

    found = []
    for run in runs:
        seen = _look(run, workspace, Wanted(text, file, start, length or 100_000), quiet=json)
        found += [(seen.run, one) for one in seen.reach(steps=steps, places=places)]
    if svg is not None:
        from vitral.probe.reach_drawing import draw_reach

        _write(svg, draw_reach(found, language=language))
    if json:
        print_json([{"run": run, **one.to_values()} for run, one in found])
    else:
        faces.show_reach(found, console())


@inside_app.command("ablate")
def ablate(
    run: RunId = "last",
    *,
    layer: LayerName = None,
    unit: Annotated[int | None, typer.Option("--unit", "--cell", help="The unit to switch off.", metavar="N")] = None,
    part: Annotated[str | None, typer.Option("--part", help="What of the unit is held at 0: h or c.", metavar="PART")] = None,
    gate: Annotated[
        list[str] | None, typer.Option("--gate", help="A gate held at a number or its mean, as f=0, o=1, i=mean.", metavar="GATE=VALUE")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Switch off every unit of the layer, one after the other.")] = False,
    sample: Annotated[int, typer.Option("--sample", help="How many characters to write, before and after.", min=0, max=10_000)] = 200,
    temperature: Annotated[float, typer.Option("--temperature", help="How daringly to write.")] = 0.7,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws of the samples.", min=0)] = 0,
    text: Given = None,
    file: File = None,
    start: Start = 0,
    length: Length = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Switch a unit or a gate off: the loss before and after, and what the network writes before and after."""
    from vitral.cli import inside_faces as faces

    if each == bool(unit is not None or gate):
        raise SpecError("say what to switch off: --unit N, --gate f=0, or --each for every unit by itself")
    seen = _look(run, workspace, Wanted(text, file, start, length or (1000 if each else 20_000)), quiet=json)
    name = seen.layer(layer)
    if each:
        rises = seen.each(name, part or "h")
        if json:
            print_json(faces.about(seen) | {"layer": name, "part": part or "h", "rises": [round(float(rise), 6) for rise in rises]})
        else:
            faces.show_each(seen, name, part or "h", rises, console())
        return
    held = seen.hold(name, unit, part, gate or ())
    measured = seen.ablate(held)
    written = [seen.write(what, length=sample, temperature=temperature, seed=seed) for what in ((), held)] if sample else []
    if json:
        print_json(faces.about(seen) | faces.ablation_values(seen, measured, written))
    else:
        faces.show_ablation(seen, held, measured, written, console())


def _look(run: str, workspace: Path | None, what: Wanted, *, quiet: bool) -> Inside:
    from vitral.cli.loading import Loading

    with Loading(console(stderr=True), quiet=quiet) as loading:
        from vitral.runtime.inside import look

        place = workspace_of(workspace)
        return look(run, workspace=place, text=what.text, file=what.file, start=what.start, length=what.length, progress=loading.watch)


def _check_unit(layer: str, unit: int | None, size: int) -> None:
    if unit is not None and not 0 <= unit < size:
        raise SpecError(f"{layer} has no unit {unit}; use 0 to {size - 1}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise StoreError(f"{path} cannot be written: {wrong.strerror}; choose another place") from None
