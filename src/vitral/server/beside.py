"""A laboratory beside someone's own script: ``python -m vitral.server.beside``, letters on standard input, commands on standard output.

The script that trains has started it and ends it: when nobody holds the other end of the pipe the page is taken down. Its runs folder is
its own and goes with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vitral.runtime import pipe
from vitral.server.lab import Laboratory
from vitral.server.serve import serve
from vitral.server.workers import BUFFER, Hear, letters

VISITORS = 8
"""So many browsers the link lets in."""
SECONDS_TO_TELL = 0.5
"""Pages hear how it ended before the door is closed."""


class Script:
    """The process that has started this one."""

    number = os.getppid()

    def __init__(self, letters: asyncio.StreamReader) -> None:
        self._letters = letters

    @classmethod
    async def meet(cls) -> Script:
        """Take up the pipe."""
        reader = asyncio.StreamReader(limit=BUFFER)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
        return cls(reader)

    def tell(self, command: dict[str, Any]) -> None:
        """Send a command. The script takes them at each of its steps; there is room for thousands in the pipe."""
        say(command)

    async def listen(self, hear: Hear) -> str:
        """Hand on every letter until the script has ended, then end too."""
        try:
            await letters(self._letters, hear)
            return "the script that trains has ended"
        except ValueError as cause:
            return f"the script lost its words: {cause}"
        finally:
            asyncio.get_running_loop().call_later(SECONDS_TO_TELL, os.kill, os.getpid(), signal.SIGTERM)

    async def leave(self, seconds: float) -> None:
        """It is not ours to end."""

    def kill(self) -> None:
        """It is not ours to end."""


def say(command: dict[str, Any]) -> None:
    """Write a command to the script; one that is gone does not hear it."""
    try:
        os.write(sys.stdout.fileno(), pipe.line(command))
    except OSError:
        return


def main() -> None:
    """Serve until the script ends."""
    up = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not come between two commands
    sys.stdout = os.fdopen(up, "w", closefd=False)

    async def begin(lab: Laboratory) -> None:
        await lab.host()

    with TemporaryDirectory(prefix="vitral-") as folder:
        serve(Path(folder), visitors=VISITORS, begin=begin, opened=lambda link: say({"do": "opened", "link": link}), spawn=Script.meet)


if __name__ == "__main__":
    main()
