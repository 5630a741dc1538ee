"""A network that reads one symbol and says how likely each one is to come next, some hundred times faster than a framework does."""

# V vocabulary  F features  N numbers

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from vitral.generate.cells import Cell, cell, ending_with_one, with_bias
from vitral.generate.layers import Dense, Elementwise, Embedding, Layer, Recurrent
from vitral.generate.product import Floats, Product, product

if TYPE_CHECKING:
    from torch import nn

Memory = tuple[Floats, ...]


class Stepper:
    """Reads a text symbol by symbol; its memory is all that it knows of what came before.

    What depends on the symbol alone is computed once, for every symbol: all layers before the first recurrent one, and that one's
    product with its input. So a one-hot vector is a look-up, and so is an embedding.

    Args:
        layers: in order; copied.
        num_symbols: V.
        dtype: float32, or float64 to compare with.
        alone: large products may take every core; otherwise one, so that a training beside it is not held up.
    Example:
        ``scores = Stepper.of(net).step(3)`` gives V scores after the symbol number 3.
    """

    def __init__(self, layers: Sequence[Layer], num_symbols: int, dtype: npt.DTypeLike = np.float32, *, alone: bool = False) -> None:
        self.num_symbols = num_symbols
        self._dtype = np.dtype(dtype)
        self._product: Product = functools.partial(product, alone=alone)
        self._cells: list[Cell] = []
        self._rest: list[Callable[[], None]] = []
        vectors: Floats | None = None  # (V, N), one a symbol; None stands for one-hot
        output: Floats | None = None  # (N + 1,), behind the first cell
        for layer in layers:
            if output is not None:
                output = self._append(layer, output)
            elif isinstance(layer, Recurrent):
                self._cells.append(cell(layer, self._dtype, self._product))
                vectors, output = _through(self._cells[0].inputs, vectors), self._cells[0].output
            else:
                vectors = self._of_every_symbol(layer, vectors)
        assert vectors is not None, "a network has layers with weights"
        self._rows = list(np.ascontiguousarray(vectors, self._dtype))
        self._scores = None if output is None else output[:-1]
        assert len(self._rows) == num_symbols
        assert len(self._rows[0] if self._scores is None else self._scores) == num_symbols
        self.step = self._looking_up() if output is None else self._stepping(self._cells[0].advance)

    step: Callable[[int], Floats]
    """Read one symbol and give the scores of the next, (V,). The array is the stepper's own: the next step overwrites it."""

    @classmethod
    def of(cls, net: nn.Module, dtype: npt.DTypeLike = np.float32, *, alone: bool = False) -> Self:
        """Copy the weights of a torch network, which may be in the middle of its training: it is read and nothing else.

        Args:
            net: a ``vitral`` network that predicts the next symbol, or any torch module whose children are its layers in order:
                ``nn.Embedding``, ``nn.RNN``, ``nn.LSTM``, ``nn.GRU`` in one direction, ``nn.Linear``, activations, dropout.
            dtype: what to compute in.
            alone: large products may take every core, as nothing trains beside it.

        Raises:
            SpecError: a layer that cannot be stepped, by name.
        """
        from vitral.generate.translate import layers_of

        layers, num_symbols = layers_of(net)
        return cls(layers, num_symbols, dtype, alone=alone)

    def memory(self) -> Memory:
        """Copy the memory: h of every cell, and c behind it for an LSTM."""
        return tuple(part.copy() for part in self._memories())

    def remember(self, memory: Memory) -> None:
        """Go on from a memory that was copied before."""
        for part, before in zip(self._memories(), memory, strict=True):
            part[:] = before

    def forget(self) -> None:
        """Start anew: all memories are 0."""
        for part in self._memories():
            part[:] = 0

    def read(self, symbols: Sequence[int]) -> None:
        """Read symbols one after the other, for what they leave in the memory."""
        for symbol in symbols:
            self.step(symbol)

    def _memories(self) -> Iterator[Floats]:
        return (part for own in self._cells for part in own.memory)

    def _of_every_symbol(self, layer: Layer, vectors: Floats | None) -> Floats:
        if isinstance(layer, Embedding):
            return layer.vectors
        if isinstance(layer, Dense):
            return _through(with_bias(layer.weight, layer.bias), vectors)
        assert isinstance(layer, Elementwise)
        return layer.function(np.eye(self.num_symbols, dtype=self._dtype) if vectors is None else vectors)

    def _append(self, layer: Layer, x: Floats) -> Floats:
        """Put a layer behind the vector x, (F + 1,), and give its own."""
        if isinstance(layer, Recurrent):
            made = cell(layer, self._dtype, self._product)
            sums = np.empty(made.inputs.shape[1], self._dtype)
            multiply, advance = self._product(x, made.inputs, sums), made.advance
            self._cells.append(made)
            self._rest += [multiply, lambda: advance(sums)]
            return made.output
        if isinstance(layer, Dense):
            y = ending_with_one(len(layer.bias), self._dtype)
            self._rest.append(self._product(x, with_bias(layer.weight, layer.bias).astype(self._dtype), y[:-1]))
            return y
        assert isinstance(layer, Elementwise), "an embedding stands in front"
        y, function = ending_with_one(len(x) - 1, self._dtype), layer.function

        def apply() -> None:
            y[:-1] = function(x[:-1])

        self._rest.append(apply)
        return y

    def _stepping(self, advance: Callable[[Floats], None]) -> Callable[[int], Floats]:
        rows, rest, scores = self._rows, tuple(self._rest), self._scores
        assert scores is not None

        def step(symbol: int) -> Floats:
            advance(rows[symbol])
            for run in rest:
                run()
            return scores

        return step

    def _looking_up(self) -> Callable[[int], Floats]:
        """Step through a network without a memory: its answer depends on the last symbol alone."""
        return lambda symbol: self._rows[symbol]


def _through(inputs: Floats, vectors: Floats | None) -> Floats:
    """Send the vector of every symbol through a matrix with the bias in its last row: (V, N)."""
    weight, bias = inputs[:-1], inputs[-1]
    return np.asarray((weight if vectors is None else vectors.astype(weight.dtype) @ weight) + bias)
