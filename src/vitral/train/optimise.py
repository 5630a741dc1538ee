"""How gradients move weights: torch's optimisers under the specification's names, with decay and rates of each layer's own."""

# O filters  I channels  KH KW kernel

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, get_total_norm

from vitral.errors import SpecError
from vitral.nets.net import Learned
from vitral.spec import experiment as spec
from vitral.train.control import WITH_MOMENTUM
from vitral.train.state import OPTIMISER, keep, put_back

# Which implementation: fused where torch has one on the CPU (8 small tensors, one thread: AdamW 86 us fused, 226 foreach, 265 one by one;
# SGD 50, 60, 72; Adagrad 74, 141, 139), else foreach (Adadelta 216 against 272, RMSprop 135 against 162). All give the same bits each time.
KINDS: dict[str, Callable[[list[dict[str, Any]], spec.Optimiser], torch.optim.Optimizer]] = {
    "sgd": lambda groups, s: torch.optim.SGD(groups, lr=s.learning_rate, fused=True),
    "momentum": lambda groups, s: torch.optim.SGD(groups, lr=s.learning_rate, momentum=s.momentum, fused=True),
    "nesterov": lambda groups, s: torch.optim.SGD(groups, lr=s.learning_rate, momentum=s.momentum, nesterov=s.momentum > 0, fused=True),
    "adagrad": lambda groups, s: torch.optim.Adagrad(groups, lr=s.learning_rate, eps=s.eps, **_fused_on_cpu(groups)),
    "rmsprop": lambda groups, s: torch.optim.RMSprop(groups, lr=s.learning_rate, alpha=s.rho, eps=s.eps, momentum=s.momentum, foreach=True),
    "adadelta": lambda groups, s: torch.optim.Adadelta(groups, lr=s.learning_rate, rho=s.rho, eps=s.eps, foreach=True),
    "adam": lambda groups, s: torch.optim.Adam(groups, lr=s.learning_rate, betas=s.betas, eps=s.eps, fused=True),
    "adamw": lambda groups, s: torch.optim.AdamW(groups, lr=s.learning_rate, betas=s.betas, eps=s.eps, fused=True),
    "muon": lambda groups, s: torch.optim.Muon(
        groups, lr=s.learning_rate, momentum=s.momentum, ns_steps=s.orthogonal_steps, adjust_lr_fn=s.adjust
    ),
}


