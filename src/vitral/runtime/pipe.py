"""What travels between the server and a run's own process: letters up, one JSON line a command down. To a painter letters go both ways.

A letter is an envelope, which the server reads, and a body, which it hands on as it is: a frame that was encoded once, here, for all
viewers, or a few lines of events.

    u32 envelope length | u32 body length | envelope, JSON in UTF-8 | body
"""

from __future__ import annotations

import contextlib
import json
import struct
from typing import IO, Any

from vitral.wire import dumps

PIPE_SIZE = 1 << 20
HEAD = struct.Struct("<II")
MAX_BODY = 1 << 30
"""Longer is no letter of ours: the pipe has lost its beat."""


def letter(envelope: dict[str, Any], body: bytes = b"") -> list[bytes]:
    """Write a letter: pieces to be sent one after the other. A picture is not copied once more."""
    text = dumps(envelope).encode("utf-8", "replace")
    return [HEAD.pack(len(text), len(body)) + text, body]


def lengths(head: bytes) -> tuple[int, int]:
    """Read how long envelope and body are, from the first eight bytes.

    Raises:
        ValueError: these are no lengths of a letter.
    """
    sizes: tuple[int, int] = HEAD.unpack(head)
    if max(sizes) > MAX_BODY:
        raise ValueError(f"expected a letter of at most {MAX_BODY} bytes, got {sizes}; something else wrote into the pipe")
    return sizes


def read(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Wait for a letter and read it; None where there are no more.

    Raises:
        ValueError: what came is no letter.
    """
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    size, more = lengths(head)
    text, body = stream.read(size), stream.read(more)
    return (command(text), body) if len(text) == size and len(body) == more else None


def widen(stream: IO[bytes]) -> None:
    """Let a whole picture fit into a pipe (Linux), so that it comes over in one go."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def line(command: dict[str, Any]) -> bytes:
    """Write a command."""
    return dumps(command).encode("utf-8", "replace") + b"\n"


def command(text: bytes) -> dict[str, Any]:
    """Read a command that ``line`` wrote."""
    values: dict[str, Any] = json.loads(text)
    return values
