"""RNN, LSTM and GRU one step at a time: a matrix-vector product and a handful of operations in place.

What a step costs at these sizes is the number of calls as much as the arithmetic, so:

- The sigmoid is written with tanh, ``sigmoid(x) = tanh(x / 2) / 2 + 1/2``, and the first half is put into the weights, which is exact in
  binary. So one call of tanh serves all gates of an LSTM, its candidate too.
- Gates stand in an order in which those that are treated alike are neighbours.
- Every vector that is handed on ends with a number 1, so that a bias is one more row of the next matrix.
"""

# F features  D hidden units  G gates

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitral.generate.layers import Recurrent
from vitral.generate.product import Floats, Product


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell that keeps its memory and steps in place."""

    inputs: Floats
    """(F + 1, G*D): what makes the part of the gates' sums that comes from the input and from the biases; its last row is the biases."""
    output: Floats
    """(D + 1,): the activation, and a 1."""
    memory: tuple[Floats, ...]
    """(D,) each, the very arrays that a step changes: (h,), or (h, c) of an LSTM."""
    advance: Callable[[Floats], None]
    """Take one step from the input's part of the gates' sums, (G*D,)."""


def cell(layer: Recurrent, dtype: np.dtype[Any], product: Product) -> Cell:
    """Make a cell with an empty memory; the weights are copied."""
    if layer.kind == "lstm":
        return _lstm(layer, dtype, product)
    return _gru(layer, dtype, product) if layer.kind == "gru" else _rnn(layer, dtype, product)


def with_bias(weight: Floats, bias: Floats) -> Floats:
    """Stand a weight (N, F) on its side and its bias (N,) below: (F + 1, N)."""
    return np.vstack([weight.T, bias])


def ending_with_one(size: int, dtype: np.dtype[Any]) -> Floats:
    """Give ``size`` zeros and a 1."""
    vector = np.zeros(size + 1, dtype)
    vector[-1] = 1
    return vector


def _rnn(layer: Recurrent, dtype: np.dtype[Any], product: Product) -> Cell:
    d = layer.weight_hh.shape[1]
    output = ending_with_one(d, dtype)
    hidden, sums = output[:d], np.empty(d, dtype)
    multiply_memory = product(hidden, layer.weight_hh.T.astype(dtype), sums)
    relu, zero = layer.kind == "rnn_relu", np.zeros((), dtype)
    add, tanh, maximum = np.add, np.tanh, np.maximum

    def advance(sums_of_input: Floats) -> None:
        multiply_memory()
        add(sums, sums_of_input, sums)
        if relu:
            maximum(sums, zero, out=hidden)
        else:
            tanh(sums, hidden)

    return Cell(with_bias(layer.weight_ih, layer.bias_ih + layer.bias_hh).astype(dtype), output, (hidden,), advance)


def _lstm(layer: Recurrent, dtype: np.dtype[Any], product: Product) -> Cell:
    d = layer.weight_hh.shape[1]
    i, f, g, o = (np.arange(gate * d, (gate + 1) * d) for gate in range(4))
    order = np.concatenate([i, f, o, g])
    halves = np.where(np.arange(4 * d) < 3 * d, 0.5, 1.0).astype(dtype)  # of the valves, in the order above
    output = ending_with_one(d, dtype)
    hidden = output[:d]

    row = np.zeros(5 * d, dtype)  # i, f, o, g, and c behind them: i, f times g, c is one multiplication
    sums, valves, use = row[: 4 * d], row[: 3 * d], row[2 * d : 3 * d]
    learn_and_keep, new_and_old, long_term = row[: 2 * d], row[3 * d :], row[4 * d :]
    parts = np.empty(2 * d, dtype)
    learned, kept = parts[:d], parts[d:]
    half = np.full((), 0.5, dtype)
    multiply_memory = product(hidden, layer.weight_hh[order].T.astype(dtype) * halves, sums)
    add, multiply, tanh = np.add, np.multiply, np.tanh

    def advance(sums_of_input: Floats) -> None:
        multiply_memory()
        add(sums, sums_of_input, sums)
        tanh(sums, sums)
        multiply(valves, half, valves)
        add(valves, half, valves)
        multiply(learn_and_keep, new_and_old, parts)
        add(learned, kept, long_term)
        tanh(long_term, hidden)
        multiply(hidden, use, hidden)

    inputs = with_bias(layer.weight_ih[order], (layer.bias_ih + layer.bias_hh)[order]).astype(dtype) * halves
    return Cell(inputs, output, (hidden, long_term), advance)


def _gru(layer: Recurrent, dtype: np.dtype[Any], product: Product) -> Cell:
    d = layer.weight_hh.shape[1]
    halves = np.where(np.arange(3 * d) < 2 * d, 0.5, 1.0).astype(dtype)
    output = ending_with_one(d, dtype)
    hidden = output[:d]

    sums = np.empty(3 * d, dtype)
    valves, reset, update, candidate = sums[: 2 * d], sums[:d], sums[d : 2 * d], sums[2 * d :]
    half = np.full((), 0.5, dtype)
    # the candidate's second bias stands inside of what the reset multiplies, so it belongs to the memory's product
    inside = np.where(np.arange(3 * d) < 2 * d, 0, layer.bias_hh)
    multiply_memory = product(output, with_bias(layer.weight_hh, inside).astype(dtype) * halves, sums)
    add, subtract, multiply, tanh = np.add, np.subtract, np.multiply, np.tanh

    def advance(sums_of_input: Floats) -> None:
        multiply_memory()
        add(valves, sums_of_input[: 2 * d], valves)
        tanh(valves, valves)
        multiply(valves, half, valves)
        add(valves, half, valves)
        multiply(candidate, reset, candidate)
        add(candidate, sums_of_input[2 * d :], candidate)
        tanh(candidate, candidate)
        subtract(hidden, candidate, hidden)  # h = n + z * (h - n)
        multiply(hidden, update, hidden)
        add(hidden, candidate, hidden)

    inputs = with_bias(layer.weight_ih, layer.bias_ih + layer.bias_hh - inside).astype(dtype) * halves
    return Cell(inputs, output, (hidden,), advance)
