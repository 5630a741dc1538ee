"""Commands that a run's process has not answered yet."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from vitral.errors import StoreError
from vitral.server.frames import answer
from vitral.server.viewers import Viewer

MOST_IN_FLIGHT = 32


@dataclasses.dataclass(frozen=True)
class Flight:
    """One command: who asked, and under which number of its own."""

    viewer: Viewer
    id: Any


class Flights:
    """Commands by their tickets. Each is answered once, to the page that asked, or said to be lost."""

    def __init__(self) -> None:
        self._open: dict[int, Flight] = {}
        self._tickets = itertools.count(1)

    def insist_on_room(self, viewer: Viewer) -> None:
        """Let a page have so many commands on their way.

        Raises:
            StoreError: it has too many.
        """
        if sum(flight.viewer is viewer for flight in self._open.values()) >= MOST_IN_FLIGHT:
            raise StoreError(f"{MOST_IN_FLIGHT} commands wait for their answers: expected fewer at a time; wait for some")

    def begin(self, viewer: Viewer, number: Any) -> int:
        """Give a command its ticket."""
        ticket = next(self._tickets)
        self._open[ticket] = Flight(viewer, number)
        return ticket

    def land(self, ticket: int, frame: bytes) -> None:
        """Hand an answer to who asked; one whose page has gone is nobody's."""
        if flight := self._open.pop(ticket, None):
            flight.viewer.send(frame)

    def forget(self, viewer: Viewer) -> None:
        """Expect no answers for a page that has gone."""
        self._open = {ticket: flight for ticket, flight in self._open.items() if flight.viewer is not viewer}

    def lose(self) -> None:
        """Tell everybody who waits that no answer will come."""
        for flight in self._open.values():
            flight.viewer.send(answer(flight.id, {"error": "the run's process ended before it answered"}, ok=False))
        self._open.clear()
