"""What was seen of a network that learns: a bounded number of looks, each of one step."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from vitral.errors import SpecError
from vitral.probe.maps import Picture

Key = tuple[str, int]
"""A layer's name, and which of its calls within one step: a module that is used twice is seen twice."""


@dataclass(eq=False)
class LayerSeen:
    """One call of one layer in one step.

    Attributes:
        name, call: its key.
        kind: the module's class, as "Conv2d".
        shape: of what it gave for one example: (C, H, W), (N,) or (T, F).
        activation: what it gave; figures over the examples that were read, the maps of one of them.
        gradient: dLoss/dActivation, once the step went backward.
        weights: its parameters by name ("weight", "bias", "weight_hh_l0") before the step.
        weight_gradients: dLoss/dWeight as the optimiser finds it.
        update_ratios: |change| / |weights| of the step, by Euclidean length; known when the next step begins.
        silent: the units that gave exactly 0 for every example that was read; None where it is not known which axis holds units.
        num_units: how many units there are.
    """

    name: str
    call: int
    kind: str
    shape: tuple[int, ...] = ()
    activation: Picture | None = None
    gradient: Picture | None = None
    weights: dict[str, Picture] = field(default_factory=dict)
    weight_gradients: dict[str, Picture] = field(default_factory=dict)
    update_ratios: dict[str, float] = field(default_factory=dict)
    silent: tuple[int, ...] | None = None
    num_units: int = 0

    @property
    def dead(self) -> float | None:
        """Give the share of units that gave exactly 0 for every example that was read."""
        return None if self.silent is None or not self.num_units else len(self.silent) / self.num_units

    @property
    def weight(self) -> Picture | None:
        """Give the weights that come first: a layer's kernel or matrix."""
        return next(iter(self.weights.values()), None)

    @property
    def weight_gradient(self) -> Picture | None:
        """Give the gradient of the weights that come first."""
        return self.weight_gradients.get(next(iter(self.weights), ""))

    @property
    def update_ratio(self) -> float | None:
        """Give how far the step moved the weights that come first, relative to their size; about 0.001 is usual."""
        return self.update_ratios.get(next(iter(self.weights), ""))


@dataclass(eq=False)
class StepSeen:
    """One look: a step of training, layer by layer in the order in which they ran.

    Attributes:
        step: which forward pass of the model, the first one is 1.
        num_examples: how many were in the batch.
        seconds: what looking took.
        settled: true when the next step has begun: nothing will be added.
    """

    step: int
    layers: dict[Key, LayerSeen] = field(default_factory=dict)
    num_examples: int = 0
    seconds: float = 0.0
    settled: bool = False

    def __getitem__(self, key: str | Key) -> LayerSeen:
        """Give a layer by its name (its first call), or by name and call. Raises SpecError when it was not seen."""
        found = self.layers.get((key, 0) if isinstance(key, str) else key)
        if found is None:
            names = list(dict.fromkeys(name for name, _ in self.layers))
            wanted = key if isinstance(key, str) else key[0]
            close = difflib.get_close_matches(wanted, names, n=1)
            cure = f'did you mean "{close[0]}"?' if close else f"expected one of {', '.join(names[:12]) or 'none: nothing ran'}"
            raise SpecError(f"step {self.step} saw no layer {key!r}; {cure}")
        return found

    def __iter__(self) -> Iterator[LayerSeen]:
        return iter(self.layers.values())


@dataclass(frozen=True)
class Report:
    """What a person's own training says of one step."""

    step: int
    loss: float
    num_correct: int | None = None
    learning_rate: float | None = None


class Seen:
    """What ``vitral.watch`` gives: the newest looks, and what went wrong with looking, if anything did.

    Attributes:
        looks: the newest ones, the oldest first; at most ``keep``.
        num_steps: how many forward passes there were, looked at or not.
        seconds: what looking took in all.
        problem: one sentence when the probe broke or could not see; training went on unwatched from there. Empty otherwise.
        report: what ``tell`` was told last.
    """

    def __init__(self, keep: int) -> None:
        self.looks: deque[StepSeen] = deque(maxlen=keep)
        self.num_steps = 0
        self.seconds = 0.0
        self.problem = ""
        self.report: Report | None = None

    def tell(self, loss: Any, *, num_correct: Any = None, learning_rate: float | None = None) -> None:
        """Say how the step under way went, for the curves of the page; ``vitral.watch`` cannot know it.

        Args:
            loss: a number, or a tensor of one number.
            num_correct: how many of the batch were answered right, likewise.
            learning_rate: of this step.
        """
        try:
            self.report = Report(
                self.num_steps,
                float(loss.detach() if isinstance(loss, Tensor) else loss),
                None if num_correct is None else int(num_correct),
                None if learning_rate is None else float(learning_rate),
            )
        except Exception as cause:  # what goes wrong with looking must not reach the training
            self.problem = self.problem or f"seen.tell understands numbers and tensors of one number: {cause}"

    def __getitem__(self, key: str | Key) -> LayerSeen:
        """Give a layer of the newest look. Raises SpecError when there is none."""
        if not self.looks:
            raise SpecError(f"nothing was seen yet: {self.problem or 'the model has not run'}; ask again after a step")
        return self.looks[-1][key]

    def __iter__(self) -> Iterator[StepSeen]:
        return iter(tuple(self.looks))

    def __len__(self) -> int:
        return len(self.looks)

    @property
    def latest(self) -> StepSeen | None:
        """Give the newest look; None before the first."""
        return self.looks[-1] if self.looks else None

    def series(self, name: str, what: str = "activation", figure: str = "std") -> list[tuple[int, float]]:
        """Give one figure of a layer over the looks: [(step, value), ...].

        Args:
            name: of the layer.
            what: activation, gradient, weight, weight_gradient, update_ratio or dead.
            figure: min, max, mean or std; of the first four.

        Raises:
            SpecError: no such quantity or figure.
        Example: ``seen.series("conv1", "update_ratio")``
        """
        found = []
        for look in self.looks:
            layer = look.layers.get((name, 0))
            value = None if layer is None else _figure(layer, what, figure)
            if value is not None:
                found.append((look.step, value))
        return found


QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "activation": ("min", "max", "mean", "std"), "gradient": ("min", "max", "mean", "std"), "weight": ("min", "max", "mean", "std"),
    "weight_gradient": ("min", "max", "mean", "std"), "update_ratio": (), "dead": (),
}  # fmt: skip


def _figure(layer: LayerSeen, what: str, figure: str) -> float | None:
    if what not in QUANTITIES:
        raise SpecError(f'there is no quantity "{what}"; expected one of {", ".join(QUANTITIES)}')
    value = getattr(layer, what)
    if not QUANTITIES[what]:
        return value if value is None else float(value)
    if figure not in QUANTITIES[what]:
        raise SpecError(f'there is no figure "{figure}"; expected one of {", ".join(QUANTITIES[what])}')
    return None if value is None else float(getattr(value.figures, figure))
