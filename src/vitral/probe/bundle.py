"""The cells of one torch module, layer upon layer and in both directions."""

# B sequences  T time  F features  D hidden units  L layers of one torch module

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from vitral.errors import SpecError
from vitral.probe.cell import Cell, Floats, Held, Kind, Memory, Whole
from vitral.probe.unrolled import Unrolled

KINDS: Mapping[type[nn.RNNBase], Kind] = {nn.RNN: "rnn", nn.LSTM: "lstm", nn.GRU: "gru"}


def kind_of(module: nn.Module) -> Kind | None:
    """Say which cell a module is made of; subclasses of torch's are what they derive from."""
    return next((kind for base, kind in KINDS.items() if isinstance(module, base)), None)


def recurrent_modules(model: nn.Module) -> list[tuple[str, nn.RNNBase]]:
    """List the recurrent modules of a network with their names, in its own order.

    Raises:
        SpecError: there is none, or an LSTM that projects its hidden state (proj_size).
    """
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.RNNBase) and kind_of(module) is not None]
    if not found:
        raise SpecError(
            f"a {type(model).__name__} has no recurrent layer: expected nn.RNN, nn.LSTM or nn.GRU in it, got none; use another network"
        )
    for name, module in found:
        if module.proj_size > 0:
            raise SpecError(
                f"{name or kind_of(module)} projects its hidden state (proj_size {module.proj_size}), which is not unfolded; use proj_size = 0"
            )
    return found


@dataclass(frozen=True, eq=False)
class Bundle:
    """All cells of one torch module: L layers of one or two directions."""

    name: str
    kind: Kind
    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    """In torch's order: layer 0 forward, layer 0 reverse, layer 1 forward, ..."""
    directions: int

    @classmethod
    def of(cls, name: str, module: nn.RNNBase, dtype: np.dtype[Any]) -> Bundle:
        """Copy a module's weights in a number format."""
        kind = kind_of(module)
        assert kind is not None, "the caller looked"
        directions = 2 if module.bidirectional else 1
        endings = [f"l{layer}{way}" for layer in range(module.num_layers) for way in ("", "_reverse")[:directions]]
        cells = [_cell(module, kind, ending, dtype) for ending in endings]
        own = name or kind
        names = (own,) if len(endings) == 1 else tuple(f"{own}.{ending}" for ending in endings)
        return cls(own, kind, names, tuple(cells), directions)

    def run(
        self,
        x: Floats | Whole,
        memories: Sequence[Memory] | None = None,
        *,
        lengths: Whole | None = None,
        held: Sequence[Held] = (),
    ) -> tuple[Floats, list[Memory], list[Unrolled]]:
        """Read sequences through all layers.

        Args:
            x: (B, T, F), or (B, T) whole numbers.
            memories: of every cell before the first step; zeros when left out.
            lengths: (B,), where sequences end before T.
            held: parts kept at a value.

        Returns:
            The output of the last layer (B, T, directions * D), every cell's memory after the last step, every cell unrolled.
        """
        own = x if x.ndim == 2 else np.asarray(x, self.cells[0].weight_ih.dtype)
        ends: list[Memory] = []
        unrolled: list[Unrolled] = []
        for n, (name, cell) in enumerate(zip(self.names, self.cells, strict=True)):
            reverse, first = bool(n % self.directions), memories[n] if memories else cell.blank(len(x))
            tracks = cell.run(_turn(own, lengths) if reverse else own, first, held=[one for one in held if one.layer == name])
            ends.append(_last(tracks, lengths))
            if reverse:
                tracks = {part: _turn(values, lengths) for part, values in tracks.items()}
            if lengths is not None:
                behind = np.arange(x.shape[1]) >= lengths[:, None]
                tracks = {part: np.where(behind[..., None], 0, values) for part, values in tracks.items()}
            unrolled.append(Unrolled(name, cell, reverse, own, first, tracks, lengths))
            if n % self.directions == self.directions - 1:
                layer = unrolled[-self.directions :]
                own = layer[0].h if self.directions == 1 else np.concatenate([one.h for one in layer], axis=2)
        return np.asarray(own), ends, unrolled


def _cell(module: nn.RNNBase, kind: Kind, ending: str, dtype: np.dtype[Any]) -> Cell:
    def weight(name: str) -> Floats:
        values: Floats = getattr(module, f"{name}_{ending}").detach().to("cpu", torch.float64).numpy().astype(dtype)
        return values

    weight_ih, weight_hh = weight("weight_ih"), weight("weight_hh")
    none = np.zeros(len(weight_hh), dtype)
    bias_ih, bias_hh = (weight("bias_ih"), weight("bias_hh")) if module.bias else (none, none)
    relu = kind == "rnn" and getattr(module, "nonlinearity", "tanh") == "relu"
    return Cell(kind, weight_ih, weight_hh, bias_ih, bias_hh, "relu" if relu else "tanh")


def _turn(values: Any, lengths: Whole | None) -> Any:
    """Turn sequences round in time, each within its own length."""
    if lengths is None:
        return values[:, ::-1]
    steps = np.arange(values.shape[1])
    places = np.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return values[np.arange(len(values))[:, None], places]


def _last(tracks: Mapping[str, Floats], lengths: Whole | None) -> Memory:
    h, c = tracks["h"], tracks.get("c")
    rows = np.arange(len(h))
    at = np.full(len(h), h.shape[1] - 1) if lengths is None else lengths - 1
    return Memory(h[rows, at].copy(), None if c is None else c[rows, at].copy())
