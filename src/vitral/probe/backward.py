"""One number of a gradient inside a network: the sum over everything that reads it, beside what the engine computed."""

# C channels  H height  W width

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vitral import explain
from vitral.errors import ShapeError, SpecError
from vitral.explain.checks import shown
from vitral.explain.gradients import Gradient
from vitral.explain.record import Values, differentiate
from vitral.explain.record import numbers as plain
from vitral.explain.trace import Place, Trace
from vitral.nets.blocks import Residual
from vitral.nets.net import Net
from vitral.probe.instrument import first_tensor
from vitral.probe.layers import at_rest, find
from vitral.probe.portrait import layers_of
from vitral.probe.translate import numbers, translate
from vitral.spec.network import Softmax

MOST_TERMS = 256
"""So many terms of a sum are told one by one, the largest; the others as their number and sum."""

LOSS = "loss"
WEIGHTS = {"convolution": {"kernels": "weight", "bias": "bias"}, "dense": {"weights": "weight", "bias": "bias"},
           "batch_norm": {"scale": "weight", "shift": "bias"}}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Part:
    """What one reader of a number sends back to it.

    Attributes:
        layer: the reader: a layer, or "loss".
        trace, gradient: its arithmetic; None where it hands the gradient through as it is, as the addition of a residual block does.
        value: what it sends back.
    """

    layer: str
    trace: Trace | None
    gradient: Gradient | None
    value: float


@dataclass(frozen=True, eq=False)
class ExplainedGradient:
    """A number of a gradient, exactly in float64 from what the engine sent back to the layer behind, and as the engine gave it."""

    layer: str
    of: str
    """"output", or the weight: "kernels", "weights", "bias", "scale", "shift"."""
    place: Place
    parts: tuple[Part, ...]
    computed: float
    deviation: float
    allowed: float

    @property
    def value(self) -> float:
        """Give the sum of all parts."""
        return float(sum(part.value for part in self.parts))

    def to_values(self) -> Values:
        """Give a record for JSON: the first part's terms at the top, as docs/explain.schema.json has them, further parts beside it."""
        first, *others = [_part(part) for part in self.parts]
        engine = {"value": self.computed, "deviation": self.deviation, "allowed": self.allowed}
        own = {"layer": self.layer, "of": self.of, "place": list(self.place), "value": self.value, "engine": engine}
        return {**first, **own} | ({"parts": others} if others else {})


def explain_gradient(
    net: Net,
    layer: str,
    x: Tensor,
    target: Tensor,
    criterion: Callable[[Tensor, Tensor], Tensor],
    place: Place,
    *,
    of: str = "output",
    autocast: contextlib.AbstractContextManager[Any] | None = None,
) -> ExplainedGradient:
    """Show the sum that makes one number of dLoss/dOutput of a layer, or of dLoss/dWeight, for one example.

    Args:
        net: a ``vitral`` network; its mode, statistics and ``.grad`` stay as they were.
        layer: the layer's name.
        x: one example, (1, C, H, W).
        target: its class, (1,).
        criterion: the loss of scores (1, K) and target.
        place: in the layer's output, (channel, row, column) or (unit,); or in its weight.
        of: "output", or a weight's name: "kernels", "weights", "bias", "scale" or "shift".
        autocast: the number format to run in.

    Raises:
        SpecError: no such layer or weight, a reader that is not explained, or a network that answers at every step.
        ShapeError: no such place.

    Example:
        The gradient of a number before a 2x2 max-pooling is what the window sends back where the number won, and 0 where it lost.
    """
    module = find(net, layer)
    ways, scores = _run(net, x, autocast)
    if layer not in ways:
        raise SpecError(f'the layer "{layer}" does not run when the network looks at an example; choose another')
    if scores.ndim > 2:
        raise SpecError("of a network that answers at every step the way forward is explained, not the way back; choose an activation")
    output = ways[layer][1]
    with torch.enable_grad():
        loss = criterion(scores if scores.dtype is torch.float64 else scores.float(), target)
    names = list(ways)
    weights = dict(module.named_parameters(recurse=False))
    wanted = [*(ways[name][1] for name in names), *weights.values()]
    able = [tensor for tensor in wanted if tensor.requires_grad]
    slopes = dict(zip(map(id, able), torch.autograd.grad(loss, able, allow_unused=True), strict=True))
    sent = {name: slopes.get(id(ways[name][1])) for name in names}
    with at_rest(net):
        if of == "output":
            place = _inside(layer, place, tuple(output.shape[1:]))
            parts = _readers(net, ways, sent, output, place)
            if scores is output:
                parts += [_of_loss(net, scores, target, place)]
            engine = slopes.get(id(output))
            spot: Place = (0, *place)
        else:
            parts, name = [_of_weight(net, layer, ways, sent, of, place)], _named(module, layer, of)
            engine, spot = slopes.get(id(weights[name])), place
    if not parts:
        raise SpecError(f'nothing reads what the layer "{layer}" gives, so there is no gradient; choose another layer')
    computed = 0.0 if engine is None else float(engine[spot])
    value = sum(part.value for part in parts)
    return ExplainedGradient(layer, of, place, tuple(parts), computed, computed - value, _allowed(parts, output.dtype))


def _run(net: Net, x: Tensor, autocast: Any) -> tuple[dict[str, tuple[Tensor, Tensor]], Tensor]:
    """Send one example through, and keep what goes into every layer and comes out. Tensors are known by identity: no layer works in place."""
    ways: dict[str, tuple[Tensor, Tensor]] = {}

    def take(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, given: Any, output: Any) -> None:
            entered, left = first_tensor(given), first_tensor(output)
            if entered is not None and left is not None:
                ways[name] = entered, left

        return hook

    modules = {**layers_of(net), **{name: module for name, module in net.named_modules() if name and not list(module.children())}}
    hooks = [module.register_forward_hook(take(name)) for name, module in modules.items()]
    try:
        with at_rest(net), torch.enable_grad(), autocast or contextlib.nullcontext():
            scores = first_tensor(net(x))
    finally:
        for hook in hooks:
            hook.remove()
    assert scores is not None
    return ways, scores


