"""A network: what goes in, the layers in order, and the loss at the end."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from vitral.errors import ShapeError
from vitral.spec.base import Fraction, Positive, Rate, Shape, Spec, times_of, volume
from vitral.spec.layers import Activation, Convolution, Dense, LayerSpec, LeakyRelu, Residual
from vitral.spec.sequence_layers import CAUSAL, Recurrent
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


class Tokens(Spec):
    """A text or a word: at each step one of a fixed number of symbols. A first layer that is no embedding reads them one-hot."""

    kind: Literal["tokens"] = "tokens"
    length: Positive
    """How many steps are read together; of a text, how far back the gradient goes (truncated backpropagation through time)."""
    symbols: Positive | None = None
    """How many different symbols there are; left out, the data say."""


class Series(Spec):
    """A sequence of measurements: at each step the same number of features."""

    kind: Literal["series"] = "series"
    length: Positive
    """How many steps are read at most."""
    features: Positive
    """How many numbers there are at each step."""


def _kind_of_input(value: Any) -> str | None:
    if isinstance(value, dict):
        kind = value.get("kind")
        return kind if isinstance(kind, str) else None
    return getattr(value, "kind", "image")


Image = tuple[Positive, Positive, Positive]
Input = Annotated[
    Annotated[Image, Tag("image")] | Annotated[Tokens, Tag("tokens")] | Annotated[Series, Tag("series")], Discriminator(_kind_of_input)
]
ASSUMED_SYMBOLS = 100
"""Stands for the number of symbols until the data were read."""

Loss = Annotated[Softmax | Hinge | Regression, Field(discriminator="kind")]


class Network(Spec):
    """A sequence of layers from an input shape to a loss."""

    input: Input
    """(channels, height, width) of one image; or a table: ``{ kind = "tokens", length = 100 }``, ``{ kind = "series", ... }``."""
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=MAX_LAYERS)]
    """What the example goes through, in order."""
    loss: Loss = Softmax()
    """What is made small."""

    @property
    def shape(self) -> Shape:
        """Give what goes in, without the batch axis: (C, H, W), or (T, V) of V symbols, or (T, F)."""
        if isinstance(self.input, Tokens):
            return self.input.length, self.num_symbols
        return (self.input.length, self.input.features) if isinstance(self.input, Series) else self.input

    @property
    def image(self) -> tuple[int, int, int]:
        """Give (C, H, W) of a network that reads images.

        Raises:
            ShapeError: it reads sequences.
        """
        if isinstance(self.input, Tokens | Series):
            raise ShapeError(f"the network reads sequences ({self.input.kind}), expected one that reads images; use another experiment")
        return self.input

    @property
    def num_symbols(self) -> int:
        """Count the symbols of a text; 100 until the data were read where the experiment does not say."""
        return (self.input.symbols or ASSUMED_SYMBOLS) if isinstance(self.input, Tokens) else 0

    @property
    def predicts_next(self) -> bool:
        """Say whether the network reads a text and answers at every step with a score for each symbol that may come next."""
        return isinstance(self.input, Tokens) and len(self.output) == 2

    def with_symbols(self, count: int) -> Network:
        """Give the same network for a text of so many symbols.

        Raises:
            ShapeError: a layer that does not fit any longer.
        """
        assert isinstance(self.input, Tokens)
        return Network(input=self.input.model_copy(update={"symbols": count}), layers=self.layers, loss=self.loss)

    @cached_property
    def reports(self) -> tuple[LayerReport, ...]:
        """Walk the input shape through all layers; raises ShapeError naming the layer that does not fit."""
        self._bound()
        reports = walk(self._counted(), self.shape)
        last = reports[-1]
        if len(last.output) == 2:
            self._next_symbol(reports)
        elif self.loss.kind != "regression" and len(last.output) != 1:
            raise ShapeError(
                f'layer {last.number} "{last.name}" ends the network with {times_of(last.output)}, but {self.loss.kind} loss needs '
                "one score a class; end with a dense layer or global pooling"
            )
        return reports

    def _counted(self) -> tuple[LayerSpec, ...]:
        """Replace ``units = "symbols"`` by their number."""
        if not isinstance(self.input, Tokens):
            return self.layers
        units = {"units": self.num_symbols}
        return tuple(row.model_copy(update=units) if isinstance(row, Dense) and row.units == "symbols" else row for row in self.layers)

    def _next_symbol(self, reports: tuple[LayerReport, ...]) -> None:
        """Insist that a network that ends with a sequence gives a score for each symbol that may come next, and cannot look ahead."""
        last = reports[-1]
        if not isinstance(self.input, Tokens) or self.loss.kind != "softmax" or last.output[1] != self.num_symbols:
            wanted = f"{last.output[0]}x{self.num_symbols}" if isinstance(self.input, Tokens) else "one vector"
            cure = 'a dense layer with units = "symbols" and softmax loss' if isinstance(self.input, Tokens) else "over_time and dense"
            raise ShapeError(
                f'layer {last.number} "{last.name}" ends the network with the sequence {times_of(last.output)}, expected {wanted}; '
                f"end with {cure}"
            )
        for report in reports:
            layer = report.layer
            if isinstance(layer, Recurrent) and layer.bidirectional:
                raise ShapeError(
                    f'layer {report.number} "{report.name}" is bidirectional: it would read the very symbol that it should predict; '
                    "use bidirectional = false"
                )
            if layer.kind not in CAUSAL and not isinstance(layer, Activation | LeakyRelu):
                raise ShapeError(
                    f'layer {report.number} "{report.name}" looks ahead or loses its place in the text, expected a layer that reads step by '
                    "step; use embedding, rnn, lstm, gru, dense or dropout"
                )

    def _bound(self) -> None:
        """Refuse what is too deep or too long to walk, and a whitening layer where there are no images' own patches to learn from."""
        names = unique_names(self.layers)
        level: list[tuple[str, LayerSpec]] = [(f'layer {n} "{names[n - 1]}"', layer) for n, layer in enumerate(self.layers, start=1)]
        total = depth = 0
        while level:
            for path, layer in level:
                if layer.kind == "embedding" and not (isinstance(self.input, Tokens) and layer is self.layers[0]):
                    raise ShapeError(
                        f"{path}: an embedding reads symbols, so it must be layer 1 of a network that reads tokens; move it there"
                    )
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

        return volume(self.shape) + kept(self.reports)
