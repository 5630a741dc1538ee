"""A network: what goes in, the layers in order, and the loss at the end."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from vitral.errors import ShapeError
from vitral.spec.base import Positive, Rate, Shape, Spec, volume
from vitral.spec.layers import LayerSpec
from vitral.spec.shapes import LayerReport, walk


class Softmax(Spec):
    """Cross-entropy after softmax, in nats; the last layer gives one score a class."""

    kind: Literal["softmax"] = "softmax"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Hinge(Spec):
    """Multi-class support vector machine: sum of max(0, score of a wrong class - score of the right one + margin)."""

    kind: Literal["hinge"] = "hinge"
    margin: Rate = 1.0


class Regression(Spec):
    """Half the mean squared difference to the target, over every number of the output."""

    kind: Literal["regression"] = "regression"


Loss = Annotated[Softmax | Hinge | Regression, Field(discriminator="kind")]


class Network(Spec):
    """A sequence of layers from an input shape to a loss."""

    input: tuple[Positive, Positive, Positive]
    """(channels, height, width) of one example."""
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=1000)]
    loss: Loss = Softmax()

    @cached_property
    def reports(self) -> tuple[LayerReport, ...]:
        """Walk the input shape through all layers; raises ShapeError naming the layer that does not fit."""
        reports = walk(self.layers, self.input)
        if self.loss.kind != "regression" and len(reports[-1].output) != 1:
            last = reports[-1]
            sides = "x".join(map(str, last.output))
            raise ShapeError(
                f'layer {last.number} "{last.name}" ends the network with {sides}, but {self.loss.kind} loss needs one score a class; '
                "end with a dense layer or global pooling"
            )
        return reports

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
