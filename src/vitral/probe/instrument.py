"""The hooks that look at one forward and backward pass. They read, reduce and copy; whatever passes through them is left as it is."""

# B batch  C channels  H height  W width  T time  F features

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vitral.probe.maps import MAX_NUMBERS, Picture, draw, measure, silent
from vitral.probe.seen import LayerSeen, StepSeen

WHAT = ("activation", "gradient", "weight", "weight_gradient")
MAX_CALLS = 64
"""So many calls of one module are seen within a step; a cell that runs at each of 10,000 steps of time would fill the memory."""

ALONG_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)
ALONG_FIRST = (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.MaxPool1d, nn.AvgPool1d)


class Instrument:
    """Hooks on some layers of a model, from ``attach`` to ``detach``.

    A hook keeps no output: it reduces or copies at once, since an in-place ReLU overwrites it next. Gradients of activations come from a
    hook on the output itself, which stays right before in-place operations, where ``register_full_backward_hook`` would raise.

    Args:
        layers: the modules to look at, by name.
        what: which of activation, gradient, weight and weight_gradient.
        limit: how many numbers of an activation are read for its figures: whole examples, at least one; None for all.
        example: whose maps are drawn; None for no maps.
        failed: is told what a hook raised; nothing is raised in the person's own pass.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        *,
        what: tuple[str, ...] = WHAT,
        limit: int | None = None,
        example: int | None = 0,
        room: int = MAX_NUMBERS,
        failed: Callable[[Exception], None],
    ) -> None:
        self._layers = dict(layers)
        self._what, self._limit, self._example, self._room, self._failed = what, limit, example, room, failed
        self._look: StepSeen | None = None
        self._hooks: list[Any] = []
        self._on_tensors: list[Any] = []
        self._on_parameters: list[tuple[nn.Parameter, Any]] = []
        self._calls: dict[str, int] = {}
        self._thread = 0
        self.answered = False
        """Whether a gradient has come since ``attach``."""

    def attach(self, look: StepSeen, hidden: Collection[str] = ()) -> None:
        """Begin to look: let every layer tell what it gives, but for the hidden ones, of which weights alone are read."""
        self.detach()
        self._look, self._calls, self._thread, self.answered = look, {}, threading.get_ident(), False
        if "activation" in self._what or "gradient" in self._what:
            for name, module in self._layers.items():
                if name not in hidden:
                    self._hooks.append(module.register_forward_hook(partial(self._forward, name)))
        if "weight_gradient" in self._what:
            for name, module in self._layers.items():
                for own, parameter in parameters_of(module).items():
                    if parameter.requires_grad:
                        hook = parameter.register_post_accumulate_grad_hook(partial(self._accumulated, look, name, own))  # type: ignore[no-untyped-call]
                        self._on_parameters.append((parameter, hook))

    def passed(self) -> None:
        """Take the hooks from the layers: the forward pass is over. Gradients are still awaited."""
        self._unhook()
        if self._look is not None:
            for name, module in self._layers.items():
                self._weigh(self._look, name, module)  # those that did not run

    def detach(self) -> None:
        """Take all hooks away; the model and its parameters are as they were before ``attach``."""
        self._unhook()
        for hook in self._on_tensors:
            hook.remove()
        self._on_tensors.clear()
        for parameter, hook in self._on_parameters:
            hook.remove()
            if not parameter._post_accumulate_grad_hooks:  # torch leaves an empty table behind
                parameter._post_accumulate_grad_hooks = None  # type: ignore[assignment]
        self._on_parameters.clear()
        self._look = None

    def _unhook(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _forward(self, name: str, module: nn.Module, given: Any, output: Any) -> None:
        look = self._look
        if look is None or threading.get_ident() != self._thread:
            return
        began = time.perf_counter()
        try:
            call = self._calls.get(name, 0)
            self._calls[name] = call + 1
            x = first_tensor(output)
            if x is None or call >= MAX_CALLS:
                return
            layer = _layer(look, name, call, module)
            if call == 0:
                self._weigh(look, name, module)
            batched = x.ndim > 1
            if not look.num_examples and batched:
                look.num_examples = len(x)
            first = _batch_first(module)
            with torch.no_grad():
                layer.shape = tuple(x.shape) if not batched else (tuple(x.shape[1:]) if first else (x.shape[0], *x.shape[2:]))
                if "activation" in self._what:
                    read = self._read(x.detach(), first)
                    layer.activation = self._picture(read, x.detach(), first)
                    axis = _axis_of_units(module, x.ndim)
                    if axis is not None and read.numel():
                        layer.silent, layer.num_units = silent(read, axis), read.shape[axis]
            if "gradient" in self._what and x.requires_grad:
                self._on_tensors.append(x.register_hook(partial(self._backward, look, layer, first)))  # type: ignore[no-untyped-call]
        except Exception as cause:
            self._failed(cause)
        finally:
            look.seconds += time.perf_counter() - began

    def _backward(self, look: StepSeen, layer: LayerSeen, first: bool, gradient: Tensor) -> None:
        began = time.perf_counter()
        self.answered = True
        try:
            with torch.no_grad():
                g = gradient.detach()
                layer.gradient = self._picture(self._read(g, first), g, first)
        except Exception as cause:
            self._failed(cause)
        finally:
            look.seconds += time.perf_counter() - began

    def _accumulated(self, look: StepSeen, name: str, own: str, parameter: Tensor) -> None:
        began = time.perf_counter()
        self.answered = True
        try:
            gradient = parameter.grad
            if gradient is not None and gradient.layout is torch.strided:
                with torch.no_grad():
                    picture = self._whole(gradient.detach())
                if picture is not None:
                    _layer(look, name, 0, self._layers[name]).weight_gradients[own] = picture
        except Exception as cause:
            self._failed(cause)
        finally:
            look.seconds += time.perf_counter() - began

    def _weigh(self, look: StepSeen, name: str, module: nn.Module) -> None:
        known = look.layers.get((name, 0))
        if "weight" not in self._what or (known is not None and known.weights):
            return
        with torch.no_grad():
            for own, parameter in parameters_of(module).items():
                picture = self._whole(parameter.detach())
                if picture is not None:
                    _layer(look, name, 0, module).weights[own] = picture

    def _whole(self, x: Tensor) -> Picture | None:
        """Picture weights, or their gradient: figures of all of them, or of every so many-th row where there are very many."""
        rows = x[:: max(1, x.numel() // self._limit)] if self._limit and x.ndim and x.numel() > 4 * self._limit else x
        figures = measure(rows, x.numel())
        return None if figures is None else Picture(figures, None if self._example is None else draw(x, self._room))

    def _read(self, x: Tensor, first: bool) -> Tensor:
        """Give the examples that the figures are taken from."""
        if self._limit is None or x.ndim < 2 or x.numel() <= self._limit:
            return x
        count = max(1, self._limit * x.shape[0 if first else 1] // x.numel())
        return x[:count] if first else x[:, :count]

    def _picture(self, read: Tensor, x: Tensor, first: bool) -> Picture | None:
        figures = measure(read, x.numel())
        if figures is None:
            return None
        if self._example is None:
            return Picture(figures, None)
        if x.ndim > 1:
            axis = 0 if first else 1
            x = x.select(axis, min(self._example, x.shape[axis] - 1))
        return Picture(figures, draw(x, self._room))


def first_tensor(output: Any) -> Tensor | None:
    """Find the numbers in what a module gave: a tensor, or the first one in a tuple, a list, a mapping or packed sequences."""
    if isinstance(output, PackedSequence):
        output = output.data
    if isinstance(output, Tensor):
        plain = output.layout is torch.strided and not output.is_nested and not output.is_quantized
        return output if plain and output.is_floating_point() and output.device.type != "meta" else None
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        for part in output:
            if (found := first_tensor(part)) is not None:
                return found
    return None


def _layer(look: StepSeen, name: str, call: int, module: nn.Module) -> LayerSeen:
    if (name, call) not in look.layers:
        look.layers[name, call] = LayerSeen(name, call, type(module).__name__)
    return look.layers[name, call]


def parameters_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """Give a module's own parameters. Never by its attributes: a parametrised ``weight`` computes when it is read, and may change buffers."""
    found = {
        name: parameter
        for name, parameter in module._parameters.items()
        if parameter is not None and parameter.is_floating_point() and not isinstance(parameter, nn.parameter.UninitializedParameter)
    }
    parametrised = module._modules.get("parametrizations")
    if parametrised is not None:
        found |= {name: inner for name, inner in parametrised.named_parameters() if inner.is_floating_point()}
    return found


def _batch_first(module: nn.Module) -> bool:
    """Say whether the batch is the first axis of what a module gives; recurrent ones put time there by default."""
    return not (isinstance(module, nn.RNNBase | nn.MultiheadAttention) and not module.batch_first)


def _axis_of_units(module: nn.Module, axes: int) -> int | None:
    """Say along which axis of the output units lie: channels of images, features of sequences; None where nobody knows."""
    if axes in (2, 4, 5):
        return 1
    if axes == 3 and isinstance(module, ALONG_LAST):
        return 2
    return 1 if axes == 3 and isinstance(module, ALONG_FIRST) else None
