"""``vitral evaluate``: a trained network measured on the whole test set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vitral.cli.options import Device, Json, RunId, Workspace, console, workspace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from vitral.events import Evaluated

MOST_CLASSES = 20  # of which a confusion matrix still fits a terminal
MOST_MISTAKES = 5


def evaluate(
    run: RunId = "last",
    *,
    tta: Annotated[bool, typer.Option("--tta", help="Average each picture with its mirror image.")] = False,
    split: Annotated[Literal["test", "validation", "train"] | None, typer.Option(help="Of a text: which part of it.")] = None,
    device: Device = "auto",
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Measure a run on the whole test set: accuracy with its interval, and which class is taken for which."""
    from vitral.cli.loading import Loading

    with Loading(console(stderr=True), quiet=json) as loading:
        from vitral.runtime.finished import finished

        trained = finished(run, workspace=workspace_of(workspace), device=device)
        measured = trained.evaluate("flip" if tta else split or "", progress=loading.watch)
    if json:
        from vitral.events import to_json

        typer.echo(to_json(measured))
    else:
        show(trained.id, measured, trained.classes, console())


def show(run: str, measured: Evaluated, classes: Sequence[str], out: Console) -> None:
    """Print the figures, the confusion matrix where it fits, and the commonest mistakes."""
    from rich.markup import escape

    from vitral.cli.standing import result
    from vitral.cli.words import number, percent, thousands

    views = "the mean over image and mirror image" if measured.views == "flip" else "one look at each"
    out.print(f"[bold]{escape(run)}[/bold] at step {thousands(measured.step)}")
    out.print(f"[bright_black]{thousands(measured.num_examples)} examples of the {measured.split} split, {views}[/bright_black]\n")
    if measured.accuracy is None or measured.low is None or measured.high is None:
        out.print(f"  loss {number(measured.loss)}")
        return
    if measured.confusion is None:
        _show_text(measured, out)
        return
    right = f"{thousands(measured.num_correct or 0)} right; 95 % confidence: {percent(measured.low)} to {percent(measured.high)}"
    out.print(f"  accuracy [bold]{result(measured)}[/bold]   {right}")
    out.print(f"  loss     {number(measured.loss)}\n")
    if len(classes) <= MOST_CLASSES and out.width >= 12 + 5 * len(classes):
        out.print("[bright_black]Down: what it is. Across: what the network says.[/bright_black]")
        out.print(matrix(measured.confusion, classes))
        out.print()
    for count, truth, said in mistakes(measured.confusion)[:MOST_MISTAKES]:
        out.print(f"  {thousands(count):>5}  {escape(classes[truth])} taken for {escape(classes[said])}")


def _show_text(measured: Evaluated, out: Console) -> None:
    """Print how well a text was predicted, in the units that the field uses."""
    import math

    from vitral.cli.words import number, percent

    assert measured.accuracy is not None
    out.print(f"  loss        [bold]{measured.loss:.4f} nats[/bold] a symbol = {measured.loss / math.log(2):.4f} bits")
    out.print(f"  perplexity  {number(math.exp(min(measured.loss, 700)))}   as if it chose among so many equally likely symbols")
    out.print(f"  right       {percent(measured.accuracy)}   of its likeliest next symbols were the next one")


def matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Table:
    """Lay a confusion matrix out: right answers bold, mistakes the warmer the more there are."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bright_black")
    table.add_column("")
    for name in classes:
        table.add_column(escape(name[:5]), justify="right", min_width=4)
    table.add_column("right", justify="right")
    for i, row in enumerate(confusion):
        total = sum(row) or 1
        cells = [_cell(count, count / total, right=i == j) for j, count in enumerate(row)]
        table.add_row(escape(classes[i][:12]), *cells, f"{100 * row[i] / total:.0f} %")
    return table


def mistakes(confusion: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """List (count, class, taken for), the commonest first."""
    pairs = [(count, i, j) for i, row in enumerate(confusion) for j, count in enumerate(row) if i != j and count]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))


def _cell(count: int, share: float, *, right: bool) -> str:
    if right:
        return f"[bold]{count}[/bold]"
    if not count:
        return "[bright_black]·[/bright_black]"
    return f"[dark_orange]{count}[/dark_orange]" if share >= 0.05 else str(count)
