"""One page that looks at a run, and what waits to be sent to it: every event, and of each stream of pictures the newest."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable

from vitral.runtime.looks import UNSEEN, Wish
from vitral.server.log import Log

MOST_FRAMES = 200
MOST_BYTES = 64_000_000
"""What a page may leave waiting of what it asked for itself; one that takes nothing is sent away and comes back when it can."""

numbers = itertools.count(1)


class Viewer:
    """Frames for one page, in the order in which it needs them.

    What must arrive (the header, answers) stands in a queue. Events are taken from the run's log by the viewer's own position, so a slow
    page costs no memory. State and pictures have one slot each, where the newest overwrites the one before.

    Args:
        log: the run's events.
        position: the number of the first event that the page wants.
        taken: is called with the key of each picture that goes out.
    """

    def __init__(self, log: Log, position: int, taken: Callable[[str], None]) -> None:
        self.number = next(numbers)
        self.log, self.position = log, position
        self.wish: Wish | None = None
        self._taken = taken
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._state: bytes | None = None
        self._slots: dict[str, bytes] = {}
        self._due: dict[str, float] = {}
        self._picture_next = False
        self._wake = asyncio.Event()

    def send(self, frame: bytes) -> None:
        """Put a frame in the queue."""
        self._queue.append(frame)
        self._bytes += len(frame)
        self._wake.set()

    def insist_on_room(self) -> None:
        """Let a page ask only while it takes what it is given.

        Raises:
            BufferError: it has left too much waiting.
        """
        if len(self._queue) > MOST_FRAMES or self._bytes > MOST_BYTES:
            raise BufferError(f"more than {MOST_FRAMES} answers or {MOST_BYTES // 1_000_000} MB wait; come back")

    def begin(self, log: Log, position: int) -> None:
        """Go on in another log, from a position on."""
        self.log, self.position = log, position
        self._slots.clear()
        self._wake.set()

    def tell_state(self, frame: bytes) -> None:
        """Let the page know the newest state."""
        self._state = frame
        self._wake.set()

    def show(self, key: str, frame: bytes) -> None:
        """Put a picture in its slot, in place of one that has not gone out."""
        if self.wants(key):
            self._slots[key] = frame
            self._wake.set()

    def wants(self, key: str) -> bool:
        """Say whether this page looks at a stream of pictures."""
        return self.wish is not None and key in (self.wish.look.key, UNSEEN)

    def look(self, wish: Wish) -> None:
        """See something else from now on."""
        self.wish = wish
        self._slots = {key: frame for key, frame in self._slots.items() if self.wants(key)}

    def wake(self) -> None:
        """Look again whether there is something to send."""
        self._wake.set()

    async def next(self) -> bytes:
        """Wait for the next frame."""
        while True:
            self._wake.clear()
            frame = self._first()
            if frame is not None:
                return frame
            due = min((self._due.get(key, 0.0) for key in self._slots), default=None)
            try:
                await asyncio.wait_for(self._wake.wait(), None if due is None else max(0.0, due - time.monotonic()))
            except TimeoutError:
                continue

    def _first(self) -> bytes | None:
        if self._queue:
            frame = self._queue.popleft()
            self._bytes -= len(frame)
            return frame
        if self._state is not None:
            state, self._state = self._state, None
            return state
        self._picture_next = not self._picture_next  # in turn, so that a long curve does not keep the first picture waiting
        return (self._picture() or self._events()) if self._picture_next else (self._events() or self._picture())

    def _events(self) -> bytes | None:
        if self.position == self.log.end:
            return None
        frame, self.position = self.log.frame(self.position)
        return frame

    def _picture(self) -> bytes | None:
        now = time.monotonic()
        for key in self._slots:
            if self._due.get(key, 0.0) <= now:
                rate = self.wish.rate if self.wish and key != UNSEEN else 10.0
                self._due[key] = now + 0.9 / rate  # the worker keeps the beat; this holds back what another viewer asked for
                frame = self._slots.pop(key)
                self._taken(key)
                return frame
        return None
