"""``vitral predict``: what a trained network makes of one's own pictures or sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vitral.cli.options import Device, Json, RunId, Workspace, console, print_json, workspace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vitral.runtime.finished import Prediction

BAR = 30  # columns of a bar of probability 1


def predict(
    run: RunId,
    things: Annotated[
        list[str],
        typer.Argument(
            help="Pictures: PNG, JPEG, WebP, BMP, GIF, PPM or TIFF. For a network of sequences: short texts, recordings (WAV), or tables "
            "of numbers, whichever it learned from.",
            metavar="PICTURE|SEQUENCE...",
        ),
    ],
    *,
    tta: Annotated[bool, typer.Option("--tta", help="Average each picture with its mirror image.")] = False,
    device: Device = "auto",
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Name pictures, whose middle is cut out and shrunk to what the network reads; or sequences, such as a name."""
    from vitral.cli.loading import Loading

    with Loading(console(stderr=True), quiet=json):
        from vitral.runtime.finished import finished

        trained = finished(run, workspace=workspace_of(workspace), device=device)
        predictions = trained.predict(things, views="flip" if tta else "one")
    if json:
        kind = "sequence" if trained.experiment.reads_sequences else "picture"
        print_json([{kind: prediction.what, "answers": to_values(prediction)} for prediction in predictions])
    else:
        show(predictions, console())


def show(predictions: Sequence[Prediction], out: Console) -> None:
    """Print the likeliest classes of each thing with bars."""
    from rich.markup import escape

    from vitral.cli.words import bar, percent

    names = max((len(answer.name) for prediction in predictions for answer in prediction.answers), default=0)
    for prediction in predictions:
        out.print(f"[bold]{escape(prediction.what)}[/bold]")
        for answer in prediction.answers:
            drawn = f"[dark_orange]{bar(answer.probability, BAR)}[/dark_orange]"
            out.print(f"  {escape(answer.name.ljust(names))}  {drawn}  {percent(answer.probability):>7}")


def to_values(prediction: Prediction) -> list[dict[str, object]]:
    """Give the answers as JSON knows them."""
    return [{"class": answer.name, "probability": answer.probability} for answer in prediction.answers]
