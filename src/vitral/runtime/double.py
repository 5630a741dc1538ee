"""A second network of a run's shape. It wears the weights of any moment and is looked at in place of the one that learns."""

# B batch  C channels  H height  W width  K classes

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vitral.nets.builders import build
from vitral.nets.loss import comparison
from vitral.nets.net import Net
from vitral.probe.backward import ExplainedGradient, explain_gradient
from vitral.probe.instrument import first_tensor
from vitral.probe.layers import Explained, at_rest, explain_layer
from vitral.probe.maps import silent
from vitral.probe.portrait import Portrait, layers_of, portray
from vitral.spec.experiment import Experiment
from vitral.train.evaluate import predict
from vitral.train.loop import Trainer
from vitral.train.precision import Precision
from vitral.train.state import AVERAGE, NET, part

Tensors = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Moment:
    """The weights and running statistics after ``step`` steps, by the names that a checkpoint gives them; not those of the training itself."""

    step: int
    tensors: Tensors

    @property
    def num_bytes(self) -> int:
        """Count the memory it takes."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


def weights_of(trainer: Trainer) -> Tensors:
    """Give a trainer's own weights and running statistics, and their moving average where there is one: no copies."""
    average = trainer._average.tensors if trainer._average else {}
    return {NET + name: tensor for name, tensor in trainer.net.state_dict().items()} | {
        AVERAGE + name: tensor for name, tensor in average.items()
    }


@torch.no_grad()
def copy(tensors: Mapping[str, Tensor], into: Tensors | None = None) -> Tensors:
    """Copy tensors, into those of an earlier moment where there are some: a few microseconds for a network such as the lecture's."""
    if into is None or into.keys() != tensors.keys():
        return {name: tensor.detach().clone(memory_format=torch.preserve_format) for name, tensor in tensors.items()}
    torch._foreach_copy_(list(into.values()), list(tensors.values()))
    return into


class Double:
    """Looks at examples with the weights of a moment. The network that learns is never run, so that its training cannot notice.

    Args:
        experiment: whose network it is.
        precision: of the run, in which examples are looked at too.
    """

    def __init__(self, experiment: Experiment, precision: Precision) -> None:
        self.precision = precision
        self.net: Net = build(experiment.network, seed=experiment.seed)
        self.net.to(device=precision.device)
        self.net.to(memory_format=precision.memory_format)  # type: ignore[call-overload]
        self.net.eval()
        self.net.run_in_order()
        self._loss = comparison(experiment.network)
        self._own = self.net.state_dict()
        self.kinds = {path: layer.kind for path, layer in self.net._specs.items()}

    @torch.no_grad()
    def wear(self, moment: Moment, *, averaged: bool = False) -> None:
        """Put the weights of a moment on; their moving average, which is what is evaluated, where it is asked for and there is one."""
        wanted = part(moment.tensors, AVERAGE) if averaged else {}
        wanted = wanted or part(moment.tensors, NET)
        torch._foreach_copy_([self._own[name] for name in wanted], list(wanted.values()))

    def look(
        self, x: Tensor, target: Tensor | None, *, layers: tuple[str, ...] | None, what: tuple[str, ...], gradients: Tensors | None
    ) -> Portrait:
        """Portray one example. Arguments as for ``portray``."""
        return portray(
            self.net, x, target, self._loss, layers=layers, what=what, gradients=gradients, autocast=self.precision.autocast()
        )  # fmt: skip

    def explain(self, layer: str, x: Tensor, place: tuple[int, ...]) -> Explained:
        """Explain one number that a layer gave."""
        return explain_layer(self.net, layer, x, place, autocast=self.precision.autocast())

    def explain_gradient(self, layer: str, x: Tensor, target: Tensor, place: tuple[int, ...], of: str) -> ExplainedGradient:
        """Explain one number of a gradient."""
        return explain_gradient(self.net, layer, x, target, self._loss, place, of=of, autocast=self.precision.autocast())

    def probabilities(self, x: Any) -> Tensor:
        """Give the probability of each class, (B, K) on the CPU."""
        return predict(self.net, x, autocast=self.precision.autocast).cpu()

    def survey(self, x: Any) -> tuple[Tensor, dict[str, tuple[int, ...]]]:
        """Give the probabilities for many examples, and the units of every layer that were silent for all of them."""
        dead: dict[str, tuple[int, ...]] = {}

        def listen(name: str) -> torch.utils.hooks.RemovableHandle:
            def hook(_module: object, _given: object, output: object) -> None:
                y = first_tensor(output)
                if y is not None and y.ndim in (2, 4):
                    dead[name] = silent(y, 1)

            return modules[name].register_forward_hook(hook)

        modules = layers_of(self.net)
        hooks = [listen(name) for name in modules]
        try:
            with at_rest(self.net):
                return self.probabilities(x), dead
        finally:
            for hook in hooks:
                hook.remove()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: one example is too little for more, and waking them takes longer than what there is to do."""
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)
