"""What every reader gives: NumPy arrays, so that reading and checking data never loads torch."""

# N examples  C channels  H height  W width

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Split = tuple[Pixels, npt.NDArray[Any]]


@dataclass(frozen=True)
class Arrays:
    """Both splits as (pixels, targets): pixels uint8, (N, H, W, C); targets int64, (N,), or float32.

    ``sha256`` is their identity where it follows from checksums that were verified; None where it has to be computed.
    """

    classes: tuple[str, ...]
    train: Split
    test: Split
    sha256: str | None = None
