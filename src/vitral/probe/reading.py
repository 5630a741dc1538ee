"""A network that reads on and on with its recurrent layers recomputed: memory carried from chunk to chunk, anything switched off."""

# B texts side by side  T time  V vocabulary  D hidden units

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vitral.errors import DataError, SpecError
from vitral.probe.bundle import Bundle, recurrent_modules
from vitral.probe.cell import Cell, Floats, Held, Memory, Whole
from vitral.probe.entered import Entered
from vitral.probe.layers import at_rest
from vitral.probe.recurrent import Format, check_layer, symbols
from vitral.probe.stand_in import hand_on, instead
from vitral.probe.unrolled import Unrolled

CHUNK = 250
"""Steps read at once: of 32 texts through 512 units of an LSTM, 100 MB."""
STREAMS, LEAD = 32, 100
"""A long text is read in so many pieces side by side, each warmed up on so many of the symbols before it."""


@dataclass(frozen=True, eq=False)
class Passage:
    """A chunk of the data as the network read it."""

    start: int
    """The chunk's first step, in the data."""
    output: Floats
    """What the network gave, as a rule scores (B, T, V)."""
    layers: Mapping[str, Unrolled]


class Heard(NamedTuple):
    """What the layers of one chunk did, and how often each module was used."""

    layers: dict[str, Unrolled]
    uses: dict[str, int]


class Reader:
    """A network that is fed chunk by chunk. Its own carried memory, its mode and its weights stay as they are.

    Every layer that is not recurrent runs in torch; each recurrent module's ``forward`` is ours while a chunk runs, and its own again
    afterwards. Example: ``Reader(net, held=[Held("lstm1", "c", 17, 0.0)]).feed(codes).output``.

    Raises:
        SpecError: no recurrent layer; nothing of the name that is to be held.
    """

    def __init__(self, model: nn.Module, *, held: Sequence[Held] = (), dtype: Format = "float32") -> None:
        self._model = model
        self._modules = recurrent_modules(model)
        self._bundles = {name: Bundle.of(name, module, np.dtype(dtype)) for name, module in self._modules}
        self._held = tuple(held)
        for one in self._held:
            self._check(one)
        self._memories: dict[tuple[str, int], list[Memory]] = {}
        self._tuples: dict[str, bool] = {}
        self._read = 0

    @property
    def layers(self) -> tuple[str, ...]:
        """Name the layers."""
        return tuple(name for bundle in self._bundles.values() for name in bundle.names)

    @property
    def one_way(self) -> bool:
        """Say whether every layer reads forward alone, so that a text can be read in chunks."""
        return all(bundle.directions == 1 for bundle in self._bundles.values())

    def forget(self) -> None:
        """Begin again with a blank memory."""
        self._memories.clear()
        self._read = 0

    def feed(self, x: Any) -> Passage:
        """Read the next chunk.

        Args:
            x: whole numbers (T,) or (B, T), or whatever the network reads; always the same B until ``forget``.

        Raises:
            SpecError: a second chunk for a network that reads in both directions; sequences of several lengths.
        """
        if self._read and not self.one_way:
            raise SpecError("a layer of both directions reads a text from its end too: expected the whole text at once, got a second chunk")
        chunk = symbols(x)
        if not isinstance(chunk, Tensor):
            raise SpecError(f"texts of one length are read in chunks, got {type(x).__name__}; use unfold for the whole at once")
        heard = Heard({}, {})
        with at_rest(self._model), torch.no_grad():
            if not self._tuples:
                self._tuples = hand_on(self._model, self._modules, chunk[:1])
            with instead({module: functools.partial(self._answer, name, module, heard) for name, module in self._modules}):
                output = self._model(chunk)
        start, self._read = self._read, self._read + chunk.shape[1]
        return Passage(start, output.detach().float().cpu().numpy(), heard.layers)

    def _answer(self, name: str, module: nn.RNNBase, heard: Heard, given: Any, hx: Any = None) -> Any:
        use = heard.uses[name] = heard.uses.get(name, 0) + 1
        entered = Entered.of(module, given)
        memories = self._memories.get((name, use)) or entered.memories(module, hx)
        out, ends, unrolled = self._bundles[name].run(entered.x, memories, lengths=entered.lengths, held=self._held)
        self._memories[name, use] = ends
        heard.layers.update({f"{one.name}#{use}" if use > 1 else one.name: one for one in unrolled})
        like = next(module.parameters()).dtype
        output = entered.back(out, like)
        return (output, entered.memory_back(ends, like)) if self._tuples[name] else output

    def cell(self, layer: str) -> Cell:
        """Give a layer's weights. Raises SpecError where there is no such layer."""
        check_layer(self.layers, layer)
        return next(c for b in self._bundles.values() for name, c in zip(b.names, b.cells, strict=True) if name == layer)

    def _check(self, one: Held) -> None:
        cell = self.cell(one.layer)
        if one.part not in cell.parts:
            raise SpecError(f'{one.layer} has no part "{one.part}" to hold; expected one of {", ".join(cell.parts)}')
        if one.unit is not None and not 0 <= one.unit < cell.size:
            raise SpecError(f"{one.layer} has no unit {one.unit}; use 0 to {cell.size - 1}")


def read(model: nn.Module, x: Any, *, chunk: int = CHUNK, held: Sequence[Held] = (), dtype: Format = "float32") -> Iterator[Passage]:
    """Read data of any length in chunks with the memory carried: what comes out is what one long look would give.

    Args:
        model: as for ``unfold``.
        x: whole numbers (T,) or (B, T), or anything (B, T, ...).
        chunk: steps at once; what bounds the memory.
        held: parts of cells kept at a value.
        dtype: the number format of the recomputation.

    Raises:
        SpecError: no recurrent layer; a network of both directions and more data than one chunk; sequences of several lengths.
    """
    reader, data = Reader(model, held=held, dtype=dtype), symbols(x)
    if not isinstance(data, Tensor):
        raise SpecError(f"texts of one length are read in chunks, got {type(x).__name__}; use unfold for the whole at once")
    steps = data.shape[1]
    if steps > chunk and not reader.one_way:
        raise SpecError(
            f"a layer of both directions reads a text from its end too: expected at most {chunk:,} steps, got {steps:,}; give a shorter text"
        )
    return (reader.feed(data[:, start : start + chunk]) for start in range(0, steps, chunk))


def side_by_side(codes: Whole, *, streams: int = STREAMS, lead: int = LEAD) -> tuple[Whole, int]:
    """Cut a long text into pieces that are read side by side, each with the symbols before it as a lead-in that is not counted.

    Returns:
        The pieces, (B, lead + L) whole numbers, and the lead: piece b counts for the text from lead + b*L on. A short text is one piece
        without a lead.

    Example: 1,000 symbols in 4 pieces with a lead of 100 are 4 x (100 + 225); the first 100 symbols are lead alone.

    Raises:
        DataError: an empty text.
    """
    if len(codes) == 0:
        raise DataError("the text is empty; give at least one symbol")
    length = (len(codes) - lead) // streams
    if length < lead:
        return np.asarray(codes)[None], 0
    pieces = [codes[b * length : b * length + lead + length] for b in range(streams)]
    return np.stack(pieces).astype(np.int64), lead
