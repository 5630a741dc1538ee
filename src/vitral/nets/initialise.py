"""First values of the weights, each layer's from a generator of its own: nothing is drawn from torch's global one."""

# O units or filters  I inputs or channels  KH KW kernel

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor, nn


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Give the generator that belongs to ``seed`` and ``purpose``: equal in every process, unrelated for different purposes.

    Example: ``generator(7, "conv1")`` stays what it is when a layer is added before conv1.
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)


@torch.no_grad()
def initialise(layer: nn.Conv1d | nn.Conv2d | nn.Linear, init: str, bias_init: float | None, source: torch.Generator) -> None:
    """Fill a layer's weights and biases.

    fan_in = I * KH * KW, fan_out = O * KH * KW (per group).

    Args:
        layer: its weight is (O, I, KH, KW), (O, I, K) or (O, I).
        init: he: N(0, 2/fan_in), He et al. 2015, arXiv:1502.01852; lecun: N(0, 1/fan_in), LeCun et al. 1998; xavier: N(0, 2/(fan_in+fan_out)),
            Glorot & Bengio 2010; zero: 0; default: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weights and biases, as torch's layers; dirac: the
            first O filters hand their input on (Zagoruyko & Komodakis 2017, arXiv:1706.00388) and filters beyond the number of channels
            are drawn as by default, so that no two are alike.
        bias_init: where every bias starts; None for 0, or for the draw of default.
        source: the generator to draw from.
    Example:
        A 5x5 convolution over 3 channels has fan_in 75: lecun draws with deviation 1/sqrt(75) = 0.115.
    """
    weight = layer.weight
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
    edge = 1 / math.sqrt(fan_in)
    match init:
        case "he":
            weight.normal_(0, math.sqrt(2 / fan_in), generator=source)
        case "lecun":
            weight.normal_(0, math.sqrt(1 / fan_in), generator=source)
        case "xavier":
            weight.normal_(0, math.sqrt(2 / (fan_in + fan_out)), generator=source)
        case "zero":
            weight.zero_()
        case "default":
            weight.uniform_(-edge, edge, generator=source)
        case "dirac":
            weight.uniform_(-edge, edge, generator=source)
            _hand_on(weight, getattr(layer, "groups", 1))
        case _:
            raise AssertionError(init)
    if layer.bias is None:
        return
    if bias_init is not None:
        layer.bias.fill_(bias_init)
    elif init == "default":
        layer.bias.uniform_(-edge, edge, generator=source)
    else:
        layer.bias.zero_()


@torch.no_grad()
def initialise_cell(cell: nn.RNNBase, source: torch.Generator, *, forget_bias: float = 0.0) -> None:
    """Draw a recurrent cell's weights and biases from U(-1/sqrt(D), 1/sqrt(D)) for D hidden units, as torch's cells.

    Args:
        cell: its parameters are drawn in the order in which torch lists them.
        source: the generator to draw from.
        forget_bias: added to the forget gate's rows of b_ih, the second quarter of an LSTM's.
    """
    d = cell.hidden_size
    edge = 1 / math.sqrt(d)
    for parameter in cell.parameters():
        parameter.uniform_(-edge, edge, generator=source)
    if forget_bias:
        for name, parameter in cell.named_parameters():
            if name.startswith("bias_ih"):
                parameter[d : 2 * d] += forget_bias


def _hand_on(weight: Tensor, groups: int) -> None:
    filters = weight.shape[0] // groups
    for first in range(0, weight.shape[0], filters):
        for channel in range(min(filters, weight.shape[1])):
            weight[first + channel] = 0
            centre = tuple(side // 2 for side in weight.shape[2:])
            weight[(first + channel, channel, *centre)] = 1
