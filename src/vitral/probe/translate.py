"""From a torch module and the numbers that went into it to the trace of the same operation."""

# B batch  C channels  H height  W width  T time  F features

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vitral import explain
from vitral.errors import SpecError
from vitral.explain.trace import Array, Trace
from vitral.nets import blocks
from vitral.probe.bundle import kind_of
from vitral.probe.cell import Kind

RECURRENT: Mapping[Kind, Callable[..., Trace]] = {"rnn": explain.unfold_rnn, "lstm": explain.unfold_lstm, "gru": explain.unfold_gru}


def numbers(tensor: Tensor) -> Array:
    """Copy a tensor of any format to float64."""
    return np.asarray(tensor.detach().to(device="cpu", dtype=torch.float64).numpy())


def example_of(x: Tensor, example: int) -> Array:
    """Take one example out of a batch."""
    return numbers(x[example])


@singledispatch
def translate(module: nn.Module, x: Tensor, example: int) -> Trace:
    """Give the trace of what a module does to one example of the batch x that went into it.

    Args:
        module: a layer of a network.
        x: what went in, (B, ...).
        example: which of the batch; batch norm in training mode looks at all of them.

    Raises:
        SpecError: a module, or a setting of one, that is not explained.
    """
    function = FUNCTIONS.get(type(module))
    if function is None:
        known = "convolution, dense, pooling, activation, batch norm, local response norm, dropout, RNN, LSTM or GRU"
        raise SpecError(f"a {type(module).__name__} is not explained; choose a layer that is a {known}")
    return explain.activate(example_of(x, example), function)


FUNCTIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.ELU: "elu",
    nn.Softplus: "softplus",
    nn.Identity: "identity",
}


@translate.register
def _convolution(module: nn.Conv2d, x: Tensor, example: int) -> Trace:
    if module.padding_mode not in ("zeros", "reflect"):
        raise SpecError(f'padding_mode must be "zeros" or "reflect" to be explained, got "{module.padding_mode}"; choose another layer')
    margins = getattr(module, "margins", None)
    padding: Any = "same" if margins is not None else "valid" if module.padding == "valid" else module.padding
    return explain.convolve(
        example_of(x, example),
        numbers(module.weight),
        None if module.bias is None else numbers(module.bias),
        stride=module.stride,
        padding=0 if padding == "valid" else padding,
        dilation=module.dilation,
        groups=module.groups,
        fill="zero" if module.padding_mode == "zeros" else "reflect",
    )


@translate.register
def _dense(module: nn.Linear, x: Tensor, example: int) -> Trace:
    return explain.join(example_of(x, example), numbers(module.weight), None if module.bias is None else numbers(module.bias))


@translate.register(nn.MaxPool2d)
@translate.register(nn.AvgPool2d)
def _pooling(module: nn.MaxPool2d | nn.AvgPool2d, x: Tensor, example: int) -> Trace:
    average = isinstance(module, nn.AvgPool2d)
    plain = (not average and module.dilation in (1, (1, 1))) or (average and module.count_include_pad and module.divisor_override is None)
    if module.ceil_mode or not plain:
        raise SpecError(
            f"a {type(module).__name__} with ceil_mode, dilation or a divisor of its own is not explained; choose another layer"
        )
    mode = "average" if average else "max"
    return explain.pool(example_of(x, example), module.kernel_size, stride=module.stride, padding=module.padding, mode=mode)


@translate.register
def _global_pooling(module: blocks.GlobalPooling, x: Tensor, example: int) -> Trace:
    return explain.pool_globally(example_of(x, example), mode=module.mode)


@translate.register(nn.AdaptiveAvgPool2d)
@translate.register(nn.AdaptiveMaxPool2d)
def _adaptive(module: nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d, x: Tensor, example: int) -> Trace:
    if module.output_size not in (1, (1, 1)):
        raise SpecError(f"adaptive pooling is explained down to 1x1 alone, got {module.output_size}; choose another layer")
    return explain.pool_globally(example_of(x, example), mode="average" if isinstance(module, nn.AdaptiveAvgPool2d) else "max")


@translate.register
def _leaky_relu(module: nn.LeakyReLU, x: Tensor, example: int) -> Trace:
    return explain.activate(example_of(x, example), "leaky_relu", slope=module.negative_slope)


@translate.register
def _softmax(module: nn.Softmax, x: Tensor, example: int) -> Trace:
    return explain.softmax(example_of(x, example))


@translate.register(nn.BatchNorm1d)
@translate.register(nn.BatchNorm2d)
def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor, example: int) -> Trace:
    scale = None if module.weight is None else numbers(module.weight)
    shift = None if module.bias is None else numbers(module.bias)
    if module.training or module.running_mean is None or module.running_var is None:
        return explain.normalise_batch(numbers(x), scale, shift, eps=module.eps)
    statistics = {"mean": numbers(module.running_mean), "variance": numbers(module.running_var)}
    return explain.normalise_batch(numbers(x[example : example + 1]), scale, shift, eps=module.eps, **statistics)


@translate.register
def _local_response_norm(module: nn.LocalResponseNorm, x: Tensor, example: int) -> Trace:
    return explain.normalise_neighbours(example_of(x, example), module.size, alpha=module.alpha, beta=module.beta, k=module.k)


@translate.register(nn.Dropout)
@translate.register(blocks.Dropout)
def _dropout(module: nn.Module, x: Tensor, example: int) -> Trace:
    kept = example_of(x, example)
    return explain.drop(kept, np.ones_like(kept), probability=0.0)  # a network that is looked at is in evaluation mode: nothing is dropped


@translate.register(nn.RNN)
@translate.register(nn.LSTM)
@translate.register(nn.GRU)
def _recurrent(module: nn.RNN | nn.LSTM | nn.GRU, x: Tensor, example: int) -> Trace:
    if module.num_layers != 1 or module.bidirectional or module.proj_size > 0:
        raise SpecError(
            f"a {type(module).__name__} of one layer and one direction is explained, got {module.num_layers} layers"
            f"{', both directions' if module.bidirectional else ''}; split it into single ones"
        )
    alone = x.ndim == (2 if x.is_floating_point() else 1)
    sequence = x if alone else x[example] if module.batch_first else x[:, example]
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights = [numbers(getattr(module, name)) if hasattr(module, name) else None for name in names]
    settings = {"function": module.nonlinearity} if isinstance(module, nn.RNN) else {}
    kind = kind_of(module)
    assert kind is not None, "registered for these alone"
    data = numbers(sequence) if sequence.is_floating_point() else np.eye(module.input_size)[sequence.cpu().numpy()]  # symbols are one-hot
    return RECURRENT[kind](data, *weights, **settings)
