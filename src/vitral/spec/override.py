"""``--set training.batch_size=64``: one key of an experiment changed from outside its file."""

from __future__ import annotations

import copy
import datetime
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from vitral.errors import SpecError
from vitral.spec.base import short
from vitral.spec.complaint import nearest
from vitral.spec.shapes import number_names

INSTEAD: dict[tuple[str, ...], str] = {("training", "steps"): "epochs", ("training", "epochs"): "steps"}
"""Setting one of these takes the other's place."""


def override(values: Mapping[str, Any], sets: Iterable[str]) -> dict[str, Any]:
    """Give a copy of an experiment's tables in which every ``key=value`` of ``sets`` holds.

    A key is a path with dots. In a list a position counts from 1, as in errors and in the table of ``vitral describe``; a layer
    also answers to its name. A value is read as TOML, a bare word as text; nothing after ``=`` takes the key away.

    Args:
        values: what was read from a file, not yet checked.
        sets: such as ``training.batch_size=64``, ``network.layers.conv2.filters=32`` and ``augmentation.flip=random``.
    Raises:
        SpecError: no ``=``, a value that is broken TOML, a position or layer that is not there, a path through a plain value.
    Example:
        ``override({"seed": 1}, ["seed=7", "training.schedule.kind=cosine"])`` is
        ``{"seed": 7, "training": {"schedule": {"kind": "cosine"}}}``.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(values))
    for item in sets:
        path, equals, text = item.partition("=")
        parts = tuple(part.strip() for part in path.split("."))
        if not equals or not all(parts):
            raise SpecError(f"--set expects key=value, got {short(item)}; write for instance training.batch_size=64")
        _put(changed, parts, text.strip(), item)
    return changed


def _put(values: Any, parts: tuple[str, ...], text: str, item: str) -> None:
    for depth, part in enumerate(parts[:-1]):
        if isinstance(values, dict):
            values = values.setdefault(part, {})
        elif isinstance(values, list):
            values = values[_position(values, part, parts[: depth + 1], item)]
        else:
            raise SpecError(f"--set {short(item)}: {'.'.join(parts[:depth])} is {short(values)} and holds no keys; shorten the path")
    last = parts[-1]
    if isinstance(values, list):
        position = _position(values, last, parts, item)
        if text:
            values[position] = value(text, item)
        else:
            del values[position]
    elif isinstance(values, dict):
        if text:
            values[last] = value(text, item)
            values.pop(INSTEAD.get(parts, ""), None)
        else:
            values.pop(last, None)
    else:
        raise SpecError(f"--set {short(item)}: {'.'.join(parts[:-1])} is {short(values)} and holds no keys; shorten the path")


def _position(entries: list[Any], part: str, path: tuple[str, ...], item: str) -> int:
    """Find a list's entry by its number (from 1) or a layer by its name."""
    where = ".".join(path[:-1])
    if part.isascii() and part.isdigit():
        if not 1 <= int(part[:9]) <= len(entries):
            raise SpecError(f"--set {short(item)}: {where} has {len(entries)} entries, counted from 1, got {part[:9]}")
        return int(part) - 1
    tables = [entry if isinstance(entry, dict) else {} for entry in entries]
    pairs = [(str(t.get("kind", "layer")), t["name"] if isinstance(t.get("name"), str) else None) for t in tables]
    names = number_names(pairs)
    if part not in names:
        raise SpecError(f"--set {short(item)}: {where} has no {short(part)}{nearest(part, names)}")
    return names.index(part)


def value(text: str, item: str) -> Any:
    """Read what stands after ``=``: 64, 0.1, true, [2, 1], "text", {kind = "sgd"}; a bare word is text."""
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError) as cause:
        if re.fullmatch(r"[+-]?(\d+\.|\.\d+)([eE][+-]?\d+)?", text):
            return float(text)  # .5 and 5. are what people type, though no TOML
        if text[0] in "[{\"'":
            raise SpecError(f"--set {short(item)}: {short(text)} is broken TOML: {str(cause)[:80].lower()}") from None
        return text
    found = read.get("value")
    if set(read) != {"value"} or isinstance(found, (datetime.date, datetime.time)):
        return text
    return found
