"""From a torch network to the plain arrays that a stepper is made of."""

# V vocabulary

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

import numpy as np
import torch
from torch import Tensor, nn

from vitral.errors import SpecError
from vitral.explain.activation import RULES, rule
from vitral.generate.layers import Dense, Elementwise, Embedding, Kind, Layer, Recurrent
from vitral.generate.product import Floats
from vitral.nets import blocks

ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.SiLU: "silu",
    nn.ELU: "elu",
    nn.Softplus: "softplus",
}
KNOWN = "embedding, rnn, lstm, gru (one direction), dense, dropout and activations"


def layers_of(net: nn.Module) -> tuple[list[Layer], int]:
    """Copy the layers of a network that predicts the next symbol, and count the symbols that it reads.

    Raises:
        SpecError: a layer that cannot be stepped, by name; or the network does not give a score for every symbol that it reads.
    """
    named = net.layers() if isinstance(net, blocks.Stack) else net.named_children()
    layers: list[Layer] = []
    for name, module in named:
        try:
            layers += translate(module)
        except SpecError as cause:
            raise SpecError(f'layer "{name}": {cause}') from None
    sizes = [size for layer in layers for size in _sizes(layer)]
    if not sizes:
        raise SpecError(f"the network has no layers with weights, expected one that writes text; use {KNOWN}")
    if sizes[0] != sizes[-1]:
        raise SpecError(
            f"the network reads {sizes[0]} different symbols and gives {sizes[-1]} scores, expected a score for each symbol; "
            'end it with a dense layer with units = "symbols"'
        )
    return layers, sizes[0]


@singledispatch
def translate(module: nn.Module) -> Iterator[Layer]:
    """Copy the weights of one module.

    Raises:
        SpecError: it has no place in a network that reads step by step.
    """
    raise SpecError(f"{type(module).__name__} cannot be run one step at a time, expected one of {KNOWN}; use a network made of these")


@translate.register
def _embedding(module: nn.Embedding) -> Iterator[Layer]:
    yield Embedding(numbers(module.weight))


@translate.register
def _dense(module: nn.Linear) -> Iterator[Layer]:
    yield Dense(numbers(module.weight), _bias(module.bias, module.out_features))


@translate.register
def _recurrent(module: nn.RNNBase) -> Iterator[Layer]:
    if module.bidirectional:
        raise SpecError("it reads in both directions, and what comes next is not there yet; use bidirectional = false")
    if module.proj_size:
        raise SpecError(f"its activations are projected (proj_size = {module.proj_size}), expected none; use proj_size = 0")
    for number in range(module.num_layers):
        weights = [getattr(module, f"{name}_l{number}", None) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        rows = len(weights[0])  # type: ignore[arg-type]
        yield Recurrent(_kind(module), numbers(weights[0]), numbers(weights[1]), _bias(weights[2], rows), _bias(weights[3], rows))  # type: ignore[arg-type]


@translate.register(nn.Dropout)
@translate.register(nn.Identity)
@translate.register(blocks.Dropout)
def _nothing(module: nn.Module) -> Iterator[Layer]:
    return iter(())


@translate.register
def _scale(module: blocks.Scale) -> Iterator[Layer]:
    factor = module.factor
    yield Elementwise(lambda x: x * factor)


@translate.register
def _leaky_relu(module: nn.LeakyReLU) -> Iterator[Layer]:
    yield Elementwise(rule("leaky_relu", module.negative_slope).f)


@translate.register
def _gelu(module: nn.GELU) -> Iterator[Layer]:
    if module.approximate != "none":
        raise SpecError(f'GELU is approximated by "{module.approximate}", expected "none"; use the exact one')
    yield Elementwise(RULES["gelu"].f)


def _activation(module: nn.Module) -> Iterator[Layer]:
    yield Elementwise(RULES[ACTIVATIONS[type(module)]].f)


for _kind_of_activation in ACTIVATIONS:
    translate.register(_kind_of_activation)(_activation)


def numbers(tensor: Tensor) -> Floats:
    """Copy a tensor to NumPy, in float32 unless it is float64."""
    wide = tensor.dtype if tensor.dtype == torch.float64 else torch.float32
    return np.array(tensor.detach().to(device="cpu", dtype=wide).numpy())


def _bias(bias: Tensor | None, size: int) -> Floats:
    return np.zeros(size, np.float32) if bias is None else numbers(bias)


def _kind(module: nn.RNNBase) -> Kind:
    if module.mode == "RNN_TANH":
        return "rnn_tanh"
    if module.mode == "RNN_RELU":
        return "rnn_relu"
    return "lstm" if module.mode == "LSTM" else "gru"


def _sizes(layer: Layer) -> tuple[int, ...]:
    if isinstance(layer, Embedding):
        return layer.vectors.shape
    if isinstance(layer, Dense):
        return layer.weight.shape[::-1]
    return (layer.weight_ih.shape[1], layer.weight_hh.shape[1]) if isinstance(layer, Recurrent) else ()
