"""What a run is made from: an experiment together with data that fit it."""

# C channels  H height  W width

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vitral.data import catalogue
from vitral.data.dataset import Dataset
from vitral.data.progress import Watcher
from vitral.data.source import DataUnavailable
from vitral.errors import ShapeError
from vitral.nets import zoo
from vitral.spec.base import volume
from vitral.spec.experiment import Experiment

Adapt = Callable[[Experiment], Experiment]


@dataclass(frozen=True)
class Material:
    """An experiment and its data; ``notes`` say what is not as it was asked for."""

    experiment: Experiment
    dataset: Dataset
    notes: tuple[str, ...] = ()


def gather(experiment: Experiment, *, progress: Watcher | None = None, adapt: Adapt | None = None) -> Material:
    """Load the data of an experiment, or those of the one that it names for a machine without network.

    Args:
        experiment: what to train; ``data.otherwise`` names an experiment of the zoo.
        progress: is told how a download goes.
        adapt: makes the same changes to the substitute that a person asked for (number of steps, seed).

    Raises:
        DataError: the data cannot be had and there is no substitute, or they are not what they should be.
        ShapeError: the network reads other images or gives other classes than the data have.
    """
    notes: tuple[str, ...] = ()
    try:
        dataset = catalogue.load(experiment.data, shape=experiment.network.image, progress=progress)
    except DataUnavailable as cause:
        if experiment.data.otherwise is None:
            raise
        substitute = zoo.load(experiment.data.otherwise)
        notes = (f"{substitute.name} runs instead of {experiment.name}: {cause}",)
        experiment = adapt(substitute) if adapt else substitute
        dataset = catalogue.load(experiment.data, shape=experiment.network.image, progress=progress)
    check(experiment, dataset)
    return Material(experiment, dataset, notes)


def check(experiment: Experiment, dataset: Dataset) -> None:
    """Insist that the network reads images of the data's size and gives one score a class.

    Raises:
        ShapeError: it does not, with the numbers and the line to change.
    """
    expected, got = dataset.shape, experiment.network.image
    if got != expected:
        raise ShapeError(
            f"network.input = {list(got)} does not fit {dataset.name}: its images are {_sides(expected)}; set input = {list(expected)}"
        )
    output, last = volume(experiment.network.output), experiment.network.reports[-1]
    if experiment.network.loss.kind == "regression":
        numbers = dataset.train.targets[0].numel()
        if output != numbers:
            raise ShapeError(
                f'layer {last.number} "{last.name}" gives {_sides(last.output)} = {output} numbers, but every target of {dataset.name} '
                f"has {numbers}; change the last layer to give {numbers}"
            )
        return
    if not dataset.classes:
        raise ShapeError(
            f'{dataset.name} has numbers to come near to, not classes: expected loss = "regression", got "{experiment.network.loss.kind}"; '
            'set loss = { kind = "regression" }'
        )
    if output != len(dataset.classes):
        raise ShapeError(
            f'layer {last.number} "{last.name}" gives {output} scores, but {dataset.name} has {len(dataset.classes)} classes; '
            f"change the last layer to give {len(dataset.classes)}"
        )


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
