"""How much memory training takes, layer by layer, before anything is allocated."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from vitral.errors import SpecError
from vitral.spec.base import volume
from vitral.spec.experiment import Experiment, Optimiser, Training
from vitral.spec.layers import BatchNorm, Convolution, Residual
from vitral.spec.network import Tokens
from vitral.spec.sequence_layers import Recurrent
from vitral.spec.shapes import LayerReport
from vitral.spec.weighted import Learning, Weighted

FLOAT32, BFLOAT16, INT64, BOOL = 4, 2, 8, 1  # bytes a number

STATES = {"sgd": 0, "momentum": 1, "nesterov": 1, "adagrad": 1, "adadelta": 2, "adam": 2, "adamw": 2, "muon": 1}
"""How many numbers an optimiser remembers of every weight (rmsprop: 1, and 1 more with momentum)."""


@dataclass(frozen=True)
class LayerMemory:
    """Bytes of one layer while a batch is trained on. ``activations`` is what stays for the backward pass, the whole batch's."""

    number: int
    name: str
    weights: int
    gradients: int
    optimiser: int
    average: int
    activations: int

    @property
    def total(self) -> int:
        """Everything together, in bytes."""
        return self.weights + self.gradients + self.optimiser + self.average + self.activations


@dataclass(frozen=True)
class Memory:
    """Bytes of a whole training step: every layer, the input batch, and the largest pair of gradients that pass between layers."""

    layers: tuple[LayerMemory, ...]
    batch: int
    passing: int

    @property
    def weights(self) -> int:
        """The learned numbers."""
        return sum(layer.weights for layer in self.layers)

    @property
    def gradients(self) -> int:
        """One number for every weight that learns."""
        return sum(layer.gradients for layer in self.layers)

    @property
    def optimiser(self) -> int:
        """What the optimiser remembers."""
        return sum(layer.optimiser for layer in self.layers)

    @property
    def average(self) -> int:
        """The moving average of the weights."""
        return sum(layer.average for layer in self.layers)

    @property
    def activations(self) -> int:
        """What the forward pass keeps for the backward pass."""
        return sum(layer.activations for layer in self.layers)

    @property
    def total(self) -> int:
        """Everything together, in bytes; the data set and torch itself (about 300 MB) come on top."""
        return sum(layer.total for layer in self.layers) + self.batch + self.passing

    @property
    def costliest(self) -> LayerMemory:
        """The layer that takes most."""
        return max(self.layers, key=lambda layer: layer.total)


def estimate(experiment: Experiment) -> Memory:
    """Add up what one training step keeps in memory.

    weights + gradients + optimiser state + average, 4 bytes each, and for every example of the batch the output of each layer
    (4 bytes a number, 2 in bfloat16; a maximum also keeps 8 bytes for where it was, dropout 1 byte for what it kept).

    Example:
        The lecture's network has 22,466 parameters: 90 kB of weights; its activations at batch 128 take some 40 MB.
    """
    training = experiment.training
    item = BFLOAT16 if training.precision == "bfloat16" else FLOAT32
    end = next((row for row in reversed(_flat(experiment.network.reports)) if isinstance(row.layer, Learning)), None)
    layers = tuple(_layer(report, training, item, end) for report in experiment.network.reports)
    tokens = experiment.network.input if isinstance(experiment.network.input, Tokens) else None
    batch = (tokens.length * INT64 if tokens else volume(experiment.network.shape) * item) * training.batch_size
    passing = max(volume(report.input) + volume(report.output) for report in _flat(experiment.network.reports))
    return Memory(layers, batch, passing * training.batch_size * item)


def check(experiment: Experiment, limit: int) -> Memory:
    """Refuse an experiment that takes more than ``limit`` bytes to train.

    Raises:
        SpecError: names the layer that takes most.
    """
    memory = estimate(experiment)
    if memory.total > limit:
        worst = memory.costliest
        what = "activations" if worst.activations > worst.total - worst.activations else "weights"
        cure = "a smaller training.batch_size, size or stride > 1" if what == "activations" else "fewer filters or units"
        raise SpecError(
            f'layer {worst.number} "{worst.name}" takes {amount(worst.total)} to train, most of it {what}, and the network '
            f"{amount(memory.total)}; expected at most {amount(limit)}; use {cure}"
        )
    return memory


