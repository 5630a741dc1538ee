"""All that a run is at one moment: tensors and plain values, enough to go on to the same bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vitral.errors import StoreError

NET, AVERAGE, OPTIMISER, MEMORY, DROPOUT = "net.", "average.", "optimiser.", "memory.", "dropout"


@dataclass(frozen=True)
class State:
    """What a checkpoint holds.

    Attributes:
        tensors: by name, on the CPU and contiguous, sharing no memory with the training: ``net.conv1.weight`` (weights and running
            statistics), ``average.conv1.weight`` (the moving average, where there is one), ``optimiser.conv1.weight.exp_avg``,
            ``memory.lstm1.h`` (what is handed on to the next step), ``dropout`` (a generator's state, uint8).
        values: JSON values: how far training has come, the controls in force, and the machine's own settings that the bits depend on.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def evaluation_weights(state: State) -> dict[str, Tensor]:
    """Give the weights that are evaluated, ready for ``net.load_state_dict``: the moving average where there is one, or the net's own."""
    return part(state.tensors, AVERAGE) or part(state.tensors, NET)


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose name begins with ``prefix``, named without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def keep(prefix: str, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Copy tensors to the CPU under ``prefix``."""
    return {prefix + name: torch.empty(t.shape, dtype=t.dtype).copy_(t.detach()) for name, t in tensors}


@torch.no_grad()
def put_back(prefix: str, targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy what ``keep`` gave back into ``targets``, whatever their device and memory format.

    Raises:
        StoreError: a name or a shape differs: the checkpoint belongs to another network.
    """
    found = part(tensors, prefix)
    fits(found, targets, prefix)
    for name, target in targets.items():
        target.copy_(found[name])


def fits(found: Mapping[str, Tensor], targets: Mapping[str, Tensor], prefix: str = "") -> None:
    """Insist that both have the same names and shapes. Raises StoreError with the first that differs."""
    if different := sorted(found.keys() ^ targets.keys()):
        raise StoreError(
            f'the checkpoint does not fit this network: "{prefix}{different[0]}" stands in only one of them; use its own experiment'
        )
    for name, target in targets.items():
        if target.shape != found[name].shape:
            sizes = ["x".join(map(str, t.shape)) or "1" for t in (target, found[name])]
            raise StoreError(f'the checkpoint does not fit this network: "{prefix}{name}" should be {sizes[0]}, is {sizes[1]}')
