"""What a network is to one who reads it symbol by symbol: its layers' weights as plain arrays."""

# V vocabulary  F features in  N features out  D hidden  G gates

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from vitral.generate.product import Floats

Kind = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]


@dataclass(frozen=True, eq=False)
class Embedding:
    """A vector for every symbol."""

    vectors: Floats
    """(V, N)."""


@dataclass(frozen=True, eq=False)
class Dense:
    """A matrix and a bias, the same at every step."""

    weight: Floats
    """(N, F), as torch has it."""
    bias: Floats
    """(N,)."""


@dataclass(frozen=True, eq=False)
class Elementwise:
    """A function of each number alone."""

    function: Callable[[Any], Floats]


@dataclass(frozen=True, eq=False)
class Recurrent:
    """One cell, its gates in torch's order: i, f, g, o of an LSTM; r, z, n of a GRU."""

    kind: Kind
    weight_ih: Floats
    """(G*D, F)."""
    weight_hh: Floats
    """(G*D, D)."""
    bias_ih: Floats
    """(G*D,)."""
    bias_hh: Floats
    """(G*D,)."""


Layer = Embedding | Dense | Elementwise | Recurrent
