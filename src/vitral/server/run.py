"""One run as the server knows it: its names, its state, its events, and what its network is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitral.runtime import workspace as place
from vitral.server.log import Log
from vitral.spec.table import describe
from vitral.wire import pack

if TYPE_CHECKING:
    from vitral.runtime.workspace import RunInfo
    from vitral.spec.experiment import Experiment

GOING_ON = ("loading", "learning", "paused")
RESUMABLE = ("interrupted", "failed", "lost")


@dataclasses.dataclass
class Run:
    """What is known of a run.

    Args:
        name: the run's id, or what it is called until it has one.
        id: the run's id.
        life: which of the run's curves ``log`` holds; another process that goes on with it begins another one.
        about: the experiment, the layers' rows, classes and controls, as a page needs them.
        watched: a script of its own trains the model; there is nothing to set, to keep or to go on with.
    """

    name: str
    id: str | None = None
    state: str = "loading"
    note: str = ""
    life: str = ""
    log: Log = dataclasses.field(default_factory=Log)
    about: dict[str, Any] = dataclasses.field(default_factory=dict)
    watched: bool = False

    @property
    def experiment(self) -> dict[str, Any] | None:
        """Give the experiment as JSON; None before it has loaded."""
        return self.about.get("experiment")

    @property
    def resumable(self) -> bool:
        """Say whether ``resume`` would help."""
        return self.id is not None and self.state in RESUMABLE and not self.watched

    def start(self, position: int, life: str) -> int:
        """Give the position a page goes on from: its own where it holds events of this very life."""
        return position if life == self.life and 0 <= position <= self.log.end else 0

    def hello(self, position: int) -> bytes:
        """Encode all that a page needs before the events from a position on."""
        return pack(
            {
                "experiment": None,
                "rows": [],
                "classes": [],
                "controls": {},
                **self.about,
                "kind": "hello",
                "run": self.id,
                "name": self.name,
                "life": self.life,
                "position": position,
                "end": self.log.end,
                "state": self.state,
                "note": self.note,
                "resume": self.resumable,
                "watched": self.watched,
            }
        )


def read(workspace: Path, info: RunInfo) -> Run:
    """Read what the workspace knows of a run that no process of ours trains (blocking)."""
    experiment = place.experiment_of(workspace, info.id)
    texts = place.lines(workspace, info.id)
    state: str = info.state
    note = info.note
    if info.state == "running":
        state, note = "learning", f"it is trained by process {info.process}, outside of this laboratory"
    if info.killed:
        state, note = "lost", note or "its process was ended; it can go on from its last checkpoint"
    about = {"experiment": experiment.model_dump(mode="json"), "rows": rows_of(experiment)}
    return Run(info.id, info.id, state, note, _life(texts, info.process), Log(texts), about)


def rows_of(experiment: Experiment) -> list[dict[str, Any]]:
    """Describe every layer, as plain values."""
    return [dataclasses.asdict(row) for row in describe(experiment).rows]


def _life(texts: list[str], process: int) -> str:
    """Name the life that a stored curve belongs to: where its last start stands, and which process lived it."""
    start = max((number for number, text in enumerate(texts) if text.startswith('{"event":"run_started"')), default=0)
    return f"{start}-{process}"
