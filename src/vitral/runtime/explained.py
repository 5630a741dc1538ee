"""One number of a trained network's layer, explained: the run's own weights on a picture or an example."""

from __future__ import annotations

from pathlib import Path

from vitral.explain.trace import Place
from vitral.probe.layers import Explained, explain_layer
from vitral.runtime.finished import finished


def explain_run(
    run: str, layer: str, place: Place, *, workspace: Path, image: Path | None = None, example: int = 0, device: str = "auto"
) -> Explained:
    """Show the sum that made one number of a layer, and how far the engine's own number lies from it.

    Args:
        run: the id, its beginning, or ``last``.
        layer: the layer's name.
        place: (channel, row, column) for a map, (unit,) for a vector.
        workspace: the folder of all runs.
        image: a picture to look at; an example of the test split when left out.
        example: which of the test split.
        device: "auto", "cpu" or "cuda".

    Raises:
        StoreError: no such run or no checkpoint.
        SpecError: no such layer, or one that is not explained.
        ShapeError: no such place.
        DataError: no such picture or example.
    """
    trained = finished(run, workspace=workspace, device=device)
    x = trained.picture(image) if image is not None else trained.example(example)
    return explain_layer(trained.net, layer, x, place, autocast=trained.precision.autocast())
