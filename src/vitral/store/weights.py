"""Checkpoints: tensors and JSON values in one safetensors file whose name carries its own checksum.

``000000390-0f3a….safetensors`` is step 390 and the first 32 hexadecimal digits of the SHA-256 of the whole file: one rename publishes
the bytes and their checksum together, and equal states have equal names. Nothing is parsed before the checksum agrees.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from safetensors.torch import save as serialise

from vitral.errors import StoreError
from vitral.store import durable
from vitral.store.generations import GENERATIONS, NAME, generations, step_of

KEY = "vitral"  # the one metadata key: safetensors orders several of them at random, and equal states would have unequal bytes


@dataclass(frozen=True)
class Saved:
    """A checkpoint that is on disk."""

    path: Path
    num_bytes: int


@dataclass(frozen=True)
class Loaded:
    """A checkpoint that was read whole. ``notes`` say what had to be passed over to get to it."""

    path: Path
    step: int
    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]
    notes: tuple[str, ...] = ()


def save(folder: Path, tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any], step: int) -> Saved:
    """Write a checkpoint, then delete all but the newest two steps.

    Args:
        folder: where this run's checkpoints stand; it exists.
        tensors: any dtype and shape; no two share memory, and strides are not kept.
        values: what JSON can hold, NaN and infinity included.
        step: how many optimiser steps were taken.

    Raises:
        StoreError: it could not be written; the earlier checkpoints are as they were.
    """
    data = encode(tensors, values)
    path = folder / f"{step:09d}-{hashlib.sha256(data).hexdigest()[:32]}.safetensors"
    earlier = generations(folder)
    kept = f"the checkpoint of step {step_of(earlier[0])} is intact" if earlier else "no earlier checkpoint was written"
    durable.write(path, data, kept=kept)
    steps = sorted({step, *(s for s in map(step_of, earlier) if s < step)}, reverse=True)[:GENERATIONS]
    for old in earlier:
        if old != path and (step_of(old) not in steps or step_of(old) == step):
            durable.remove(old)
    return Saved(path, len(data))


def load(path: Path) -> Loaded:
    """Read a checkpoint after its SHA-256 was found to be the one in its name.

    Raises:
        StoreError: it is gone, cannot be read, is damaged, or was not written by Vitral.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        raise StoreError(
            f"{path.name} is no checkpoint: expected a name such as 000000390-<32 hexadecimal digits>.safetensors; "
            "give it back the name it was written under"
        )
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise durable.explain(cause, f"the checkpoint {path.name} could not be read", path.parent) from cause
    digest = hashlib.sha256(data).hexdigest()[:32]
    if digest != match[2]:
        raise StoreError(
            f"the checkpoint {path.name} is damaged: expected SHA-256 {match[2][:8]}..., got {digest[:8]}... from {len(data)} bytes; "
            "restore it from a copy or go on from an older one"
        )
    tensors, values = decode(data, path.name)
    return Loaded(path, int(match[1]), tensors, values)


def load_newest(folder: Path, *, repair: bool = False) -> Loaded | None:
    """Read the newest checkpoint that is whole; None where none was ever written.

    Args:
        folder: where this run's checkpoints stand.
        repair: set damaged ones aside under another name; only for who holds the run's lock.

    Raises:
        StoreError: there are checkpoints and every one of them is damaged.
    """
    notes: list[str] = []
    for path in generations(folder):
        try:
            found = load(path)
        except StoreError as cause:
            notes.append(f"passed over: {cause}")
            if repair:
                durable.set_aside(path)
            continue
        return Loaded(found.path, found.step, found.tensors, found.values, tuple(notes))
    if notes:
        raise StoreError(f"no checkpoint in {folder} can be read: {'; '.join(notes)}")
    return None


def encode(tensors: Mapping[str, torch.Tensor], values: Mapping[str, Any]) -> bytes:
    """Turn tensors and values into the bytes of a safetensors file; equal states give equal bytes."""
    text = json.dumps(_wrap(dict(values)), allow_nan=False, separators=(",", ":"))
    return serialise({name: x.detach().cpu().contiguous() for name, x in tensors.items()}, metadata={KEY: text})


def decode(data: bytes, name: str = "the checkpoint") -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Invert ``encode``.

    Raises:
        StoreError: the bytes are not what ``encode`` writes.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        values = _unwrap(json.loads(json.loads(data[8 : 8 + size])["__metadata__"][KEY]))
        return parse(data), dict(values)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError, SafetensorError) as cause:
        raise StoreError(
            f"{name} is not a checkpoint of Vitral: expected safetensors with the metadata key {KEY!r}, got {cause!r:.120}; "
            "use a file that Vitral wrote"
        ) from cause


def _wrap(value: Any) -> Any:
    """Write what JSON has no word for: NaN and the infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, Mapping):
        assert all(isinstance(key, str) for key in value), f"JSON keys are text, got {list(value)}"
        return {key: _wrap(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_wrap(v) for v in value]
    return value


def _unwrap(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value["$float"]) if value.keys() == {"$float"} else {key: _unwrap(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_unwrap(v) for v in value]
    return value
