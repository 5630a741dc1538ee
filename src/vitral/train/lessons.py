"""What a network is taught: which examples a step learns from, what is compared, and how the outcome is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from vitral.events import Evaluated
from vitral.nets.net import Net
from vitral.train.evaluate import Meanwhile, nothing

Autocast = Callable[[], AbstractContextManager[object]]
Unit = Literal["images", "characters", "sequences"]


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        x: what the network reads.
        targets: what it should have answered.
        num_examples: how many answers are compared.
        ends_at: the place in the epoch behind this batch.
        fresh: what the network remembers of the step before has nothing to do with this batch.
    """

    x: Any
    targets: Tensor
    num_examples: int
    ends_at: int
    fresh: bool = True


class Lessons(ABC):
    """One kind of data made ready for one experiment, on the device and in the number format of the run.

    Everything drawn is a function of (seed, epoch, example): an epoch can be entered at any place, and nothing has to be saved.
    """

    unit: ClassVar[Unit]
    """What one example is."""
    ways: ClassVar[tuple[str, ...]]
    """What ``measure`` knows, the usual one first."""
    carries: ClassVar[bool] = False
    """Whether the network's memory is handed on from step to step."""

    @property
    @abstractmethod
    def num_test(self) -> int:
        """Count the examples that it is tested on."""

    @abstractmethod
    def num_train(self, batch_size: int) -> int:
        """Count the examples of one epoch."""

    def per_step(self, batch_size: int) -> int:
        """Count the examples of one step."""
        return batch_size

    @abstractmethod
    def batch(self, epoch: int, position: int, batch_size: int) -> Batch:
        """Give the examples that come next in an epoch, after ``position`` of them."""

    @abstractmethod
    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the mean loss over the batch."""

    @abstractmethod
    def count_correct(self, scores: Tensor, targets: Tensor) -> int | None:
        """Count the right answers; None where an answer is a number to come near to."""

    @abstractmethod
    def measurements(self, *, last: bool) -> tuple[str, ...]:
        """Name what is measured after an epoch, and ``last`` when training is over."""

    @abstractmethod
    def measure(self, net: Net, what: str, *, step: int, epoch: int, autocast: Autocast, meanwhile: Meanwhile = nothing) -> Evaluated:
        """Make one of these measurements, and between its batches what is to be done meanwhile; the network and its memory stay as they are."""

    def prepare(self, net: Net) -> None:  # noqa: B027 - most need nothing
        """Give the network what it takes from the training data before it learns."""
