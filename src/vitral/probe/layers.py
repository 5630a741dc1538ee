"""One number of a real network: the sum that made it, beside what the engine computed."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitral.errors import ShapeError, SpecError
from vitral.explain.record import Values, describe, facts, record
from vitral.explain.trace import Moment, Place, Trace
from vitral.nets.blocks import Stack
from vitral.probe.translate import numbers, translate


@dataclass(frozen=True, eq=False)
class Explained:
    """A number of a layer, exactly in float64 and as the engine gave it."""

    layer: str
    trace: Trace
    moment: Moment
    computed: float
    """What the engine gave."""
    deviation: float
    """computed - exact."""
    allowed: float
    """How far rounding alone can take the engine's number away."""
    reason: str
    """Why the two differ, in one sentence."""

    def to_values(self, *, inputs: bool = True) -> Values:
        """Give a record for JSON, with the engine's number; the layer's whole output is left out.

        Args:
            inputs: False leaves out all that goes in and all weights too, but for what this one number needs.
        """
        engine = {"value": self.computed, "deviation": self.deviation, "reason": self.reason}
        if inputs:
            return record(self.trace, self.moment.place, output=False) | {"engine": engine}
        settings = {name: list(value) if isinstance(value, tuple) else value for name, value in self.trace.settings.items()}
        values = {"operation": self.trace.operation, "arguments": settings, "shape": list(self.trace.shape)}
        return {**values, "moment": describe(self.moment), "facts": facts(self.trace), "engine": engine}


def explain_layer(
    model: nn.Module,
    layer: str,
    x: Tensor,
    place: Place,
    *,
    example: int = 0,
    autocast: contextlib.AbstractContextManager[Any] | None = None,
) -> Explained:
    """Show the arithmetic that made one number of one layer of a network.

    The model looks at x once, in evaluation mode and without gradients; its mode, its statistics and torch's generator stay as they were.

    Args:
        model: any torch module; a ``vitral`` network runs its layers in the order of their names.
        layer: the layer's name, as in ``model.named_modules()``.
        x: the batch to look at, (B, ...).
        place: where in the layer's output for that example: (channel, row, column), (unit,), (step,) or (step, unit).
        example: which of the batch.
        autocast: the number format to run in, as ``torch.autocast("cpu", torch.bfloat16)``.

    Raises:
        SpecError: no such layer, or one that is not explained.
        ShapeError: no such place.

    Example:
        ``explain_layer(resnet, "conv1", images, (3, 10, 12)).moment.products`` holds the 3*7*7 products behind that number.
    """
    module = find(model, layer)
    if not 0 <= example < len(x):
        raise ShapeError(f"there is no example {example} in a batch of {len(x)}; use 0 to {len(x) - 1}")
    seen: list[tuple[Tensor, Tensor]] = []

    def look(_: nn.Module, given: tuple[Tensor, ...], output: Any) -> None:
        out = output[0] if isinstance(output, tuple) else output
        seen.append((before.pop() if before else tensor_of(given[0]), out.detach().clone()))  # a copy: an in-place ReLU overwrites it next

    before: list[Tensor] = []
    hooks = [
        module.register_forward_pre_hook(lambda _, given: before.append(tensor_of(given[0]).detach().clone())),
        module.register_forward_hook(look),
    ]
    try:
        with at_rest(model), torch.no_grad(), autocast or contextlib.nullcontext():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise SpecError(f'the layer "{layer}" does not run when the network looks at an example; choose another')
    with at_rest(model):
        return explain_call(layer, module, *seen[0], place, example=example)


def explain_call(layer: str, module: nn.Module, entered: Tensor, output: Tensor, place: Place, *, example: int = 0) -> Explained:
    """Show the arithmetic that made one number of a layer, given the batch that went in and what came out.

    Raises:
        SpecError: a layer that is not explained.
        ShapeError: no such place.
    """
    within = place
    if isinstance(module, nn.Linear) and output.ndim == 3:  # the same weights at every step: the place is (step, unit)
        entered, within = _one_step(module, entered, place), place[1:]
    trace = translate(module, entered, example)
    moment = trace.at(*_place(trace, within))
    computed = _computed(module, output, example, place)
    exact = float(np.asarray(moment.value).reshape(-1)[within[1] if moment.value.ndim and len(within) > 1 else 0])
    allowed = _allowed(moment, output.dtype, exact)
    return Explained(layer, trace, moment, computed, computed - exact, allowed, _reason(output.dtype, computed - exact, allowed))


