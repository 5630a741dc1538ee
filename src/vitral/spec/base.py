"""What every part of a specification shares: strictness, and the arithmetic a layer can answer for."""

# C channels  H height  W width  K filters

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from vitral.errors import ShapeError

if TYPE_CHECKING:
    from vitral.spec.shapes import LayerReport

Shape = tuple[int, ...]


def _one_or_two(least: int) -> WrapValidator:
    """Answer for a number-or-pair with one sentence instead of one for each reading."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"must be one or two whole numbers from {least} to {LARGEST}, as 3 or [3, 5], got {short(value)}") from None

    return WrapValidator(check)


def _padding(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        words = f'must be one or two whole numbers from 0 to {LARGEST}, as 2 or [2, 1], or "same", got {short(value)}'
        raise ValueError(words) from None


def one_padding(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Answer for a padding along time with one sentence."""
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(f'must be a whole number from 0 to {LARGEST}, as 2, or "same", got {short(value)}') from None


LARGEST = 2**20
Flag = Annotated[bool, Field(strict=True)]
Positive = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
NotNegative = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
Pair = Annotated[Positive | tuple[Positive, Positive], _one_or_two(1)]
PaddingPair = Annotated[NotNegative | tuple[NotNegative, NotNegative], _one_or_two(0)]
Padding = Annotated[PaddingPair | Literal["same"], WrapValidator(_padding)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Share = Annotated[Number, Field(ge=0, le=1)]
Fraction = Annotated[Number, Field(ge=0, lt=1)]
Amount = Annotated[Number, Field(ge=0)]
Rate = Annotated[Number, Field(gt=0)]


def short(value: object, limit: int = 60) -> str:
    """Write a value as a person typed it, cut where it is long: true, "same", [1, 2]."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else reprlib.repr(value)
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in " ".join(text[:1000].split()))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


class Spec(BaseModel):
    """A frozen part of a specification that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Count(NamedTuple):
    """A number with the arithmetic that leads to it, as a person would write it: ``Count("16x5x5x3+16", 1216)``."""

    text: str
    value: int

    def __str__(self) -> str:
        return f"{self.text} = {self.value}" if self.text != str(self.value) else self.text


NONE = Count("0", 0)


class Window(NamedTuple):
    """What one output position looks at, in pixels of the layer's input: (height, width) each."""

    size: tuple[int, int]
    stride: tuple[int, int]


class Answers(NamedTuple):
    """What a layer says about one input shape, all at once."""

    output: Shape
    parameters: Count
    multiply_adds: int
    window: Window | None


class Layer(Spec):
    """One operation of a network. A subclass answers for its shape, its parameters and its cost, all without torch.

    Each answer takes ``shape``, the layer's input without the batch axis: (C, H, W) for images, (N,) for vectors, (T, F) for sequences
    of T steps.
    """

    kind: str
    """Which operation this is."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    """How the layer is called on the page, in errors and in checkpoints; by default its kind and its number."""

    def output(self, shape: Shape) -> Shape:
        """Give the shape that comes out. Raises ShapeError when ``shape`` cannot go in."""
        return shape

    def parameters(self, shape: Shape) -> Count:
        """Count the learned numbers."""
        return NONE

    def multiply_adds(self, shape: Shape) -> int:
        """Count the multiplications (each with its addition) that one example costs in the forward pass."""
        return 0

    def window(self, shape: Shape) -> Window | None:
        """Say what one output position looks at; None where each position looks at itself alone."""
        return None

    def answers(self, shape: Shape, inner: tuple[LayerReport, ...]) -> Answers:
        """Answer for everything at once; ``inner`` is the walk through the layer's own layers, so that nobody walks there twice."""
        return Answers(self.output(shape), self.parameters(shape), self.multiply_adds(shape), self.window(shape))

    def summary(self) -> str:
        """Describe the settings in a few signs, as on a slide: ``16@5x5 pad 2``."""
        return ""


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Read 3 as (3, 3) and leave (3, 5) as it is: height, then width."""
    return (value, value) if isinstance(value, int) else value


def times(value: int | tuple[int, int]) -> str:
    """Write a size as on a slide: 3 and (3, 5) give ``3x3`` and ``3x5``."""
    return "x".join(map(str, pair(value)))


def image(shape: Shape) -> tuple[int, int, int]:
    """Insist on an image (C, H, W)."""
    if len(shape) == 2:
        raise ShapeError(
            f"expected an image (channels, height, width), got a sequence of {shape[0]} steps; use convolution_1d, pooling_1d or over_time"
        )
    if len(shape) != 3:
        raise ShapeError(
            f"expected an image (channels, height, width), got a vector of {shape[0]}; put this layer before flatten, dense and global pooling"
        )
    return shape[0], shape[1], shape[2]


def sequence(shape: Shape) -> tuple[int, int]:
    """Insist on a sequence (T, F)."""
    if len(shape) == 3:
        raise ShapeError(f"expected a sequence (steps, features), got an image of {times_of(shape)}; use a layer for images")
    if len(shape) != 2:
        raise ShapeError(
            f"expected a sequence (steps, features), got a vector of {shape[0]}; put this layer before over_time, or repeat it"
        )
    return shape[0], shape[1]


def no_sequence(shape: Shape, cure: str) -> Shape:
    """Refuse a sequence, whose steps would be taken for something else."""
    if len(shape) == 2:
        raise ShapeError(f"expected an image or a vector, got a sequence of {shape[0]} steps; {cure}")
    return shape


def times_of(shape: Shape) -> str:
    """Write a shape as on a slide: (16, 32, 32) is ``16x32x32``."""
    return "x".join(map(str, shape))


def volume(shape: Shape) -> int:
    """Count the numbers in a shape."""
    product = 1
    for side in shape:
        product *= side
    return product


def whole(shape: Shape) -> Window | None:
    """Give the window that looks at all of an image at once; None for a vector and for the steps of a sequence."""
    return Window((shape[1], shape[2]), (shape[1], shape[2])) if len(shape) == 3 else None


def slide(size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], sides: tuple[int, int], what: str) -> tuple[int, int]:
    """Count the positions of a window: floor((side + 2*padding - size) / stride) + 1 both ways."""
    places = []
    for extent, step, rings, side in zip(size, stride, padding, sides, strict=True):
        if extent > side + 2 * rings:
            cure = -(-(extent - side) // 2)
            raise ShapeError(f"a {times(size)} {what} does not fit a {times(sides)} image; use padding >= {cure} or a smaller size")
        places.append((side + 2 * rings - extent) // step + 1)
    return places[0], places[1]


def slide_along(size: int, stride: int, padding: int, steps: int, what: str) -> int:
    """Count the positions of a window along a sequence: floor((steps + 2*padding - size) / stride) + 1."""
    if size > steps + 2 * padding:
        cure = -(-(size - steps) // 2)
        raise ShapeError(f"a {what} of {size} steps does not fit a sequence of {steps}; use padding >= {cure} or a smaller size")
    return (steps + 2 * padding - size) // stride + 1
