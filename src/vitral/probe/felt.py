"""The gradient of a loss with respect to every memory of a network at every step, by autograd through the cells unrolled."""

# B sequences  T time  F features  D hidden units  G gates

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitral.errors import SpecError
from vitral.probe.bundle import kind_of, recurrent_modules
from vitral.probe.cell import Floats, Kind
from vitral.probe.layers import at_rest
from vitral.probe.stand_in import hand_on, instead


@dataclass(frozen=True, eq=False)
class Felt:
    """What one layer feels of a loss."""

    layer: str
    kind: Kind
    h: Floats
    """|dLoss/dh(t)|, the Euclidean norm, (B, T)."""
    c: Floats | None
    """|dLoss/dc(t)| of an LSTM."""

    def total(self, steps: int) -> Felt:
        """Add up over the batch, the first so many steps: (steps,)."""
        return Felt(self.layer, self.kind, self.h[:, :steps].sum(axis=0), None if self.c is None else self.c[:, :steps].sum(axis=0))

    def plus(self, other: Felt) -> Felt:
        """Add another one's numbers."""
        return Felt(self.layer, self.kind, self.h + other.h, None if self.c is None or other.c is None else self.c + other.c)


class Node(NamedTuple):
    """The memories after one step, as autograd knows them."""

    h: Tensor
    c: Tensor | None


def felt(model: nn.Module, x: Tensor, loss: Callable[[Any], Tensor]) -> list[Felt]:
    """Differentiate a loss with respect to every h(t) and c(t): all the ways on which one reaches it, layers above included.

    Args:
        model: a network whose recurrent layers read forward.
        x: what it reads, (B, T) whole numbers or (B, T, F).
        loss: from what the model gives to one number, summed over the batch, in which no example meets another.

    Raises:
        SpecError: a layer that reads in both directions.
    """
    modules = recurrent_modules(model)
    if not isinstance(x, Tensor):
        raise SpecError(f"the reach of a loss is measured over sequences of one length, got {type(x).__name__}; give a tensor")
    for name, module in modules:
        if module.bidirectional:
            raise SpecError(f"{name} reads in both directions, so that no step lies behind another; choose a network that reads one way")
    kept: dict[str, tuple[Kind, list[Node]]] = {}
    with at_rest(model):
        forms = hand_on(model, modules, x[:1])
        with instead({module: Chain(module, name, forms[name], kept).forward for name, module in modules}), torch.enable_grad():
            total = loss(model(x))
        wanted = [tensor for _, nodes in kept.values() for node in nodes for tensor in node if tensor is not None]
        sizes = iter([_norm(*pair) for pair in zip(torch.autograd.grad(total, wanted, allow_unused=True), wanted, strict=True)])
    found = []
    for name, (kind, nodes) in kept.items():
        pairs = [tuple(next(sizes) for tensor in node if tensor is not None) for node in nodes]
        h = np.stack([pair[0] for pair in pairs], axis=1)
        found.append(Felt(name, kind, h, np.stack([pair[1] for pair in pairs], axis=1) if kind == "lstm" else None))
    return found


def _norm(gradient: Tensor | None, of: Tensor) -> Floats:
    """Give the size of each example's gradient, (B,); zero where the loss does not depend on it."""
    if gradient is None:
        return np.zeros(len(of))
    return np.asarray(gradient.double().norm(dim=1).cpu().numpy())


@dataclass(frozen=True, eq=False)
class Chain:
    """One recurrent module as a chain of single steps, each memory of which is kept."""

    module: nn.RNNBase
    name: str
    hands_on: bool
    kept: dict[str, tuple[Kind, list[Node]]]

    def forward(self, given: Tensor, hx: Any = None) -> Any:
        """Do what torch's module does."""
        module = self.module
        kind = kind_of(module)
        assert kind is not None, "the caller looked"
        tokens = not given.is_floating_point()
        x = F.one_hot(given, module.input_size).to(next(module.parameters()).dtype) if tokens else given
        x = x if module.batch_first or tokens else x.transpose(0, 1)
        firsts = hx if isinstance(hx, tuple) else (hx, hx)
        ends: list[Node] = []
        for layer in range(module.num_layers):
            h, c = (x.new_zeros(len(x), module.hidden_size) if first is None else first[layer] for first in firsts)
            node = Node(h.detach().clone().requires_grad_(), c if kind == "lstm" else None)  # a leaf: frozen weights make a graph too
            w_ih, w_hh, b_ih, b_hh = (_weight(module, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            sums = F.linear(x, w_ih, b_ih)  # (B, T, G*D)
            nodes: list[Node] = []
            for t in range(x.shape[1]):
                node = _step(kind, module, sums[:, t], F.linear(node.h, w_hh, b_hh), node)
                nodes.append(node)
            self._keep(kind, layer, nodes)
            ends.append(nodes[-1])
            x = torch.stack([node.h for node in nodes], dim=1)
        output = x if module.batch_first or tokens else x.transpose(0, 1)
        if not self.hands_on:
            return output
        hs = torch.stack([end.h for end in ends])
        return output, (hs, torch.stack([end.c for end in ends if end.c is not None])) if kind == "lstm" else hs

    def _keep(self, kind: Kind, layer: int, nodes: list[Node]) -> None:
        own = self.name or kind
        own = own if self.module.num_layers == 1 else f"{own}.l{layer}"
        use = 1 + sum(known.partition("#")[0] == own for known in self.kept)
        self.kept[f"{own}#{use}" if use > 1 else own] = kind, nodes


def _weight(module: nn.RNNBase, name: str) -> Any:
    return getattr(module, name, None)  # a module without biases has none


def _step(kind: Kind, module: nn.RNNBase, entered: Tensor, heard: Tensor, before: Node) -> Node:
    """Make one step of a cell, as ``vitral.explain`` writes it out."""
    if kind == "rnn":
        total = entered + heard
        return Node(torch.relu(total) if getattr(module, "nonlinearity", "tanh") == "relu" else torch.tanh(total), None)
    if kind == "gru":
        (xr, xz, xn), (hr, hz, hn) = entered.chunk(3, dim=1), heard.chunk(3, dim=1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        n = torch.tanh(xn + r * hn)
        return Node((1 - z) * n + z * before.h, None)
    assert before.c is not None, "an LSTM always has one"
    i, f, g, o = (entered + heard).chunk(4, dim=1)
    c = torch.sigmoid(f) * before.c + torch.sigmoid(i) * torch.tanh(g)
    return Node(torch.sigmoid(o) * torch.tanh(c), c)
