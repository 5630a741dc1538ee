"""A network: what goes in, the layers in order, and the loss at the end."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from vitral.errors import ShapeError
from vitral.spec.base import Fraction, Positive, Rate, Shape, Spec, volume
from vitral.spec.layers import Convolution, LayerSpec, Residual
from vitral.spec.shapes import LayerReport, unique_names, walk

MAX_LAYERS = 1000
MAX_DEPTH = 4


class Softmax(Spec):
    """Cross-entropy after softmax, in nats; the last layer gives one score a class."""

    kind: Literal["softmax"] = "softmax"
    label_smoothing: Fraction = 0.0
    """Share of the target that is spread evenly over all classes (Szegedy et al. 2015, arXiv:1512.00567)."""


class Hinge(Spec):
    """Multi-class support vector machine: sum of max(0, score of a wrong class - score of the right one + margin)."""

    kind: Literal["hinge"] = "hinge"
    margin: Rate = 1.0
    """How far the right class's score must lie above every other one's."""


class Regression(Spec):
    """Half the mean squared difference to the target, over every number of the output."""

    kind: Literal["regression"] = "regression"


Loss = Annotated[Softmax | Hinge | Regression, Field(discriminator="kind")]


class Network(Spec):
    """A sequence of layers from an input shape to a loss."""

    input: tuple[Positive, Positive, Positive]
    """(channels, height, width) of one example."""
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=MAX_LAYERS)]
    """What the example goes through, in order."""
    loss: Loss = Softmax()
    """What is made small."""

    @cached_property
    def reports(self) -> tuple[LayerReport, ...]:
        """Walk the input shape through all layers; raises ShapeError naming the layer that does not fit."""
        self._bound()
        reports = walk(self.layers, self.input)
        if self.loss.kind != "regression" and len(reports[-1].output) != 1:
            last = reports[-1]
            sides = "x".join(map(str, last.output))
            raise ShapeError(
                f'layer {last.number} "{last.name}" ends the network with {sides}, but {self.loss.kind} loss needs one score a class; '
                "end with a dense layer or global pooling"
            )
        return reports

    def _bound(self) -> None:
        """Refuse what is too deep or too long to walk, and a whitening layer where there are no images' own patches to learn from."""
        names = unique_names(self.layers)
        level: list[tuple[str, LayerSpec]] = [(f'layer {n} "{names[n - 1]}"', layer) for n, layer in enumerate(self.layers, start=1)]
        total = depth = 0
        while level:
            for path, layer in level:
                if isinstance(layer, Convolution) and layer.whitening and layer is not self.layers[0]:
                    raise ShapeError(f"{path}: whitening reads the images' own patches, so it must be layer 1; move it to the front")
            total += len(level)
            if total > MAX_LAYERS:
                raise ShapeError(f"{level[0][0]}: the network has at least {total} layers, expected at most {MAX_LAYERS}; leave some out")
            blocks = [(path, layer) for path, layer in level if isinstance(layer, Residual)]
            depth += bool(blocks)
            if depth > MAX_DEPTH:
                raise ShapeError(
                    f"{blocks[0][0]}: residual blocks are nested {depth} deep, expected at most {MAX_DEPTH}; put them in a row"
                )
            level = [(path, inner) for path, block in blocks for inner in block.layers]

    @property
    def output(self) -> Shape:
        """What the last layer gives, without the batch axis."""
        return self.reports[-1].output

    @property
    def num_parameters(self) -> int:
        """Count all learned numbers."""
        return sum(report.parameters.value for report in self.reports)

    @property
    def multiply_adds(self) -> int:
        """Count the multiplications of one example's forward pass."""
        return sum(report.multiply_adds for report in self.reports)

    @property
    def num_activations(self) -> int:
        """Count the numbers that one example's forward pass keeps for the backward pass, the input included."""

        def kept(reports: tuple[LayerReport, ...]) -> int:
            return sum(volume(report.output) + kept(report.inner) for report in reports)

        return volume(self.input) + kept(self.reports)