class Optimiser:
    """Moves the parameters of a network.

    Decay acts on weights, not on biases or normalisation, times the layer's own ``decay_factor``. L1 adds l1 * sign(w) to the gradient.
    L2 adds l2 * w to it; for adamw and muon it is decoupled instead: w <- w - learning rate * l2 * w (Loshchilov & Hutter 2019,
    arXiv:1711.05101). Clipping looks at the gradient of the loss alone, before any decay is added.

    Muon (Jordan et al. 2024) moves matrices: a kernel (O, I, KH, KW) is seen as one of O rows. The last layer's weights, all biases and
    normalisation move by ``others``.

    Args:
        learned: the parameters, with their layers' factors.
        settings: the optimiser of the specification.
        l1_decay, l2_decay: the common decay.
    Raises:
        SpecError: nothing learns.
    """

    def __init__(self, learned: Sequence[Learned], settings: spec.Optimiser, *, l1_decay: float, l2_decay: float) -> None:
        if not learned:
            raise SpecError("nothing learns: every layer has learning_rate_factor = 0; give one of them more than 0")
        self._parameters = [one.parameter for one in learned]
        self._weights = [one for one in learned if one.decays and one.decay_factor]
        self._views: list[View] = []
        self._parts: list[Part] = []
        matrices = [one for one in learned if one.parameter.dim() > 1][:-1] if settings.kind == "muon" else []
        if matrices:
            self._views = [View.of(one.parameter) for one in matrices]
            self._parts.append(Part(matrices, [view.matrix for view in self._views], settings))
        rest = [one for one in learned if one not in matrices]
        others = (settings.others or spec.Optimiser(kind="adamw")) if settings.kind == "muon" else settings
        self._parts.append(Part(rest, [one.parameter for one in rest], others))
        self.l1_decay = l1_decay
        self.set(settings, l2_decay)

    def set(self, settings: spec.Optimiser, l2_decay: float) -> None:
        """Use other numbers (rate, momentum, decay) from the next step on; what has been accumulated stays."""
        self.settings, self.l2_decay = settings, l2_decay
        for part in self._parts:
            part.set(settings if part.settings.kind == settings.kind else part.settings, l2_decay)

    @torch.no_grad()
    def step(self, factor: float, clip: float | None = None) -> None:
        """Move every parameter once by its ``.grad``, which is left as clipped and with the L1 decay's part added.

        Args:
            factor: what the schedule multiplies all learning rates by.
            clip: the longest that the whole gradient may be.
        """
        if clip is not None:
            clip_grad_norm_(self._parameters, clip, foreach=True)
        if self.l1_decay:
            for one in self._weights:
                assert one.parameter.grad is not None
                one.parameter.grad.add_(one.parameter.sign(), alpha=self.l1_decay * one.decay_factor)
        for view in self._views:
            view.lend_gradient()
        for part in self._parts:
            part.step(factor)

    def clear_gradients(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def penalty(self) -> float:
        """Give the decay's own loss: l1 * sum |w| + l2 / 2 * sum w^2 over the weights, each times its layer's decay_factor."""
        total = 0.0
        for decay_factor in {one.decay_factor for one in self._weights} if self.l1_decay or self.l2_decay else ():
            weights = [one.parameter for one in self._weights if one.decay_factor == decay_factor]
            if self.l1_decay:
                total += decay_factor * self.l1_decay * get_total_norm(weights, 1.0, foreach=True).item()
            if self.l2_decay:
                total += decay_factor * self.l2_decay / 2 * get_total_norm(weights, 2.0, foreach=True).item() ** 2
        return total

    def tensors(self) -> dict[str, Tensor]:
        """Copy all that was accumulated: ``optimiser.conv1.weight.exp_avg`` and so on."""
        return keep(OPTIMISER, (entry for part in self._parts for entry in part.accumulated()))

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what ``tensors`` gave.

        Raises:
            StoreError: they belong to another network or another optimiser.
        """
        for part in self._parts:
            part.make_room(name.removeprefix(OPTIMISER) for name in tensors if name.startswith(OPTIMISER))
        put_back(OPTIMISER, {name: tensor for part in self._parts for name, tensor in part.accumulated()}, tensors)


class Part:
    """One torch optimiser and the parameters that it moves, in groups of equal factors."""

    def __init__(self, learned: Sequence[Learned], tensors: Sequence[nn.Parameter], settings: spec.Optimiser) -> None:
        self.settings = settings
        self._by_name = {one.name: tensor for one, tensor in zip(learned, tensors, strict=True)}
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for one, tensor in zip(learned, tensors, strict=True):
            groups.setdefault((one.learning_rate_factor, one.decay_factor if one.decays else 0.0), []).append(tensor)
        kind = KINDS[settings.kind]
        self._torch = kind([{"params": members, "rate": rate, "decay": decay} for (rate, decay), members in groups.items()], settings)

    def set(self, settings: spec.Optimiser, decay: float) -> None:
        """Use other numbers from the next step on."""
        self.settings = settings
        for group in self._torch.param_groups:
            group["weight_decay"] = decay * group["decay"]
            if settings.kind in WITH_MOMENTUM:
                group["momentum"] = settings.momentum
            if settings.kind == "nesterov":
                group["nesterov"] = settings.momentum > 0  # torch refuses Nesterov's rule without momentum

    def step(self, factor: float) -> None:
        """Move the parameters once."""
        for group in self._torch.param_groups:
            group["lr"] = self.settings.learning_rate * factor * group["rate"]
        self._torch.step()

    def accumulated(self) -> Iterator[tuple[str, Tensor]]:
        """Give the running means and sums by name, such as ``conv1.weight.exp_avg``."""
        for name, parameter in self._by_name.items():
            for key, value in self._torch.state[parameter].items():
                if isinstance(value, Tensor):
                    yield f"{name}.{key}", value
                else:
                    assert value is None, (name, key)  # SGD's absent momentum; all else that is kept is a tensor

    def make_room(self, names: Iterable[str]) -> None:
        """Prepare empty tensors of the right kind, device and memory format for the named state."""
        self._torch.state.clear()
        for name in names:
            owner, _, key = name.rpartition(".")
            if owner not in self._by_name:
                continue
            parameter = self._by_name[owner]
            fused = self._torch.defaults.get("fused", False)
            if key == "step":  # a count; torch keeps it beside the parameter for its fused kernels, else on the CPU
                self._torch.state[parameter][key] = torch.zeros((), device=parameter.device if fused else "cpu")
            else:
                self._torch.state[parameter][key] = torch.empty_like(parameter, requires_grad=False)


@dataclass(frozen=True)
class View:
    """A parameter seen as a matrix of O rows that shares its memory."""

    parameter: nn.Parameter
    matrix: nn.Parameter

    @classmethod
    def of(cls, parameter: nn.Parameter) -> View:
        """See a kernel (O, I, KH, KW), in either memory format, as (O, I * KH * KW) in the order of its memory."""
        matrix = _rows(parameter.detach())
        assert matrix.data_ptr() == parameter.data_ptr(), "a copy would learn instead of the kernel"
        return cls(parameter, nn.Parameter(matrix))

    def lend_gradient(self) -> None:
        """Give the matrix the kernel's gradient, its numbers in the same order."""
        assert self.parameter.grad is not None
        self.matrix.grad = _rows(self.parameter.grad, like=self.parameter)


def _rows(tensor: Tensor, like: Tensor | None = None) -> Tensor:
    last = tensor.dim() == 4 and not (tensor if like is None else like).is_contiguous()
    return (tensor.permute(0, 2, 3, 1) if last else tensor).reshape(len(tensor), -1)


def _fused_on_cpu(groups: list[dict[str, Any]]) -> dict[str, bool]:
    return {"fused": True} if all(p.device.type == "cpu" for group in groups for p in group["params"]) else {"foreach": True}
