"""A trained network taken from its run, to be measured again and to be shown something new."""

# B batch  C channels  H height  W width

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vitral.data import picture, single
from vitral.data.augment import normaliser
from vitral.data.dataset import Dataset, Examples, Statistics
from vitral.data.progress import Watcher
from vitral.data.sequence import FeatureStatistics, pack
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError, SpecError, StoreError
from vitral.events import Evaluated
from vitral.nets.builders import build
from vitral.nets.net import Net
from vitral.nets.sequences import Sequences
from vitral.runtime import workspace as place
from vitral.runtime.checkpoint import understood
from vitral.runtime.material import gather
from vitral.spec.experiment import Experiment
from vitral.spec.network import Series, Tokens
from vitral.store import weights
from vitral.train import precision
from vitral.train.evaluate import Views, predict
from vitral.train.state import State, evaluation_weights
from vitral.train.subjects import Taught, lessons

MOST = 1000
"""So many things are named at once."""


@dataclass(frozen=True)
class Answer:
    """One class that something may be of, and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What a network makes of one thing: its likeliest classes, the likeliest first."""

    what: str
    """The path or the text, as it was given."""
    answers: tuple[Answer, ...]


def finished(run: str, *, workspace: Path, device: str = "auto") -> Finished:
    """Take the network of a run out of its newest whole checkpoint: the moving average of its weights where it has one.

    The run may be finished, interrupted, or training at this moment. Nothing is written.

    Args:
        run: the id, its beginning, or ``last``.
        workspace: the folder of all runs.
        device: "auto", "cpu" or "cuda".

    Raises:
        StoreError: no such run, no checkpoint yet, or all of them damaged.
        SpecError: no such device.
    Example:
        ``finished("last", workspace=settings.workspace()).predict([Path("cat.jpg")])[0].answers[0].name``
    """
    row = place.row_of(workspace, run)
    experiment = place.read_experiment(row)
    loaded = understood(weights.load_newest(place.folder_of(workspace, row.id) / place.CHECKPOINTS))
    if loaded is None:
        raise StoreError(f"run {row.id} has no checkpoint yet: expected one in its folder, got none; let it train, or resume it")
    chosen = precision.choose(device, experiment.training)
    net = build(experiment.network, seed=experiment.seed)
    try:
        net.load_state_dict(evaluation_weights(State(loaded.tensors, loaded.values["trainer"])))
    except RuntimeError as cause:
        first = str(cause).splitlines()[-1].strip()
        raise StoreError(f"the checkpoint {loaded.path.name} does not fit the network of run {row.id}: {first}; resume the run") from cause
    net.to(device=chosen.device)
    net.to(memory_format=chosen.memory_format)  # type: ignore[call-overload]
    net.eval()
    return Finished(row.id, experiment, net, chosen, loaded)


