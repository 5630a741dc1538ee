"""The modules that torch does not have in the form a specification means them."""

# B batch  C channels  H height  W width  G group size

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitral.nets.sequences import ReadsSequences, Sequences


class Convolution(nn.Conv2d):
    """A convolution whose padding may differ between two opposite sides, as "same" needs it for kernels of even size.

    Args of ``margins``: rings of zeros (left, right, top, bottom) added before ``nn.Conv2d`` runs; None where its own padding does.
    """

    margins: tuple[int, int, int, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Slide the kernels over (B, C, H, W)."""
        return super().forward(x if self.margins is None else F.pad(x, self.margins))


class Dense(nn.Linear):
    """Joins every unit with every number of one example; an image is first laid out as a vector, channel by channel."""

    def forward(self, x: Tensor) -> Tensor:
        """Read (B, N) or (B, C, H, W), give (B, units)."""
        return super().forward(x.flatten(1))


class GlobalPooling(nn.Module):
    """One number of every channel: its mean or its maximum over the image."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Read (B, C, H, W), give (B, C)."""
        return x.mean(dim=(2, 3)) if self.mode == "average" else F.adaptive_max_pool2d(x, 1).flatten(1)

    def extra_repr(self) -> str:
        """Show the setting in the printed network."""
        return self.mode


class Maxout(nn.Module):
    """The maximum of each group of consecutive channels; its gradient goes to the first that reaches it."""

    def __init__(self, group_size: int) -> None:
        super().__init__()
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        """Read (B, C, ...), give (B, C / G, ...)."""
        groups = x.view(len(x), -1, self.group_size, *x.shape[2:])  # splitting an axis is a view in every memory format
        return groups.max(dim=2).values

    def extra_repr(self) -> str:
        """Show the setting in the printed network."""
        return f"groups of {self.group_size}"


class Scale(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Give factor * x."""
        return x * self.factor

    def extra_repr(self) -> str:
        """Show the setting in the printed network."""
        return f"x {self.factor:g}"


class Dropout(nn.Module):
    """Zeroes each number with ``probability`` and divides the rest by 1 - probability, while training.

    The mask comes from a generator of its own, never from torch's global one: its state can be kept, so a resumed run drops the same numbers.
    """

    def __init__(self, probability: float, generator: torch.Generator) -> None:
        super().__init__()
        self.probability = probability
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Drop in training mode; leave x as it is otherwise."""
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        return x * torch.empty_like(x).bernoulli_(keep, generator=self.generator).div_(keep)

    def extra_repr(self) -> str:
        """Show the setting in the printed network."""
        return f"p {self.probability:g}"


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of images (B, C, H, W) and of vectors (B, C) alike, with or without a learned factor.

    A batch that has one single value a channel (the last example of an epoch, after a dense layer) has no variance: it is normalised by the
    running statistics and does not enter them.
    """

    def __init__(self, channels: int, *, momentum: float, eps: float, scale: bool) -> None:
        super().__init__(channels, eps=eps, momentum=momentum)
        if not scale:
            self.register_parameter("weight", None)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel by the batch's mean and variance in training mode, by the running ones otherwise."""
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps)
        return super().forward(x)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's own name
        assert input.dim() in (2, 4), input.shape


class LocalResponseNorm(nn.LocalResponseNorm):
    """torch's local response normalisation, which cannot view an image that is stored channels last, on a copy that it can."""

    def forward(self, x: Tensor) -> Tensor:
        """Read and give (B, C, H, W)."""
        return super().forward(x.contiguous())


class Stack(nn.Module):
    """Modules one after the other under names of a person's choice.

    ``nn.Module.add_module`` refuses a name that is also a method, and "scale" or "prepare" are fine names for a layer: children are registered
    directly and read by ``layers()``; attributes of our own begin with an underscore, which no layer's name does.

    A maximum over windows of at-most-zero-clipped numbers is the clipped maximum: where max-pooling directly follows a ReLU, the pooling runs
    first and the ReLU on what it leaves. Values and gradients are the same bits, ties included: a window whose maximum is positive keeps the
    same first maximum, any other passes no gradient either way. ``run_in_order`` is for those who look at each layer.

    ``Sequences`` go as a whole to the layers that read them; any other layer works step by step and is handed the values.
    """

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        assert all("." not in name and name for name in layers)
        self._modules.update(layers)
        self._names = tuple(layers)
        self._swift = tuple(_pool_first(self._names, layers))
        self._in_order = False

    def run_in_order(self, choice: bool = True) -> None:
        """Run the layers of this and all inner stacks exactly as they are named, so that each one's output is its own."""
        for module in self.modules():
            if isinstance(module, Stack):
                module._in_order = choice

    def layers(self) -> Iterator[tuple[str, nn.Module]]:
        """Give names and modules in the specification's order."""
        return ((name, self._child(name)) for name in self._names)

    def forward(self, x: Tensor | Sequences) -> Tensor:
        """Send x through all layers."""
        for name in self._names if self._in_order else self._swift:
            child = self._child(name)
            x = x.each(child) if isinstance(x, Sequences) and not isinstance(child, ReadsSequences) else child(x)
        return x  # type: ignore[return-value]

    def _child(self, name: str) -> nn.Module:
        child = self._modules[name]
        assert child is not None
        return child


class Residual(Stack):
    """Adds its input, projected where a projection is given, to what its layers make of it."""

    def __init__(self, layers: dict[str, nn.Module], projection: nn.Module | None) -> None:
        super().__init__(layers)
        if projection is not None:
            self._modules[PROJECTION] = projection

    def forward(self, x: Tensor | Sequences) -> Tensor:
        """Give layers(x) + x, or layers(x) + projection(x)."""
        assert isinstance(x, Tensor), "a residual block reads images and vectors"
        shortcut = self._child(PROJECTION)(x) if PROJECTION in self._modules else x
        return super().forward(x) + shortcut


PROJECTION = "projection"


def _pool_first(names: tuple[str, ...], layers: dict[str, nn.Module]) -> list[str]:
    order = list(names)
    for place in range(len(order) - 1):
        if type(layers[order[place]]) is nn.ReLU and type(layers[order[place + 1]]) is nn.MaxPool2d:
            order[place], order[place + 1] = order[place + 1], order[place]
    return order
