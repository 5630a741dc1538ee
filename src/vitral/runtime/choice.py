"""Which experiment a person means: a name of the zoo, a file, or an Experiment; with their own changes. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitral.errors import SpecError
from vitral.nets import zoo
from vitral.spec import codec
from vitral.spec.experiment import Experiment
from vitral.spec.override import override


def choose(
    experiment: str | Path | Experiment = "default",
    sets: Sequence[str] = (),
    *,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> Experiment:
    """Find an experiment and apply a person's changes to it.

    Args:
        experiment: a name of the zoo such as ``lenet-mnist``; the path of a TOML or JSON file; or an Experiment.
        sets: changes such as ``training.batch_size=64``.
        epochs: how long to train, in place of what the experiment says.
        steps: the same, in optimiser steps; not together with epochs.
        seed: the seed of everything random, in place of the experiment's.

    Raises:
        SpecError: there is no such experiment (with the nearest name), or a change that is impossible.
        ShapeError: the changed layers do not fit one another.
    Example:
        ``choose("default", ["training.batch_size=64"], epochs=2)``
    """
    if epochs is not None and steps is not None:
        raise SpecError(f"the length was given twice, as {epochs} epochs and as {steps} steps; give epochs or steps")
    own = {"training.epochs": epochs, "training.steps": steps, "seed": seed}
    changes = [*sets, *(f"{key}={value}" for key, value in own.items() if value is not None)]
    if isinstance(experiment, Experiment):
        return codec.parse(override(experiment.model_dump(mode="json"), changes)) if changes else experiment
    return zoo.find(str(experiment), changes)
