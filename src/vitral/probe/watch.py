"""Watching any torch module while it learns, and changing nothing by it."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from vitral.errors import SpecError
from vitral.nets.blocks import Stack
from vitral.probe.calls import Calls
from vitral.probe.chosen import chosen
from vitral.probe.instrument import WHAT, Instrument, parameters_of
from vitral.probe.maps import Picture
from vitral.probe.pace import Pace
from vitral.probe.seen import Seen, StepSeen

LIMIT = 2**16
KEEP = 1000
MAX_COMPARED = 2**20
MAX_WAIT = 64
"""So many passes a look waits for the weights to move: where they are added up over more, their move is not told."""
Passes = Literal["training", "all"]
Outcome = Literal["finished", "interrupted", "failed"]


class Audience(Protocol):
    """Who is shown what is seen while it is seen. It is called in the model's own thread; when it breaks the model is watched without it."""

    def between(self, watch: Watch) -> None:
        """Hear that a step is over and the next one is about to begin."""

    def closed(self, outcome: Outcome) -> None:
        """Hear that nothing more will be seen."""


def watch(
    model: nn.Module,
    layers: str | Iterable[str] | None = None,
    *,
    every: int = 1,
    rate: float | None = None,
    share: float | None = None,
    what: Iterable[str] = WHAT,
    limit: int | None = LIMIT,
    example: int = 0,
    keep: int = KEEP,
    passes: Passes = "training",
) -> Watch:
    """See what goes on inside a model while it learns, in any training loop.

    The model trains to the same bits as without: it is not run, its mode, statistics and gradients are not touched, and nothing is drawn
    from any generator. A step is one call of ``model(...)``; hooks sit on its layers only during those that are looked at. When the probe
    itself breaks, it takes its hooks away and says so in ``seen.problem``; the training never hears of it.

    Args:
        model: any torch module, on any device. One that was compiled has no layers to be seen: watch it before.
        layers: names as in ``model.named_modules()``, or patterns such as "features.*"; by default every module that has no others
            inside it or has parameters of its own.
        every: look at each so many-th step.
        rate: but at most so many times a second.
        share: and never so often that looking takes more than this share of the time.
        what: which of activation, gradient, weight and weight_gradient.
        limit: how many numbers of a layer's activation are read for its figures (whole examples, at least one); None for all.
        example: which of the batch has its maps drawn.
        keep: how many looks keep their figures; the newest two keep their maps.
        passes: "training" for those that record gradients, "all" for evaluations too.

    Returns:
        A context manager that gives a ``Seen``.
    Raises:
        SpecError: no such layer, or a setting that makes no sense; told at once, before anything runs.
    Example:
        >>> with vitral.watch(model, rate=10) as seen:
        ...     train(model)
        >>> seen["conv1"].activation.figures.max, seen["conv1"].dead, seen["conv1"].update_ratio
    """
    return Watch(
        model,
        layers,
        pace=Pace(every, rate, share),
        what=what,
        limit=limit,
        example=example,
        keep=keep,
        passes=passes,
    )


