"""``vitral runs`` and ``vitral show``: what was trained so far, read from the workspace without loading torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from vitral.cli.options import Json, RunId, Workspace, command, console, print_json, title_of, workspace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vitral.events import Event
    from vitral.runtime.workspace import RunInfo
    from vitral.spec.experiment import Experiment


def runs(workspace: Workspace = None, json: Json = False) -> None:
    """List all runs of the workspace."""
    from vitral.runtime.workspace import listing

    place = workspace_of(workspace)
    known = listing(place)
    if json:
        print_json([info.to_dict() for info in known])
        return
    from rich.markup import escape
    from rich.table import Table

    from vitral.cli.words import thousands

    out = console()
    if not known:
        out.print(f"No runs in {escape(str(place))} yet. Begin with: {command()} train")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    table.add_column("run", no_wrap=True)
    table.add_column("state")
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    for info in known:
        of = f" of {thousands(info.num_steps)}" if info.num_steps else ""
        table.add_row(f"[bold]{escape(info.id)}[/bold]", info.shown, f"{thousands(info.step)}{of}", _measured(info))
    out.print(table)


def _measured(info: RunInfo) -> str:
    from vitral.cli.words import number, percent

    if info.is_text and info.loss is not None:
        return f"{info.loss:.3f} nats"
    if info.accuracy is not None:
        return percent(info.accuracy)
    return f"loss {number(info.loss)}" if info.loss is not None else "–"


def show(
    run: RunId = "last",
    *,
    samples: Annotated[bool, typer.Option("--samples", help="Show the texts that it wrote while it learned.")] = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show one run: its settings, its curve, what was measured and what was changed on the way."""
    from vitral.runtime.workspace import events, experiment_of, find

    place = workspace_of(workspace)
    info = find(place, run)
    experiment, stream = experiment_of(place, info.id), events(place, info.id)
    if samples:
        from vitral.cli.ladder import show_samples

        show_samples(info, experiment, stream, console(), json=json)
    elif json:
        print_json(to_values(info, experiment, stream))
    else:
        _show(info, experiment, stream, console(), f" --workspace {workspace}" if workspace else "")


def _show(info: RunInfo, experiment: Experiment, stream: Sequence[Event], out: Console, where: str) -> None:
    from rich.markup import escape

    from vitral.cli.standing import Standing, tell
    from vitral.cli.words import number, spark, thousands

    standing = Standing()
    for event in stream:
        standing.take(event)
    start = standing.start
    out.print(f"[bold]{escape(info.id)}[/bold]   {escape(title_of(experiment))}")
    of = f" of {thousands(info.num_steps)}" if info.num_steps else ""
    out.print(f"{info.shown} at step {thousands(info.step)}{of}{f': {escape(info.note)}' if info.note else ''}")
    if start:
        out.print(
            f"[bright_black]{start.device} · {start.precision} · {start.memory_format} · {start.num_threads} threads   "
            f"{thousands(start.num_parameters)} parameters, {thousands(start.num_train)} + {thousands(start.num_test)} {start.unit} of "
            f"{escape(start.data)}, batch {start.batch_size}, seed {start.seed}[/bright_black]"
        )
        for note in start.notes:
            out.print(f"[bright_black]{escape(note)}[/bright_black]")
    if values := standing.curve.values:
        width = max(16, min(out.width, 120) - 32)
        finite = [value for value in values if math.isfinite(value)] or [math.nan]
        curve = f"[dark_orange]{spark(values, width)}[/dark_orange]"
        out.print(f"\nloss  {curve}  {number(min(finite))} to {number(max(finite))}\n")
    for event in stream:
        if event.kind in ("evaluated", "sample_written", "control_changed", "diverged"):
            out.print(f"  {escape(tell(event))}")
    out.print(f"\n  {command()} {_next(info)}{where}")


def _next(info: RunInfo) -> str:
    if info.state == "running":
        return f"show {info.id}"
    return f"train --resume {info.id}" if info.state in ("interrupted", "failed") else f"evaluate {info.id}"


def to_values(info: RunInfo, experiment: Experiment, stream: Sequence[Event]) -> dict[str, object]:
    """Give a run as JSON knows it: what ``vitral runs --json`` gives, the experiment, the curve's means and every other event."""
    import json

    from vitral.cli.curve import Curve
    from vitral.events import BatchDone, to_json

    curve = Curve()
    for event in stream:
        if isinstance(event, BatchDone):
            curve.add(event.loss)
    means = [value if math.isfinite(value) else None for value in curve.values]
    return {
        **info.to_dict(),
        "experiment": experiment.model_dump(mode="json"),
        "loss": {"steps_per_point": curve.per_point, "means": means},
        "events": [json.loads(to_json(event)) for event in stream if not isinstance(event, BatchDone)],
    }
