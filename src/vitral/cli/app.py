"""The command ``vitral``: its sub-commands, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from vitral.cli import data, describe, evaluate, explain, inside, predict, runs, sample, train
from vitral.cli import open as laboratory
from vitral.cli.options import command
from vitral.errors import VitralError

app = typer.Typer(
    name="vitral",
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train convolutional and recurrent networks at full speed and see through them while they learn.",
    epilog="Begin with [bold]vitral[/bold] alone: it opens the laboratory in the browser, and needs nothing else.",
)
app.command("open")(laboratory.open_)
app.command("train")(train.train)
app.command("describe")(describe.describe)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("sample")(sample.sample)
app.command("runs")(runs.runs)
app.command("show")(runs.show)
app.command("zoo")(describe.zoo)
app.add_typer(data.data_app, name="data")
app.add_typer(explain.explain_app, name="explain")
app.add_typer(inside.inside_app, name="inside")


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vitral {version('vitral')}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    """Train convolutional and recurrent networks at full speed and see through them while they learn."""
    if context.invoked_subcommand is None:
        laboratory.open_()


def main() -> None:
    """Run the command line. What a person did wrong is one line on standard error and exit code 2."""
    try:
        app(prog_name=command())
    except VitralError as wrong:
        typer.echo(f"vitral: {wrong}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe left, as in `vitral runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        sys.exit(1)
