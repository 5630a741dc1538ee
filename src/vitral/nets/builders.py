"""From a specification to a network that can learn: one builder for each kind of layer."""

# C channels  H height  W width

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import TypeVar

import torch
from torch import nn

from vitral.errors import ShapeError
from vitral.nets import blocks, recurrent, sequence_layers
from vitral.nets.initialise import generator, initialise, initialise_cell
from vitral.nets.net import Net
from vitral.spec import layers as spec
from vitral.spec import sequence_layers as sequence_spec
from vitral.spec.base import Layer, Shape, image, pair, sequence, volume
from vitral.spec.network import Network
from vitral.spec.shapes import LayerReport, walk

Kind = TypeVar("Kind", bound=nn.Module)


def build(network: Network, *, seed: int) -> Net:
    """Make the network, its weights drawn from ``seed`` and the layers' names alone.

    torch's global generator is neither read nor moved, so the result does not depend on what ran before.

    Args:
        network: its children in the result have the names that ``network.reports`` gives.
        seed: of the weights and of dropout.
    Returns:
        A float32 network on the CPU, in training mode.
    Raises:
        ShapeError: a layer that its neighbours or its options make impossible, by number and name.
    Example:
        The lecture's CIFAR-10 network has 22,466 parameters: 16x5x5x3+16 + 20x5x5x16+20 + 20x5x5x20+20 + 10x320+10.
    """
    site = Site(seed=seed, dropping=generator(seed, "dropout"))
    net = Net(network, _row(network.reports, site), site.layers, site.dropping)
    assert net.num_parameters == network.num_parameters, (net.num_parameters, network.num_parameters)
    return net


@dataclass(frozen=True)
class Site:
    """Where a layer is built: its path, and what all layers of one network share."""

    seed: int
    dropping: torch.Generator
    path: str = ""
    layers: dict[str, Layer] = field(default_factory=dict)
    """Every layer's specification by its path; filled as they are built."""

    def at(self, name: str) -> Site:
        """Go to a layer inside this one."""
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

    @property
    def source(self) -> torch.Generator:
        """The generator of the first weights of the layer here."""
        return generator(self.seed, self.path)


def _row(reports: Sequence[LayerReport], site: Site) -> dict[str, nn.Module]:
    """Make the modules of a row of layers and note each one's specification under its path."""
    modules: dict[str, nn.Module] = {}
    for report in reports:
        inside = site.at(report.name)
        site.layers[inside.path] = report.layer
        try:
            modules[report.name] = make(report.layer, report.input, inside)
        except ShapeError as cause:
            raise ShapeError(f'layer {report.number} "{report.name}": {cause}') from None
    return modules


@singledispatch
def make(layer: Layer, shape: Shape, site: Site) -> nn.Module:
    """Make the module of one layer that reads ``shape`` (without the batch axis)."""
    raise AssertionError(f"no builder for {layer.kind}")


@make.register
def _convolution(layer: spec.Convolution, shape: Shape, site: Site) -> nn.Module:
    size, dilation = pair(layer.size), pair(layer.dilation)
    padding, margins = (0, 0), None
    if layer.padding == "same":
        rings = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
        if any(ring % 2 for ring in rings):  # an odd number of rings: the extra one goes below and to the right, as torch does
            margins = (rings[1] // 2, rings[1] - rings[1] // 2, rings[0] // 2, rings[0] - rings[0] // 2)
        else:
            padding = (rings[0] // 2, rings[1] // 2)
    else:
        padding = pair(layer.padding)
    conv = _empty(
        blocks.Convolution,
        image(shape)[0],
        layer.filters,
        size,
        stride=pair(layer.stride),
        padding=padding,
        dilation=dilation,
        groups=layer.groups,
        bias=layer.bias,
    )
    conv.margins = margins
    initialise(conv, layer.init, layer.bias_init, site.source)
    if layer.whitening:
        conv.weight.requires_grad_(False)
    return _frozen_if(layer.learning_rate_factor == 0, conv)


@make.register
def _dense(layer: spec.Dense, shape: Shape, site: Site) -> nn.Module:
    if len(shape) == 2:
        dense: nn.Linear = _empty(sequence_layers.StepDense, shape[1], layer.count(), bias=layer.bias)
    else:
        dense = _empty(blocks.Dense, volume(shape), layer.count(), bias=layer.bias)
    initialise(dense, layer.init, layer.bias_init, site.source)
    return _frozen_if(layer.learning_rate_factor == 0, dense)


@make.register
def _pooling(layer: spec.Pooling, shape: Shape, site: Site) -> nn.Module:
    kind = nn.MaxPool2d if layer.mode == "max" else nn.AvgPool2d
    return kind(pair(layer.size), layer.step(), pair(layer.padding))


@make.register
def _global_pooling(layer: spec.GlobalPooling, shape: Shape, site: Site) -> nn.Module:
    return blocks.GlobalPooling(layer.mode)


@make.register
def _flatten(layer: spec.Flatten, shape: Shape, site: Site) -> nn.Module:
    return nn.Flatten()


@make.register
def _activation(layer: spec.Activation, shape: Shape, site: Site) -> nn.Module:
    return ACTIVATIONS[layer.kind]()


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
}


@make.register
def _leaky_relu(layer: spec.LeakyRelu, shape: Shape, site: Site) -> nn.Module:
    return nn.LeakyReLU(layer.slope)


@make.register
def _maxout(layer: spec.Maxout, shape: Shape, site: Site) -> nn.Module:
    return blocks.Maxout(layer.group_size)


@make.register
def _dropout(layer: spec.Dropout, shape: Shape, site: Site) -> nn.Module:
    return blocks.Dropout(layer.probability, site.dropping)


@make.register
def _batch_norm(layer: spec.BatchNorm, shape: Shape, site: Site) -> nn.Module:
    norm = blocks.BatchNorm(shape[0], momentum=layer.momentum, eps=layer.eps, scale=layer.scale)
    return _frozen_if(layer.learning_rate_factor == 0, norm)


@make.register
def _local_response_norm(layer: spec.LocalResponseNorm, shape: Shape, site: Site) -> nn.Module:
    return blocks.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)


