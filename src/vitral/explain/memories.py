"""Small recurrent cells whose weights were set by hand, so that every valve has a reason to open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

COMMANDS: Mapping[str, tuple[float, float, float, float]] = {
    "nothing": (1.0, 0.0, 0.0, 0.0),
    "learn": (1.0, 1.0, 0.0, 0.0),
    "forget": (1.0, 0.0, 1.0, 0.0),
    "use": (1.0, 0.0, 0.0, 1.0),
}
"""A datum of four numbers: a value, and whether to learn it, to forget, to use what is remembered."""


def told(*commands: str) -> dict[str, Any]:
    """Give an LSTM of one unit that does what its datum tells it, and a sequence of such data.

    Each valve stands at sigmoid(-3) = 0.05 (shut) or sigmoid(3) = 0.95 (open); forgetting is a valve that shuts.
    """
    return {
        "x": [list(COMMANDS[command]) for command in commands],
        "weight_ih": [[0, 6, 0, 0], [0, 0, -6, 0], [1, 0, 0, 0], [0, 0, 0, 6]],
        "weight_hh": [[0.0], [0.0], [0.5], [0.0]],
        "bias_ih": [-3, 3, 0, -3],
    }


def four_gates() -> dict[str, Any]:
    """Give an LSTM of two units over two features, one step, with both memories full."""
    return {
        "x": [[1.0, -0.5]],
        "weight_ih": [[0.8, 0.2], [-0.4, 1.0], [0.5, -0.5], [1.2, 0.1], [0.9, -0.3], [-0.7, 0.6], [0.3, 0.8], [1.0, -1.0]],
        "weight_hh": [[0.1, 0.4], [-0.2, 0.3], [0.6, 0.0], [0.2, -0.5], [-0.3, 0.7], [0.5, 0.1], [0.0, 0.2], [-0.6, 0.4]],
        "bias_ih": [0.0, 0.1, 1.0, 1.0, 0.0, 0.0, -0.1, 0.2],
        "hidden": [0.4, -0.3],
        "cell": [0.9, -0.6],
    }


def forgetful() -> dict[str, Any]:
    """Give an RNN of two units that turns its memory and lets a quarter of it go: twenty steps."""
    return {"x": _pulse(), "weight_ih": [[1.0], [0.5]], "weight_hh": [[0.6, -0.45], [0.45, 0.6]]}


def mindful() -> dict[str, Any]:
    """Give an LSTM of two units with the same candidate, whose forget valves stand open at sigmoid(4) = 0.98: twenty steps."""
    return {
        "x": _pulse(),
        "weight_ih": [[6.0], [6.0], [0.0], [0.0], [1.0], [0.5], [0.0], [0.0]],
        "weight_hh": [[0, 0], [0, 0], [0, 0], [0, 0], [0.6, -0.45], [0.45, 0.6], [0, 0], [0, 0]],
        "bias_ih": [-3, -3, 4, 4, 0, 0, 2, 2],
    }


def single() -> dict[str, Any]:
    """Give a GRU of one unit that learns when its second number is 1, and else keeps what it has."""
    return {
        "x": [[1.0, 1.0], [-1.0, 0.0], [-1.0, 0.0], [-1.0, 1.0]],
        "weight_ih": [[0, 0], [0, -6], [2, 0]],
        "weight_hh": [[0.0], [0.0], [0.5]],
        "bias_ih": [3, 3, 0],
    }


def _pulse() -> list[list[float]]:
    """One 1 and nineteen zeros."""
    return np.eye(20, 1).tolist()
