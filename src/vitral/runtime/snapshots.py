"""A network's weights as one file to take along: written as safetensors, read from safetensors or from ConvNetJS's JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from torch import Tensor, nn

from vitral.errors import DataError, StoreError
from vitral.events import ControlChanged
from vitral.nets.interchange import parse_convnetjs
from vitral.nets.net import Net
from vitral.runtime.double import weights_of
from vitral.runtime.subject import Subject
from vitral.store import weights
from vitral.train.loop import Trainer
from vitral.train.state import AVERAGE, NET, fits, part

FORMAT = 1
MAX_BYTES = 2**30
MOST_LETTERS = 80
CENTRED = 'ConvNetJS centres pixels (p / 255 - 0.5): the experiment should say data.normalise = "centred"'


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights that fit a network, by its own names. ``notes`` say what a person should know about them."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def snapshot(subject: Subject, *, averaged: bool = True) -> bytes:
    """Write the weights of this moment as the bytes of a safetensors file; their moving average, which is what is evaluated, where there is one.

    The names are the layers' own ("conv1.weight"), so that any program that reads safetensors can use them; the metadata hold the experiment
    and the data's classes and statistics.
    """
    own = weights_of(subject.trainer)
    tensors = (part(own, AVERAGE) if averaged else {}) or part(own, NET)
    statistics = getattr(subject.dataset, "statistics", None)
    values: dict[str, Any] = {
        "format": FORMAT,
        "kind": "snapshot",
        "run": subject.id,
        "step": subject.trainer.step,
        "experiment": subject.experiment.model_dump(mode="json"),
        "classes": list(getattr(subject.dataset, "classes", ())),
        "mean": list(statistics.mean) if statistics else [],
        "deviation": list(statistics.deviation) if statistics else [],
    }
    return weights.encode(tensors, values)


def read_weights(path: Path, net: Net, *, name: str = "") -> Weights:
    """Read weights for a network.

    Args:
        path: a snapshot, a checkpoint, any safetensors file with the layers' own names, or ConvNetJS's JSON, whose convolutions and dense
            layers are taken in their order whatever ours are called.
        net: which they have to fit.
        name: what a person calls the file; its own name when left out.

    Raises:
        DataError: the file cannot be read, or is none of these.
        StoreError: the weights belong to another network.
    """
    name = name or path.name
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{name}: expected at most {MAX_BYTES >> 20} MB of weights, got {path.stat().st_size >> 20}; use a smaller file"
            )
        data = path.read_bytes()
    except OSError as cause:
        raise DataError(f"{name}: cannot be read ({(cause.strerror or str(cause)).lower()}); check the name") from None
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _from_convnetjs(data, name, net)
    try:
        found = parse(data)
    except (SafetensorError, ValueError) as wrong:
        raise DataError(f"{name}: expected safetensors or ConvNetJS's JSON, got neither ({str(wrong)[:80]}); save it again") from None
    tensors = part(found, AVERAGE) or part(found, NET) or found
    tensors = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point() or name in net.state_dict()}
    fits(tensors, net.state_dict())
    _finite(tensors, name)
    return Weights(tensors)


def load(trainer: Trainer, path: Path, name: str = "") -> tuple[ControlChanged, tuple[str, ...]]:
    """Let a trainer go on with the weights of a file; save a checkpoint afterwards, or a resumed run goes on without them.

    Args:
        trainer: between two steps.
        path: as for ``read_weights``.
        name: what a person calls the file; its own name when left out. The record says it with the beginning of the file's SHA-256.

    Returns:
        The event that the training will give next, and what a person should know about these weights.

    Raises:
        DataError, StoreError: as ``read_weights``; nothing has changed then.
    """
    shown = "".join(letter for letter in name[:MOST_LETTERS] if letter.isprintable()) or path.name
    found = read_weights(path, trainer.net, name=shown)
    said = f"{shown} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"
    centred = trainer.experiment.data.normalise == "centred"
    return trainer.wear(found.tensors, said), tuple(note for note in found.notes if not (centred and note == CENTRED))


def _from_convnetjs(data: bytes, name: str, net: Net) -> Weights:
    """Give a ConvNetJS network's weights under our names."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name}: expected JSON in UTF-8, got other bytes; save it again") from None
    found = parse_convnetjs(text, name)
    ours = [path for path, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    theirs = list(dict.fromkeys(key.rpartition(".")[0] for key in found.tensors))
    if len(ours) != len(theirs):
        raise StoreError(
            f"{name} has {len(theirs)} layers with weights, this network {len(ours)}: expected a network of the same layers; use its own experiment"
        )
    names = dict(zip(theirs, ours, strict=True))
    state = net.state_dict()
    tensors = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": tensor for key, tensor in found.tensors.items()}
    spare = [key for key in tensors if key not in state and not bool(tensors[key].any())]  # biases of 0 where ours has none
    tensors = {key: tensor for key, tensor in tensors.items() if key not in spare}
    tensors |= {key: tensor for key, tensor in state.items() if key not in tensors and key.rpartition(".")[0] not in ours}
    fits(tensors, state)
    notes = found.notes
    if net.network.image != found.network.image:
        raise StoreError(f"{name} reads images of {found.network.image}, this network of {net.network.image}; use its own experiment")
    return Weights(tensors, (*notes, CENTRED))


def _finite(tensors: dict[str, Tensor], name: str) -> None:
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DataError(f'{name}: "{key}" holds numbers that are not finite; use an earlier snapshot')
