"""JSON in and out: bounded before it is read, finite when it leaves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vitral.errors import SpecError
from vitral.wire import dumps

MOST_DEPTH = 40


async def read(request: Request) -> dict[str, Any]:
    """Read a body as a JSON object.

    Raises:
        SpecError: it is none.
    """
    raw = await request.body()
    if not raw:
        return {}
    return parse(raw)


def parse(raw: bytes | str) -> dict[str, Any]:
    """Read a JSON object from outside: finite numbers, not too deep.

    Raises:
        SpecError: it is none.
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"no number may be {word:.40}")

    def finite(word: str) -> float:
        number = float(word)
        return number if math.isfinite(number) else refuse(word)  # 1e999 is no constant to Python, and yet infinite

    try:
        values = json.loads(raw, parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError) as cause:
        raise SpecError(f"expected JSON, got something else: {' '.join(str(cause).split()):.100}") from None
    if not isinstance(values, dict):
        raise SpecError(f"expected a JSON object, got {type(values).__name__}; begin with {{")
    if _is_deeper(values, MOST_DEPTH):
        raise SpecError(f"expected JSON at most {MOST_DEPTH} deep, got deeper")
    return values


def give(values: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with JSON in which every number is finite or null."""
    return Response(dumps(values).encode("utf-8", "replace"), status, media_type="application/json")


def told(status: int, sentence: str) -> Response:
    """Answer with an error."""
    return give({"error": sentence}, status)


def _is_deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    return depth == 0 or any(_is_deeper(entry, depth - 1) for entry in (value.values() if isinstance(value, dict) else value))
