"""Vitral: train convolutional and recurrent networks at full speed and see through them while they learn.

Example:
    >>> import vitral
    >>> vitral.describe("default").rows[1].parameters
    '16x5x5x3+16 = 1216'

``fit``, ``stream``, ``load`` and ``describe`` are imported when they are first used, so ``import vitral`` costs nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# PyTorch's threads wait for one another by spinning: with one other busy program on the machine a training step then takes
# up to nine times as long (LAB.md). Read when torch is loaded, so it stands here; a person's own setting wins.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from vitral.runtime.library import Trained, describe, fit, load, stream

__all__ = ["Trained", "describe", "fit", "load", "stream"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from vitral.runtime import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
