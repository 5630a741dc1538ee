"""``vitral explain``: the arithmetic of an operation, or of one number of a trained network, step by step."""

from __future__ import annotations

import json as jsons
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from vitral.cli.lines import print_lines
from vitral.cli.options import Device, Json, RunId, Workspace, console, print_json, workspace_of
from vitral.errors import DataError, SpecError, StoreError

if TYPE_CHECKING:
    from vitral.explain.presets import Preset
    from vitral.explain.trace import Place, Trace

Language = Literal["en", "es"]
Picture = Literal["step", "folded", "valves", "fading"]
COMMANDS = {
    "convolution": "A kernel over an image, window by window.",
    "pooling": "The maximum or the mean of each window.",
    "global_pooling": "One number of every channel.",
    "activation": "A function of each number.",
    "dense": "Every unit joined to every input.",
    "softmax": "Scores made probabilities.",
    "cross_entropy": "The loss of scores against the truth.",
    "batch_norm": "Numbers by their batch's mean and variance.",
    "local_response_norm": "Numbers by their neighbours among the channels.",
    "dropout": "A mask over numbers.",
    "rnn": "A simple recurrent cell, step by step.",
    "lstm": "Learn, forget, remember, use: an LSTM, step by step.",
    "gru": "A GRU, step by step.",
}

PresetName = Annotated[
    str | None, typer.Option("--preset", help="An example of the lecture, as L5; --preset list names them.", metavar="NAME")
]
File = Annotated[Path | None, typer.Option("--file", help="Numbers as a JSON object; - reads standard input.", metavar="JSON")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="One argument, as stride=2, kernels=sobel-x or image=[[1,3],[6,6]]; may be given again.", metavar="KEY=VALUE"
    ),
]
At = Annotated[str | None, typer.Option("--at", help="The place in the output, as 0,3,3; a step of a sequence, as 1.", metavar="PLACE")]
GradientOf = Annotated[str | None, typer.Option("--gradient", help="What a gradient is made of, as kernels:0,0,1,1.", metavar="NAME:PLACE")]
Back = Annotated[bool, typer.Option("--backward", help="Go one step back in time through a recurrent cell.")]
Svg = Annotated[Path | None, typer.Option("--svg", help="Write a drawing to a file.", metavar="FILE")]
Draw = Annotated[Picture, typer.Option("--draw", help="What to draw; all but step are for recurrent cells.")]
Spoken = Annotated[Language, typer.Option("--language", help="English or Spanish.")]


class OperationOrRun(TyperGroup):
    """Reads a first word that names no operation as the id of a run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Send ``RUN LAYER ...`` to the command for runs."""
        named = bool(args) and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if named else ["run", *args])


explain_app = typer.Typer(
    cls=OperationOrRun,
    no_args_is_help=True,
    help="Show the arithmetic of an operation, or of one number of a trained network: [bold]vitral explain RUN LAYER --channel K --at ROW,COL[/bold].",
)


def _command(operation: str) -> Callable[..., None]:
    def explain(
        *,
        preset: PresetName = None,
        file: File = None,
        changes: Changes = None,
        at: At = None,
        gradient: GradientOf = None,
        backward: Back = False,
        svg: Svg = None,
        draw: Draw = "step",
        language: Spoken = "en",
        json: Json = False,
    ) -> None:
        from vitral.explain import presets

        if preset == "list":
            _list(operation, language)
            return
        chosen = None if file is not None else _preset(operation, preset, complete=changes)
        trace = _trace(operation, chosen, file, changes)
        place = _numbers(at, "--at") if at else chosen.place if isinstance(chosen, presets.Preset) else (0,) * len(trace.shape)
        place = place[:1] if operation in ("rnn", "lstm", "gru") else place
        heading = "" if chosen is None else chosen.spanish if language == "es" else chosen.english
        _show(trace, place, gradient=gradient, backward=backward, svg=svg, draw=draw, heading=heading, language=language, json=json)

    explain.__doc__ = COMMANDS[operation]
    return explain


for _name in COMMANDS:
    explain_app.command(_name)(_command(_name))


@explain_app.command("run", hidden=True)
def run(
    run: RunId,
    layer: Annotated[str, typer.Argument(help="The layer's name, as in [bold]vitral describe[/bold].", metavar="LAYER")],
    *,
    channel: Annotated[int, typer.Option("--channel", help="The channel of a map, or the unit of a vector.")] = 0,
    at: Annotated[str | None, typer.Option("--at", help="The place in the map.", metavar="ROW,COL")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="A picture to look at.", metavar="FILE")] = None,
    example: Annotated[int, typer.Option("--example", help="An example of the test split to look at.", metavar="N")] = 0,
    svg: Svg = None,
    language: Spoken = "en",
    device: Device = "auto",
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show the sum that made one number of a trained network, and how far the engine's own number lies from it."""
    from vitral.cli.loading import Loading

    place = (channel, *(_numbers(at, "--at") if at else ()))
    with Loading(console(stderr=True), quiet=json):
        from vitral.runtime.explained import explain_run

        found = explain_run(run, layer, place, workspace=workspace_of(workspace), image=image, example=example, device=device)
    if svg is not None:
        from vitral.explain.drawing import draw

        _write(svg, draw(found.trace, found.moment, language=language, heading=f"{run} {layer}"))
    if json:
        print_json(found.to_values())
        return
    from vitral.explain import text
    from vitral.explain.words import say

    out = console()
    print_lines(text.explain(found.trace, found.moment, width=out.width, language=language))
    out.print()
    out.print(say("engine", language, f"{found.computed:.9g}", found.deviation, found.reason), markup=False, highlight=False)


