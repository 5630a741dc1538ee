"""Sequences of different lengths, to be named as a whole."""

# B batch  T time  F features

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from vitral.data.batches import order
from vitral.data.sequence import SequenceExamples, SequenceSet
from vitral.events import Evaluated
from vitral.nets.loss import criterion
from vitral.nets.net import Net
from vitral.nets.sequences import Sequences
from vitral.spec.experiment import Experiment
from vitral.spec.network import Series, Tokens
from vitral.train.evaluate import Meanwhile, evaluate, nothing
from vitral.train.lessons import Autocast, Batch, Lessons
from vitral.train.precision import Precision


class SeriesLessons(Lessons):
    """Sequences in an order that is new in every epoch, each with its own length."""

    unit = "sequences"
    ways = ("one",)

    def __init__(self, experiment: Experiment, dataset: SequenceSet, precision: Precision) -> None:
        assert isinstance(experiment.network.input, Tokens | Series)
        self._experiment, self._dataset, self._precision = experiment, dataset, precision
        self._length = experiment.network.input.length
        self._criterion = criterion(experiment.network.loss)
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    @property
    def num_test(self) -> int:
        """Count the test sequences."""
        return len(self._dataset.test)

    def num_train(self, batch_size: int) -> int:
        """Count the training sequences."""
        return len(self._dataset.train)

    def batch(self, epoch: int, position: int, batch_size: int) -> Batch:
        """Give the next sequences, padded behind their ends to the longest of them."""
        if self._order[0] != epoch:
            self._order = (epoch, order(self._experiment.seed, epoch, len(self._dataset.train)))
        indices = self._order[1][position : position + batch_size]
        targets = torch.from_numpy(self._dataset.train.targets)[indices].to(self._precision.device)
        return Batch(self._train(indices), targets, len(indices), position + len(indices))

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the mean loss over the batch."""
        return self._criterion(scores, targets)

    def count_correct(self, scores: Tensor, targets: Tensor) -> int:
        """Count the right answers."""
        return int((scores.argmax(1) == targets).sum().item())

    def measurements(self, *, last: bool) -> tuple[str, ...]:
        """One look at each test sequence."""
        return ("one",)

    def measure(self, net: Net, what: str, *, step: int, epoch: int, autocast: Autocast, meanwhile: Meanwhile = nothing) -> Evaluated:
        """Measure the network on the whole test split."""
        targets = torch.from_numpy(self._dataset.test.targets)
        loss = self._experiment.network.loss
        return evaluate(net, self._test, targets, loss, step=step, epoch=epoch, autocast=autocast, meanwhile=meanwhile)

    @cached_property
    def _train(self) -> Callable[[Tensor], Sequences]:
        return self._reader(self._dataset.train)

    @cached_property
    def _test(self) -> Callable[[Tensor], Sequences]:
        return self._reader(self._dataset.test)

    def _reader(self, examples: SequenceExamples) -> Callable[[Tensor], Sequences]:
        statistics = self._dataset.statistics if self._experiment.data.normalise == "standard" else None
        ready = examples.normalised(statistics) if statistics else examples

        def read(indices: Tensor) -> Sequences:
            values, lengths = ready.padded(indices.numpy(), self._length)
            return Sequences(torch.from_numpy(values).to(self._precision.device), torch.from_numpy(lengths))

        return read
