"""What stands in a workspace: the book of runs and, for each run, a folder with its experiment and its checkpoints."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from vitral.errors import StoreError, VitralError
from vitral.events import Evaluated, Event, from_json
from vitral.spec import codec
from vitral.spec.experiment import Experiment
from vitral.store import generations, locks, runs
from vitral.store.rows import Row
from vitral.store.states import State

EXPERIMENT = "experiment.json"
CHECKPOINTS = "checkpoints"
LOST = "its curve was lost with the book of runs"


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """One run as a list shows it.

    ``killed`` means that the book says "running" and nobody holds the run's lock: its process is gone, and it can be resumed.
    ``accuracy`` is the last one measured, between 0 and 1, and ``loss`` the mean loss there; ``is_text`` where both are of single symbols.
    """

    id: str
    name: str
    state: State
    killed: bool
    created: str
    step: int
    num_steps: int
    accuracy: float | None
    loss: float | None
    is_text: bool
    note: str
    process: int

    @property
    def shown(self) -> str:
        """The state in words: ``interrupted (killed)``."""
        return f"{self.state} (killed)" if self.killed else self.state

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON knows them."""
        return asdict(self)


def folder_of(workspace: Path, run: str) -> Path:
    """Give the folder of a run: ``WORKSPACE/runs/ID``."""
    return workspace / "runs" / run


def listing(workspace: Path) -> list[RunInfo]:
    """List the runs of a workspace in the order in which they were started; empty where none was.

    Raises:
        StoreError: the book cannot be read.
    """
    return [_info(workspace, row) for row in rows(workspace)]


def find(workspace: Path, run: str) -> RunInfo:
    """Give one run by its id, by the beginning of its id, or by the word ``last``.

    Raises:
        StoreError: there is no such run, with the id that comes nearest; or several begin like this.
    """
    return _info(workspace, row_of(workspace, run))


def events(workspace: Path, run: str, start: int = 0) -> list[Event]:
    """Read a run's curve from event number ``start`` on; the run may be training at the same time.

    Raises:
        StoreError: there is no such run, or a stored number is not what was written.
    """
    row = row_of(workspace, run)
    return runs.read_events(workspace, row.id, start) if row.number else []


def lines(workspace: Path, run: str, start: int = 0) -> list[str]:
    """Read a run's curve as the JSON of its events. Raises as ``events`` does."""
    row = row_of(workspace, run)
    return runs.read_lines(workspace, row.id, start) if row.number else []


def experiment_of(workspace: Path, run: str) -> Experiment:
    """Read the experiment that a run was started with."""
    return read_experiment(row_of(workspace, run))


def rows(workspace: Path) -> list[Row]:
    """Give the book's rows, and behind them those of folders that the book does not know (``number`` 0)."""
    try:
        folders = sorted((workspace / "runs").iterdir())  # before the book: a run is entered there before it gets a folder
    except OSError:
        folders = []
    known = runs.read_all(workspace)
    names = {row.id for row in known}
    return known + [row for folder in folders if folder.name not in names and (row := _lost(folder))]


def row_of(workspace: Path, run: str) -> Row:
    """Give the one row that ``run`` means."""
    found = rows(workspace)
    if not found:
        raise StoreError(f"there is no run {run}: {workspace} holds no runs; train one first or choose another --workspace")
    if run == "last":
        return found[-1]
    for row in found:
        if row.id == run:
            return row
    alike = [row for row in found if run and row.id.startswith(run)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise StoreError(f'"{run}" is the beginning of {len(alike)} runs: expected one, got {_names(alike)}; give more of the id')
    near = difflib.get_close_matches(run, [row.id for row in found], n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {_names(found)}"
    raise StoreError(f"there is no run {run} in {workspace}; {hint}")


def read_experiment(row: Row) -> Experiment:
    """Read the experiment from a row.

    Raises:
        StoreError: another version of Vitral wrote it.
    """
    try:
        return codec.from_json(row.experiment)
    except VitralError as cause:
        raise StoreError(f"the experiment of run {row.id} cannot be read by this version of Vitral: {cause}") from cause


def _info(workspace: Path, row: Row) -> RunInfo:
    killed = row.state == "running" and locks.is_free(folder_of(workspace, row.id))
    measured = cast("Evaluated", from_json(row.evaluated)) if row.evaluated else None
    return RunInfo(
        id=row.id,
        name=row.name,
        state="interrupted" if killed else row.state,
        killed=killed,
        created=row.created,
        step=row.step,
        num_steps=row.num_steps,
        accuracy=measured.accuracy if measured else None,
        loss=measured.loss if measured and math.isfinite(measured.loss) else None,
        is_text=measured is not None and measured.accuracy is not None and measured.confusion is None,
        note=row.note,
        process=row.process,
    )


def _lost(folder: Path) -> Row | None:
    """Make up the row of a run whose folder alone is there: the book was lost, or the folder was copied here."""
    try:
        experiment = (folder / EXPERIMENT).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    saved = generations.generations(folder / CHECKPOINTS)
    return Row(
        number=0,
        id=folder.name,
        name=folder.name[:-20] or folder.name,
        state="interrupted",
        created="",
        experiment=experiment,
        step=generations.step_of(saved[0]) if saved else 0,
        num_steps=0,
        num_events=0,
        process=0,
        evaluated="",
        note=LOST,
    )


def _names(found: Sequence[Row]) -> str:
    names = [row.id for row in found[-5:]]
    return ", ".join(names) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