def _show(
    trace: Trace,
    place: Place,
    *,
    gradient: str | None,
    backward: bool,
    svg: Path | None,
    draw: Picture,
    heading: str,
    language: Language,
    json: bool,
) -> None:
    from vitral.explain.record import record

    moment = trace.at(*place)
    turned = None
    if gradient is not None:
        name, _, where = gradient.partition(":")
        turned = trace.backward().of(name, *(_numbers(where, "--gradient") if where else ()))
    back = _back(trace, place[0]) if backward else None
    if svg is not None:
        _write(svg, _draw(trace, place, draw, heading, language))
    if json:
        print_json(record(trace, moment.place, gradient=turned, back=back, output=trace.shape == () or _size(trace) <= 100_000))
        return
    from vitral.explain import text

    width = console().width
    if heading:
        console().print(heading, style="bold", markup=False, highlight=False)
    print_lines(text.explain(trace, moment, width=width, language=language))
    if back is not None:
        typer.echo()
        print_lines(text.go_back(back, place[0], width=width, language=language))
    if turned is not None:
        typer.echo()
        print_lines(text.differentiate(turned, width=width, language=language))


def _back(trace: Trace, t: int) -> Any:
    from vitral.explain.recurrent import Recurrent

    if not isinstance(trace, Recurrent):
        raise SpecError(f"--backward goes back in time, got {trace.operation}, which has none; use --gradient NAME:PLACE")
    return trace.backward().at(t)


def _draw(trace: Trace, place: Place, what: Picture, heading: str, language: Language) -> str:
    from vitral.explain import diagrams, drawing, fade
    from vitral.explain.lstm import Lstm
    from vitral.explain.recurrent import Recurrent

    if what == "step":
        return drawing.draw(trace, trace.at(*place), language=language, heading=heading)
    if what == "valves" and isinstance(trace, Lstm):
        return diagrams.draw_valves(trace, place[0], language=language, heading=heading)
    if what == "valves" or not isinstance(trace, Recurrent):
        raise SpecError(
            f"--draw {what} is for {'an LSTM' if what == 'valves' else 'rnn, lstm and gru'}, got {trace.operation}; use --draw step"
        )
    if what == "folded":
        return diagrams.draw_folded(trace, language=language, heading=heading)
    return diagrams.draw_fading([fade(trace)], language=language, heading=heading)


def _preset(operation: str, name: str | None, *, complete: list[str] | None) -> Preset | None:
    """Take the named preset, or the operation's first; none where the command line gives numbers of its own."""
    from vitral.explain import presets

    if name is None and complete and any(change.startswith(("image=", "x=", "scores=", "batch=")) for change in complete):
        return None
    return presets.load(operation, name)


def _trace(operation: str, preset: Preset | None, file: Path | None, changes: list[str] | None) -> Trace:
    from vitral.explain.operations import build, read

    arguments: dict[str, Any] = dict(preset.arguments()) if preset else {}
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as wrong:
            reason = wrong.strerror if isinstance(wrong, OSError) else "it is not UTF-8 text"
            raise DataError(f"{file} cannot be read: {reason}; give a JSON file") from None
        arguments = read(text, str(file))
        if "format" in arguments:
            arguments = arguments.get("arguments", {})
    for change in changes or ():
        key, equals, value = change.partition("=")
        if not equals:
            raise SpecError(f'--set takes KEY=VALUE, as stride=2, got "{change}"')
        arguments[key.strip()] = _value(value)
    return build(operation, arguments)


def _value(text: str) -> Any:
    """Read a value as JSON; what is no JSON is a word, as sobel-x."""
    from vitral.explain.operations import read

    try:
        jsons.loads(text)
    except ValueError:
        return text
    return read(f'{{"value": {text}}}', "--set")["value"]


def _numbers(text: str, option: str) -> Place:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SpecError(f'{option} takes whole numbers with commas between, as 0,3,3, got "{text}"') from None


def _size(trace: Trace) -> int:
    from math import prod

    return prod(trace.shape)


def _list(operation: str, language: Language) -> None:
    from vitral.explain.presets import PRESETS

    for preset in PRESETS:
        if preset.operation == operation:
            typer.echo(f"{preset.name:<11} {preset.spanish if language == 'es' else preset.english}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise StoreError(f"{path} cannot be written: {wrong.strerror}; choose another place") from None
