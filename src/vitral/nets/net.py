"""A network that learns: the specification's layers under the specification's names."""

# B batch  C channels  H height  W width

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitral.nets.blocks import Dropout, Stack
from vitral.nets.whiten import whitening_kernels
from vitral.spec.base import Layer
from vitral.spec.layers import Convolution
from vitral.spec.network import Network
from vitral.spec.weighted import Learning


@dataclass(frozen=True, eq=False)
class Learned:
    """A parameter that learns, with what its layer's specification says about how fast.

    ``decays`` is true for weights and false for biases and for the factors and shifts of normalisation.
    """

    name: str
    parameter: nn.Parameter
    decays: bool
    learning_rate_factor: float
    decay_factor: float


class Net(Stack):
    """A ``vitral.spec`` network as a module: ``net(x)`` gives scores, its children bear the layers' names.

    Args of the constructor come from ``vitral.nets.build``; ``layers_by_path`` maps "conv1" or "block1.conv2" to its specification.
    """

    def __init__(
        self, network: Network, layers: dict[str, nn.Module], layers_by_path: Mapping[str, Layer], generator: torch.Generator
    ) -> None:
        super().__init__(layers)
        self._network = network
        self._generator = generator
        self._specs = dict(layers_by_path)

    @property
    def network(self) -> Network:
        """The specification."""
        return self._network

    @property
    def generator(self) -> torch.Generator:
        """What dropout draws from."""
        return self._generator

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Name the layers in order."""
        return self._names

    @property
    def num_parameters(self) -> int:
        """Count all weights and biases, frozen ones included; equals ``network.num_parameters``."""
        return sum(p.numel() for p in self.parameters())

    @property
    def learned(self) -> tuple[Learned, ...]:
        """List the parameters that are not frozen, in the order of the layers."""
        found = []
        for path, module in self.named_modules():
            layer = self._specs.get(path)
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad:
                    weighted = isinstance(layer, Learning)
                    rate = getattr(layer, "learning_rate_factor", 1.0)
                    decay = layer.decay_factor if isinstance(layer, Learning) else 1.0
                    found.append(Learned(f"{path}.{name}", parameter, weighted and name.startswith("weight"), rate, decay))
        return tuple(found)

    @property
    def whitens(self) -> bool:
        """Say whether a layer needs ``prepare``."""
        first = self._network.layers[0]
        return isinstance(first, Convolution) and first.whitening

    def draw_from(self, generator: torch.Generator) -> None:
        """Let dropout draw from this generator, which must live on the network's device."""
        self._generator = generator
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
        """Set a whitening convolution, which is always the first layer, to the kernels of these training images.

        Args:
            images: a sample of the training set, (B, C, H, W), normalised and not augmented. Without a whitening layer nothing happens.
        """
        if self.whitens:
            first = self._child(self._names[0])
            assert isinstance(first, nn.Conv2d)
            first.weight.copy_(whitening_kernels(images, (first.kernel_size[0], first.kernel_size[1])))
