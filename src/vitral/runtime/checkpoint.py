"""What a run puts into a checkpoint beside the trainer's own state, and what it insists on finding there again."""

from __future__ import annotations

from typing import Any

from vitral.data.dataset import Dataset
from vitral.data.sequence import SequenceSet
from vitral.data.text import Text
from vitral.errors import StoreError
from vitral.spec.experiment import Experiment
from vitral.store.weights import Loaded
from vitral.train.loop import Trainer
from vitral.train.state import State
from vitral.train.subjects import Taught

FORMAT = 2


def values_of(run: str, num_events: int, state: State, experiment: Experiment, dataset: Taught) -> dict[str, Any]:
    """Say all that somebody needs who has this file alone.

    ``events`` is how many events of the curve come before this moment: a resumed run forgets those from this number on.
    """
    return {
        "format": FORMAT,
        "run": run,
        "events": num_events,
        "trainer": state.values,
        "experiment": experiment.model_dump(mode="json"),
        "data": {"name": dataset.name, "sha256": dataset.sha256, **_needed(dataset)},
    }


def _needed(dataset: Taught) -> dict[str, Any]:
    """Say what is needed of the data to use the network without them: its classes, its symbols, and what its numbers are measured in."""
    match dataset:
        case Dataset(statistics=statistics):
            scale = {"mean": list(statistics.mean), "deviation": list(statistics.deviation)}
            return {"classes": list(dataset.classes), "shape": list(dataset.shape), **scale}
        case Text():
            return {"classes": [], "vocabulary": dataset.vocabulary.to_json()}
        case SequenceSet(vocabulary=vocabulary, statistics=statistics):
            scale = {"mean": list(statistics.mean), "deviation": list(statistics.deviation)} if statistics else {}
            return {"classes": list(dataset.classes), "vocabulary": vocabulary.to_json() if vocabulary else None, **scale}


def understood(loaded: Loaded | None) -> Loaded | None:
    """Insist that a whole checkpoint says what this version needs to know.

    Raises:
        StoreError: another version wrote it.
    """
    if loaded is not None:
        number = loaded.values.get("format")
        if number != FORMAT or not {"events", "trainer", "data"} <= loaded.values.keys():
            raise StoreError(
                f"the checkpoint {loaded.path.name} is of another version of Vitral: expected format {FORMAT}, got {number}; "
                "go on with the version that wrote it"
            )
    return loaded


def restore(trainer: Trainer, loaded: Loaded | None, dataset: Taught) -> tuple[bool, tuple[str, ...]]:
    """Put a checkpoint into a trainer and say whether it will go on exactly, and if not, why."""
    if loaded is None:
        return True, ("there was no checkpoint yet: the run begins again at step 0",)
    exact, reasons = trainer.load(State(loaded.tensors, loaded.values["trainer"]))
    before = loaded.values["data"]["sha256"]
    if before != dataset.sha256:
        exact = False
        reasons = (*reasons, f"the data changed: SHA-256 was {before[:8]}..., is {dataset.sha256[:8]}...")
    return exact, (f"resumed from step {loaded.step}", *loaded.notes, *reasons)
