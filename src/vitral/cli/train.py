"""``vitral train``: a network learns, in front of one's eyes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitral.cli.options import Device, Json, Sets, Workspace, command, console, title_of, workspace_of
from vitral.cli.signals import Signals
from vitral.errors import SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from vitral.cli.display import Display
    from vitral.cli.plain import Silent
    from vitral.events import RunEnded
    from vitral.runtime.run import Run
    from vitral.spec.experiment import Experiment


def train(
    experiment: Annotated[
        str | None,
        typer.Argument(
            help="A name of [bold]vitral zoo[/bold], or a TOML or JSON file; by default the experiment default.", metavar="EXPERIMENT|FILE"
        ),
    ] = None,
    *,
    sets: Sets = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Train for so many epochs.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Train for so many steps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of everything random.")] = None,
    device: Device = "auto",
    resume: Annotated[str | None, typer.Option(help="Go on with a run: its id, the beginning of it, or last.", metavar="RUN")] = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Train a network and watch it learn; Ctrl-C saves and stops."""
    from vitral.runtime.choice import choose

    own = {"EXPERIMENT": experiment, "--set": sets, "--epochs": epochs, "--steps": steps, "--seed": seed}
    given = [name for name, value in own.items() if value]
    if resume is not None and given:
        raise SpecError(
            f"--resume goes on with the run's own experiment; leave out {', '.join(given)}, or train a new run without --resume"
        )
    chosen = None if resume is not None else choose(experiment or "default", sets or (), epochs=epochs, steps=steps, seed=seed)

    def adapt(substitute: Experiment) -> Experiment:
        return choose(substitute, epochs=epochs, steps=steps, seed=seed)

    from vitral.cli.loading import Loading

    with Loading(console(stderr=True), quiet=json) as loading:
        from vitral.runtime import run as runtime  # loads torch: only once the experiment is known to be sound

        place = workspace_of(workspace)
        if chosen is not None:
            run = runtime.start(chosen, workspace=place, device=device, progress=loading.watch, adapt=adapt)
        else:
            assert resume is not None
            run = runtime.resume(resume, workspace=place, device=device, progress=loading.watch)
    raise typer.Exit(follow(run, workspace, json=json))


def follow(run: Run, workspace: Path | None, *, json: bool) -> int:
    """Show a run until it ends; gives the exit code: 0 finished, 1 diverged, 128 + the signal's number when interrupted."""
    out = console()
    display = open_display(out, title_of(run.experiment), json=json)

    def stop(number: int) -> None:
        run.stop()
        if number == getattr(signal, "SIGHUP", None):
            display.mute()  # the terminal is gone
        else:
            display.say("stopping: this step ends, then the run is saved; once more to leave at once")

    with Signals(stop) as signals, run, display:
        try:
            for event in run.events():
                display.watch(event)
        except BrokenPipeError:
            run.close("interrupted")  # the reader of our lines left: what was learned so far is worth keeping
            raise
    if not json and signals.number != getattr(signal, "SIGHUP", None):
        assert run.ended is not None
        _say_goodbye(run, run.ended, display, out, f" --workspace {workspace}" if workspace else "")
    if signals.number:
        return 128 + signals.number
    return 0 if run.ended and run.ended.outcome == "finished" else 1


def open_display(out: Console, title: str, *, json: bool) -> Display | Silent:
    """Choose how a run is shown: JSON lines, a live picture in a terminal, or plain lines elsewhere."""
    from vitral.cli.plain import JsonLines, Lines

    if json:
        return JsonLines(sys.stdout)
    if sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb":
        from vitral.cli.display import Display

        return Display(out, title)
    return Lines(sys.stdout, title)


def _say_goodbye(run: Run, ended: RunEnded, display: Display | Silent, out: Console, where: str) -> None:
    from vitral.cli.standing import results
    from vitral.cli.words import thousands

    standing = display.standing
    test, start = standing.evaluated, standing.start
    figure = ""
    if test and start and test.accuracy is not None:
        title = f"{test.split.capitalize()} {'result' if test.confusion is None else 'accuracy'}"
        figure = f" {title} {results(standing)}, on {thousands(test.num_examples)} {start.unit}."
    out.print()
    if ended.outcome == "finished":
        out.print(f"[bold]Finished.[/bold]{figure}")
        for step, effect in _next_steps(run, start.unit if start else "images"):
            out.print(f"  {command()} {step}{where}   {effect}")
    elif ended.outcome == "interrupted":
        out.print(f"[bold]Saved[/bold] at step {thousands(ended.step)} of {thousands(standing.num_steps)}. Go on with:")
        out.print(f"  {command()} train --resume {run.id}{where}")
    else:
        what = standing.diverged
        words = f" at step {thousands(what.step)}, layer {what.layer}: {what.what}" if what else ""
        out.print(f"[bold]Diverged[/bold]{words}. The last finite checkpoint is kept; train again with a smaller learning rate:")
        out.print(f"  {command()} train {run.experiment.name}{where} --set training.optimiser.learning_rate=RATE")


def _next_steps(run: Run, unit: str) -> list[tuple[str, str]]:
    """Say what can be done with a finished run: the words to type, and what they do."""
    if unit == "characters":
        return [
            (f"sample {run.id}", "writes a text"),
            (f"show {run.id} --samples", "shows what it wrote while it learned"),
            (f"inside cells {run.id}", "looks for cells that follow quotes, lines, words"),
        ]
    measure = (f"evaluate {run.id}", "shows which class is taken for which")
    if unit == "sequences":
        return [measure]
    if run.experiment.augmentation.flip != "none":
        measure = (f"evaluate {run.id} --tta", "measures it again, with flip averaging")
    return [measure, (f"predict {run.id} PICTURE", "names what is on a picture of yours")]
