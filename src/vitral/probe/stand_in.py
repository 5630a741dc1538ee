"""Another ``forward`` in the place of a recurrent module's own, for as long as somebody looks."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn


@contextlib.contextmanager
def instead(forwards: Mapping[nn.RNNBase, Callable[..., Any]]) -> Iterator[None]:
    """Let modules do something else, and their own again afterwards."""
    own = {module: vars(module).get("forward") for module in forwards}
    for module, forward in forwards.items():
        module.forward = forward
    try:
        yield
    finally:
        for module, before in own.items():
            del module.forward
            if before is not None:
                module.forward = before


def hand_on(model: nn.Module, modules: Sequence[tuple[str, nn.RNNBase]], x: Any) -> dict[str, bool]:
    """Look once to see which modules hand their memory on beside their output, as torch's own do, and which their output alone."""
    found: dict[str, bool] = {}

    def look(name: str, _: nn.Module, given: Any, output: Any) -> None:
        found[name] = hands_on(output)

    hooks = [module.register_forward_hook(functools.partial(look, name)) for name, module in modules]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def hands_on(output: Any) -> bool:
    """Say whether an output comes with the memory: packed and padded sequences are tuples too."""
    return isinstance(output, tuple) and not hasattr(output, "lengths") and not hasattr(output, "batch_sizes")
