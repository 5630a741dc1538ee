"""Pictures as frames for the wire: what is drawn goes as half-precision numbers with a scale, so that the page reads any value by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vitral.probe.maps import Picture
from vitral.probe.seen import LayerSeen
from vitral.wire import Blob

Values = dict[str, Any]
LARGEST = 15
"""The largest number of a picture is scaled to between 2**14 and 2**15: half precision ends at 65,504 and keeps 11 bits all the way."""

MOST_NAMED = 64
"""Channels are named one by one where they are not all there, up to so many; of a long vector the stride says which are shown."""


class Sheet:
    """The blobs of one frame. Pictures are put in one after the other and turned to half precision together, which is several times as fast."""

    def __init__(self) -> None:
        self._pictures: list[tuple[npt.NDArray[np.float32], int]] = []
        self._blobs: list[Blob | None] = []

    def bytes(self, pixels: npt.NDArray[np.uint8]) -> int:
        """Add bytes as they are, and give the blob's number."""
        pixels = np.ascontiguousarray(pixels)
        self._blobs.append(Blob(pixels.data, pixels.shape, "u1"))
        return len(self._blobs) - 1

    def picture(self, picture: Picture | None) -> Values | None:
        """Add a picture, and give what the header says of it."""
        if picture is None:
            return None
        figures, maps = picture.figures, picture.maps
        values: Values = {"min": figures.min, "max": figures.max, "mean": figures.mean, "std": figures.std}
        if figures.count < figures.total:
            values["share"] = figures.count / figures.total
        if figures.broken:
            values["broken"] = figures.broken
        if maps is None:
            return values
        largest = max(abs(figures.min), abs(figures.max))
        power = LARGEST - math.frexp(largest)[1] if largest else 0
        self._pictures.append((maps.values, power))
        self._blobs.append(None)
        values |= {"shape": list(maps.shape), "blob": len(self._blobs) - 1, "scale": math.ldexp(1.0, -power)}
        if len(maps.channels) < maps.shape[0] and len(maps.channels) <= MOST_NAMED:
            values["shown"] = list(maps.channels)
        if maps.stride != (1, 1):
            values["stride"] = list(maps.stride)
        return values

    def blobs(self) -> list[Blob]:
        """Give all blobs in their order."""
        size = sum(values.size for values, _ in self._pictures)
        row = np.empty(size, np.float32)
        places, at = [], 0
        for values, power in self._pictures:
            part = row[at : at + values.size]
            if abs(power) < 100:
                np.multiply(values.reshape(-1), np.float32(math.ldexp(1.0, power)), out=part)
            else:  # the factor itself would not be a number in single precision
                part[:] = np.ldexp(values.reshape(-1).astype(np.float64), power)
            places.append(at)
            at += values.size
        halves = torch.from_numpy(row).half().numpy()
        made = iter([Blob(halves[at : at + v.size].data, v.shape, "f2") for (v, _), at in zip(self._pictures, places, strict=True)])
        return [next(made) if blob is None else blob for blob in self._blobs]


def write(layers: Iterable[LayerSeen], sheet: Sheet, kinds: Mapping[str, str], dead: Mapping[str, tuple[int, ...]]) -> list[Values]:
    """Write layers for a frame's header, and put their pictures on the sheet.

    Args:
        layers: in their order.
        sheet: takes the pictures.
        kinds: what the specification calls each layer, where there is one.
        dead: units that were silent for many examples, by layer.
    """
    written = []
    for layer in layers:
        entry: Values = {"name": layer.name, "kind": kinds.get(layer.name, layer.kind), "shape": list(layer.shape)}
        if layer.call:
            entry["call"] = layer.call
        for what in ("activation", "gradient", "weight", "weight_gradient"):
            if (values := sheet.picture(getattr(layer, what))) is not None:
                entry[what] = values
        silent = dead.get(layer.name, layer.silent)
        if silent is not None and "activation" in entry:
            entry["activation"] |= {"dead": len(silent) / (layer.num_units or layer.shape[0]), "silent": list(silent[:MOST_NAMED])}
        if layer.update_ratio is not None:
            entry["update_ratio"] = layer.update_ratio
        written.append(entry)
    return written
