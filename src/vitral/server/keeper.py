"""The process of one run: started where one is needed, let go when it has rested for long, never two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from vitral.errors import VitralError
from vitral.server.workers import Hear, Peer

IDLE_SECONDS = 120.0
"""A process at rest that nobody looks at any more ends after so long."""


class Keeper:
    """Holds a process or none.

    Args:
        spawn: starts a process.
        hear: takes its letters.
        ended: hears how it ended: "" or a sentence.
        watched: says whether anybody looks.
    """

    def __init__(self, spawn: Callable[[], Awaitable[Peer]], hear: Hear, ended: Callable[[str], None], watched: Callable[[], bool]) -> None:
        self._spawn, self._hear, self._ended, self._watched = spawn, hear, ended, watched
        self._worker: Peer | None = None
        self._listening: asyncio.Task[None] | None = None
        self._resting = False
        self._idle: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        """Say whether there is a process."""
        return self._worker is not None

    @property
    def number(self) -> int:
        """Give the process's number."""
        assert self._worker is not None
        return self._worker.number

    async def need(self) -> bool:
        """Let there be a process that is not at rest; says whether it is a new one."""
        self._resting = False
        if self._worker is not None:
            return False
        self._worker = await self._spawn()
        self._listening = asyncio.create_task(self._listen(self._worker))
        return True

    def tell(self, command: dict[str, Any]) -> None:
        """Send a command; where there is no process, nobody hears it."""
        if self._worker is not None:
            self._worker.tell(command)

    def rest(self) -> None:
        """Hear that it has nothing to do."""
        self._resting = True
        self.release()

    def release(self) -> None:
        """Let a process at rest end when nobody has looked for a while."""
        if self._lingers() and self._idle is None:

            def end() -> None:
                self._idle = None
                if self._lingers():
                    self.tell({"do": "leave"})

            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, end)

    def hold(self) -> None:
        """Keep it: somebody looks again."""
        if self._idle:
            self._idle.cancel()
            self._idle = None

    async def leave(self, seconds: float) -> None:
        """Let it save its run and end."""
        if self._worker is not None:
            await self._worker.leave(seconds)
        if self._listening is not None:
            await asyncio.wait([self._listening], timeout=seconds)

    def _lingers(self) -> bool:
        return self._resting and self._worker is not None and not self._watched()

    async def _listen(self, worker: Peer) -> None:
        """Hear the process until it has ended, and say how."""
        how = "the laboratory could not understand the run's process"
        try:
            how = await worker.listen(self._hear)
        except VitralError as cause:
            how = str(cause)
        finally:
            worker.kill()
            self._worker = self._listening = None
            self._resting = False
            self._ended(how)
