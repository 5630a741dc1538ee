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
    here = Path()
    if isinstance(experiment, Experiment):
        found = codec.parse(override(experiment.model_dump(mode="json"), changes)) if changes else experiment
    else:
        found = zoo.find(str(experiment), changes)
        typed_now = any(change.partition("=")[0].strip() == "data.source" for change in changes)
        here = here if typed_now or str(experiment) in zoo.names() else Path(experiment).parent
    return _rooted(found, here)


def _rooted(experiment: Experiment, folder: Path) -> Experiment:
    """Make the paths of a person's own data absolute, so that the run can be resumed and measured from any other place.

    In a file a path counts from the file's folder, on the command line from the present one.
    """
    paths = {name: found for name in ("source", "validation", "test") if (found := _absolute(getattr(experiment.data, name), folder))}
    return experiment.model_copy(update={"data": experiment.data.model_copy(update=paths)}) if paths else experiment


def _absolute(name: str | None, folder: Path) -> str | None:
    """Give the absolute path that a name means; None where it is no path, or a data set of the catalogue is called so."""
    try:
        path = Path(name or "").expanduser()
        if not name or path.is_absolute() or not (folder / path).exists():
            return None
    except (OSError, ValueError, RuntimeError):  # too long for a name, ~somebody who is not there: whoever reads the data will say so
        return None
    from vitral.data.catalogue import known

    return None if known(name) else str((folder / path).resolve())  # a folder may happen to be called cifar10
