"""``vitral open``, and ``vitral`` alone: the laboratory in the browser, with a network that is learning already."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from vitral.cli.options import Device, Sets, Workspace, command, console, workspace_of
from vitral.errors import SpecError

if TYPE_CHECKING:
    from vitral.server.lab import Laboratory


def open_(
    experiment: Annotated[
        str | None,
        typer.Argument(help="What to learn: a name of [bold]vitral zoo[/bold], or a TOML or JSON file.", metavar="EXPERIMENT|FILE"),
    ] = None,
    *,
    sets: Sets = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Train for so many epochs.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Train for so many steps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of everything random.")] = None,
    resume: Annotated[str | None, typer.Option(help="Go on with a run: its id, the beginning of it, or last.", metavar="RUN")] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Wait before the first step.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 8765 or the next free one by default.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen at; any but loopback needs --allow-host.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A name by which other machines' browsers reach this one; may be given again.", metavar="NAME"),
    ] = None,
    visitors: Annotated[int, typer.Option(min=1, max=200, help="How many browsers the link lets in.")] = 1,
    device: Device = "auto",
    workspace: Workspace = None,
) -> None:
    """Open the laboratory in the browser: a network learns there, and everything in it can be looked at."""
    from vitral.runtime.choice import choose
    from vitral.runtime.workspace import find
    from vitral.server import serve

    place = workspace_of(workspace)
    own = {"EXPERIMENT": experiment, "--set": sets, "--epochs": epochs, "--steps": steps, "--seed": seed}
    given = [name for name, value in own.items() if value is not None]
    if resume is not None and given:
        raise SpecError(f"--resume goes on with the run's own experiment; leave out {', '.join(given)}")
    chosen = None if resume is not None else choose(experiment or "default", sets or (), epochs=epochs, steps=steps, seed=seed)
    name = find(place, resume).id if resume is not None else ""
    if (link := serve.link(place, visitors)) is not None:
        console().print("The laboratory is open already.")
        _show(link, visitors, browser=browser)
        return

    async def begin(lab: Laboratory) -> None:
        if chosen is None:
            await lab.resume(name)
        else:
            await lab.start(chosen, epochs=epochs, steps=steps, seed=seed, paused=paused)

    def opened(link: str) -> None:
        _show(link, visitors, browser=browser)
        console().print("Ctrl-C saves what learns and closes the laboratory.")

    try:
        serve.serve(
            place,
            host=host,
            port=port,
            allowed=allow_host or (),
            device=device,
            visitors=visitors,
            begin=begin,
            opened=opened,
        )
    except KeyboardInterrupt:
        console().print(f"\nSaved and closed. Go on with: {command()} open --resume last")


def _show(link: str, visitors: int, *, browser: bool) -> None:
    """Print the link, and open it where there is a browser that shows pictures."""
    import webbrowser

    times = "once" if visitors == 1 else f"{visitors} times"
    typer.echo(f"\n  {link}\n\nThe link works {times}, within ten minutes; {command()} open makes another one.")
    sys.stdout.flush()
    seen = sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if browser and seen:
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
