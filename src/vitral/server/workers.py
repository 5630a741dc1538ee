"""A run's own process, seen from the server: started, spoken to, listened to, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from vitral.runtime import pipe

BUFFER = 1 << 20
SECONDS_TO_LEAVE = 5.0
COMMAND = ("-P", "-m", "vitral.runtime.worker")
"""Python's arguments; -P: never import from the folder that the server happens to be called in."""

Hear = Callable[[dict[str, Any], bytes], Awaitable[None]]


class Peer(Protocol):
    """A process that trains, as a room speaks with it. It hears by ``tell``; ``listen`` hands on its letters until it ends."""

    @property
    def number(self) -> int:
        """Give the process's number."""

    def tell(self, command: dict[str, Any]) -> None:
        """Send a command."""

    async def listen(self, hear: Hear) -> str:
        """Hand on every letter in turn; gives how it ended: "" or a sentence."""
        ...

    async def leave(self, seconds: float) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it, or what there is of it on our side."""


async def letters(out: asyncio.StreamReader, hear: Hear) -> None:
    """Hand on every letter in turn until there are no more.

    Raises:
        ValueError: what came is no letter.
    """
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            size, more = pipe.lengths(await out.readexactly(pipe.HEAD.size))
            envelope = pipe.command(await out.readexactly(size))
            await hear(envelope, await out.readexactly(more) if more else b"")


class Worker:
    """A run's own process, which we have started. It hears by ``tell``; ``listen`` hands on its letters until it ends."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asked_to_leave = False

    @classmethod
    async def spawn(cls, command: Sequence[str] = COMMAND) -> Worker:
        """Start a process in a session of its own, so that Ctrl-C in the terminal reaches the server alone."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=BUFFER,
            start_new_session=True,
        )
        worker = cls(process)
        worker._widen()
        return worker

    @property
    def number(self) -> int:
        """Give the process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Say whether it still runs."""
        return self._process.returncode is None

    def tell(self, command: dict[str, Any]) -> None:
        """Send a command; one that is gone does not hear it, and ``listen`` says so."""
        assert self._process.stdin is not None
        if self._process.stdin.is_closing():
            return
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(pipe.line(command))

    async def listen(self, hear: Hear) -> str:
        """Hand on every letter in turn, until the process has ended; gives how it ended: "" or a sentence."""
        out = self._process.stdout
        assert out is not None
        try:
            await letters(out, hear)
        except ValueError as cause:
            self.kill()
            return f"the run's process lost its words: {cause}"
        await self._end(SECONDS_TO_LEAVE)
        return self._how()

    async def leave(self, seconds: float = SECONDS_TO_LEAVE) -> None:
        """Ask it to save its run and end; after so many seconds it is ended."""
        self._asked_to_leave = True
        self.tell({"do": "leave"})
        await self._end(seconds)

    def kill(self) -> None:
        """End it at once. Its run is whole up to its last checkpoint, as after any kill."""
        self._asked_to_leave = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _end(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def _how(self) -> str:
        code = self._process.returncode or 0
        if code == 0 or self._asked_to_leave:
            return ""
        if code > 0:
            return f"the run's process ended with code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"the run's process was ended by {name}"

    def _widen(self) -> None:
        """Let a whole picture fit into the pipe."""
        with contextlib.suppress(AttributeError):
            transport: Any = self._process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
            pipe.widen(transport.get_extra_info("pipe"))
