"""How far training has come, as a value: one step gives the next one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vitral.spec.experiment import Training


@dataclass(frozen=True)
class Progress:
    """A place in the training.

    Attributes:
        step: optimiser steps done.
        epoch: whole epochs done.
        position: the place in the present epoch, in examples. The epoch's order is a function of seed and epoch alone, so this number is
            the position in the data, whatever the batch sizes were.
        num_examples, loss_sum, num_correct, seconds: over the present epoch so far.
        due: what comes before the next batch: "epoch" (its summary), and the names of measurements.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    num_examples: int = 0
    loss_sum: float = 0.0
    num_correct: int = 0
    seconds: float = 0.0
    due: tuple[str, ...] = ()

    def after(
        self,
        training: Training,
        *,
        num_train: int,
        ends_at: int,
        num_examples: int,
        loss: float,
        num_correct: int,
        seconds: float,
        measurements: Callable[[bool], tuple[str, ...]],
    ) -> Progress:
        """Give the place after one more batch, and what is due there.

        Args:
            training: says when to evaluate and when training is over.
            num_train: examples of an epoch.
            ends_at: the place in the epoch behind this batch.
            num_examples: examples of this batch.
            loss: their mean loss.
            num_correct: how many of them were answered rightly.
            seconds: what the step took.
            measurements: names what is measured, given whether training is over.
        """
        there = replace(
            self,
            step=self.step + 1,
            position=ends_at,
            num_examples=self.num_examples + num_examples,
            loss_sum=self.loss_sum + loss * num_examples,
            num_correct=self.num_correct + num_correct,
            seconds=self.seconds + seconds,
        )
        ends_epoch = there.position >= num_train
        epochs = self.epoch + ends_epoch
        over = there.step == training.steps or epochs == training.epochs
        due: tuple[str, ...] = ("epoch",) if ends_epoch else ()
        if over or (ends_epoch and epochs % training.evaluate_every == 0):
            due += measurements(over)
        return replace(there, due=due)

    def next_epoch(self) -> Progress:
        """Give the place at the beginning of the next epoch."""
        return Progress(step=self.step, epoch=self.epoch + 1, due=self.due[1:])

    def over(self, training: Training) -> bool:
        """Say whether no batch is left."""
        return self.step == training.steps or self.epoch == training.epochs

    def share(self, training: Training, num_train: int) -> float:
        """Give the share of the whole training that is done: of its steps, or of its examples where epochs are counted."""
        if training.steps is not None:
            return self.step / training.steps
        assert training.epochs is not None
        return min(1.0, (self.epoch + self.position / num_train) / training.epochs)

    def num_steps(self, training: Training, num_train: int, per_step: int) -> int:
        """Count the steps of the whole training, those done and those that come if the batch size stays."""
        if training.steps is not None:
            return training.steps
        assert training.epochs is not None
        left = training.epochs - self.epoch - ("epoch" in self.due)  # epochs that are not over yet, the present one among them
        begun = self.position > 0 and "epoch" not in self.due
        here = max(1, -(-(num_train - self.position) // per_step)) if begun else 0
        return self.step + here + (left - begun) * -(-num_train // per_step)

    def to_json(self) -> dict[str, Any]:
        """Give plain values; floats come back to the same bits."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Progress:
        """Read what ``to_json`` gave."""
        return cls(**{**values, "due": tuple(values["due"])})
