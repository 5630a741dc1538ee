"""The ladder of texts that a network wrote while it learned: from gibberish to sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitral.cli.options import command, print_json, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vitral.events import Event, SampleWritten
    from vitral.runtime.workspace import RunInfo
    from vitral.spec.experiment import Experiment


def show_samples(info: RunInfo, experiment: Experiment, stream: Sequence[Event], out: Console, *, json: bool) -> None:
    """Print every text that was kept, each with the loss of the steps before it.

    Raises:
        SpecError: the network writes no texts.
    """
    from vitral.errors import SpecError
    from vitral.events import SampleWritten

    if not experiment.network.predicts_next:
        raise SpecError(f"run {info.id} writes no texts: expected a network that predicts the next symbol; use a run such as text-default")
    written = [event for event in stream if isinstance(event, SampleWritten)]
    if json:
        import json as codec

        from vitral.events import to_json

        print_json([codec.loads(to_json(event)) for event in written])
        return
    _print(info, experiment, written, losses_before(stream), out)


def losses_before(stream: Sequence[Event], window: int = 50) -> dict[int, float]:
    """Give the mean loss of the last ``window`` steps before each text, by its step."""
    from vitral.events import BatchDone, SampleWritten

    recent: list[float] = []
    losses: dict[int, float] = {}
    for event in stream:
        if isinstance(event, BatchDone):
            recent = [*recent[1 - window :], event.loss]
        elif isinstance(event, SampleWritten) and recent:
            losses[event.step] = sum(recent) / len(recent)
    return losses


def _print(info: RunInfo, experiment: Experiment, written: Sequence[SampleWritten], losses: dict[int, float], out: Console) -> None:
    from rich.markup import escape
    from rich.text import Text

    from vitral.cli.words import number, thousands

    out.print(f"[bold]{escape(info.id)}[/bold]   {escape(title_of(experiment))}")
    if not written:
        settings = experiment.training.samples
        when = [f"after step {', '.join(thousands(step) for step in settings.at)}"] if settings.at else []
        when += [f"after each {thousands(settings.every)} steps"] if settings.every else []
        words = f"It has written nothing yet; it will {' and '.join(when)}." if when else "It writes nothing while it learns."
        out.print(f"{words} See [bold]{command()} sample[/bold] for a text at any time.")
        return
    first = written[0]
    narrowed = [f"top {first.top_k}"] if first.top_k else []
    narrowed += [f"top {first.top_p:g} of the probability"] if first.top_p else []
    how = ", ".join([f"temperature {first.temperature:g}", *narrowed, f"seed {first.seed}"])
    out.print(f"[bright_black]Always the same beginning and the same draws: {how}.[/bright_black]")
    for event in written:
        loss = f"   training loss {number(losses[event.step])} nats" if event.step in losses else ""
        out.print(f"\n[dark_orange]── step {thousands(event.step)} ──[/dark_orange][bright_black]{loss}[/bright_black]")
        out.print(Text.assemble((printable(event.prompt), "bright_black"), printable(event.text)))


def printable(text: str) -> str:
    """Keep line ends and what can be printed; a terminal must never obey what a network wrote."""
    return "".join(sign if sign == "\n" or sign.isprintable() else "�" for sign in text.replace("\r\n", "\n").lstrip("\ufeff"))
