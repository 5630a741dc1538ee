"""What a picture is made of: the weights of a moment, examples, and what is known beside them. It is painted here, or sent elsewhere."""

# B batch  C channels  H height  W width  K classes

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitral import wire
from vitral.nets.sequences import Sequences
from vitral.probe.seen import LayerSeen
from vitral.runtime.double import Double, Moment, Tensors, one_thread
from vitral.runtime.frames import Sheet, Values, write
from vitral.runtime.looks import Look
from vitral.train.state import NET, part
from vitral.wire import Blob, DType

Pixels = npt.NDArray[np.uint8]
Dead = dict[str, tuple[int, ...]]
"""Units that were silent for many examples, by layer."""

TYPES: dict[DType, torch.dtype] = {"f4": torch.float32, "i4": torch.int32, "u1": torch.uint8}
WEIGHTS, GRADIENTS, BEFORE = "weights/", "gradients/", "before/"


@dataclass(frozen=True, eq=False)
class Sitting:
    """All that the picture of the layers is made of.

    Attributes:
        look: what is shown.
        moment: with which weights.
        x, target: the example, a batch of one.
        gradients: of the weights, those that moved them; None where those of the example are shown.
        before: the weights before the last step, as far as they are known.
        dead: units that were silent for many examples.
        image, words: the example as people see it, (H, W, C), or read it.
        classes: whether the scores are those of classes.
        clock: when the moment was.
    """

    look: Look
    moment: Moment
    x: Tensor
    target: Tensor
    gradients: Tensors | None
    before: Tensors
    dead: Dead
    image: Pixels | None
    words: str | None
    classes: bool
    clock: float

    @one_thread()
    def paint(self, double: Double) -> bytes:
        """Encode the picture."""
        began = time.perf_counter()
        look = self.look
        double.wear(self.moment)
        found = double.look(self.x, self.target, layers=look.layers, what=look.what, gradients=self.gradients)
        self._compare(found.seen)
        sheet = Sheet()
        entered, *layers = write([found.input, *found.seen], sheet, double.kinds, self.dead)
        entered["name"] = "input"
        if self.image is not None:
            entered["image"] = sheet.bytes(self.image)
        if self.words is not None:
            entered["text"] = self.words
        if self.classes:
            entered["target"] = int(self.target)
        for layer in layers:
            if "weight_gradient" in layer:
                layer["weight_gradient"]["of"] = "example" if self.gradients is None else "batch"
        header = {
            "kind": "layers",
            "step": self.moment.step,
            "example": look.example,
            "split": look.split,
            "at": look.at,
            "loss": found.loss,
            "probabilities": found.scores.softmax(0).tolist() if self.classes else None,
            "layers": [entered, *layers],
            "forward": found.forward * 1000,
            "backward": found.backward * 1000,
            "milliseconds": (time.perf_counter() - began) * 1000,
            "time": self.clock,
        }
        return wire.pack(header, sheet.blobs())

    def encode(self) -> bytes:
        """Copy it all to bytes."""
        known = _named(WEIGHTS, self.moment.tensors) | _named(GRADIENTS, self.gradients or {}) | _named(BEFORE, self.before)
        values = {
            "look": [self.look.example, self.look.split, self.look.at, self.look.layers, self.look.what],
            "step": self.moment.step,
            "strides": self.x.stride(),
            "of": "example" if self.gradients is None else "batch",
            "dead": self.dead,
            "words": self.words,
            "classes": self.classes,
            "clock": self.clock,
        }
        return _write(values, known, {"x": self.x, "target": self.target} | _image(self.image))

    @classmethod
    def decode(cls, data: bytes) -> Sitting:
        """Read what ``encode`` wrote."""
        values, tensors = _read(data)
        example, split, at, layers, what = values["look"]
        return cls(
            Look(example, split, at, None if layers is None else tuple(layers), tuple(what)),
            Moment(values["step"], part(tensors, WEIGHTS)),
            _laid_out(tensors["x"], values["strides"]),
            tensors["target"],
            None if values["of"] == "example" else part(tensors, GRADIENTS),
            part(tensors, BEFORE),
            {name: tuple(units) for name, units in values["dead"].items()},
            tensors["image"].numpy() if "image" in tensors else None,
            values["words"],
            values["classes"],
            values["clock"],
        )

    @torch.no_grad()
    def _compare(self, layers: Iterable[LayerSeen]) -> None:
        """Say how far the last step moved each layer's first weights, where they are known from before it."""
        now = part(self.moment.tensors, NET)
        for layer in layers:
            own = next(iter(layer.weights), "")
            earlier = self.before.get(f"{layer.name}.{own}")
            if earlier is not None:
                size = float(earlier.norm())
                change = float((now[f"{layer.name}.{own}"] - earlier).norm())
                layer.update_ratios[own] = change / size if size else math.inf


