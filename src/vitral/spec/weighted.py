"""What layers that learn have in common."""

from __future__ import annotations

from typing import Literal

from vitral.spec.base import Amount, Flag, Layer, Number

Initialisation = Literal["he", "lecun", "xavier", "dirac", "zero", "default"]


class Learning(Layer):
    """A layer with weights and biases, which may learn and decay at a pace of its own."""

    learning_rate_factor: Amount = 1.0
    """The layer learns at this many times the common learning rate; 0 freezes it."""
    decay_factor: Amount = 1.0
    """The layer's weights decay at this many times the common L1 and L2 decay."""


class Weighted(Learning):
    """A layer whose units or filters share one rule for weights and biases."""

    bias: Flag = True
    """Add a learned number to every filter or unit."""
    init: Initialisation = "default"
    """he: N(0, 2/fan_in); lecun: N(0, 1/fan_in); xavier: N(0, 2/(fan_in+fan_out)); dirac: passes its input on; default: torch's."""
    bias_init: Number | None = None
    """Every bias starts here; by default as ``init`` says: 0, or torch's own draw."""
