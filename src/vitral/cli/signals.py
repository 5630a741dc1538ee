"""Ctrl-C and the like: the first asks the run to save and stop, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

SHOW_CURSOR = "\x1b[?25h"


class Signals:
    """While this block runs, an interrupt calls ``stop`` with its number, once; ``number`` keeps it, 0 before.

    A second one ends the process without another word: what is on disk is whole at every moment, so nothing can break.
    """

    def __init__(self, stop: Callable[[int], None]) -> None:
        self.number = 0
        self._stop = stop
        self._before: dict[int, signal.Handlers | int | Callable[[int, FrameType | None], object] | None] = {}

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup, and so it stays
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.number:
            return  # the program is on its way out: until it is there a second signal still means at once
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            if sys.stdout.isatty():
                os.write(sys.stdout.fileno(), f"{SHOW_CURSOR}\n".encode())
            os._exit(128 + number)
        self.number = number
        self._stop(number)
