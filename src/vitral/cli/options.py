"""The options that several commands share, said once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from vitral.spec.experiment import Experiment as Chosen

Experiment = Annotated[str, typer.Argument(help="A name of [bold]vitral zoo[/bold], or a TOML or JSON file.", metavar="EXPERIMENT|FILE")]
RunId = Annotated[str, typer.Argument(help="A run's id, the beginning of it, or [bold]last[/bold].", metavar="RUN")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting, such as training.batch_size=64; may be given again.", metavar="KEY=VALUE"),
]
Workspace = Annotated[Path | None, typer.Option("--workspace", help="The folder of runs; by default VITRAL_WORKSPACE.", metavar="DIR")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def workspace_of(given: Path | None) -> Path:
    """Give the folder of runs that is meant."""
    from vitral import settings

    return given.expanduser().resolve() if given else settings.workspace()


def command() -> str:
    """Give the words that called this program, so that what it says to type works: ``vitral``, or ``python3 start.py``."""
    return os.environ.get("VITRAL_COMMAND", "vitral")


def title_of(experiment: Chosen) -> str:
    """Give an experiment's title, or its name where it has none."""
    return experiment.title.en or experiment.name


def console(*, stderr: bool = False) -> Console:
    """Open the terminal for writing; where it is none, lines are as long as they are."""
    from rich.console import Console

    out = sys.stderr if stderr else sys.stdout
    return Console(file=out, highlight=False, soft_wrap=not out.isatty(), width=None if out.isatty() else 200)


def print_json(value: object) -> None:
    """Print a value as one JSON document; numbers that are not finite are null."""
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
