"""Trainings that take about a second and use everything that a checkpoint must hold: dropout, augmentation, momentum, average, schedule.

One learns images; one a text, with memory that is carried from step to step and texts that it writes; one sequences.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import torch

from vitral import events
from vitral.data.dataset import Dataset, Examples
from vitral.data.sequence import SequenceSet, assemble, pack
from vitral.data.source import Source
from vitral.data.text import Text
from vitral.data.vocabulary import Vocabulary
from vitral.events import Event
from vitral.runtime import material, workspace
from vitral.runtime.run import Run, resume, start
from vitral.spec import codec
from vitral.spec.experiment import Experiment
from vitral.store import weights

Learned = Literal["images", "text", "sequences"]
KINDS = ("batch_done", "epoch_done", "evaluated", "sample_written", "control_changed", "diverged")
CLASSES = ("a", "b", "c", "d")


def experiment(*, epochs: int = 6, name: str = "tiny", learned: Learned = "images", samples: dict[str, Any] | None = None) -> Experiment:
    """Give the experiment: 6 steps an epoch."""
    if learned != "images":
        return _of_sequences(epochs, name, learned, samples)
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


def _of_sequences(epochs: int, name: str, learned: Learned, samples: dict[str, Any] | None) -> Experiment:
    end = [{"kind": "dense", "units": "symbols"}] if learned == "text" else [{"kind": "over_time"}, {"kind": "dense", "units": 4}]
    return codec.parse(
        {
            "name": name,
            "data": {"source": "procedural"},
            "network": {
                "input": {"kind": "tokens", "length": 12} if learned == "text" else {"kind": "series", "length": 9, "features": 2},
                "layers": [
                    *([{"kind": "embedding", "size": 5}] if learned == "text" else []),
                    {"kind": "lstm", "hidden_size": 8},
                    {"kind": "dropout", "probability": 0.3},
                    {"kind": "gru", "hidden_size": 6},
                    *end,
                ],
            },
            "training": {
                "epochs": epochs,
                "batch_size": 4 if learned == "text" else 16,
                "optimiser": {"kind": "adamw", "learning_rate": 0.01},
                "schedule": {"kind": "one_cycle", "warm_up": 0.3},
                "average": 0.9,
                "clip": 1.0,
                "samples": samples or ({"at": [1, 4, 6], "every": 5, "length": 12} if learned == "text" else {}),
            },
            "seed": 7,
        }
    )


SOURCE = Source(name="procedural", title="noise", licence="CC0-1.0", origin="drawn", citation="", num_bytes=0)


def text(seed: int = 3) -> Text:
    """Draw a text of 9 symbols: 290 to learn from, of which one is left over, 60 to watch, 70 to test on."""
    draw = np.random.default_rng(seed)
    codes = np.cumsum(draw.integers(1, 3, 420)) % 9  # each symbol is one of two that may follow
    train, validation, test = np.split(codes.astype(np.uint8), [290, 350])
    words = Vocabulary("characters", tuple("\nabcdefg "[:9]))
    return Text("procedural", words, train, validation, test, SOURCE, f"{seed:064x}", np.bincount(train, minlength=9))


def series(seed: int = 3) -> SequenceSet:
    """Draw 96 and 32 series of different lengths whose mean tells the class."""
    draw = np.random.default_rng(seed)

    def split(count: int) -> Any:
        targets = np.arange(count) % 4
        return pack([draw.normal(target, 2, (draw.integers(1, 12), 2)) for target in targets], targets)

    return assemble(CLASSES, split(96), split(32), SOURCE, sha256=f"{seed:064x}")


def dataset(seed: int = 3) -> Dataset:
    """Draw 96 and 32 pictures of noise whose mean tells the class."""
    draw = torch.Generator().manual_seed(seed)

    def split(count: int) -> Examples:
        targets = torch.randint(0, 4, (count,), generator=draw)
        noise = torch.randint(0, 128, (count, 8, 8, 3), generator=draw)
        return Examples((noise + 32 * targets.view(-1, 1, 1, 1)).to(torch.uint8), targets)

    return Dataset("procedural", CLASSES, split(96), split(32), SOURCE, f"{seed:064x}")


@contextlib.contextmanager
def procedural(seed: int = 3) -> Iterator[None]:
    """Let every experiment read these data."""
    with (
        patch.object(material.catalogue, "load", lambda *args, **kwargs: dataset(seed)),
        patch.object(material.catalogue, "load_sequences", lambda *args, **kwargs: series(seed)),
        patch.object(material, "load_text", lambda *args, **kwargs: text(seed)),
    ):
        yield


def begin(place: Path, run: str | None = None, *, pace: float = 30.0, epochs: int = 6, learned: Learned = "images") -> Run:
    """Start a run, or resume one."""
    with procedural():
        if run is None:
            return start(experiment(epochs=epochs, learned=learned), workspace=place, device="cpu", seconds_per_checkpoint=pace)
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
