"""A network at rest looking at one example: what every layer gives, and what the loss asks of it, forward and backward."""

# C channels  H height  W width  N numbers

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vitral.nets.blocks import Residual
from vitral.nets.net import Net
from vitral.probe.instrument import WHAT, first_tensor, parameters_of
from vitral.probe.layers import at_rest
from vitral.probe.maps import MAX_NUMBERS, pictures
from vitral.probe.seen import Key, LayerSeen, StepSeen

INPUT: Key = ("", 0)


@dataclass(frozen=True, eq=False)
class Portrait:
    """One example's way through a network and back.

    Attributes:
        seen: the layers, as ``watch`` gives them.
        input: the example itself as the network reads it, and its gradient.
        scores: what the last layer gave, (N,).
        loss: of this example; None where no target was given.
        forward, backward: how long each took, in seconds.
    """

    seen: StepSeen
    scores: Tensor
    input: LayerSeen
    loss: float | None
    forward: float
    backward: float


def layers_of(net: nn.Module) -> dict[str, nn.Module]:
    """Give the layers that have a row in the network's table: all but the shortcut's own projection, blocks before what is in them."""
    return {name: module for name, module in net.named_modules() if name and (not list(module.children()) or isinstance(module, Residual))}


def portray(
    net: Net,
    x: Tensor,
    target: Tensor | None = None,
    criterion: Callable[[Tensor, Tensor], Tensor] | None = None,
    *,
    layers: tuple[str, ...] | None = None,
    what: tuple[str, ...] = WHAT,
    gradients: Mapping[str, Tensor] | None = None,
    autocast: contextlib.AbstractContextManager[Any] | None = None,
    step: int = 0,
    everything: bool = False,
    room: int = MAX_NUMBERS,
) -> Portrait:
    """Let a network look at one example, and send the loss back through it.

    The network is run, so this is for one that is not in training at the same time; its weights get no ``.grad``, its layers run in the
    order of their names, dropout and batch statistics rest, and its own mode is as before afterwards.

    Args:
        net: a ``vitral`` network.
        x: one example, (1, C, H, W), (1, T, F) or codes (1, T).
        target: its class (1,), what follows each symbol (1, T), or numbers (1, ...); without it there are no gradients.
        criterion: the loss, of scores (1, K) and target.
        layers: whose pictures are made; None for all.
        what: which pictures are made.
        gradients: of weights by parameter name, shown in place of those of this example alone.
        autocast: the number format to run in.
        step: for the record.
        everything: every parameter of a layer, not only its first one (kernels, a matrix).
        room: how many numbers a picture may have.
    """
    found = {name: module for name, module in layers_of(net).items() if layers is None or name in layers}
    began = time.perf_counter()
    x = x.detach()
    if x.is_floating_point():
        x.requires_grad_("gradient" in what and target is not None)
    outputs, answer = _go_forth(net, x, found, autocast or contextlib.nullcontext())
    scores = first_tensor(answer)
    assert scores is not None
    scores = scores if scores.dtype is torch.float64 else scores.float()
    forward = time.perf_counter() - began
    seen = StepSeen(step, num_examples=len(x), settled=True)
    own_gradients = "weight_gradient" in what and gradients is None
    given = {name: parameter for name, parameter in net.named_parameters() if parameter.requires_grad} if own_gradients else {}
    asked = {INPUT: x, **outputs} if "gradient" in what else {}
    slopes, of_weights, loss, backward = _go_back(asked, given, scores, target, criterion)
    of_weights |= gradients or {}
    entered = LayerSeen(*INPUT, "input", tuple(x.shape[1:]))
    shown: dict[tuple[Key, str, str], Tensor] = {}
    for key, output in {INPUT: x, **outputs}.items():
        name, call = key
        if "activation" in what:
            shown[key, "activation", ""] = output.detach()[0]
        if (slope := slopes.get(key)) is not None:
            shown[key, "gradient", ""] = slope[0]
        if key == INPUT:
            continue
        seen.layers[key] = LayerSeen(name, call, type(found[name]).__name__, tuple(output.shape[1:]))
        for own, parameter in parameters_of(found[name]).items() if call == 0 else ():
            if "weight" in what:
                shown[key, "weights", own] = parameter.detach()
            if "weight_gradient" in what and (moved := of_weights.get(f"{name}.{own}")) is not None:
                shown[key, "weight_gradients", own] = moved
            if not everything:
                break
    for (key, kind, own), made in zip(shown, pictures(list(shown.values()), room), strict=True):
        layer = entered if key == INPUT else seen.layers[key]
        if not own:
            setattr(layer, kind, made)
        elif made is not None:
            getattr(layer, kind)[own] = made
    seen.seconds = time.perf_counter() - began
    return Portrait(seen, scores.detach()[0], entered, loss, forward, backward)


def _go_forth(
    net: Net, x: Tensor, layers: Mapping[str, nn.Module], autocast: contextlib.AbstractContextManager[Any]
) -> tuple[dict[Key, Tensor], Any]:
    """Run the network at rest: what each layer gave, and what the last one did."""
    outputs: dict[Key, Tensor] = {}
    calls: dict[str, int] = {}

    def take(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _given: Any, output: Any) -> None:
            if (tensor := first_tensor(output)) is not None:
                outputs[name, calls.get(name, 0)] = tensor  # kept as it is: no module of ours works in place
                calls[name] = calls.get(name, 0) + 1

        return hook

    hooks = [module.register_forward_hook(take(name)) for name, module in layers.items()]
    try:
        with at_rest(net), torch.enable_grad(), autocast:
            return outputs, net(x)
    finally:
        for hook in hooks:
            hook.remove()


def _go_back(
    outputs: dict[Key, Tensor],
    given: dict[str, nn.Parameter],
    scores: Tensor,
    target: Tensor | None,
    criterion: Callable[[Tensor, Tensor], Tensor] | None,
) -> tuple[dict[Key, Tensor], dict[str, Tensor], float | None, float]:
    """Ask for the gradient of every output and weight at once; ``torch.autograd.grad`` leaves ``.grad`` alone."""
    if target is None or criterion is None:
        return {}, {}, None, 0.0
    began = time.perf_counter()
    with torch.enable_grad():
        loss = criterion(scores, target)
    keys = [key for key, output in outputs.items() if output.requires_grad]
    wanted = [*(outputs[key] for key in keys), *given.values()]
    found = torch.autograd.grad(loss, wanted, allow_unused=True) if wanted and loss.requires_grad else [None] * len(wanted)
    slopes = {key: slope for key, slope in zip(keys, found, strict=False) if slope is not None}
    of_weights = {name: slope for name, slope in zip(given, found[len(keys) :], strict=True) if slope is not None}
    return slopes, of_weights, float(loss.detach()), time.perf_counter() - began
