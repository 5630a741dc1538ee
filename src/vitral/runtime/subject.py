"""Whose network is looked at: a run that trains in this process, or one that was opened to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitral.data.progress import Watcher
from vitral.runtime import workspace as place
from vitral.runtime.checkpoint import restore, understood
from vitral.runtime.material import gather
from vitral.spec.experiment import Experiment
from vitral.store import weights
from vitral.train.loop import Trainer
from vitral.train.subjects import Taught


@dataclass(frozen=True, eq=False)
class Subject:
    """A run's network with its data, between two of its steps."""

    id: str
    experiment: Experiment
    dataset: Taught
    trainer: Trainer
    folder: Path


def opened(run: str, *, workspace: Path, device: str = "auto", progress: Watcher | None = None) -> Subject:
    """Take a run from its newest whole checkpoint as it stood there, to look at it; nothing is written and nothing locked.

    A run that has no checkpoint yet stands before its first step.

    Args:
        run: the id, its beginning, or ``last``.
        workspace: the folder of all runs.
        device: "auto", "cpu" or "cuda".
        progress: is told how a download goes.

    Raises:
        StoreError: no such run, or all of its checkpoints damaged.
        DataError: its data cannot be had any more.
    """
    row = place.row_of(workspace, run)
    experiment = place.read_experiment(row)
    folder = place.folder_of(workspace, row.id)
    loaded = understood(weights.load_newest(folder / place.CHECKPOINTS))
    own = experiment.data.model_copy(update={"otherwise": None})
    dataset = gather(experiment.model_copy(update={"data": own}), progress=progress).dataset
    trainer = Trainer(experiment, dataset, device=device)
    restore(trainer, loaded, dataset)
    return Subject(row.id, experiment, dataset, trainer, folder)
