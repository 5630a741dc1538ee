"""A training that takes about a second and uses everything that a checkpoint must hold: dropout, augmentation, momentum, average, schedule."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from vitral import events
from vitral.data.dataset import Dataset, Examples
from vitral.data.source import Source
from vitral.events import Event
from vitral.runtime import material, workspace
from vitral.runtime.run import Run, resume, start
from vitral.spec import codec
from vitral.spec.experiment import Experiment
from vitral.store import weights

KINDS = ("batch_done", "epoch_done", "evaluated", "control_changed", "diverged")
CLASSES = ("a", "b", "c", "d")


def experiment(*, epochs: int = 6, name: str = "tiny") -> Experiment:
    """Give the experiment: 6 steps an epoch."""
    return codec.parse(
        {
            "name": name,
            "data": {"source": "procedural"},
            "augmentation": {"flip": "random", "shift": 1},
            "network": {
                "input": [3, 8, 8],
                "layers": [
                    {"kind": "convolution", "filters": 4, "size": 3, "padding": "same"},
                    {"kind": "batch_norm"},
                    {"kind": "relu"},
                    {"kind": "pooling", "mode": "max", "size": 2, "stride": 2},
                    {"kind": "dropout", "probability": 0.3},
                    {"kind": "dense", "units": 4},
                ],
            },
            "training": {
                "epochs": epochs,
                "batch_size": 16,
                "optimiser": {"kind": "adam", "learning_rate": 0.01},
                "schedule": {"kind": "one_cycle", "warm_up": 0.3},
                "average": 0.9,
                "l2_decay": 1e-4,
            },
            "seed": 7,
        }
    )


def dataset(seed: int = 3) -> Dataset:
    """Draw 96 and 32 pictures of noise whose mean tells the class."""
    draw = torch.Generator().manual_seed(seed)

    def split(count: int) -> Examples:
        targets = torch.randint(0, 4, (count,), generator=draw)
        noise = torch.randint(0, 128, (count, 8, 8, 3), generator=draw)
        return Examples((noise + 32 * targets.view(-1, 1, 1, 1)).to(torch.uint8), targets)

    source = Source(name="procedural", title="noise", licence="CC0-1.0", origin="drawn", citation="", num_bytes=0)
    return Dataset("procedural", CLASSES, split(96), split(32), source, f"{seed:064x}")


@contextlib.contextmanager
def procedural(seed: int = 3) -> Iterator[None]:
    """Let every experiment read these data."""
    with patch.object(material.catalogue, "load", lambda *args, **kwargs: dataset(seed)):
        yield


def begin(place: Path, run: str | None = None, *, pace: float = 30.0, epochs: int = 6) -> Run:
    """Start a run, or resume one."""
    with procedural():
        if run is None:
            return start(experiment(epochs=epochs), workspace=place, device="cpu", seconds_per_checkpoint=pace)
        return resume(run, workspace=place, device="cpu", seconds_per_checkpoint=pace)


def live(run: Run, watch: Callable[[Event], object] = lambda event: None) -> str:
    """Let a run live until it ends, and give its id."""
    with run:
        for event in run.events():
            watch(event)
    return run.id


def told(stream: list[Event]) -> list[dict[str, Any]]:
    """Keep of a curve what must be equal to the bit: all but durations and the record of starts, ends and checkpoints."""
    found = [json.loads(events.to_json(event)) for event in stream if event.kind in KINDS]
    return [{key: value for key, value in event.items() if key != "seconds"} for event in found]


def signature(place: Path, run: str) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """Give a run's curve and the tensors of its newest checkpoint."""
    loaded = weights.load_newest(workspace.folder_of(place, run) / workspace.CHECKPOINTS)
    assert loaded is not None
    return told(workspace.events(place, run)), loaded.tensors


def differences(
    found: tuple[list[dict[str, Any]], dict[str, torch.Tensor]], expected: tuple[list[dict[str, Any]], dict[str, torch.Tensor]]
) -> str:
    """Say where two runs first differ; empty where they are equal to the bit."""
    for number, (a, b) in enumerate(zip(found[0], expected[0], strict=False)):
        if a != b:
            return f"event {number} is {a}, should be {b}"
    if len(found[0]) != len(expected[0]):
        return f"{len(found[0])} events, should be {len(expected[0])}"
    if found[1].keys() != expected[1].keys():
        return f"tensors {sorted(found[1].keys() ^ expected[1].keys())} are in one of them only"
    return next((f"tensor {name} differs" for name in expected[1] if not torch.equal(found[1][name], expected[1][name])), "")
