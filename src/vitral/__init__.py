"""Vitral: train convolutional and recurrent networks at full speed and see through them while they learn.

Example:
    >>> import vitral
    >>> vitral.describe("default").rows[1].parameters
    '16x5x5x3+16 = 1216'

``fit``, ``stream``, ``load``, ``describe`` and ``watch`` are imported when they are first used, so ``import vitral`` costs nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# PyTorch's threads wait for one another by spinning, by default for so long that one other busy program makes a training step take
# nearly twice the time; after a short spin they now sleep (LAB.md). Read when torch is loaded, so it stands here; a person's own
# setting wins.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

if TYPE_CHECKING:
    from vitral.runtime.library import Trained, describe, fit, load, stream, watch

__all__ = ["Trained", "describe", "fit", "load", "stream", "watch"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from vitral.runtime import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
