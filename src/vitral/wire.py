"""One frame on the wire between worker, server and page: a JSON header and raw numbers, made and read without copying.

    u32 header length | header, JSON in UTF-8 | zeros to a multiple of 8 | blobs, each beginning at a multiple of 8

All little-endian. ``header["blobs"]`` says of each blob where it begins (from the frame's start), its shape and its type. JSON knows no
NaN and no infinity: they become ``null``. The page reads the same frames in TypeScript; ``tests/wire`` holds frames that both must read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

DType = Literal["f4", "f2", "u1", "i4"]
Buffer: TypeAlias = bytes | bytearray | memoryview

NUM_BYTES: dict[str, int] = {"f4": 4, "f2": 2, "u1": 1, "i4": 4}
ALIGNMENT = 8
LENGTH = struct.Struct("<I")
ZEROS = bytes(ALIGNMENT)

assert set(NUM_BYTES) == set(get_args(DType))


class WireError(ValueError):
    """Bytes that are no frame: cut short, or a header that promises what is not there."""


@dataclass(frozen=True, eq=False)
class Blob:
    """Numbers as they lie in memory: little-endian, the last axis fastest."""

    data: Buffer
    shape: tuple[int, ...]
    dtype: DType

    def __post_init__(self) -> None:
        size = memoryview(self.data).nbytes
        if size != math.prod(self.shape) * NUM_BYTES[self.dtype]:
            raise WireError(f"a blob of shape {list(self.shape)} and type {self.dtype} does not have {size} bytes; check its shape")


def pack(header: Mapping[str, Any], blobs: Sequence[Blob] = ()) -> bytes:
    """Make a frame.

    Args:
        header: what JSON can hold; numbers that are not finite become null.
        blobs: the numbers, in the order in which the header speaks of them.

    Raises:
        WireError: the header has a key "blobs" of its own.
    Example:
        ``pack({"kind": "state"})`` is 40 bytes long: 4, 29 of JSON, and 7 zeros.
    """
    if "blobs" in header:
        raise WireError('the key "blobs" is the frame\'s own; name it otherwise')
    before_blobs = _bytes(header)[:-1] + (b',"blobs":' if header else b'"blobs":')  # written once: it is nearly all of the header
    offsets = _offsets(len(before_blobs) + 48 * len(blobs), blobs)[0]  # a first guess
    while True:  # offsets stand in the header whose length decides them: mostly settled at the second look
        entries = [{"offset": offset, "shape": list(blob.shape), "dtype": blob.dtype} for offset, blob in zip(offsets, blobs, strict=True)]
        text = before_blobs + _bytes(entries) + b"}"
        head = LENGTH.size + len(text)
        before, (offsets, size) = offsets, _offsets(head, blobs)
        if offsets == before:
            break
    parts: list[Buffer] = [LENGTH.pack(len(text)), text]
    end = head
    for offset, blob in zip(offsets, blobs, strict=True):
        parts += [ZEROS[: offset - end], blob.data]
        end = offset + memoryview(blob.data).nbytes
    return b"".join([*parts, ZEROS[: size - end]])


def pack_text(text: str) -> bytes:
    """Make a frame without blobs from a header that is written already, its key "blobs" included."""
    data = text.encode("utf-8", "replace")
    frame = LENGTH.pack(len(data)) + data
    return frame + ZEROS[: _up(len(frame)) - len(frame)]


def unpack(frame: Buffer) -> tuple[dict[str, Any], list[Blob]]:
    """Read a frame: its header, and its blobs as views into it.

    Raises:
        WireError: it is cut short, is no JSON object, or a blob lies outside of it.
    """
    view = memoryview(frame)
    if len(view) < LENGTH.size:
        raise WireError(f"a frame has at least 4 bytes, got {len(view)}; it was cut short")
    end = LENGTH.size + LENGTH.unpack_from(view)[0]
    if end > len(view):
        raise WireError(f"the header ends at byte {end}, the frame at {len(view)}; it was cut short")
    try:
        header = json.loads(bytes(view[LENGTH.size : end]))
        entries = header["blobs"]
        blobs = [_blob(view, end, **entry) for entry in entries]
    except (ValueError, TypeError, KeyError, RecursionError) as cause:
        if isinstance(cause, WireError):
            raise
        raise WireError(f"the header is not what a frame has: {type(cause).__name__}: {cause!s:.80}; another version wrote it") from None
    return header, blobs


def dumps(value: Any) -> str:
    """Write JSON without spaces in which every number that is not finite is null: for a frame's header, and for HTTP."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except ValueError:  # rare, and looking at every number beforehand would cost ten times the writing
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def _bytes(value: Any) -> bytes:
    return dumps(value).encode("utf-8", "replace")  # half a sign of a damaged text is a question mark


def _offsets(head: int, blobs: Sequence[Blob]) -> tuple[list[int], int]:
    """Say where each blob begins behind a head of so many bytes, and how long the frame is."""
    offsets, size = [], _up(head)
    for blob in blobs:
        offsets.append(size)
        size = _up(size + memoryview(blob.data).nbytes)
    return offsets, size


def _up(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _blob(view: memoryview, end: int, *, offset: int, shape: list[int], dtype: DType) -> Blob:
    if dtype not in NUM_BYTES or not all(isinstance(n, int) and n >= 0 for n in (offset, *shape)):
        raise WireError(
            f"a blob has an offset, a shape and one of {', '.join(NUM_BYTES)}, got {offset!r:.20}, {shape!r:.40}, {dtype!r:.20}"
        )
    size = math.prod(shape) * NUM_BYTES[dtype]
    if offset % ALIGNMENT or offset < end or offset + size > len(view):
        raise WireError(f"a blob of {size} bytes at {offset} does not lie in a frame of {len(view)} bytes whose header ends at {end}")
    return Blob(view[offset : offset + size], tuple(shape), dtype)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
