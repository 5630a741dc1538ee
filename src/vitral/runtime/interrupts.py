"""Ctrl-C between two steps, never within one: half a step can neither be saved nor gone on from."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back(wanted: Callable[[], None]) -> Iterator[None]:
    """Call ``wanted`` at the first Ctrl-C instead of raising; the second one raises KeyboardInterrupt at once.

    A program that handles SIGINT itself, and every thread but the main one, is left alone.
    """
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        wanted()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