@make.register
def _scale(layer: spec.Scale, shape: Shape, site: Site) -> nn.Module:
    return blocks.Scale(layer.factor)


@make.register
def _embedding(layer: sequence_spec.Embedding, shape: Shape, site: Site) -> nn.Module:
    embedding = _empty(sequence_layers.Embedding, sequence(shape)[1], layer.size)
    with torch.no_grad():
        embedding.weight.normal_(generator=site.source)
    return _frozen_if(layer.learning_rate_factor == 0, embedding)


@make.register
def _rnn(layer: sequence_spec.Rnn, shape: Shape, site: Site) -> nn.Module:
    return _cell(recurrent.Rnn, layer, shape, site, nonlinearity=layer.activation)


@make.register
def _lstm(layer: sequence_spec.Lstm, shape: Shape, site: Site) -> nn.Module:
    return _cell(recurrent.Lstm, layer, shape, site, forget_bias=layer.forget_bias)


@make.register
def _gru(layer: sequence_spec.Gru, shape: Shape, site: Site) -> nn.Module:
    return _cell(recurrent.Gru, layer, shape, site)


def _cell(
    kind: type[recurrent.Recurrent],
    layer: sequence_spec.Recurrent,
    shape: Shape,
    site: Site,
    *,
    forget_bias: float = 0.0,
    **options: str,
) -> nn.Module:
    features = sequence(shape)[1]
    cell = _empty(kind, features, layer.hidden_size, batch_first=True, bidirectional=layer.bidirectional, **options)
    initialise_cell(cell, site.source, forget_bias=forget_bias)
    return _frozen_if(layer.learning_rate_factor == 0, cell)


@make.register
def _over_time(layer: sequence_spec.OverTime, shape: Shape, site: Site) -> nn.Module:
    return sequence_layers.OverTime(layer.mode, halves=_in_halves(site))


def _in_halves(site: Site) -> bool:
    """Say whether the features that arrive here are those of a bidirectional cell: nothing in between has mixed them."""
    for layer in reversed(list(site.layers.values())[:-1]):
        if isinstance(layer, sequence_spec.Recurrent):
            return layer.bidirectional
        if not isinstance(layer, UNMIXING):
            break
    return False


UNMIXING = (spec.Activation, spec.LeakyRelu, spec.Dropout, spec.Scale, sequence_spec.Pooling1d)
"""Layers that leave every feature in its place."""


@make.register
def _repeat(layer: sequence_spec.Repeat, shape: Shape, site: Site) -> nn.Module:
    return sequence_layers.Repeat(layer.length)


@make.register
def _convolution_1d(layer: sequence_spec.Convolution1d, shape: Shape, site: Site) -> nn.Module:
    conv = _empty(sequence_layers.Convolution1d, sequence(shape)[1], layer.filters, layer.size, stride=layer.stride, bias=layer.bias)
    if layer.padding == "same":
        rings = layer.size - 1
        conv.margins = (rings // 2, rings - rings // 2)
    else:
        conv.margins = (layer.padding, layer.padding)
    initialise(conv, layer.init, layer.bias_init, site.source)
    return _frozen_if(layer.learning_rate_factor == 0, conv)


@make.register
def _pooling_1d(layer: sequence_spec.Pooling1d, shape: Shape, site: Site) -> nn.Module:
    return sequence_layers.Pooling1d(layer.mode, layer.size)


@make.register
def _residual(layer: spec.Residual, shape: Shape, site: Site) -> nn.Module:
    inner = walk(layer.layers, shape)
    modules = _row(inner, site)
    if layer.shortcut == "identity":
        return blocks.Residual(modules, None)
    if blocks.PROJECTION in modules:
        raise ShapeError(f'a layer inside is called "{blocks.PROJECTION}", which is the name of the shortcut\'s own; use another name')
    aside = site.at(blocks.PROJECTION)
    site.layers[aside.path] = layer.projection(shape, inner[-1].output)
    return blocks.Residual(modules, make(site.layers[aside.path], shape, aside))


def _empty(kind: type[Kind], *args: object, **options: object) -> Kind:
    """Make a module without first values: its constructor would draw them from torch's global generator."""
    return kind(*args, device="meta", **options).to_empty(device="cpu")


def _frozen_if(frozen: bool, module: nn.Module) -> nn.Module:
    if frozen:
        module.requires_grad_(False)
    return module
