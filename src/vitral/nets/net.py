"""A network that learns: the specification's layers under the specification's names."""

# B batch  C channels  H height  W width

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitral.errors import StoreError
from vitral.nets.blocks import Dropout, Stack
from vitral.nets.recurrent import Recurrent
from vitral.nets.sequence_layers import Convolution1d, Embedding, StepDense
from vitral.nets.sequences import Sequences, numbers
from vitral.nets.whiten import whitening_kernels
from vitral.spec.base import Layer
from vitral.spec.layers import Convolution
from vitral.spec.network import Network
from vitral.spec.weighted import Learning

CODE_READERS = (Embedding, Recurrent, StepDense, Convolution1d)


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
        self._reads_codes = isinstance(layers[self._names[0]], CODE_READERS)

    def forward(self, x: Tensor | Sequences) -> Tensor:
        """Send x through all layers; codes are made one-hot where the first layer does not look them up itself."""
        if self._reads_codes or (x.values if isinstance(x, Sequences) else x).is_floating_point():
            return super().forward(x)
        return super().forward(x.each(self._one_hot) if isinstance(x, Sequences) else self._one_hot(x))

    def _one_hot(self, codes: Tensor) -> Tensor:
        return numbers(codes, self._network.num_symbols, next(self.parameters(), torch.empty(0)).dtype)

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

    def carry(self, choice: bool = True) -> None:
        """Let every recurrent cell start where its last call ended (truncated backpropagation through time), or start blank each time."""
        for _, cell in self._cells():
            cell.carries = choice
        if not choice:
            self.forget()

    def forget(self) -> None:
        """Blank all memories that are carried."""
        for _, cell in self._cells():
            cell.memory = None

    def memories(self) -> dict[str, Tensor]:
        """Give what is carried at the moment, (1, B, D) each: "lstm1.h" and "lstm1.c"; nothing where nothing has been read yet."""
        return {
            f"{path}.{symbol}": part
            for path, cell in self._cells()
            if cell.memory is not None
            for symbol, part in zip("hc", cell.memory, strict=False)
        }

    def remember(self, memories: Mapping[str, Tensor]) -> None:
        """Carry what ``memories`` gave.

        Raises:
            StoreError: they belong to another network.
        """
        found: dict[Recurrent, tuple[Tensor, ...] | None] = {}
        wanted = set(memories)
        for path, cell in self._cells():
            names = [f"{path}.{symbol}" for symbol in "hc"[: cell.num_memories]]
            parts = tuple(memories[name] for name in names if name in memories)
            if parts and (len(parts) < len(names) or any(part.dim() != 3 or part.shape[::2] != (1, cell.hidden_size) for part in parts)):
                sizes = ", ".join(f'"{name}" {tuple(memories[name].shape) if name in memories else "missing"}' for name in names)
                raise StoreError(f"memories of another network: {sizes}, expected (1, B, {cell.hidden_size}) each; use this network's own")
            found[cell] = parts or None
            wanted -= set(names)
        if wanted:
            raise StoreError(f'memories of another network: no layer has "{min(wanted)}"; use this network\'s own')
        for cell, memory in found.items():
            cell.memory = memory

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Read something else in between: inside, all memories start blank; afterwards they, and whether they carry, are what they were."""
        before = [(cell, cell.carries, cell.memory) for _, cell in self._cells()]
        self.forget()
        try:
            yield
        finally:
            for cell, carries, memory in before:
                cell.carries, cell.memory = carries, memory

    def _cells(self) -> Iterator[tuple[str, Recurrent]]:
        return ((path, module) for path, module in self.named_modules() if isinstance(module, Recurrent))

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
