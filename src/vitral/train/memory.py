"""How the C library keeps memory that tensors have given back."""

from __future__ import annotations

import ctypes
import sys

# From glibc's <malloc.h>.
TRIM_THRESHOLD = -1
MMAP_MAX = -4


def keep_freed() -> bool:
    """Let the process hold on to memory that was freed, so that the next step's activations find it ready.

    By default glibc returns every block above 32 MB to the system, and each step then has the system clear the same pages anew: of
    the seconds that the large networks of the zoo spend on a CPU, up to a twelfth (LAB.md). The process keeps its largest size instead.

    Returns:
        True where glibc did as it was told; elsewhere (macOS, Windows, musl) nothing is done.
    Source: mallopt(3)
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, 2**31 - 1))