def tensor_of(given: Any) -> Tensor:
    """Give the numbers of a module's input; padded sequences come with their lengths."""
    return given[0] if isinstance(given, tuple) else given  # type: ignore[no-any-return]


def find(model: nn.Module, layer: str) -> nn.Module:
    """Look a layer up by its name. Raises SpecError with the nearest one."""
    modules: dict[str, nn.Module] = {name: module for name, module in model.named_modules() if name}
    if layer not in modules:
        close = difflib.get_close_matches(layer, modules, n=1)
        cure = f'did you mean "{close[0]}"?' if close else f"expected one of {', '.join(list(modules)[:12])}"
        raise SpecError(f'the network has no layer "{layer}"; {cure}')
    return modules[layer]


@contextlib.contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, layers in their named order, a blank memory; every module's own mode and the old memory come back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    orders = [(module, module._in_order) for module in model.modules() if isinstance(module, Stack)]
    model.eval()
    for stack, _ in orders:
        stack._in_order = True
    try:
        with _aside(model):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for stack, order in orders:
            stack._in_order = order


def _one_step(module: nn.Linear, entered: Tensor, place: Place) -> Tensor:
    steps = entered.shape[1]
    if len(place) != 2 or not 0 <= place[0] < steps:
        raise ShapeError(f"there is no place (step, unit) {place}: the layer answers at {steps} steps; use 0 to {steps - 1}, then a unit")
    own = entered[:, place[0]]
    return own if own.is_floating_point() else F.one_hot(own, module.in_features).to(module.weight.dtype)


def _aside(model: nn.Module) -> contextlib.AbstractContextManager[Any]:
    """Give a network that carries its memory a blank one, and the old one back afterwards."""
    own = getattr(model, "aside", None)
    return own() if callable(own) else contextlib.nullcontext()


def _place(trace: Trace, place: Place) -> Place:
    """Batch norm's traces have the batch in front; a recurrent step may name a unit behind, a pooled channel its 1x1 place."""
    if trace.operation == "batch_norm":
        return (0, *place)
    return place[:1] if trace.operation in ("rnn", "lstm", "gru", "global_pooling") else place


def _computed(module: nn.Module, output: Tensor, example: int, place: Place) -> float:
    recurrent = isinstance(module, nn.RNN | nn.LSTM | nn.GRU)
    own = output if recurrent and output.ndim == 2 else output[:, example] if recurrent and not module.batch_first else output[example]
    values = numbers(own)
    at = (*place, 0) if recurrent and len(place) == 1 else place
    return float(values[at].reshape(-1)[0])


def _allowed(moment: Moment, dtype: torch.dtype, exact: float) -> float:
    """Bound what rounding can do: of every term in bfloat16, of every addition in float32."""
    products = np.asarray(getattr(moment, "products", exact))
    unit = torch.finfo(dtype).eps / 2
    roundings = 3 if dtype in (torch.bfloat16, torch.float16) else products.size + 2
    return roundings * unit * (float(np.abs(products).sum()) + abs(exact))


def _reason(dtype: torch.dtype, deviation: float, allowed: float) -> str:
    name = str(dtype).removeprefix("torch.")
    if deviation == 0:
        return f"it computes in {name}, and nothing had to be rounded here"
    if dtype in (torch.bfloat16, torch.float16):
        bits = 8 if dtype is torch.bfloat16 else 11
        return f"it computes in {name}, which keeps {bits} bits of a number: weights, inputs and result are rounded, up to {allowed:.1g} in all"
    return f"it computes in {name} and rounds every addition, up to {allowed:.1g} in all"
