"""What ``vitral describe`` shows, as values: one row a layer, the totals, the memory and the advice.

How to use it:

    from vitral import spec
    description = spec.describe(experiment)          # raises nothing: an Experiment has been checked
    for row in description.rows:
        print("  " * row.depth, row.number, row.name, row.settings, row.output, row.parameters, row.field)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from vitral.spec.advice import Advice, advise
from vitral.spec.base import times_of
from vitral.spec.experiment import Experiment
from vitral.spec.memory import Memory, estimate
from vitral.spec.network import Network, Tokens
from vitral.spec.shapes import LayerReport


@dataclass(frozen=True)
class Row:
    """One layer as a line of the table. Row 0 is the input; a residual block is followed by its own layers, one ``depth`` deeper.

    ``number`` counts from 1 at each depth, as errors and ``--set`` do. ``input`` and ``output`` read ``16x32x32`` (channels, height,
    width) or ``10``. ``parameters`` is the arithmetic, ``16x5x5x3+16 = 1216``, or empty where nothing is learned. ``field`` is the
    receptive field, height x width in pixels, cut at the image. ``num_bytes`` and ``share`` tell what the layer takes of the memory
    for training; the rows inside a block have 0, the block has it all. ``frozen`` layers do not learn.
    """

    number: int
    name: str
    kind: str
    settings: str
    input: str
    output: str
    parameters: str
    num_parameters: int
    multiply_adds: int
    field: str
    num_bytes: int
    share: float
    depth: int = 0
    frozen: bool = False


@dataclass(frozen=True)
class Description:
    """An experiment's table with its totals: ``num_parameters`` learned numbers, ``multiply_adds`` an example, memory and advice."""

    experiment: Experiment
    rows: tuple[Row, ...]
    num_parameters: int
    multiply_adds: int
    memory: Memory
    advice: tuple[Advice, ...]

    def to_values(self) -> dict[str, object]:
        """Give the description as JSON knows it; a piece of advice has its sentence in both languages, ``{"es": ..., "en": ...}``."""
        return {
            "name": self.experiment.name,
            "rows": [asdict(row) for row in self.rows],
            "num_parameters": self.num_parameters,
            "multiply_adds": self.multiply_adds,
            "memory": {**asdict(self.memory), "total": self.memory.total},
            "advice": [{**asdict(advice), "text": advice.text.model_dump()} for advice in self.advice],
        }


def describe(experiment: Experiment) -> Description:
    """Lay out an experiment as rows, without torch.

    Example:
        The first layer of the lecture's network gives a row ``1 conv1 convolution 16@5x5 pad 2 16x32x32 16x5x5x3+16 = 1216``, which
        costs 1,228,800 multiply-adds and sees 5x5 pixels.
    """
    network, memory = experiment.network, estimate(experiment)
    first = Row(
        0,
        "input",
        "input",
        _settings(network),
        "",
        times_of(network.shape),
        "",
        0,
        0,
        "1" if experiment.reads_sequences else "1x1",
        memory.batch,
        memory.batch / memory.total,
    )
    rows = [first]
    for report, layer in zip(network.reports, memory.layers, strict=True):
        rows.append(_row(report, network.shape, layer.total, layer.total / memory.total, 0))
        rows.extend(_inner(report, network.shape, 1))
    return Description(experiment, tuple(rows), network.num_parameters, network.multiply_adds, memory, advise(experiment))


def _settings(network: Network) -> str:
    if isinstance(network.input, Tokens):
        return f"{network.num_symbols} symbols" if network.input.symbols else f"about {network.num_symbols} symbols, the text will say"
    return ""


def _inner(report: LayerReport, whole: tuple[int, ...], depth: int) -> list[Row]:
    rows: list[Row] = []
    for inner in report.inner:
        rows.append(_row(inner, whole, 0, 0.0, depth))
        rows.extend(_inner(inner, whole, depth + 1))
    return rows


def _row(report: LayerReport, whole: tuple[int, ...], num_bytes: int, share: float, depth: int) -> Row:
    layer = report.layer
    return Row(
        number=report.number,
        name=report.name,
        kind=layer.kind,
        settings=layer.summary(),
        input=times_of(report.input),
        output=times_of(report.output),
        parameters=str(report.parameters) if report.parameters.value else "",
        num_parameters=report.parameters.value,
        multiply_adds=report.multiply_adds,
        field=times_of(report.seen(whole)),
        num_bytes=num_bytes,
        share=share,
        depth=depth,
        frozen=bool(report.parameters.value) and getattr(layer, "learning_rate_factor", 1.0) == 0,
    )
