"""A network's recurrent layers unfolded: h, c and every gate at every step, beside what torch computed."""

# B sequences  T time  F features  D hidden units

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vitral.errors import DataError, SpecError
from vitral.probe.bundle import Bundle, recurrent_modules
from vitral.probe.cell import Floats, Memory
from vitral.probe.entered import Entered, numbers_of
from vitral.probe.layers import at_rest
from vitral.probe.stand_in import hands_on
from vitral.probe.unrolled import Unrolled

Format = Literal["float64", "float32"]
MOST_NUMBERS = 50_000_000
"""Of all parts together: 400 MB in float64."""


@dataclass(frozen=True, eq=False)
class Unfolding:
    """Every recurrent layer of a network over the same data."""

    layers: Mapping[str, Unrolled]
    deviations: Mapping[str, float]
    """For each module, the largest |recomputed - torch's|, over its output and the memories it handed on."""
    output: Any
    """What the network gave."""

    @property
    def deviation(self) -> float:
        """Give the largest deviation of all."""
        return max(self.deviations.values())

    def __getitem__(self, layer: str) -> Unrolled:
        """Give a layer by its name. Raises SpecError where there is none such."""
        return pick(self.layers, layer)


def pick(layers: Mapping[str, Unrolled], layer: str) -> Unrolled:
    """Give a layer by its name. Raises SpecError where there is none such."""
    check_layer(layers, layer)
    return layers[layer]


def check_layer(names: Iterable[str], layer: str) -> None:
    """Raise SpecError where the network has no recurrent layer of that name."""
    if layer not in names:
        raise SpecError(f'the network has no recurrent layer "{layer}"; expected one of {", ".join(names)}')


class Call(NamedTuple):
    """One use of a recurrent module: what went in, from which memory, what came out."""

    name: str
    module: nn.RNNBase
    given: Any
    memory: Any
    output: Any


def unfold(model: nn.Module, x: Any, *, dtype: Format = "float64") -> Unfolding:
    """Show every gate and memory of every recurrent layer at every step, recomputed from the network's own weights.

    The network looks at x once, in evaluation mode and without gradients; its mode, its carried memory and torch's generator stay as they
    were. Each layer is recomputed from what went into it, so that nothing of a layer below adds up.

    Args:
        model: a ``vitral`` network, or any module that holds ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` of any number of layers and directions.
        x: what the network reads: a tensor (B, T, ...), whole numbers (T,) or (B, T), one a symbol, or ``Sequences``.
        dtype: the number format of the recomputation.

    Returns:
        The layers under their names, in the network's order: "lstm1"; of a module with several layers or directions "lstm.l0",
        "lstm.l0_reverse"; of a module that is used twice, the second time, "lstm#2".

    Raises:
        SpecError: no recurrent layer, or one that projects its hidden state.
        DataError: more steps than fit in memory.

    Example:
        ``unfold(net, codes)["lstm1"]["f"][0, 12]`` is every unit's forget gate at step 12; ``unfold(net, codes).deviation`` is about 1e-7.
    """
    codes = symbols(x)
    modules = recurrent_modules(model)
    _bound(modules, codes)
    calls: list[Call] = []

    def look(name: str) -> Any:
        def hook(module: nn.RNNBase, given: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            entered = [*given, *named.values()]
            calls.append(Call(name, module, entered[0], entered[1] if len(entered) > 1 else None, output))

        return hook

    hooks = [module.register_forward_hook(look(name), with_kwargs=True) for name, module in modules]
    try:
        with at_rest(model), torch.no_grad():
            output = model(codes)
    finally:
        for hook in hooks:
            hook.remove()
    if not calls:
        raise SpecError("no recurrent layer ran when the network looked at the data; choose another network")
    layers: dict[str, Unrolled] = {}
    deviations: dict[str, float] = {}
    for call in calls:
        bundle = Bundle.of(call.name, call.module, np.dtype(dtype))
        entered = Entered.of(call.module, call.given)
        out, ends, unrolled = bundle.run(entered.x, entered.memories(call.module, call.memory), lengths=entered.lengths)
        turn = 1 + sum(known.partition("#")[0] == bundle.name for known in deviations)
        ending = f"#{turn}" if turn > 1 else ""
        layers |= {f"{one.name}{ending}": one for one in unrolled}
        deviations[f"{bundle.name}{ending}"] = _deviation(call, entered, out, ends)
    return Unfolding(layers, deviations, output)


def symbols(x: Any) -> Any:
    """Give whole numbers as a tensor (B, T) int64; a tensor of numbers, or anything else a network reads, as it is."""
    if isinstance(x, Tensor):
        return x[None] if x.ndim == 1 and not x.is_floating_point() else x
    if isinstance(x, tuple) and hasattr(x, "lengths"):  # padded sequences with their lengths
        return x
    values = np.asarray(x)
    if values.dtype.kind not in "iu":
        return torch.from_numpy(values)
    codes = torch.from_numpy(values.astype(np.int64))
    return codes[None] if codes.ndim == 1 else codes


def _bound(modules: Iterable[tuple[str, nn.RNNBase]], x: Any) -> None:
    if not isinstance(x, Tensor) or x.ndim < 2:
        return
    steps = x.shape[0] * x.shape[1]
    rows = sum((6 if isinstance(m, nn.LSTM) else 4) * m.hidden_size * m.num_layers * (1 + m.bidirectional) for _, m in modules)
    if steps * rows > MOST_NUMBERS:
        raise DataError(
            f"{steps:,} steps of {rows:,} numbers are too many to hold at once; give at most {MOST_NUMBERS // rows:,} steps, "
            "or read them in chunks with vitral.probe.reading"
        )


def _deviation(call: Call, entered: Entered, out: Floats, ends: list[Memory]) -> float:
    given = call.output
    output = given[0] if hands_on(given) else given
    found = [np.abs(Entered.of(call.module, output).x - out).max()]
    if hands_on(given):
        h, c = given[1] if isinstance(given[1], tuple) else (given[1], None)
        for n, memory in enumerate(ends):
            for torchs, own in ((h, memory.h), (c, memory.c)):
                if torchs is not None:
                    assert own is not None, "both have a long-term memory or none has"
                    found.append(np.abs(numbers_of(torchs[n]) - (own if entered.batched else own[0])).max())
    return float(max(found))