def physical() -> int:
    """Give the machine's memory in bytes, or what a container may use of it; 0 where neither can be known."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    try:
        group = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max", or no such file
        return machine
    return min(machine, group)


def amount(num_bytes: int) -> str:
    """Write bytes for people: 89864 is ``90 kB``, 2**40 is ``1.1 TB``."""
    value, units = float(num_bytes), iter(["B", "kB", "MB", "GB", "TB", "PB", "EB"])
    unit = next(units)
    for bigger in units:
        if value < 999.5:
            break
        value, unit = value / 1000, bigger
    return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"


def _layer(report: LayerReport, training: Training, item: int, end: LayerReport | None) -> LayerMemory:
    """Add up one layer's bytes; ``end`` is the network's last layer with weights."""
    rows = _flat((report,))
    learned = sum(_learned(row) for row in rows)
    return LayerMemory(
        number=report.number,
        name=report.name,
        weights=FLOAT32 * report.parameters.value,
        gradients=FLOAT32 * learned,
        optimiser=FLOAT32 * sum(_remembered(row, training.optimiser, row is end) for row in rows),
        average=FLOAT32 * report.parameters.value if training.average else 0,
        activations=sum(_kept(row, item) for row in rows) * training.batch_size,
    )


def _flat(reports: tuple[LayerReport, ...]) -> list[LayerReport]:
    return [row for report in reports for row in (*_flat(report.inner), report)]


def _learned(row: LayerReport) -> int:
    """Count a layer's own weights that move: none where it is frozen, only the projection's in a residual block."""
    if isinstance(row.layer, Residual):
        return row.parameters.value - sum(inner.parameters.value for inner in row.inner)
    if isinstance(row.layer, Learning | BatchNorm) and not row.layer.learning_rate_factor:
        return 0
    if isinstance(row.layer, Convolution) and row.layer.whitening:
        return row.layer.filters if row.layer.bias else 0
    return row.parameters.value


def _remembered(row: LayerReport, optimiser: Optimiser, last: bool) -> int:
    """Count what is remembered of a layer's own weights; muon leaves the last layer, biases and normalisation to the others."""
    learned = _learned(row)
    if optimiser.kind != "muon":
        return learned * _states(optimiser)
    others = optimiser.others or Optimiser()
    if last or isinstance(row.layer, BatchNorm):
        return learned * _states(others)
    biases = _biases(row) if learned else 0
    return (learned - biases) * _states(optimiser) + biases * _states(others)


def _biases(row: LayerReport) -> int:
    """Count a layer's biases: one a filter or unit; two a unit of every gate in a recurrent cell."""
    layer = row.layer
    if isinstance(layer, Recurrent):
        return 2 * layer.gates * layer.hidden_size * layer.directions
    along = len(row.output) == 2  # a sequence: features stand last
    return row.output[1 if along else 0] if isinstance(layer, Weighted) and layer.bias else 0


def _states(optimiser: Optimiser) -> int:
    return STATES[optimiser.kind] if optimiser.kind != "rmsprop" else 1 + bool(optimiser.momentum)


def _kept(row: LayerReport, item: int) -> int:
    """Count the bytes that one example leaves for the backward pass in one layer."""
    size = volume(row.output)
    kind = row.layer.kind
    if kind == "flatten":
        return 0  # the same numbers, seen as a vector
    if isinstance(row.layer, Recurrent):
        return size * item * {1: 1, 3: 5, 4: 6}[row.layer.gates]  # every gate, and what is handed on
    extra = INT64 * size if kind in {"pooling", "global_pooling"} and getattr(row.layer, "mode", "") == "max" else 0
    if kind == "dropout":
        extra = BOOL * size
    if kind == "local_response_norm":
        extra = 2 * item * size  # the squares and the divisor
    return size * item + extra
