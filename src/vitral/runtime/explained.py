"""One number of a trained network's layer, explained: the run's own weights on a picture, an example or a text."""

from __future__ import annotations

from pathlib import Path

import torch

from vitral.errors import SpecError
from vitral.explain.trace import Place
from vitral.probe.layers import Explained, explain_layer
from vitral.runtime.finished import Finished, finished
from vitral.runtime.inside import stretch

STEPS = 64
"""How many symbols of a text are read where the place does not ask for more."""


def explain_run(
    run: str, layer: str, place: Place, *, workspace: Path, image: Path | None = None, example: int = 0, device: str = "auto"
) -> Explained:
    """Show the sum that made one number of a layer, and how far the engine's own number lies from it.

    Args:
        run: the id, its beginning, or ``last``.
        layer: the layer's name.
        place: (channel, row, column) for a map, (unit,) for a vector; for a text (unit,) at its first step, or (unit, step).
        workspace: the folder of all runs.
        image: a picture to look at; an example of the test split when left out.
        example: which of the test split; of a text, the symbol that it is read from.
        device: "auto", "cpu" or "cuda".

    Raises:
        StoreError: no such run or no checkpoint.
        SpecError: no such layer, or one that is not explained; a picture for a network that reads a text.
        ShapeError: no such place.
        DataError: no such picture or example.
    """
    trained = finished(run, workspace=workspace, device=device)
    if trained.experiment.network.predicts_next:
        return _of_text(trained, layer, place, image, example)
    x = trained.picture(image) if image is not None else trained.example(example)
    return explain_layer(trained.net, layer, x, place, autocast=trained.precision.autocast())


def _of_text(trained: Finished, layer: str, place: Place, image: Path | None, example: int) -> Explained:
    if image is not None:
        raise SpecError(f"run {trained.id} reads a text, got the picture {image.name}; leave --image out")
    unit, step = place if len(place) == 2 else (place[0], 0)
    codes, _ = stretch(trained, start=example, length=max(STEPS, step + 1))
    x = torch.from_numpy(codes)[None].to(trained.precision.device)
    return explain_layer(trained.net, layer, x, (step, unit), autocast=trained.precision.autocast())
