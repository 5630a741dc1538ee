"""A look at a model of someone's own, as a frame for the page."""

# C channels  H height  W width

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitral import wire
from vitral.probe.calls import Call
from vitral.probe.seen import LayerSeen, StepSeen
from vitral.runtime.frames import Sheet, write
from vitral.runtime.looks import Look
from vitral.runtime.rows import KINDS

LARGEST = 1024
"""Larger pictures are shown by every so many-th pixel."""


def ran(look: StepSeen) -> Sequence[LayerSeen]:
    """Give the layers that ran, each with its first call."""
    return [layer for layer in look if layer.call == 0 and layer.activation is not None]


def frame(look: StepSeen, calls: Mapping[str, Call], wanted: Look) -> bytes:
    """Encode a look for a stream."""
    began = time.perf_counter()
    layers = [layer for layer in ran(look) if wanted.layers is None or layer.name in wanted.layers]
    sheet = Sheet()
    written = write(layers, sheet, {layer.name: KINDS.get(layer.kind, layer.kind) for layer in layers}, {})
    for entry in written:
        if "weight_gradient" in entry:
            entry["weight_gradient"]["of"] = "batch"
        for what in {"activation", "gradient", "weight", "weight_gradient"} - set(wanted.what):
            entry.pop(what, None)
    header = {
        "kind": "layers",
        "step": look.step,
        "example": wanted.example,
        "split": wanted.split,
        "at": None,
        "loss": None,
        "probabilities": None,
        "layers": [_input(layers, calls, sheet), *written],
        "milliseconds": (look.seconds + time.perf_counter() - began) * 1000,
        "time": time.time(),
    }
    return wire.pack(header, sheet.blobs())


def _input(layers: Sequence[LayerSeen], calls: Mapping[str, Call], sheet: Sheet) -> dict[str, Any]:
    call = calls.get(layers[0].name) if layers else None
    if call is None:
        return {"name": "input", "kind": "input", "shape": []}
    entered = call.entered[0]
    pixels = image(entered)
    shown = {} if pixels is None else {"image": sheet.bytes(pixels)}
    return {"name": "input", "kind": "input", "shape": list(entered.shape), **shown}


def image(x: Tensor) -> npt.NDArray[np.uint8] | None:
    """Show numbers (1 or 3, H, W) as a picture, from the least, which is black, to the largest: nobody knows how they were normalised.

    Returns:
        Bytes (H, W, 1 or 3); None for what is no picture.
    """
    if x.ndim != 3 or x.shape[0] not in (1, 3) or not x.is_floating_point():
        return None
    stride = -(-max(x.shape[1:]) // LARGEST)
    x = x[:, ::stride, ::stride].detach().float().nan_to_num(0.0, 0.0, 0.0)
    least, most = x.min(), x.max()
    levels = (x - least) * (255 / (most - least).clamp(min=torch.finfo(torch.float32).tiny))
    return np.ascontiguousarray(levels.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())
