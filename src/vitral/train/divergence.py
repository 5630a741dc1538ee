"""Where a number first stopped being finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vitral.nets.net import Net


class Finding(NamedTuple):
    """The first layer with a number that is not finite, and which of its numbers: gradient, weight, activation, running statistics."""

    layer: str
    what: str


def numbers(net: Net) -> list[Tensor]:
    """List all weights and running statistics, once, for ``are_finite`` at every step."""
    return [tensor for tensor in (*net.parameters(), *net.buffers()) if tensor.is_floating_point()]


@torch.no_grad()
def are_finite(tensors: list[Tensor]) -> bool:
    """Say whether every number is finite: one sum for each tensor, since NaN and infinity stay in a sum.

    A sum beyond 3.4e38 counts as infinite: weights of that size are lost anyway.
    """
    return bool(torch.stack([tensor.sum() for tensor in tensors]).isfinite().all())


@torch.no_grad()
def locate(net: Net, forward: Callable[[], object]) -> Finding:
    """Find the first layer, in the order of the network, that holds a number which is not finite.

    Gradients are looked at before weights, because a gradient that is not finite is what spoils a weight; then ``forward`` is run with a
    hook on every layer; running statistics come last, because it is an activation that spoils them. The hooks are removed whatever happens.

    Args:
        net: with the gradients of the step that went wrong, or without any.
        forward: sends the offending batch through the net.
    """
    gradients = [(name, p.grad) for name, p in net.named_parameters() if p.grad is not None]
    return (
        _first(gradients, "gradient")
        or _first(net.named_parameters(), "weight")
        or _first_activation(net, forward)
        or _first(net.named_buffers(), "running statistics")
        or Finding("loss", "value")
    )


def _first(tensors: Iterable[tuple[str, Tensor]], what: str) -> Finding | None:
    return next((Finding(name.rpartition(".")[0], what) for name, tensor in tensors if not tensor.isfinite().all()), None)


def _first_activation(net: Net, forward: Callable[[], object]) -> Finding | None:
    found: list[str] = []
    names = {module: name for name, module in net.named_modules() if not list(module.children())}

    def look(module: nn.Module, _: object, output: Any) -> None:
        values = output if isinstance(output, Tensor) else output[0]  # sequences carry their lengths along
        if not found and not values.isfinite().all():
            found.append(names[module])

    hooks = [module.register_forward_hook(look) for module in names]
    try:
        forward()
    finally:
        for hook in hooks:
            hook.remove()
    return Finding(found[0], "activation") if found else None
