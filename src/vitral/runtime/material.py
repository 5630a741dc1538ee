"""What a run is made from: an experiment together with data that fit it."""

# C channels  H height  W width

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vitral.data import catalogue
from vitral.data.dataset import Dataset
from vitral.data.progress import Watcher
from vitral.data.sequence import SequenceSet
from vitral.data.source import DataUnavailable
from vitral.data.text import Text, load_text
from vitral.errors import ShapeError
from vitral.nets import zoo
from vitral.runtime.samples import Sampler
from vitral.spec.base import volume
from vitral.spec.experiment import Experiment
from vitral.spec.network import Series, Tokens
from vitral.train.subjects import Taught

Adapt = Callable[[Experiment], Experiment]


@dataclass(frozen=True)
class Material:
    """An experiment and its data; ``notes`` say what is not as it was asked for. Of a text, ``sampler`` lets the network write."""

    experiment: Experiment
    dataset: Taught
    notes: tuple[str, ...] = ()
    sampler: Sampler | None = None


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
        dataset = _load(experiment, progress)
    except DataUnavailable as cause:
        if experiment.data.otherwise is None:
            raise
        substitute = zoo.load(experiment.data.otherwise)
        notes = (f"{substitute.name} runs instead of {experiment.name}: {cause}",)
        experiment = adapt(substitute) if adapt else substitute
        dataset = _load(experiment, progress)
    experiment = counted(experiment, dataset)
    check(experiment, dataset)
    if isinstance(dataset, Text):
        return Material(experiment, dataset, (*notes, *dataset.notes), Sampler(experiment.training.samples, dataset))
    return Material(experiment, dataset, notes)


def _load(experiment: Experiment, progress: Watcher | None) -> Taught:
    network = experiment.network
    if network.predicts_next:
        return load_text(experiment.data, progress=progress)
    if experiment.reads_sequences:
        return catalogue.load_sequences(experiment.data, progress=progress)
    return catalogue.load(experiment.data, shape=network.image, progress=progress)


def counted(experiment: Experiment, dataset: Taught) -> Experiment:
    """Write into an experiment how many symbols its text has, where it leaves that to the data."""
    tokens, vocabulary = experiment.network.input, getattr(dataset, "vocabulary", None)
    if not isinstance(tokens, Tokens) or tokens.symbols is not None or vocabulary is None:
        return experiment
    return experiment.model_copy(update={"network": experiment.network.with_symbols(len(vocabulary))})


def check(experiment: Experiment, dataset: Taught) -> None:
    """Insist that the network reads what the data have and answers with what they ask for.

    Raises:
        ShapeError: it does not, with the numbers and the line to change.
    """
    match dataset:
        case Dataset():
            _check_images(experiment, dataset)
        case Text():
            _check_symbols(experiment, dataset.name, len(dataset.vocabulary))
        case SequenceSet():
            _check_sequences(experiment, dataset)


def _check_images(experiment: Experiment, dataset: Dataset) -> None:
    expected, got = dataset.shape, experiment.network.image
    if got != expected:
        raise ShapeError(
            f"network.input = {list(got)} does not fit {dataset.name}: its images are {_sides(expected)}; set input = {list(expected)}"
        )
    if experiment.network.loss.kind == "regression":
        output, last = volume(experiment.network.output), experiment.network.reports[-1]
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
    _check_classes(experiment, dataset.name, len(dataset.classes))


def _check_symbols(experiment: Experiment, name: str, expected: int) -> None:
    tokens = experiment.network.input
    if not isinstance(tokens, Tokens):
        cure = f'set input = {{ kind = "tokens", length = {experiment.network.shape[0]} }}'
        raise ShapeError(f"network.input does not fit {name}: it has symbols, not numbers; {cure}")
    if tokens.symbols != expected:
        raise ShapeError(
            f"network.input.symbols = {tokens.symbols} does not fit {name}: it has {expected} different symbols; "
            f"set symbols = {expected}, or leave it out"
        )


def _check_sequences(experiment: Experiment, dataset: SequenceSet) -> None:
    series = experiment.network.input
    if dataset.kind == "tokens":
        _check_symbols(experiment, dataset.name, dataset.size)
    elif not isinstance(series, Series) or series.features != dataset.size:
        raise ShapeError(
            f"network.input does not fit {dataset.name}: each of its steps has {dataset.size} numbers; "
            f'set input = {{ kind = "series", length = {dataset.longest}, features = {dataset.size} }}'
        )
    if experiment.network.loss.kind == "regression":
        raise ShapeError(f'{dataset.name} has classes, expected loss = "softmax" or "hinge", got "regression"; change network.loss')
    _check_classes(experiment, dataset.name, len(dataset.classes))


def _check_classes(experiment: Experiment, name: str, expected: int) -> None:
    output, last = volume(experiment.network.output), experiment.network.reports[-1]
    if output != expected:
        raise ShapeError(
            f'layer {last.number} "{last.name}" gives {output} scores, but {name} has {expected} classes; '
            f"change the last layer to give {expected}"
        )


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
