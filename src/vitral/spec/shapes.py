"""What every layer reads and gives: the walk of a shape through a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitral.errors import ShapeError
from vitral.spec.base import Count, Layer, Shape


@dataclass(frozen=True)
class LayerReport:
    """One layer with all the arithmetic that needs no data.

    ``field`` is the receptive field: how many input pixels (height, width) one output position sees. ``jump`` is how many input
    pixels lie between two neighbouring output positions. ``inner`` holds the layers of a residual block.
    """

    number: int
    name: str
    layer: Layer
    input: Shape
    output: Shape
    parameters: Count
    multiply_adds: int
    field: tuple[int, int]
    jump: tuple[int, int]
    inner: tuple[LayerReport, ...] = ()


def walk(
    layers: Sequence[Layer],
    shape: Shape,
    *,
    field: tuple[int, int] = (1, 1),
    jump: tuple[int, int] = (1, 1),
) -> tuple[LayerReport, ...]:
    """Follow ``shape`` through ``layers``.

    The receptive field grows by (window - 1) * jump at each layer, the jump is multiplied by the stride (Araujo, Norris & Sim 2019,
    "Computing Receptive Fields of Convolutional Neural Networks", Distill).

    Raises:
        ShapeError: the first layer that cannot read what it is given, by number and name.
    Example:
        A 3x3 convolution, a 2x2 pooling and another 3x3 convolution see 3, 4 and 8 pixels.
    """
    names = unique_names(layers)
    reports: list[LayerReport] = []
    for number, (layer, name) in enumerate(zip(layers, names, strict=True), start=1):
        inner: tuple[LayerReport, ...] = ()
        try:
            if inside := getattr(layer, "layers", None):
                inner = walk(inside, shape, field=field, jump=jump)
            output, window = layer.output(shape), layer.window(shape)
            parameters, multiply_adds = layer.parameters(shape), layer.multiply_adds(shape)
        except ShapeError as cause:
            raise ShapeError(f'layer {number} "{name}": {cause}') from None
        if inner:
            field, jump = inner[-1].field, inner[-1].jump
        elif window:
            field = (field[0] + (window.size[0] - 1) * jump[0], field[1] + (window.size[1] - 1) * jump[1])
            jump = (jump[0] * window.stride[0], jump[1] * window.stride[1])
        reports.append(LayerReport(number, name, layer, shape, output, parameters, multiply_adds, field, jump, inner))
        shape = output
    return tuple(reports)


SHORT = {
    "convolution": "conv",
    "pooling": "pool",
    "global_pooling": "global_pool",
    "batch_norm": "norm",
    "local_response_norm": "lrn",
    "residual": "block",
}


def unique_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Give every layer its own name, or its kind and its number among its kind: conv1, relu1, pool1, conv2.

    Raises:
        ShapeError: two layers were given the same name.
    """
    counts: dict[str, int] = {}
    names: list[str] = []
    taken = {layer.name for layer in layers if layer.name}
    for number, layer in enumerate(layers, start=1):
        name = layer.name or ""
        while not name or (layer.name is None and name in taken):
            stem = SHORT.get(layer.kind, layer.kind)
            counts[stem] = counts.get(stem, 0) + 1
            name = f"{stem}{counts[stem]}"
        if name in names:
            raise ShapeError(f'layer {number} "{name}" has the name of layer {names.index(name) + 1}; give every layer a name of its own')
        names.append(name)
    return tuple(names)