@dataclass(frozen=True, eq=False)
class Survey:
    """All that the picture of unseen examples is made of.

    Attributes:
        moment: with which weights; their moving average where there is one.
        x: many examples.
        shown: the first of them: number, class and words of each.
        images: these as people see them, (B, H, W, C).
    """

    moment: Moment
    x: Tensor | Sequences
    shown: Sequence[tuple[int, int, str | None]]
    images: Pixels | None

    def paint(self, double: Double) -> tuple[bytes, Dead]:
        """Encode the picture, and say which units were silent for all examples."""
        double.wear(self.moment, averaged=True)
        probabilities, dead = double.survey(self.x)
        sheet = Sheet()
        blob = None if self.images is None else sheet.bytes(self.images)
        header = {
            "kind": "unseen",
            "step": self.moment.step,
            "examples": [answered(*example, p) for example, p in zip(self.shown, probabilities, strict=False)],
            "blob": blob,
        }
        return wire.pack(header, sheet.blobs()), dead

    def encode(self) -> bytes:
        """Copy it all to bytes."""
        x = {"x": self.x.values, "lengths": self.x.lengths} if isinstance(self.x, Sequences) else {"x": self.x}
        values = {"step": self.moment.step, "strides": x["x"].stride(), "shown": self.shown}
        return _write(values, _named(WEIGHTS, self.moment.tensors), x | _image(self.images))

    @classmethod
    def decode(cls, data: bytes) -> Survey:
        """Read what ``encode`` wrote."""
        values, tensors = _read(data)
        own = _laid_out(tensors["x"], values["strides"])
        x = Sequences(own, tensors["lengths"]) if "lengths" in tensors else own
        images = tensors["image"].numpy() if "image" in tensors else None
        return cls(Moment(values["step"], part(tensors, WEIGHTS)), x, [tuple(example) for example in values["shown"]], images)


def answered(number: int, target: int, words: str | None, probabilities: Tensor) -> Values:
    """Write what the network says of an example."""
    own: Values = {"number": number, "target": target, "top": best(probabilities, 3)}
    return own if words is None else own | {"text": words}


def best(probabilities: Tensor, count: int) -> list[list[Any]]:
    """Give the likeliest classes, each with its probability."""
    found = probabilities.topk(min(max(1, count), len(probabilities)))
    return [[int(i), float(p)] for p, i in zip(found.values, found.indices, strict=True)]


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {prefix + name: tensor for name, tensor in tensors.items()}


@torch.no_grad()
def _write(values: Values, many: Tensors, few: Tensors) -> bytes:
    """Write a frame of values and tensors. Of the many, float32 by far, one row is made: one by one they would take several times as long."""
    floats = {name: x.detach() for name, x in many.items() if x.dtype is torch.float32}
    row = torch.empty(sum(x.numel() for x in floats.values()))
    places = torch.split(row, [x.numel() for x in floats.values()])
    torch._foreach_copy_([place.view(x.shape) for place, x in zip(places, floats.values(), strict=True)], list(floats.values()))
    singles = few | {name: x for name, x in many.items() if name not in floats}
    header = values | {
        "row": [(name, x.shape) for name, x in floats.items()],
        "singles": [(name, str(x.dtype).removeprefix("torch.")) for name, x in singles.items()],
    }
    return wire.pack(header, [_blob(row), *map(_blob, singles.values())])


def _read(frame: bytes) -> tuple[Values, Tensors]:
    """Read what ``_write`` wrote; the tensors are views into it where they can be."""
    values, (first, *others) = wire.unpack(bytearray(frame))
    shapes = dict(values["row"])
    places = torch.split(_tensor(first), [math.prod(shape) for shape in shapes.values()])
    tensors = {name: place.view(shape) for (name, shape), place in zip(shapes.items(), places, strict=True)}
    for (name, dtype), blob in zip(values["singles"], others, strict=True):
        tensors[name] = _tensor(blob).to(getattr(torch, dtype))
    return values, tensors


def _blob(x: Tensor) -> Blob:
    """Make numbers of any type ready for the wire: codes and classes have 31 bits at most, and half precision fits into single."""
    kind: tuple[torch.dtype, DType] = (torch.float32, "f4") if x.is_floating_point() else (torch.int32, "i4")
    if x.dtype in (torch.uint8, torch.bool):
        kind = torch.uint8, "u1"
    return Blob(x.detach().cpu().to(kind[0]).contiguous().numpy().data, tuple(x.shape), kind[1])


def _tensor(blob: Blob) -> Tensor:
    return torch.frombuffer(blob.data, dtype=TYPES[blob.dtype]).view(blob.shape) if len(blob.data) else torch.empty(blob.shape)


def _laid_out(x: Tensor, strides: Sequence[int]) -> Tensor:
    """Lay numbers out in memory as they were: a convolution in another layout may round otherwise."""
    return torch.empty_strided(x.shape, strides, dtype=x.dtype).copy_(x)


def _image(pixels: Pixels | None) -> Tensors:
    return {} if pixels is None else {"image": torch.from_numpy(np.ascontiguousarray(pixels))}
