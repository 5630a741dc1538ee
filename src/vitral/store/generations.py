"""Which checkpoints a folder holds, by their names alone: reading a list of runs loads no torch."""

from __future__ import annotations

import re
from pathlib import Path

from vitral.store import durable

GENERATIONS = 2
"""How many steps are kept: the newest, and the one before in case the newest is damaged."""

NAME = re.compile(r"(\d{9})-([0-9a-f]{32})\.safetensors")
"""The step, and the first half of the file's SHA-256."""


def generations(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, the newest step first. Two of one step are equally good: each says where it stands."""
    try:
        found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise durable.explain(cause, "the checkpoints could not be listed", folder) from cause
    return sorted(found, reverse=True)


def step_of(path: Path) -> int:
    """Read the step from a checkpoint's name."""
    return int(path.name[:9])
