"""The examples of a run's data one by one, as its network reads them and as people see them: images, sequences, stretches of a text."""

# B batch  C channels  H height  W width  T time  F features

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitral.data.augment import normaliser
from vitral.data.dataset import Dataset, Examples
from vitral.data.sequence import SequenceExamples, SequenceSet
from vitral.data.text import Text
from vitral.errors import DataError, SpecError
from vitral.nets.sequences import Sequences
from vitral.spec.experiment import Experiment
from vitral.spec.network import Series, Tokens
from vitral.train.precision import Precision
from vitral.train.subjects import Taught

Pixels = npt.NDArray[np.uint8]


class Gallery(ABC):
    """Examples of each split by their number, never varied."""

    splits: ClassVar[tuple[str, ...]] = ("test", "train")
    unit: ClassVar[str]

    @abstractmethod
    def count(self, split: str) -> int:
        """Count the examples of a split."""

    @abstractmethod
    def example(self, split: str, number: int) -> tuple[Tensor, Tensor]:
        """Give one example and its target, each as a batch of one."""

    @abstractmethod
    def batch(self, split: str, numbers: Tensor) -> Any:
        """Give some examples for the network to read."""

    @abstractmethod
    def targets(self, split: str) -> Tensor:
        """Give the class of every example, (N,); for a text and for a regression there are none."""

    def pixels(self, split: str, numbers: Tensor) -> Pixels | None:
        """Give images as people see them, (B, H, W, C); None where the examples are none."""
        return None

    def words(self, split: str, number: int) -> str | None:
        """Give an example of symbols as text; None where it is none."""
        return None

    def check(self, split: str, number: int) -> None:
        """Insist that there is such an example.

        Raises:
            SpecError: no such split.
            DataError: no such number.
        """
        if split not in self.splits:
            raise SpecError(f"there is no split {split!r:.40}; expected one of {', '.join(self.splits)}")
        count = self.count(split)
        if not 0 <= number < count:
            raise DataError(f"there is no example {number}: the {split} split has {count:,} {self.unit}; use 0 to {count - 1}")


def gallery(experiment: Experiment, dataset: Taught, precision: Precision) -> Gallery:
    """Make the gallery of any kind of data."""
    match dataset:
        case Dataset():
            return Images(experiment, dataset, precision)
        case SequenceSet():
            return Rows(experiment, dataset, precision)
        case Text():
            return Stretches(experiment, dataset, precision)


class Images(Gallery):
    """Images."""

    unit = "images"

    def __init__(self, experiment: Experiment, dataset: Dataset, precision: Precision) -> None:
        self._experiment, self._dataset, self._precision = experiment, dataset, precision
        self._regression = experiment.network.loss.kind == "regression"

    def count(self, split: str) -> int:
        """Count the images."""
        return len(self._of(split))

    def example(self, split: str, number: int) -> tuple[Tensor, Tensor]:
        """Give an image (1, C, H, W) and its class (1,), or its target (1, ...)."""
        self.check(split, number)
        chosen = torch.tensor([number])
        target = self._of(split).targets[chosen].to(self._precision.device)
        return self.batch(split, chosen), target.view(1, *self._experiment.network.output) if self._regression else target

    def batch(self, split: str, numbers: Tensor) -> Tensor:
        """Give images (B, C, H, W)."""
        return self.read(Examples(self._of(split).pixels[numbers], torch.zeros(len(numbers), dtype=torch.int64)))

    def read(self, examples: Examples) -> Tensor:
        """Normalise images from anywhere as those of the run are, (B, C, H, W)."""
        data, precision = self._dataset, self._precision
        normalise = normaliser(
            examples,
            data.statistics,
            normalise=self._experiment.data.normalise,
            dtype=precision.dtype,
            memory_format=precision.memory_format,
            device=precision.device,
        )
        return normalise(torch.arange(len(examples)))

    def targets(self, split: str) -> Tensor:
        """Give every image's class."""
        return torch.empty(0, dtype=torch.int64) if self._regression else self._of(split).targets

    def pixels(self, split: str, numbers: Tensor) -> Pixels:
        """Give images as bytes, (B, H, W, C)."""
        return np.asarray(self._of(split).pixels[numbers].numpy())

    def _of(self, split: str) -> Examples:
        return self._dataset.train if split == "train" else self._dataset.test


