"""The table of a model of someone's own: what ``vitral describe`` says of an experiment, as far as one pass through the model tells it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from vitral.probe.calls import Call
from vitral.probe.instrument import parameters_of
from vitral.probe.seen import LayerSeen

KINDS: Mapping[str, str] = {
    "Conv2d": "convolution", "Conv1d": "convolution_1d", "Linear": "dense", "Embedding": "embedding", "RNN": "rnn", "LSTM": "lstm", "GRU": "gru",
    "MaxPool2d": "pooling", "AvgPool2d": "pooling", "MaxPool1d": "pooling_1d", "AvgPool1d": "pooling_1d",
    "AdaptiveAvgPool2d": "global_pooling", "AdaptiveMaxPool2d": "global_pooling", "BatchNorm1d": "batch_norm", "BatchNorm2d": "batch_norm",
    "LocalResponseNorm": "local_response_norm", "Dropout": "dropout", "Dropout2d": "dropout", "Flatten": "flatten", "Softmax": "softmax",
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "GELU": "gelu", "SiLU": "silu", "ELU": "elu",
    "Softplus": "softplus",
}  # fmt: skip
"""What the specification calls torch's modules."""


def rows_of(layers: Sequence[LayerSeen], modules: Mapping[str, nn.Module], calls: Mapping[str, Call]) -> list[dict[str, Any]]:
    """Describe the layers that ran, in their order, behind what entered the first.

    Args:
        layers: what was seen of them.
        modules: by the layers' names.
        calls: what went in and came out, where it was kept.
    """
    entered = _entered(layers[0], calls) if layers else ()
    rows = [_row(0, "input", "input", given=entered)]
    for number, layer in enumerate(layers, 1):
        module = modules[layer.name]
        parameters = parameters_of(module)
        count = sum(p.numel() for p in parameters.values())
        frozen = bool(parameters) and not any(p.requires_grad for p in parameters.values())
        rows.append(
            _row(
                number,
                layer.name,
                KINDS.get(layer.kind, layer.kind),
                settings=_settings(module),
                entered=_entered(layer, calls),
                given=layer.shape,
                parameters=f"{'+'.join(map(_factors, parameters.values()))} = {count}" if parameters else "",
                num_parameters=count,
                multiply_adds=_multiply_adds(module, layer.shape),
                frozen=frozen,
            )
        )
    return rows


def _row(number: int, name: str, kind: str, *, entered: Sequence[int] = (), given: Sequence[int] = (), **more: Any) -> dict[str, Any]:
    plain = {"settings": "", "parameters": "", "num_parameters": 0, "multiply_adds": 0, "field": "", "depth": 0, "frozen": False}
    shapes = {"input": _sizes(entered), "output": _sizes(given)}
    return {"number": number, "name": name, "kind": kind, **plain, **shapes, **more}


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _entered(layer: LayerSeen, calls: Mapping[str, Call]) -> tuple[int, ...]:
    call = calls.get(layer.name)
    return tuple(call.entered.shape[1:]) if call else ()


def _factors(parameter: nn.Parameter) -> str:
    """Write a weight's shape as the specification does: filters first, then the size, then the channels."""
    shape = tuple(parameter.shape)
    return _sizes((shape[0], *shape[2:], shape[1]) if len(shape) > 2 else shape) or "1"


def _settings(module: nn.Module) -> str:
    """Say in one short line what a layer is and how it is set."""
    return " ".join(filter(None, (type(module).__name__, _how(module))))


def _how(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        stride = "" if module.stride == (1, 1) else f" stride {module.stride[0]}"
        padding = module.padding if isinstance(module.padding, str) else module.padding[0]
        return f"{module.out_channels}@{_sizes(module.kernel_size)}{stride}{f' pad {padding}' if padding not in (0, 'valid') else ''}"
    if isinstance(module, nn.Linear):
        return f"{module.out_features} units"
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        size, stride = (f"{n}x{n}" if isinstance(n, int) else _sizes(n) for n in (module.kernel_size, module.stride))
        return f"{size} stride {stride}"
    if isinstance(module, nn.RNNBase):
        return f"{module.hidden_size} units"
    return ""


def _multiply_adds(module: nn.Module, output: Sequence[int]) -> int:
    """Count those of one example; 0 where it is not known."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return module.weight.numel() * math.prod(output[1:])
    if isinstance(module, nn.Linear):
        return module.weight.numel() * math.prod(output[:-1])
    return 0