def _readers(net: Net, ways: dict[str, Any], sent: dict[str, Tensor | None], output: Tensor, place: Place) -> list[Part]:
    """Find all that read a tensor, and what each sends back to one place of it."""
    parts = []
    for name, (entered, left) in ways.items():
        module, upstream = net.get_submodule(name), sent[name]
        if isinstance(module, Residual):
            inner = [ways[f"{name}.{last}"][1] for last in (list(dict(module.layers()))[-1], "projection") if f"{name}.{last}" in ways]
            adds = any(one is output for one in inner) or (entered is output and "projection" not in module._modules)
            if adds and upstream is not None:
                parts.append(Part(name, None, None, float(upstream[(0, *place)])))
        elif entered is output and left is not output and upstream is not None:  # dropout at rest gives what it was given: no reader
            parts.append(_through(name, module, entered, left, upstream, place))
    return parts


def _through(name: str, module: nn.Module, entered: Tensor, left: Tensor, upstream: Tensor, place: Place) -> Part:
    if isinstance(module, nn.Flatten):
        unit = int(np.ravel_multi_index(place, tuple(entered.shape[1:])))
        return Part(name, None, None, float(upstream[0, unit]))
    trace = translate(module, entered, 0)
    argument = trace.differentiable[0]
    values = trace.inputs[argument]
    if trace.operation == "batch_norm":
        place = (0, *place)
    elif values.ndim == 1 and len(place) > 1:  # a dense layer reads an image channel by channel
        place = (int(np.ravel_multi_index(place, tuple(entered.shape[1:]))),)
    gradient = trace.backward(_upstream(trace, upstream)).of(argument, *place, checked=False)
    return Part(name, trace, gradient, gradient.value)


def _of_loss(net: Net, scores: Tensor, target: Tensor, place: Place) -> Part:
    loss = net.network.loss
    if not isinstance(loss, Softmax) or scores.ndim != 2:
        raise SpecError(f"how the {loss.kind} loss pushes the scores is not explained, that of softmax is; choose a layer before the last")
    count = scores.shape[1]
    shares = np.full(count, loss.label_smoothing / count)
    shares[int(target[0])] += 1 - loss.label_smoothing
    trace = explain.cross_entropy(numbers(scores[0]), shares)
    gradient = trace.backward().of("scores", *place, checked=False)
    return Part(LOSS, trace, gradient, gradient.value)


def _of_weight(net: Net, layer: str, ways: dict[str, Any], sent: dict[str, Tensor | None], of: str, place: Place) -> Part:
    entered, left = ways[layer]
    trace = translate(net.get_submodule(layer), entered, 0)
    if of not in trace.learned:
        known = ", ".join(("output", *trace.learned))
        raise SpecError(f'the layer "{layer}" has no weight called "{of}"; expected one of {known}')
    upstream = sent[layer]
    sent_back = torch.zeros_like(left) if upstream is None else upstream
    gradient = trace.backward(_upstream(trace, sent_back)).of(of, *place, checked=False)
    return Part(layer, trace, gradient, gradient.value)


def _named(module: nn.Module, layer: str, of: str) -> str:
    for table in WEIGHTS.values():
        name = table.get(of)
        if name is not None and getattr(module, name, None) is not None:
            return name
    raise SpecError(f'the layer "{layer}" has no "{of}" that learns; choose another')


def _upstream(trace: Trace, gradient: Tensor) -> Any:
    return numbers(gradient if trace.operation == "batch_norm" else gradient[0])


def _inside(layer: str, place: Place, shape: Place) -> Place:
    if len(place) != len(shape) or any(not 0 <= at < side for at, side in zip(place, shape, strict=True)):
        raise ShapeError(f'there is no place {place}: the layer "{layer}" gives {shown(shape)}; count from 0')
    return place


def _allowed(parts: list[Part], dtype: torch.dtype) -> float:
    """Bound what rounding can do: of every term in bfloat16, of every addition in float32."""
    unit = torch.finfo(dtype).eps / 2
    total = sum(float(np.abs(part.gradient.products).sum()) if part.gradient else abs(part.value) for part in parts)
    count = sum(len(part.gradient.places) if part.gradient else 1 for part in parts)
    return (4 if dtype in (torch.bfloat16, torch.float16) else count + 4) * unit * total


def _part(part: Part) -> Values:
    """Write a part: its largest terms one by one, the others together."""
    if part.trace is None or part.gradient is None:
        return {"through": part.layer, "passes": part.value}
    gradient = part.gradient
    order = np.sort(np.argsort(-np.abs(gradient.products), kind="stable")[:MOST_TERMS])
    kept = Gradient(gradient.of, gradient.place, gradient.places[order], gradient.upstream[order], gradient.slope[order],
                    gradient.local[order], gradient.check)  # fmt: skip
    told = differentiate(kept) | {"value": gradient.value}
    del told["check"]  # the engine's own number stands beside it
    left = len(gradient.places) - len(order)
    if left:
        told["others"] = {"count": left, "sum": gradient.value - kept.value}
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in part.trace.settings.items()}
    values = {"through": part.layer, "operation": part.trace.operation, "arguments": settings, "shape": list(part.trace.shape)}
    plain(np.float64(gradient.value), "gradient")
    return {**values, "gradient": told}