class Rows(Gallery):
    """Sequences of steps, each of one class."""

    unit = "sequences"

    def __init__(self, experiment: Experiment, dataset: SequenceSet, precision: Precision) -> None:
        assert isinstance(experiment.network.input, Tokens | Series)
        self._experiment, self._dataset, self._precision = experiment, dataset, precision
        self._length = experiment.network.input.length

    def count(self, split: str) -> int:
        """Count the sequences."""
        return len(self._ready[split])

    def example(self, split: str, number: int) -> tuple[Tensor, Tensor]:
        """Give one sequence, (1, T, F) or (1, T) codes, at its own length, and its class (1,)."""
        self.check(split, number)
        own = torch.from_numpy(np.ascontiguousarray(self._ready[split][number][: self._length]))[None]
        return own.to(self._precision.device), self.targets(split)[number : number + 1].to(self._precision.device)

    def batch(self, split: str, numbers: Tensor) -> Sequences:
        """Give sequences padded to one length."""
        values, lengths = self._ready[split].padded(numbers.numpy(), self._length)
        return Sequences(torch.from_numpy(values).to(self._precision.device), torch.from_numpy(lengths))

    def targets(self, split: str) -> Tensor:
        """Give every sequence's class."""
        return torch.from_numpy(self._ready[split].targets)

    def words(self, split: str, number: int) -> str | None:
        """Give a word as it is written."""
        vocabulary = self._dataset.vocabulary
        return None if vocabulary is None else vocabulary.decode(self._ready[split][number][: self._length])

    @cached_property
    def _ready(self) -> dict[str, SequenceExamples]:
        data = self._dataset
        statistics = data.statistics if self._experiment.data.normalise == "standard" else None
        return {
            split: examples.normalised(statistics) if statistics else examples
            for split, examples in (("test", data.test), ("train", data.train))
        }


class Stretches(Gallery):
    """A text cut into stretches of the length that the network reads; the target is what follows each symbol."""

    unit = "stretches"

    def __init__(self, experiment: Experiment, dataset: Text, precision: Precision) -> None:
        assert isinstance(experiment.network.input, Tokens)
        self._text, self._precision = dataset, precision
        self._length = experiment.network.input.length

    def count(self, split: str) -> int:
        """Count the whole stretches that have a symbol behind them; a part that is too short gives none."""
        return max(0, (len(self._of(split)) - 1) // self._length)

    def example(self, split: str, number: int) -> tuple[Tensor, Tensor]:
        """Give codes (1, T), and what follows each of them (1, T)."""
        self.check(split, number)
        codes = self._codes(split, number, self._length + 1)
        return codes[None, :-1], codes[None, 1:]

    def batch(self, split: str, numbers: Tensor) -> Tensor:
        """Give stretches, (B, T)."""
        return torch.stack([self._codes(split, int(n), self._length) for n in numbers])

    def targets(self, split: str) -> Tensor:
        """There are none."""
        return torch.empty(0, dtype=torch.int64)

    def words(self, split: str, number: int) -> str:
        """Give a stretch as text."""
        return self._text.vocabulary.decode(self._codes(split, number, self._length).cpu().numpy())

    def _codes(self, split: str, number: int, length: int) -> Tensor:
        start = number * self._length
        return torch.from_numpy(np.asarray(self._of(split)[start : start + length]).astype(np.int64)).to(self._precision.device)

    def _of(self, split: str) -> Any:
        """Give a part of the text; where nothing is set apart for the test, what is watched, or what is learned from."""
        if split == "train":
            return self._text.train
        return next((part for part in (self._text.test, self._text.validation) if len(part) > self._length), self._text.train)
