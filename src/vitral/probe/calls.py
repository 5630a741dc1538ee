"""What went into the layers of a model and came out of them at one moment, kept so that any number of it can be explained afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vitral.errors import SpecError
from vitral.explain.trace import Place
from vitral.probe.instrument import first_tensor
from vitral.probe.layers import Explained, explain_call

MOST_NUMBERS = 2**20
"""A layer that takes, gives or holds more is not kept: its copies would be felt."""
NEAR = 0.01
"""So far of the sum of all terms, however roughly it is rounded, what a layer gave may lie from what its weights and its input make."""


@dataclass(eq=False)
class Call:
    """One call of a layer, for one example.

    Attributes:
        module: the layer with copies of its weights and statistics.
        entered: what went in, (1, ...).
        given: what came out, (1, ...); None until it has.
    """

    module: nn.Module
    entered: Tensor
    given: Tensor | None = None


class Calls:
    """Keeps each layer's first call of a pass, from ``attach`` to ``detach``; the model's own tensors are copied, never held.

    Args:
        layers: the modules, by name.
        example: which of the batch is kept.
    """

    def __init__(self, layers: Mapping[str, nn.Module], *, example: int) -> None:
        self._layers, self._example = dict(layers), example
        self._hooks: list[Any] = []
        self._calls: dict[str, Call] = {}

    def attach(self) -> None:
        """Begin anew with the pass that follows."""
        self.detach()
        self._calls = {}
        for name, module in self._layers.items():
            self._hooks.append(module.register_forward_pre_hook(partial(self._enter, name)))
            self._hooks.append(module.register_forward_hook(partial(self._leave, name)))

    def detach(self) -> None:
        """Take the hooks away; what was kept stays."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    @property
    def kept(self) -> Mapping[str, Call]:
        """Give what was kept of the last pass, by layer."""
        return self._calls

    def _enter(self, name: str, module: nn.Module, given: Any) -> None:
        with contextlib.suppress(Exception):  # what cannot be copied is not explained
            x = given[0] if given else None
            if module._modules:
                return  # what is inside would be shared, and a parametrised weight, spectral norm's, changes when it is read
            if name not in self._calls and isinstance(x, Tensor) and x.ndim > 1 and x.layout is torch.strided:
                own = self._one(module, x)
                held = [*module._parameters.values(), *module._buffers.values()]
                if own.numel() + sum(tensor.numel() for tensor in held if tensor is not None) <= MOST_NUMBERS:
                    self._calls[name] = Call(_twin(module), own)

    def _leave(self, name: str, module: nn.Module, _: Any, output: Any) -> None:
        with contextlib.suppress(Exception):
            call, y = self._calls.get(name), first_tensor(output)
            if call is not None and call.given is None and y is not None and y.ndim > 1:
                call.given = self._one(module, y)

    def _one(self, module: nn.Module, x: Tensor) -> Tensor:
        """Copy one example of a batch, which recurrent modules by default have as their second axis."""
        axis = 1 if isinstance(module, nn.RNNBase) and not module.batch_first else 0
        return x.detach().narrow(axis, min(self._example, x.shape[axis] - 1), 1).clone()


def explain(calls: Mapping[str, Call], layer: str, place: Place) -> Explained:
    """Show the arithmetic that made one number of one layer.

    Raises:
        SpecError: that layer was not kept, is not explained, or does more than its weights say: dropout and batch norm in training.
        ShapeError: no such place.
    """
    call = calls.get(layer)
    if call is None or call.given is None:
        known = f"expected one of {', '.join(list(calls)[:12])}" if calls else "nothing has run yet"
        raise SpecError(
            f'what went into the layer "{layer:.80}" was not kept ({known}); choose a layer of fewer than {MOST_NUMBERS:,} numbers'
        )
    found = explain_call(layer, call.module, call.entered, call.given, place)
    terms = np.asarray(getattr(found.moment, "products", found.moment.value), np.float64)
    if not abs(found.deviation) <= NEAR * float(np.abs(terms).sum()) + found.allowed:
        raise SpecError(
            f'the layer "{layer}" gave {found.computed:.6g} where its weights and this example make {found.computed - found.deviation:.6g}: '
            "in training it mixes the whole batch or draws at random, or something changes what passes through it; choose another layer"
        )
    return found


@torch.no_grad()
def _twin(module: nn.Module) -> nn.Module:
    """Make the same layer with weights of its own, which stay as they are; the layers inside it are not copied."""
    twin = module.__class__.__new__(module.__class__)
    copies = {
        kind: {name: None if tensor is None else tensor.detach().clone() for name, tensor in getattr(module, kind).items()}
        for kind in ("_parameters", "_buffers")
    }
    twin.__dict__.update(module.__dict__ | copies)
    return twin
