"""The worker's end of its pipe: commands come in, letters go out, and neither ever makes training wait."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from vitral.runtime import pipe

SECONDS_PER_LETTER = 0.1
"""Events wait so long for company: at most 10 letters a second."""
SECONDS_TO_LEAVE = 3.0
"""When the server is gone the run has so long to save itself; then the process ends: its last checkpoint is whole at any moment."""


def end_soon() -> None:
    """End this process when there was time to save."""
    if hasattr(signal, "setitimer"):  # the kernel keeps the time even while a library lets no thread of Python have its turn
        signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_LEAVE)
    time.sleep(SECONDS_TO_LEAVE)
    os._exit(3)


class Channel:
    """Two threads: one reads commands into ``commands`` (None when the server is gone), one writes letters.

    Args:
        down: where commands come from, one JSON line each.
        up: where letters go.
        stranded: what is done when the server is gone; by default this process has little time left.
    """

    def __init__(self, down: IO[bytes], up: IO[bytes], *, stranded: Callable[[], None] | None = None) -> None:
        self.commands: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.gone = threading.Event()
        self.divert: Callable[[dict[str, Any]], bool] = lambda command: False
        """Takes a command as soon as it comes, in place of whoever waits for ``commands``: says whether it did."""
        self._down, self._up, self._stranded = down, up, stranded or end_soon
        self._letters: list[bytes] = []
        self._events: list[str] = []
        self._first = 0
        self._urgent = False
        self._closing = False
        self._ready = threading.Condition()
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        self._writer = threading.Thread(target=self._write, name="letters", daemon=True)
        self._writer.start()

    def tell(self, envelope: dict[str, Any], body: bytes = b"") -> None:
        """Send a letter, behind all events told so far."""
        with self._ready:
            self._close_events()
            self._letters.extend(pipe.letter(envelope, body))
            self._urgent = True
            self._ready.notify()

    def event(self, number: int, text: str) -> None:
        """Send an event, the ``number``-th of its run, as JSON; it leaves together with its neighbours."""
        with self._ready:
            if self._events and number != self._first + len(self._events):
                self._close_events()
            if not self._events:
                self._first = number
                self._ready.notify()
            self._events.append(text)

    def close(self) -> None:
        """Send what waits, for as long as somebody takes it."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._writer.join(timeout=SECONDS_TO_LEAVE)

    def _close_events(self) -> None:
        if self._events:
            self._letters.extend(pipe.letter({"what": "events", "from": self._first}, "\n".join(self._events).encode()))
            self._events = []

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._down:
                command = pipe.command(line)
                if not self.divert(command):
                    self.commands.put(command)
        self.gone.set()
        self.commands.put(None)
        self._stranded()

    def _write(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._letters or self._events or self._closing)
                self._ready.wait_for(lambda: self._urgent or self._closing, timeout=SECONDS_PER_LETTER)
                self._close_events()
                letters, self._letters, self._urgent = self._letters, [], False
                closing = self._closing
            try:
                self._up.writelines(letters)
                self._up.flush()
            except (OSError, ValueError):
                return  # nobody reads any more: the other thread hears of it too
            if closing and not letters:
                return
