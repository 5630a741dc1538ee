"""Small checkpoints and curves to do harm to."""

from __future__ import annotations

from pathlib import Path

import torch

from vitral.events import BatchDone, Evaluated, Event, RunEnded


def tensors(step: int) -> dict[str, torch.Tensor]:
    """Make up the state of one step."""
    draw = torch.Generator().manual_seed(step)
    return {
        "net.weight": torch.randn(40, 30, generator=draw),
        "optimiser.weight": torch.randn(40, 30, generator=draw),
        "dropout": draw.get_state(),
    }


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Compare bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def curve(length: int) -> list[Event]:
    """Make up a curve whose numbers all differ."""
    draw = torch.Generator().manual_seed(length)
    losses = torch.rand(length, generator=draw, dtype=torch.float64).tolist()
    events: list[Event] = []
    for step, loss in enumerate(losses, start=1):
        events.append(
            BatchDone(step=step, epoch=0, loss=loss, penalty=0.0, num_correct=step % 8, num_examples=8, learning_rate=1e-3, seconds=0.01)
        )
    events.append(
        Evaluated(
            step=length, epoch=0, split="test", views="one", num_examples=8, loss=0.5, num_correct=4, accuracy=0.5, low=0.2, high=0.8,
            confusion=None, seconds=0.1,
        )
    )  # fmt: skip
    return [*events, RunEnded(step=length, outcome="finished", seconds=2.0)]


def empty_folder(parent: Path, name: str) -> Path:
    """Make a folder of this name anew."""
    folder = parent / name
    folder.mkdir(parents=True)
    return folder
