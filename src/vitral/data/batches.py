"""Which examples make up a batch."""

# B batch  N examples  H height  W width  C channels

from __future__ import annotations

from dataclasses import dataclass

import torch

from vitral.data.dataset import Examples
from vitral.data.draws import key, permutation

ORDER = 1  # what a draw is for: no two purposes share their numbers
FLIP = 2
SHIFT = 3
CUTOUT = 4


@dataclass(frozen=True)
class Batch:
    """Examples by their number in the split: ``indices`` int64 (B,), ``pixels`` uint8 (B, H, W, C), and their targets."""

    indices: torch.Tensor
    pixels: torch.Tensor
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.indices)


def order(seed: int, epoch: int, num_examples: int) -> torch.Tensor:
    """Give the order in which an epoch meets its examples: int64, (N,).

    A pure function of its arguments, the same on every machine and in every version of torch, so a run that goes on in the middle of
    an epoch needs no generator's state.
    """
    return torch.from_numpy(permutation(key(ORDER, seed, epoch), num_examples))


def take(examples: Examples, indices: torch.Tensor) -> Batch:
    """Copy the examples with the given numbers, unvaried."""
    return Batch(indices, examples.pixels.index_select(0, indices), examples.targets.index_select(0, indices))