class Watch:
    """Looks at a model's steps between ``open`` and ``close``; ``with`` does both. Arguments as for ``watch``."""

    def __init__(
        self,
        model: nn.Module,
        layers: str | Iterable[str] | None = None,
        *,
        pace: Pace,
        what: Iterable[str] = WHAT,
        limit: int | None = LIMIT,
        example: int = 0,
        keep: int = KEEP,
        passes: Passes = "training",
    ) -> None:
        if not isinstance(model, nn.Module):
            raise SpecError(f"a torch.nn.Module can be watched, got {type(model).__name__}; give the model itself")
        if wrong := [word for word in what if word not in WHAT]:
            raise SpecError(f'what can be seen is {", ".join(WHAT)}, got "{wrong[0]}"; choose among these')
        for name, value, least in (("keep", keep, 1), ("limit", LIMIT if limit is None else limit, 1), ("example", example, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SpecError(f"{name} is a whole number from {least} on, got {value!r}; leave it out for the default")
        if passes not in ("training", "all"):
            raise SpecError(f'passes is "training" or "all", got {passes!r}; use "all" to look at evaluations too')
        self.seen = Seen(keep)
        self.pace = pace
        self._model, self._passes = model, passes
        self._what = tuple(what)
        self._layers = chosen(model, layers)
        self._instrument = Instrument(self._layers, what=self._what, limit=limit, example=example, failed=self._fail)
        self.calls: Calls | None = None
        """What went into the layers, kept where somebody may ask for the arithmetic behind a number."""
        self._audience: Audience | None = None
        self._example = example
        self._counter: Any = None
        self._end: Any = None
        self._look: StepSeen | None = None
        self._before: dict[tuple[str, str], Tensor] = {}
        self._waited = 0
        self._orders: list[tuple[Stack, bool]] = []
        self._asked = False
        self._opaque = _fast_paths(model)

    def __enter__(self) -> Seen:
        self.open()
        return self.seen

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close("finished" if kind is None else "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    def open(self) -> None:
        """Begin to count steps. One hook, on the model alone, stays until ``close``."""
        if _is_compiled(self._model):
            self.seen.problem = "the model is compiled and its layers have become one: watch it before torch.compile"
            return
        if self._counter is not None:
            return
        if isinstance(self._model, nn.TransformerEncoderLayer):  # runs fused only where no hook sits on it, so the counter sits elsewhere
            self._counter = nn.modules.module.register_module_forward_pre_hook(self._counts)
        else:
            self._counter = self._model.register_forward_pre_hook(Hook(self.begin))

    def close(self, outcome: Outcome = "finished") -> None:
        """Take every hook away. What was seen stays; ``outcome`` is for the audience: finished, interrupted or failed."""
        try:
            self._settle(last=True)
        except Exception as cause:
            self._fail(cause)
        finally:
            self._release()
            if self._counter is not None:
                self._counter.remove()
                self._counter = None
        seen = self.seen
        if self._audience is not None:
            with contextlib.suppress(Exception):
                self._audience.between(self)
                self._audience.closed(outcome)
            self._audience = None
        if not seen.problem and not seen.looks and seen.num_steps and self._passes == "training":
            seen.problem = f'all {seen.num_steps} passes ran without gradients: expected a training; use passes = "all" to look at these'

    def show_to(self, audience: Audience) -> None:
        """Let somebody see it while it is seen."""
        self._audience, self.calls = audience, Calls(self._layers, example=self._example)

    def ask(self) -> None:
        """Look at the next step whatever the pace says."""
        self._asked = True

    def _counts(self, module: nn.Module, _: Any) -> None:
        if module is self._model:
            self.begin()

    def begin(self) -> None:
        """Note that the model is called: decide whether to look. Costs a comparison or two when nothing is due."""
        try:
            if self._end is not None:
                if _runs_already(self._model):
                    return  # the model calls itself: still the same step
                self.end()  # the last pass was broken off by Ctrl-C, of which torch tells no hook
            if self._look is not None:
                self._settle()
            trains = torch.is_grad_enabled()
            if self._audience is not None and (trains or self._passes == "all"):
                self._show(self._audience)
            self.seen.num_steps += 1
            if not trains and self._passes == "training":
                return
            if (self.pace.due() or self._asked) and _can_look():
                self._asked = False
                self._start(trains)
        except Exception as cause:
            self._fail(cause)

    def _start(self, trains: bool) -> None:
        hidden = self._hidden(trains)
        if "" in hidden or len(hidden) == len(self._layers):
            return
        began = time.perf_counter()
        self._shed()
        self._settle(last=True)
        look = StepSeen(self.seen.num_steps)
        self._look, self._waited = look, 0
        for stack in self._model.modules():
            if isinstance(stack, Stack) and not stack._in_order:
                self._orders.append((stack, stack._in_order))
                stack._in_order = True
        self._end = self._model.register_forward_hook(Hook(self.end), always_call=True)
        if self.calls is not None:
            self.calls.attach()
        self._instrument.attach(look, hidden)
        if trains and "weight" in self._what:
            self._before = {
                (name, own): _sample(parameter).clone()
                for name, module in self._layers.items()
                for own, parameter in parameters_of(module).items()
                if parameter.requires_grad
            }
        look.seconds += time.perf_counter() - began

    def end(self) -> None:
        """Note that the model's call is over, by an answer or by an exception."""
        try:
            self._instrument.passed()
            self._give_back()
            if self._look is not None and self._look.layers:
                self.seen.looks.append(self._look)
        except Exception as cause:
            self._fail(cause)

    def _show(self, audience: Audience) -> None:
        try:
            audience.between(self)
        except Exception as cause:
            self._audience = None
            self.seen.problem = self.seen.problem or f"the page was left out: {type(cause).__name__}: {cause}"

    def _settle(self, *, last: bool = False) -> None:
        """Finish the look, for a new pass begins: gradients have come and the weights have moved, unless a step has several passes."""
        look = self._look
        if look is None:
            return
        began = time.perf_counter()
        self._waited += 1
        last = last or self._waited > MAX_WAIT
        if last or self._instrument.answered:
            self._instrument.detach()
        moved = self._compare(look)
        look.seconds += time.perf_counter() - began
        if last or (moved and self._instrument.answered):
            look.settled, self._look, self._before = True, None, {}
            self.seen.seconds += look.seconds
            self.pace.spent(look.seconds)

    @torch.no_grad()
    def _compare(self, look: StepSeen) -> bool:
        """See how far the weights have moved since the look; tell whether they have."""
        for (name, own), before in self._before.items():
            parameter = parameters_of(self._layers[name]).get(own)
            layer = look.layers.get((name, 0))
            if parameter is None or layer is None or (now := _sample(parameter)).shape != before.shape:
                continue
            change, size = float((now - before).norm()), float(before.norm())
            if change:
                layer.update_ratios[own] = change / size if size else math.inf
        return not self._before or any(layer.update_ratios for layer in look)

    def _shed(self) -> None:
        """Let the look before the newest go without its maps: a long training must not fill the memory."""
        if len(self.seen.looks) > 1:
            for layer in self.seen.looks[-2]:
                for what in ("activation", "gradient"):
                    setattr(layer, what, _figures_alone(getattr(layer, what)))
                for pictures in (layer.weights, layer.weight_gradients):
                    for own, picture in pictures.items():
                        pictures[own] = Picture(picture.figures, None)

    def _hidden(self, trains: bool) -> set[str]:
        """Name the layers that cannot be hooked in this pass without a change: torch's fused transformer runs only where no hook sits."""
        hidden: set[str] = set()
        for prefix, module in self._opaque.items():
            if not module.training and not (trains and any(p.requires_grad for p in module.parameters())):
                hidden |= {prefix} if not prefix else {name for name in self._layers if f"{name}.".startswith(f"{prefix}.")}
        return hidden

    def _give_back(self) -> None:
        if self.calls is not None:
            self.calls.detach()
        for stack, order in self._orders:
            stack._in_order = order
        self._orders.clear()
        if self._end is not None:
            self._end.remove()
            self._end = None

    def _release(self) -> None:
        """Take away all but the counter; nothing here can fail half-way."""
        with contextlib.suppress(Exception):
            self._instrument.detach()
        with contextlib.suppress(Exception):
            self._give_back()
        self._look = None
        self._before = {}

    def _fail(self, cause: Exception) -> None:
        """Stop looking for good, and say why; never raises."""
        if not self.seen.problem:
            text = " ".join(str(cause).split())[:200]
            self.seen.problem = f"the probe broke and was taken away after step {self.seen.num_steps}: {type(cause).__name__}: {text}"
        self._release()
        if self._counter is not None:
            with contextlib.suppress(Exception):
                self._counter.remove()
            self._counter = None


class Hook:
    """A hook that lives in the model's own tables, and so is copied and pickled with it: a copy of the model is not watched."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def __call__(self, *_: object) -> None:
        """Tell whoever watches."""
        self._tell()

    def __deepcopy__(self, _: object) -> Any:
        return _nothing

    def __reduce__(self) -> Any:
        return getattr, ({}, "get")  # in a pickle that is loaded where there is no Vitral: {}.get(module, given) gives what was given


def _nothing(*_: object) -> None:
    return None


def _sample(parameter: Tensor) -> Tensor:
    """Give the part of a parameter by which its change is measured: all of it, or evenly chosen rows where it is very large."""
    values = parameter.detach()
    return values[:: -(-values.numel() // MAX_COMPARED)] if values.ndim and values.numel() > MAX_COMPARED else values


def _figures_alone(picture: Picture | None) -> Picture | None:
    return None if picture is None else Picture(picture.figures, None)


def _fast_paths(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.TransformerEncoderLayer)}


def _is_compiled(model: nn.Module) -> bool:
    return any(hasattr(module, "_orig_mod") or module._compiled_call_impl is not None for module in model.modules())


def _runs_already(model: nn.Module) -> bool:
    """Say whether a call of the model stands further up the stack than the present one."""
    frame, calls = sys._getframe(), 0
    while frame is not None and calls < 2:
        calls += frame.f_code is nn.Module._call_impl.__code__ and frame.f_locals.get("self") is model
        frame = frame.f_back  # type: ignore[assignment]
    return calls > 1


def _can_look() -> bool:
    """Say whether Python's own numbers can be read now: not while a graph is traced, compiled, captured or transformed."""
    return not (
        torch.jit.is_tracing()  # type: ignore[no-untyped-call, attr-defined]
        or torch.compiler.is_compiling()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or (torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing())  # type: ignore[no-untyped-call]
    )
