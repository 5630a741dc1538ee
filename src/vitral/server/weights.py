"""Which weights a page may bring: safetensors, or ConvNetJS's JSON. Looked at without loading a tensor."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from vitral.errors import DataError

MAX_HEADER = 10_000_000
BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}


def inspect(path: Path) -> dict[str, Any]:
    """Say what kind of weights a file holds: ``{"format": "safetensors", "tensors": 8}`` or ``{"format": "convnetjs", "layers": 10}``.

    Raises:
        DataError: it is neither, or its parts do not lie where it says.
    """
    with path.open("rb") as file:
        first = file.read(8)
        if first[:1] in (b"{", b" ", b"\n", b"\r", b"\t") or first[:3] == b"\xef\xbb\xbf":
            return _convnetjs(first + file.read())
        return _safetensors(first, file.read(MAX_HEADER + 1), path.stat().st_size)


def _convnetjs(raw: bytes) -> dict[str, Any]:
    try:
        layers = json.loads(raw)["layers"]
        if not isinstance(layers, list) or not all(isinstance(layer["layer_type"], str) for layer in layers):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError, MemoryError):
        raise DataError('expected safetensors, or ConvNetJS JSON with "layers", got other JSON; save the network there again') from None
    return {"format": "convnetjs", "layers": len(layers)}


def _safetensors(first: bytes, rest: bytes, size: int) -> dict[str, Any]:
    length = int.from_bytes(first, "little")
    try:
        if len(first) < 8 or length > min(MAX_HEADER, len(rest)):
            raise ValueError("no header")
        entries = json.loads(rest[:length])
        entries.pop("__metadata__", None)
        for entry in entries.values():
            begin, end = entry["data_offsets"]
            if not 0 <= begin <= end <= size - 8 - length or end - begin != math.prod(entry["shape"]) * BYTES[entry["dtype"]]:
                raise ValueError("a tensor lies outside")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError("expected weights as safetensors or ConvNetJS JSON, got something else or a part of it; save them again") from None
    return {"format": "safetensors", "tensors": len(entries)}
