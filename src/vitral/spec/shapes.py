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

    def seen(self, whole: Shape) -> tuple[int, ...]:
        """Cut the receptive field at an image (C, H, W) or a sequence (T, F): a position cannot see more than there is.

        Of a sequence it is a number of steps, (T,).
        """
        if len(whole) == 2:
            return (min(self.field[0], whole[0]),)
        return min(self.field[0], whole[1]), min(self.field[1], whole[2])


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
            output, parameters, multiply_adds, window = layer.answers(shape, inner)
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
    "embedding": "embed",
    "over_time": "over_time",
    "convolution_1d": "conv",
    "pooling_1d": "pool",
}


RESERVED = frozenset(
    [
        "T_destination",
        "add_module",
        "apply",
        "aside",
        "bfloat16",
        "buffers",
        "call_super_init",
        "carry",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "draw_from",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forget",
        "forward",
        "generator",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "ipu",
        "layer_names",
        "layers",
        "learned",
        "load_state_dict",
        "memories",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "network",
        "num_parameters",
        "parameters",
        "prepare",
        "remember",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "run_in_order",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "whitens",
        "xpu",
        "zero_grad",
    ]
)
"""Names that torch's modules and Vitral's networks use themselves: a layer cannot be called so."""


def unique_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Give every layer its own name, or its kind and its number among its kind: conv1, relu1, pool1, conv2.

    Raises:
        ShapeError: two layers were given the same name, or one a name that torch's modules use themselves.
    """
    names = number_names([(layer.kind, layer.name) for layer in layers])
    for number, name in enumerate(names, start=1):
        first = names.index(name) + 1
        if first != number:
            raise ShapeError(f'layer {number} "{name}" has the name of layer {first}; give every layer a name of its own')
        if name in RESERVED:
            raise ShapeError(f'layer {number} "{name}" has a name that torch\'s modules use themselves; choose another, such as "{name}1"')
    return names


def number_names(kinds_and_names: Sequence[tuple[str, str | None]]) -> tuple[str, ...]:
    """Name what has no name by kind and number among its kind, never by a name that another was given."""
    counts: dict[str, int] = {}
    taken = {name for _, name in kinds_and_names if name}
    names: list[str] = []
    for kind, given in kinds_and_names:
        name = given or ""
        while not name or (not given and name in taken):
            stem = SHORT.get(kind, kind)
            counts[stem] = counts.get(stem, 0) + 1
            name = f"{stem}{counts[stem]}"
        names.append(name)
    return tuple(names)
