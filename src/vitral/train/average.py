"""A moving average of the weights (EMA), which is then what is evaluated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from vitral.nets.net import Net


class Average:
    """Follows a network's weights and running statistics: a <- d * a + (1 - d) * w after every step, with d = min(decay, (1 + n) / (10 + n)).

    n counts the steps, so that the first, still random weights are soon forgotten (as in TensorFlow's ``ExponentialMovingAverage``).
    The running statistics of batch normalisation are averaged in the same way: they belong to the averaged weights, not to the last ones.
    Whole numbers (how many batches were seen) are copied.
    """

    def __init__(self, net: Net, decay: float) -> None:
        self.decay = decay
        self._live = dict(_tensors(net))
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._live.items()}
        smooth = [name for name, tensor in self._live.items() if tensor.is_floating_point()]
        self._smooth = [self.tensors[name] for name in smooth]
        self._smooth_live = [self._live[name] for name in smooth]
        self._counts = [(self.tensors[name], tensor) for name, tensor in self._live.items() if not tensor.is_floating_point()]

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move a little towards the weights after ``step`` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._smooth, self._smooth_live, 1 - decay)
        for own, live in self._counts:
            own.copy_(live)

    @contextlib.contextmanager
    def worn(self) -> Iterator[None]:
        """Let the network wear the averaged weights; afterwards it has its own again, in their own memory."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, live in self._live.items():
            own = self.tensors[name]
            live.data, own.data = own.data, live.data


def _tensors(net: Net) -> Iterator[tuple[str, Tensor]]:
    yield from net.named_parameters()
    yield from net.named_buffers()
