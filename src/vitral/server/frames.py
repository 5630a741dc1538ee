"""What the server itself says to a page, encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitral.wire import pack


def answer(number: Any, values: Mapping[str, Any], *, ok: bool = True) -> bytes:
    """Encode an answer of the server's own."""
    return pack({**values, "kind": "answer", "id": number, "ok": ok})


def state(name: str, note: str = "", *, resume: bool = False, **more: object) -> bytes:
    """Encode a state."""
    return pack({**more, "kind": "state", "state": name, "note": note, "resume": resume})
