"""The layers a network can be made of. Adding one takes a class here and a builder of the same name in ``vitral.nets``."""

# C channels  H height  W width  K filters

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vitral.errors import ShapeError
from vitral.spec.base import (
    NONE,
    Amount,
    Answers,
    Count,
    Flag,
    Fraction,
    Layer,
    Padding,
    PaddingPair,
    Pair,
    Positive,
    Rate,
    Shape,
    Share,
    Window,
    image,
    no_sequence,
    pair,
    slide,
    times,
    volume,
    whole,
)
from vitral.spec.sequence_layers import Convolution1d, Embedding, Gru, Lstm, OverTime, Pooling1d, Repeat, Rnn
from vitral.spec.shapes import LayerReport, walk
from vitral.spec.weighted import Weighted


class Convolution(Weighted):
    """Slides ``filters`` kernels over an image: shared weights (what the field calls convolution is cross-correlation: no flip)."""

    kind: Literal["convolution"] = "convolution"
    filters: Positive
    """How many kernels, and so how many channels come out."""
    size: Pair
    """Height and width of the kernel."""
    stride: Pair = 1
    """How far the kernel moves from one position to the next."""
    padding: Padding = 0
    """Rings of zeros around the image; "same" keeps height and width (stride 1)."""
    dilation: Pair = 1
    """How far apart the kernel's taps lie; 1 for neighbours."""
    groups: Positive = 1
    """Split the channels into so many groups that do not see each other; as many as channels for a depthwise convolution."""
    whitening: Flag = False
    """Set the kernels to the eigenvectors of the training images' own patches and freeze them (filters = 2 * C * size * size)."""

    def _reach(self) -> tuple[int, int]:
        (h, w), (dh, dw) = pair(self.size), pair(self.dilation)
        return dh * (h - 1) + 1, dw * (w - 1) + 1

    def output(self, shape: Shape) -> Shape:
        c, h, w = image(shape)
        if c % self.groups or self.filters % self.groups:
            raise ShapeError(
                f"groups = {self.groups} must divide both the {c} input channels and the {self.filters} filters; use groups = 1"
            )
        if self.whitening and (self.groups, pair(self.dilation)) != (1, (1, 1)):
            raise ShapeError(f"whitening needs groups = 1 and dilation = 1, got {self.groups} and {self.dilation}; leave both out")
        if self.whitening and self.filters != 2 * c * volume(pair(self.size)):
            raise ShapeError(
                f"whitening needs filters = {2 * c * volume(pair(self.size))} (two signs of every direction), got {self.filters}"
            )
        if self.padding == "same":
            if pair(self.stride) != (1, 1):
                raise ShapeError(f'padding = "same" needs stride = 1, got {self.stride}; give padding as a number')
            return self.filters, h, w
        return self.filters, *slide(self._reach(), pair(self.stride), pair(self.padding), (h, w), "kernel")

    def parameters(self, shape: Shape) -> Count:
        c = image(shape)[0] // self.groups
        h, w = pair(self.size)
        weights = self.filters * h * w * c
        text = f"{self.filters}x{h}x{w}x{c}"
        return Count(f"{text}+{self.filters}", weights + self.filters) if self.bias else Count(text, weights)

    def multiply_adds(self, shape: Shape) -> int:
        return volume(self.output(shape)) * volume(pair(self.size)) * (image(shape)[0] // self.groups)

    def window(self, shape: Shape) -> Window:
        return Window(self._reach(), pair(self.stride))

    def summary(self) -> str:
        parts = [f"{self.filters}@{times(self.size)}"]
        if pair(self.stride) != (1, 1):
            parts.append(f"stride {times(self.stride) if isinstance(self.stride, tuple) else self.stride}")
        if self.padding != 0:
            parts.append(f"pad {times(self.padding) if isinstance(self.padding, tuple) else self.padding}")
        if pair(self.dilation) != (1, 1):
            parts.append(f"dilation {times(self.dilation) if isinstance(self.dilation, tuple) else self.dilation}")
        if self.groups > 1:
            parts.append(f"groups {self.groups}")
        if self.whitening:
            parts.append("whitening, frozen")
        return " ".join(parts)


class Pooling(Layer):
    """Keeps the maximum or the mean of each window: height and width shrink, depth never."""

    kind: Literal["pooling"] = "pooling"
    mode: Literal["max", "average"] = "max"
    """Keep the largest number of each window, or the mean."""
    size: Pair = 2
    """Height and width of the window (the lecture's spatial extent)."""
    stride: Pair | None = None
    """By default the size, so that windows touch and do not overlap."""
    padding: PaddingPair = 0
    """Rings around the image that never win a maximum and count as zeros in a mean."""

    def step(self) -> tuple[int, int]:
        """Give the stride in force as (height, width)."""
        return pair(self.size if self.stride is None else self.stride)

    def output(self, shape: Shape) -> Shape:
        c, h, w = image(shape)
        size, padding = pair(self.size), pair(self.padding)
        if 2 * padding[0] > size[0] or 2 * padding[1] > size[1]:
            raise ShapeError(
                f"padding {times(self.padding)} is more than half of the {times(self.size)} window; use padding <= {min(size) // 2}"
            )
        return c, *slide(size, self.step(), padding, (h, w), "window")

    def window(self, shape: Shape) -> Window:
        return Window(pair(self.size), self.step())

    def summary(self) -> str:
        pad = f" pad {self.padding}" if self.padding != 0 else ""
        step = self.step()
        return f"{self.mode} {times(self.size)} stride {step[0] if step[0] == step[1] else times(step)}{pad}"


class GlobalPooling(Layer):
    """Keeps one number of every channel: its mean or its maximum over the whole image."""

    kind: Literal["global_pooling"] = "global_pooling"
    mode: Literal["max", "average"] = "average"
    """Keep the mean of each channel, or its largest number."""

    def output(self, shape: Shape) -> Shape:
        return (image(shape)[0],)

    def window(self, shape: Shape) -> Window | None:
        return whole(shape)

    def summary(self) -> str:
        return self.mode


class Flatten(Layer):
    """Lays an image out as one vector, channel by channel."""

    kind: Literal["flatten"] = "flatten"

    def output(self, shape: Shape) -> Shape:
        return (volume(no_sequence(shape, "use over_time, which knows where a sequence ends")),)

    def window(self, shape: Shape) -> Window | None:
        return whole(shape)  # the vector as a whole has seen all of the image


class Dense(Weighted):
    """Joins every unit with every number of its input (an image is flattened first); of a sequence, at every step by the same weights."""

    kind: Literal["dense"] = "dense"
    units: Positive | Literal["symbols"]
    """How many numbers come out; "symbols" for one score a symbol of the text."""

    def count(self) -> int:
        """Give the number of units. Raises ShapeError where no text says how many symbols there are."""
        if self.units == "symbols":
            raise ShapeError('units = "symbols" needs network.input = { kind = "tokens" }; give units as a number')
        return self.units

    def output(self, shape: Shape) -> Shape:
        return (shape[0], self.count()) if len(shape) == 2 else (self.count(),)

    def parameters(self, shape: Shape) -> Count:
        units, inputs = self.count(), _joined(shape)
        text = f"{units}x{inputs}"
        return Count(f"{text}+{units}", units * inputs + units) if self.bias else Count(text, units * inputs)

    def multiply_adds(self, shape: Shape) -> int:
        return volume(self.output(shape)) * _joined(shape)

    def window(self, shape: Shape) -> Window | None:
        return whole(shape)

    def summary(self) -> str:
        return f"{self.units} units" if self.units != "symbols" else "one unit a symbol"


def _joined(shape: Shape) -> int:
    """Count the numbers that one unit reads: all of an image or a vector, those of one step of a sequence."""
    return shape[1] if len(shape) == 2 else volume(shape)


class Activation(Layer):
    """A function of each number alone."""

    kind: Literal["relu", "sigmoid", "tanh", "gelu", "silu", "elu", "softplus"]
    """Which function."""


class LeakyRelu(Layer):
    """x where positive, slope * x where negative: no unit dies."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    slope: Share = 0.01
    """The factor where x is negative."""

    def summary(self) -> str:
        return f"slope {self.slope:g}"


class Maxout(Layer):
    """The maximum of each group of consecutive channels or units (Goodfellow et al. 2013, arXiv:1302.4389)."""

    kind: Literal["maxout"] = "maxout"
    group_size: Annotated[int, Field(ge=2, le=4096, strict=True)] = 2
    """How many consecutive channels or units compete."""

    def output(self, shape: Shape) -> Shape:
        no_sequence(shape, "put maxout behind over_time")
        if shape[0] % self.group_size:
            raise ShapeError(f"group_size = {self.group_size} does not divide the {shape[0]} channels; use a divisor of {shape[0]}")
        return shape[0] // self.group_size, *shape[1:]

    def summary(self) -> str:
        return f"groups of {self.group_size}"


class Dropout(Layer):
    """Zeroes each number with ``probability`` while training and scales the rest up, so that nothing changes at test time."""

    kind: Literal["dropout"] = "dropout"
    probability: Fraction = 0.5
    """How likely each number is zeroed."""

    def summary(self) -> str:
        return f"p {self.probability:g}"


class BatchNorm(Layer):
    """Centres and scales each channel by the batch's own mean and variance (Ioffe & Szegedy 2015, arXiv:1502.03167)."""

    kind: Literal["batch_norm"] = "batch_norm"
    momentum: Share = 0.1
    """How much of each batch's statistics enters the running ones."""
    eps: Rate = 1e-5
    """Added to the variance, so that nothing is divided by zero."""
    scale: Flag = True
    """Learn a factor per channel; without it only a shift is learned."""
    learning_rate_factor: Amount = 1.0
    """The layer learns at this many times the common learning rate; 0 freezes it."""

    def output(self, shape: Shape) -> Shape:
        return no_sequence(shape, "put batch_norm behind over_time, or leave it out")

    def parameters(self, shape: Shape) -> Count:
        return Count(f"2x{shape[0]}", 2 * shape[0]) if self.scale else Count(f"{shape[0]}", shape[0])

    def multiply_adds(self, shape: Shape) -> int:
        return volume(shape)


class LocalResponseNorm(Layer):
    """Divides each number by (k + alpha/size * sum of squares over ``size`` neighbouring channels) ** beta (Krizhevsky et al. 2012)."""

    kind: Literal["local_response_norm"] = "local_response_norm"
    size: Positive = 5
    """How many neighbouring channels are summed."""
    k: Rate = 2.0
    """The number under the sum of squares."""
    alpha: Amount = 1e-4
    """How much the sum of squares weighs."""
    beta: Amount = 0.75
    """The power of the divisor."""

    def output(self, shape: Shape) -> Shape:
        return image(shape)

    def multiply_adds(self, shape: Shape) -> int:
        return volume(shape) * (self.size + 1)

    def summary(self) -> str:
        return f"size {self.size}"


class Scale(Layer):
    """Multiplies by a constant, such as the temperature of the last layer."""

    kind: Literal["scale"] = "scale"
    factor: Rate
    """The constant."""

    def summary(self) -> str:
        return f"x {self.factor:g}"


class Residual(Layer):
    """Adds its input to what its own layers make of it (He et al. 2015, arXiv:1512.03385)."""

    kind: Literal["residual"] = "residual"
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=64)]
    """What the input goes through before it is added to itself."""
    shortcut: Literal["identity", "projection"] = "identity"
    """identity adds the input as it is; projection brings it to the right shape by a 1x1 convolution (no bias)."""

    def answers(self, shape: Shape, inner: tuple[LayerReport, ...]) -> Answers:
        end = no_sequence(inner[-1].output, "put residual blocks behind over_time")
        counts = [report.parameters for report in inner]
        cost = sum(report.multiply_adds for report in inner)
        if self.shortcut == "projection":
            if any(report.name == "projection" for report in inner):
                raise ShapeError('a layer inside is called "projection", which is the name of the shortcut\'s own; use another name')
            projection = self.projection(shape, end)
            counts.append(projection.parameters(shape))
            cost += projection.multiply_adds(shape)
        elif end != shape:
            raise ShapeError(
                f'an identity shortcut adds {"x".join(map(str, shape))} to {"x".join(map(str, end))}; use shortcut = "projection"'
            )
        counts = [count for count in counts if count.value]
        count = Count(" + ".join(count.text for count in counts), sum(count.value for count in counts)) if counts else NONE
        return Answers(end, count, cost, None)

    def output(self, shape: Shape) -> Shape:
        return self.answers(shape, walk(self.layers, shape)).output

    def parameters(self, shape: Shape) -> Count:
        return self.answers(shape, walk(self.layers, shape)).parameters

    def multiply_adds(self, shape: Shape) -> int:
        return self.answers(shape, walk(self.layers, shape)).multiply_adds

    def projection(self, shape: Shape, end: Shape) -> Convolution:
        """Give the 1x1 convolution that brings ``shape`` to ``end``."""
        _, h, w = image(shape)
        k, oh, ow = image(end)
        stride = (-(-h // oh), -(-w // ow))
        layer = Convolution(filters=k, size=1, stride=stride, bias=False, init="he")
        if layer.output(shape) != end:
            raise ShapeError(f"no 1x1 convolution brings {h}x{w} to {oh}x{ow}; use a stride that divides {h} and {w}")
        return layer

    def summary(self) -> str:
        return f"{self.shortcut} shortcut"


LayerSpec = Annotated[
    Convolution
    | Pooling
    | GlobalPooling
    | Flatten
    | Dense
    | Activation
    | LeakyRelu
    | Maxout
    | Dropout
    | BatchNorm
    | LocalResponseNorm
    | Scale
    | Residual
    | Embedding
    | Rnn
    | Lstm
    | Gru
    | OverTime
    | Repeat
    | Convolution1d
    | Pooling1d,
    Field(discriminator="kind"),
]
Residual.model_rebuild()
