"""The stream of a run's events on its way into the book: in order, a batch at a time, never dropped."""

from __future__ import annotations

import time

from vitral.events import Event
from vitral.store.runs import Runs

SECONDS_PER_COMMIT = 1.0


class Feed:
    """Collects events and commits them at most once a second. ``num_events`` counts those collected since the run was created."""

    def __init__(self, book: Runs, run: str, num_events: int) -> None:
        self._book = book
        self._run = run
        self._waiting: list[Event] = []
        self._committed_at = time.monotonic()
        self.num_events = num_events

    def add(self, event: Event) -> None:
        """Take an event; it is visible to other processes about a second later."""
        self._waiting.append(event)
        self.num_events += 1
        if time.monotonic() - self._committed_at >= SECONDS_PER_COMMIT:
            self.flush()

    def flush(self, *, lasting: bool = False) -> None:
        """Commit what waits; with ``lasting`` it survives a power cut from here on."""
        if self._waiting or lasting:
            self._book.append(self._run, self._waiting, lasting=lasting)
            self._waiting = []
        self._committed_at = time.monotonic()
