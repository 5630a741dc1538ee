"""What travels between the server and a run's own process: letters up, one JSON line a command down.

A letter is an envelope, which the server reads, and a body, which it hands on as it is: a frame that was encoded once, here, for all
viewers, or a few lines of events.

    u32 envelope length | u32 body length | envelope, JSON in UTF-8 | body
"""

from __future__ import annotations

import json
import struct
from typing import Any

from vitral.wire import dumps

HEAD = struct.Struct("<II")
MAX_BODY = 1 << 30
"""Longer is no letter of ours: the pipe has lost its beat."""


def letter(envelope: dict[str, Any], body: bytes = b"") -> bytes:
    """Write a letter."""
    text = dumps(envelope).encode("utf-8", "replace")
    return b"".join((HEAD.pack(len(text), len(body)), text, body))


def lengths(head: bytes) -> tuple[int, int]:
    """Read how long envelope and body are, from the first eight bytes.

    Raises:
        ValueError: these are no lengths of a letter.
    """
    sizes: tuple[int, int] = HEAD.unpack(head)
    if max(sizes) > MAX_BODY:
        raise ValueError(f"expected a letter of at most {MAX_BODY} bytes, got {sizes}; something else wrote into the pipe")
    return sizes


def line(command: dict[str, Any]) -> bytes:
    """Write a command."""
    return dumps(command).encode("utf-8", "replace") + b"\n"


def command(text: bytes) -> dict[str, Any]:
    """Read a command that ``line`` wrote."""
    values: dict[str, Any] = json.loads(text)
    return values