class Finished:
    """A trained network with what is needed to use it."""

    def __init__(self, run: str, experiment: Experiment, net: Net, chosen: precision.Precision, loaded: weights.Loaded) -> None:
        self.id = run
        self.experiment = experiment
        self.net = net
        self.precision = chosen
        self.step = loaded.step
        self.notes = loaded.notes
        self._data: dict[str, Any] = loaded.values["data"]
        self._epoch: int = loaded.values["trainer"]["progress"]["epoch"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Name the classes in the order of the scores; empty for a regression."""
        return tuple(self._data["classes"])

    @property
    def vocabulary(self) -> Vocabulary:
        """Give the symbols of the text that the network learned from.

        Raises:
            DataError: it reads no text.
        """
        values = self._data.get("vocabulary")
        if values is None:
            raise DataError(
                f"run {self.id} learned from {self._data['name']}, which is no text: expected a network that reads one; use another run"
            )
        return Vocabulary.from_json(values)

    def gather(self, progress: Watcher | None = None) -> Taught:
        """Load the data that the network was trained with.

        Raises:
            DataError: they cannot be had, or are not the same any more.
        """
        own = self.experiment.data.model_copy(update={"otherwise": None})
        dataset = gather(self.experiment.model_copy(update={"data": own}), progress=progress).dataset
        if dataset.sha256 != self._data["sha256"]:
            raise DataError(
                f"{dataset.name} is not what run {self.id} was trained with: expected SHA-256 {self._data['sha256'][:8]}..., "
                f"got {dataset.sha256[:8]}...; bring the old data back, or train a new run with these"
            )
        return dataset

    def evaluate(self, what: str = "", *, progress: Watcher | None = None) -> Evaluated:
        """Measure the network on a whole split.

        Args:
            what: of images "one" look at each (the default), or the mean of the image and its mirror, "flip"; of a text the part of it,
                "test" (the default), "validation" or "train".
            progress: is told how a download goes.

        Raises:
            DataError: the data cannot be had, or are not those that the network was trained with.
            SpecError: something that these data or this network cannot be measured in.
        """
        chosen = lessons(self.experiment, self.gather(progress), self.precision)
        known = chosen.ways
        if what and what not in known:
            cure = f"use one of {', '.join(known)}" if len(known) > 1 else "leave it out"
            raise SpecError(f'{chosen.unit} cannot be measured in the way "{what}"; {cure}')
        return chosen.measure(self.net, what or known[0], step=self.step, epoch=self._epoch, autocast=self._autocast)

    def predict(self, things: Sequence[str | Path], *, top: int = 3, views: Views = "one") -> list[Prediction]:
        """Name pictures, or sequences for a network that learned from sequences.

        The middle of a picture is cut out, resized to the network's input, and looked at. Of a sequence the first steps are read, as many
        as the network's input has; what it is read from is up to the data (``vitral.data.single``): a text, a recording, a table.

        Args:
            things: at most 1,000 paths, or texts.
            top: how many classes to give for each.
            views: "flip" averages over a picture and its mirror image.

        Raises:
            DataError: a file cannot be read as what the network learned from, or is too large; a text has letters that it never met; or the
                network knows no classes.
            SpecError: the mirror image of a sequence.
        Example:
            ``predict(["Nakamura"])[0].answers[0].name`` of a run of names-lstm is "Japanese".
        """
        network = self.experiment.network
        if network.predicts_next:
            raise DataError(
                f"run {self.id} learned to write a text: expected a network that names things; use vitral sample, or another run"
            )
        if not self.classes:
            raise DataError(f"run {self.id} learned numbers, not classes: expected a network that names things; use another run")
        if self.experiment.reads_sequences and views != "one":
            raise SpecError(f"run {self.id} learned from sequences, which have no mirror image; leave --tta out")
        if len(things) > MOST:
            raise DataError(f"expected at most {MOST:,} things at once, got {len(things):,}; give fewer")
        if not things:
            return []
        x: Any
        if self.experiment.reads_sequences:
            x = self._sequences(things)
        else:
            pixels = [torch.from_numpy(np.ascontiguousarray(picture.read(Path(path), network.image))) for path in things]
            x = self._images(Examples(torch.stack(pixels), torch.zeros(len(pixels), dtype=torch.int64)))(torch.arange(len(pixels)))
        best = predict(self.net, x, views=views, autocast=self._autocast).cpu().topk(min(top, len(self.classes)))
        return [
            Prediction(str(thing), tuple(Answer(self.classes[i], float(p)) for p, i in zip(row.tolist(), places.tolist(), strict=True)))
            for thing, row, places in zip(things, best.values, best.indices, strict=True)
        ]

    def picture(self, path: Path) -> torch.Tensor:
        """Give a picture as the network reads it, (1, C, H, W). Raises DataError when the file is no picture."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture.read(path, self.experiment.network.image)))
        return self._images(Examples(pixels[None], torch.zeros(1, dtype=torch.int64)))(torch.arange(1))

    def example(self, number: int) -> torch.Tensor:
        """Give an example of the test split as the network reads it, (1, C, H, W). Raises DataError when there is no such example."""
        dataset = self.gather()
        if not isinstance(dataset, Dataset):
            raise DataError(f"run {self.id} learned from {dataset.name}, which has no images; use another run")
        test = dataset.test
        if not 0 <= number < len(test):
            raise DataError(f"there is no example {number}: the test split has {len(test):,}; use 0 to {len(test) - 1}")
        return self._images(test)(torch.tensor([number]))

    def _sequences(self, things: Sequence[str | Path]) -> Sequences:
        """Read sequences, scale them with the training set's own statistics, and pad them to one length."""
        reads = self.experiment.network.input
        if isinstance(reads, Tokens):
            vocabulary, size = self.vocabulary, len(self.vocabulary)
        else:
            assert isinstance(reads, Series)
            vocabulary, size = None, reads.features
        steps = [single.read(str(thing), source=self._data["name"], size=size, vocabulary=vocabulary) for thing in things]
        examples = pack(steps, np.zeros(len(steps), np.int64))
        if self.experiment.data.normalise == "standard" and "mean" in self._data:
            examples = examples.normalised(FeatureStatistics(tuple(self._data["mean"]), tuple(self._data["deviation"])))
        values, lengths = examples.padded(np.arange(len(steps)), reads.length)
        return Sequences(torch.from_numpy(values).to(self.precision.device), torch.from_numpy(lengths))

    def _images(self, examples: Examples) -> Callable[[torch.Tensor], torch.Tensor]:
        """Normalise with the training set's own statistics, which the checkpoint holds."""
        return normaliser(
            examples,
            Statistics(tuple(self._data["mean"]), tuple(self._data["deviation"])),
            normalise=self.experiment.data.normalise,
            dtype=self.precision.dtype,
            memory_format=self.precision.memory_format,
            device=self.precision.device,
        )

    def _autocast(self) -> AbstractContextManager[object]:
        return self.precision.autocast()
