"""A laboratory beside someone's own script: a process that serves the page, and a pipe to it."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys

from vitral.errors import StoreError
from vitral.runtime.channel import Channel

COMMAND = ("-P", "-m", "vitral.server.beside")
SECONDS_TO_OPEN = 30.0
SECONDS_TO_CLOSE = 5.0


class Beside:
    """The process, from its start until ``leave`` or the script's own end. It ends when nobody holds the other end of its pipe.

    Raises:
        StoreError: it did not open.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        command = [sys.executable, *COMMAND]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own
        assert self._child.stdin, "it was asked for"
        assert self._child.stdout, "it was asked for"
        self._up = self._child.stdin
        self.channel = Channel(self._child.stdout, self._up, stranded=lambda: None)
        self.link = self._wait_for_link()

    @property
    def ours(self) -> bool:
        """Say whether this process has started it; one that was forked off, to load data, has the pipe too, but not the word."""
        return os.getpid() == self._owner

    def leave(self) -> None:
        """Take the page down; what was told before still arrives."""
        if not self.ours or self._up.closed:
            return
        self.channel.close()
        with contextlib.suppress(OSError):
            self._up.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=SECONDS_TO_CLOSE)

    def _wait_for_link(self) -> str:
        with contextlib.suppress(queue.Empty):
            while command := self.channel.commands.get(timeout=SECONDS_TO_OPEN):  # nobody can wish for anything before there is a link
                if command["do"] == "opened":
                    return str(command["link"])
        self._child.kill()
        raise StoreError("the page could not be opened beside this script: expected a laboratory, got none; what it said stands above")
