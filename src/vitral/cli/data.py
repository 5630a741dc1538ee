"""``vitral data``: what there is to learn from, bring it here, and check that it is what it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vitral.cli.options import Json, command, console, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from vitral.data.catalogue import Finding, Listed, Progress

data_app = typer.Typer(no_args_is_help=True, help="List, fetch and check the data that networks learn from.")

Name = Annotated[str, typer.Argument(help="A name of [bold]vitral data list[/bold].", metavar="NAME")]
Checked = Annotated[
    str | None,
    typer.Argument(
        help="A name, or a folder, zip, table, NumPy or text file of your own; by default all that is here.", metavar="[NAME|PATH]"
    ),
]

COLOURS = {"embedded": "green", "in VITRAL_DATA": "green", "downloaded": "green", "to download": "yellow"}
SHOWN = 20


@data_app.command("list")
def list_(json: Json = False) -> None:
    """List every data set with its licence, its size and where it stands."""
    from vitral.data.catalogue import listing

    listed = listing()
    if json:
        print_json([to_values(entry) for entry in listed])
    else:
        show(listed, console())


@data_app.command()
def get(name: Name) -> None:
    """Bring a data set here: download it, or go on where a download was cut, and verify every file."""
    from rich.markup import escape
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from vitral.data import catalogue

    out = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(None, complete_style="dark_orange"),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=out, transient=True, disable=not out.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def watch(now: catalogue.Progress) -> None:
            if now.what not in tasks:
                tasks[now.what] = bars.add_task(escape(now.what), total=now.total, amount="")
            bars.update(tasks[now.what], completed=now.done, total=now.total, amount=amount(now))

        place = catalogue.get(name, watch)
    title = escape(catalogue.known(name) or name)
    console().print(f"{title} is here and verified: {escape(str(place.folder))}" if place else f"{title} is embedded: nothing to fetch")


@data_app.command()
def check(name: Checked = None, json: Json = False) -> None:
    """Verify every file by its checksum, or every picture of one's own by decoding it. Exit code 2 when something is wrong."""
    from vitral.data import catalogue

    names = [name] if name else [entry.source.name for entry in catalogue.listing() if entry.state != "to download"]
    found = {each: catalogue.check(each) for each in names}
    if json:
        print_json({each: [{"file": f.file, "ok": f.ok, "problem": f.problem} for f in findings] for each, findings in found.items()})
    else:
        tell(found, console())
    if any(not finding.ok for findings in found.values() for finding in findings):
        raise typer.Exit(2)


def show(listed: list[Listed], out: Console) -> None:
    """Print the table of data sets: two lines each, so that 80 columns are enough."""
    from rich.markup import escape

    from vitral.cli.words import size

    names = max(len(entry.source.name) for entry in listed)
    for entry in listed:
        source, indent = entry.source, " " * (names + 2)
        cost = f", {size(source.num_bytes)}" if entry.state == "to download" else ""
        state = f"[{COLOURS[entry.state]}]{entry.state}{cost}[/{COLOURS[entry.state]}]"
        out.print(f"[bold]{escape(source.name.ljust(names))}[/bold]  {escape(source.title)}")
        out.print(
            f"{indent}{source.kind}, {state}" + (f"[bright_black]: {escape(str(entry.folder))}[/bright_black]" if entry.folder else "")
        )
        out.print(f"{indent}[bright_black]licence: {escape(source.licence)}[/bright_black]")
        out.print(f"{indent}[bright_black]from {escape(source.origin)}[/bright_black]")
        if source.notes:
            out.print(f"{indent}[bright_black]{escape(source.notes)}[/bright_black]")
    out.print(
        "\nYour own, by its path: a folder or zip of pictures (one folder a class), a .csv,\n"
        f"a .npz; a text file, or a folder of them. Fetch with:\n{command()} data get NAME"
    )


def amount(now: Progress) -> str:
    """Write how much is there: ``85.0 MB of 170 MB``, ``3 of 8 files``."""
    from vitral.cli.words import size

    if now.unit != "bytes":
        return f"{now.done:,} of {now.total:,} {now.unit}" if now.total is not None else f"{now.done:,} {now.unit}"
    if now.total is None:
        return size(now.done) if now.done else ""
    return f"{size(now.done)} of {size(now.total)}"


def tell(found: dict[str, list[Finding]], out: Console) -> None:
    """Print what a check found: each file's name, and what is wrong with it; of many good ones only their number."""
    from rich.markup import escape

    for name, findings in found.items():
        bad = [finding for finding in findings if not finding.ok]
        good = [finding for finding in findings if finding.ok]
        out.print(f"[bold]{escape(name)}[/bold]")
        for finding in good if len(good) <= SHOWN else []:
            out.print(f"  [green]ok[/green]     {escape(finding.file)}")
        if len(good) > SHOWN:
            out.print(f"  [green]ok[/green]     {len(good):,} files")
        for finding in bad:
            out.print(f"  [red]wrong[/red]  {escape(finding.file)}: {escape(finding.problem)}")


def to_values(entry: Listed) -> dict[str, object]:
    """Give a data set as JSON knows it."""
    source = entry.source
    return {
        "name": source.name,
        "kind": source.kind,
        "title": source.title,
        "licence": source.licence,
        "origin": source.origin,
        "citation": source.citation,
        "notes": source.notes,
        "num_bytes": source.num_bytes,
        "state": entry.state,
        "folder": str(entry.folder) if entry.folder else None,
        "files": [{"name": file.name, "num_bytes": file.num_bytes, "sha256": file.sha256} for file in source.files],
    }
