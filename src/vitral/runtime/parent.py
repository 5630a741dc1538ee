"""The process that started this one: when it is gone, this one has nobody to work for."""

from __future__ import annotations

import contextlib
import os
import sys

PR_SET_PDEATHSIG = 1
"""Of Linux' sys/prctl.h."""


def end_with_the_parent(number: int) -> None:
    """Ask the kernel for this signal at the moment when the process that started this one ends, or for none (0); only Linux can do it."""
    if sys.platform != "linux":
        return
    import ctypes
    import select

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    line = select.poll()
    line.register(0, 0)
    if number and any(event & select.POLLHUP for _, event in line.poll(0)):
        os._exit(3)  # it had ended before we asked
