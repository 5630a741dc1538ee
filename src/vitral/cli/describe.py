"""``vitral describe`` and ``vitral zoo``: what an experiment is, without loading torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitral.cli.options import Experiment, Json, Sets, console, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from vitral.spec.table import Description, Row

WIDE = 110  # columns from which on the table also shows settings, field and memory of each layer


def describe(experiment: Experiment = "default", sets: Sets = None, json: Json = False) -> None:
    """Show a network's layers, their shapes and costs, and advice on the design."""
    from vitral.runtime.choice import choose
    from vitral.spec.table import describe as lay_out

    description = lay_out(choose(experiment, sets or ()))
    if json:
        print_json(description.to_values())
    else:
        show(description, console())


def zoo(json: Json = False) -> None:
    """List the experiments that come with Vitral."""
    from vitral.nets import zoo as entries

    known = [entries.load(name) for name in entries.names()]
    if json:
        print_json([{"name": e.name, "title": e.title.model_dump(), "data": e.data.source} for e in known])
        return
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    for heading in ("experiment", "data", "what it is"):
        table.add_column(heading, overflow="fold")
    for entry in known:
        table.add_row(f"[bold]{entry.name}[/bold]", entry.data.source, entry.title.en)
    console().print(table)


def show(description: Description, out: Console) -> None:
    """Print the table, the totals and the advice."""
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    from vitral.cli.words import thousands
    from vitral.spec.memory import amount

    experiment, memory = description.experiment, description.memory
    training = experiment.training
    length = f"{training.epochs} epochs" if training.epochs else f"{thousands(training.steps or 0)} steps"
    out.print(f"[bold]{experiment.name}[/bold]   {escape(experiment.title.en)}")
    out.print(
        f"[bright_black]{escape(experiment.data.source)} · {experiment.network.loss.kind} loss · {training.optimiser.kind} · "
        f"batch {training.batch_size} · {length}[/bright_black]\n"
    )
    what = "sequences" if experiment.reads_sequences else "images"
    wide = out.width >= WIDE
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black", show_footer=True, footer_style="bold")
    table.add_column("layer", no_wrap=True)
    if wide:
        table.add_column("settings", no_wrap=True)
    table.add_column("output", no_wrap=True)
    table.add_column("parameters", overflow="fold", footer=thousands(description.num_parameters))
    table.add_column("mult-adds", justify="right", no_wrap=True, footer=thousands(description.multiply_adds))
    table.add_column("field", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True, footer=amount(memory.total))
    for row in description.rows:
        table.add_row(*_cells(row, wide))
    out.print(table)
    out.print(
        f"\n[bright_black]Memory while training on {training.batch_size} {what} at a time: activations {amount(memory.activations)}, "
        f"weights {amount(memory.weights)}, gradients {amount(memory.gradients)}, optimiser {amount(memory.optimiser)}. "
        "An estimate; the data and PyTorch itself come on top.[/bright_black]"
    )
    if experiment.reads_sequences:
        out.print(f"[bright_black]{_through_time(description)}[/bright_black]")
    if description.advice:
        out.print("\n[bold]Advice[/bold]")
        for advice in description.advice:
            place = f"layer {advice.number} {advice.layer}: " if advice.layer and advice.layer not in advice.text.en else ""
            source = f" [bright_black]({escape(advice.source)})[/bright_black]" if advice.source else ""
            out.print(Padding(f"· {escape(place + advice.text.en)}{source}", (0, 0, 0, 2)))


def _through_time(description: Description) -> str:
    """Say what the numbers mean where the same weights are used at every step: only a recurrent network is unfolded."""
    from vitral.cli.words import thousands
    from vitral.spec.sequence_layers import Recurrent

    network = description.experiment.network
    length = network.shape[0]
    step = "character" if network.predicts_next else "step"
    steps = f"{length} steps, {thousands(description.multiply_adds // length)} a {step}"
    if any(isinstance(report.layer, Recurrent) for report in network.reports):
        return (
            f"Multiply-adds are those of a sequence unfolded over {steps}; its weights are the same at every step. A cell has two biases "
            "(2 x D), one beside the input's matrix and one beside the memory's, as torch and cuDNN keep them."
        )
    return f"Multiply-adds are those of a sequence of {steps}; no step waits for another."


def _cells(row: Row, wide: bool) -> list[str]:
    from rich.markup import escape

    from vitral.cli.words import thousands
    from vitral.spec.memory import amount

    name = f"{'  ' * row.depth}{escape(row.name)}{' (frozen)' if row.frozen else ''}"
    settings = [f"[bright_black]{escape(row.settings)}[/bright_black]"] if wide else []
    costs = [thousands(row.multiply_adds) if row.multiply_adds else "", row.field, amount(row.num_bytes) if row.num_bytes else ""]
    return [name, *settings, row.output, row.parameters, *costs]
