"""What a painter works at: a run's end of the line to the process that makes its pictures while it learns.

A picture costs as much as a tenth of a step or more. Made in the run's own process it is time that training lacks; made beside it, from
a copy of the weights, it costs training the copy. Until the painter is there, where it has no time, and after it was lost, pictures are
made in the run's own process as before: nothing here is needed for anything.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

import torch

from vitral.runtime import pipe
from vitral.runtime.sitting import Dead, Sitting, Survey
from vitral.spec import codec
from vitral.spec.experiment import Experiment

COMMAND = ("-P", "-m", "vitral.runtime.painter")
SECONDS_OF_COMPANY = 2.0
"""A painter is sent for when somebody has looked for so long: the first picture is not to wait for a process that begins beside it."""
SECONDS_ALONE = 60.0
"""It goes when nobody has looked for so long."""
PATIENCE = 0.5
"""After so many seconds without an answer the run paints for itself: other programs leave the painter no time."""

Bury = Callable[[Dead], None]


class Line(Protocol):
    """The way to the server, and to the run's own main thread."""

    commands: queue.SimpleQueue[dict[str, Any] | None]

    def tell(self, envelope: dict[str, Any], body: bytes = b"") -> None:
        """Send a letter to the server."""


@dataclass(frozen=True)
class Painting:
    """A picture that is being made: its number, the stream that it belongs to, since when, and who hears of silent units."""

    number: int
    key: str
    since: float
    bury: Bury | None = None


class Easel:
    """The line to a painter, and its process. ``takes`` is called from the thread that reads commands, all else from the run's own.

    Args:
        line: takes finished pictures and answers to the server. What the run's own thread must hear of goes into its ``commands``.
        command: Python's arguments that start a painter.
    """

    def __init__(self, line: Line, command: tuple[str, ...] = COMMAND) -> None:
        self._line, self._command = line, command
        self._lock = threading.Lock()
        self._experiment: str | None = None
        self._process: _Process | None = None
        self._lost = self._ready = False
        self._looked = self._unlooked = 0.0
        self._number = 0
        self._sent: Painting | None = None
        """What the painter is at work on, wanted or not."""
        self._held: frozenset[tuple[int, str, int]] = frozenset()
        self._asked: dict[tuple[int, int], dict[str, Any]] = {}

    def begin(self, experiment: Experiment | None) -> None:
        """Paint this network from now on; None for none. What is under way is of no use any more."""
        with self._lock:
            self._experiment = None if experiment is None else codec.to_json(experiment)
            self._ready, self._held = False, frozenset()
            self._give_back()
            if self._process is not None and self._experiment is not None:
                self._introduce(self._process)

    def attend(self, looked_at: bool) -> None:
        """Send for a painter when somebody has looked for a while; let it go when nobody does. Called between two steps."""
        now = time.monotonic()
        if looked_at:
            self._looked, self._unlooked = self._looked or now, 0.0
        else:
            self._looked, self._unlooked = 0.0, self._unlooked or now
        if self._process is None:
            if self._looked and now - self._looked >= SECONDS_OF_COMPANY and self._experiment is not None and not self._lost:
                self._start()
        elif self._unlooked and now - self._unlooked >= SECONDS_ALONE:
            self.close()

    @property
    def seconds_to_wait(self) -> float:
        """Say for how long no other picture is to be begun: the painter is at work, and quick enough so far."""
        sent = self._sent
        return max(0.0, sent.since + PATIENCE - time.monotonic()) if sent is not None and self._ready else 0.0

    def paint(self, key: str, sitting: Sitting) -> bool:
        """Let a picture of a stream be made; False where there is no painter with time for it."""
        return self._send("paint", key, sitting, None)

    def survey(self, key: str, survey: Survey, bury: Bury) -> bool:
        """Likewise; ``bury`` is told which units are silent."""
        return self._send("survey", key, survey, bury)

    def takes(self, command: Mapping[str, Any]) -> bool:
        """Hand a question about a picture that the painter made on to it, where a core is free for it: it need not wait for a step's end."""
        match command:
            case {"do": "command", "name": "explain", "values": dict(values), "ticket": ticket, "id": number} if values.get("at") is None:
                moment = (values.get("step"), values.get("split", "test"), values.get("example", 0))
                with self._lock:
                    if not self._ready or self._process is None or not _is_spare() or moment not in list(self._held):
                        return False
                    self._asked[ticket, number] = dict(command)
                    self._process.send({"do": "explain", "values": values, "ticket": ticket, "id": number, "number": None})
                    return True
        return False

    def close(self) -> None:
        """Send the painter away."""
        with self._lock:
            self._ready = False
            self._give_back()
            process, self._process = self._process, None
        if process is not None:
            process.leave()

    def _start(self) -> None:
        with self._lock:
            try:
                process = _Process(self._command)
            except OSError:
                self._lost = True
                return
            self._process = process
            self._introduce(process)
            threading.Thread(target=self._listen, args=(process,), name="painter", daemon=True).start()

    def _introduce(self, process: _Process) -> None:
        self._number += 1
        self._sent = Painting(self._number, "", time.monotonic())
        process.send({"do": "begin", "experiment": self._experiment, "number": self._number})

    def _send(self, do: str, key: str, what: Sitting | Survey, bury: Bury | None) -> bool:
        with self._lock:
            if not self._ready or self._process is None:
                return False
            if self._sent is not None:  # it is late: what it makes would be older than what is made now
                self._abandon()
                return False
            self._number += 1
            self._sent = Painting(self._number, key, time.monotonic(), bury)
            self._process.send({"do": do, "number": self._number}, what.encode())
            return True

    def _listen(self, process: _Process) -> None:
        """Pass on what the painter says, until it has gone."""
        with contextlib.suppress(OSError, ValueError):
            while (heard := pipe.read(process.up)) is not None:
                with self._lock:
                    if process is self._process:
                        self._hear(*heard)
        with self._lock:
            if process is self._process:  # nobody has sent it away
                self._lost, self._ready, self._process = True, False, None
                self._give_back()
        process.leave()
        process.up.close()

    def _hear(self, envelope: dict[str, Any], body: bytes) -> None:
        number, sent = envelope.get("number"), self._sent
        match envelope:
            case {"what": "answer", "ticket": ticket, "id": question}:
                if self._asked.pop((ticket, question), None) is not None:
                    self._line.tell({"what": "answer", "ticket": ticket}, body)
                return
            case {"what": "unknown", "ticket": ticket, "id": question}:
                if (command := self._asked.pop((ticket, question), None)) is not None:
                    self._line.commands.put(command)
                return
        if sent is None or number != sent.number:
            return
        self._sent = None
        match envelope:
            case {"what": "ready"}:
                self._ready = True
            case {"what": "picture"}:
                if "held" in envelope:
                    self._held = frozenset((step, split, example) for step, split, example in envelope["held"])
                if sent.bury is not None and "dead" in envelope:
                    sent.bury({name: tuple(units) for name, units in envelope["dead"].items()})
                if sent.key:
                    self._line.tell({"what": "picture", "key": sent.key}, body)
                self._line.commands.put({"do": "painted", "key": sent.key, "error": ""})
            case {"what": "failed", "error": error}:
                self._line.commands.put({"do": "painted", "key": sent.key, "error": error})

    def _abandon(self) -> None:
        """Want what is under way no more, and let its stream go on."""
        if self._sent is not None and self._sent.key:
            self._line.commands.put({"do": "taken", "key": self._sent.key})
            self._sent = Painting(self._sent.number, "", self._sent.since)

    def _give_back(self) -> None:
        """Leave to the run what the painter was asked for."""
        self._abandon()
        self._sent = None
        for command in self._asked.values():
            self._line.commands.put(command)
        self._asked.clear()


class _Process:
    """A painter's process. Whoever writes to it never waits."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._child.stdin, "it was asked for"
        assert self._child.stdout, "it was asked for"
        self._down: IO[bytes] = self._child.stdin
        self.up: IO[bytes] = self._child.stdout
        pipe.widen(self._down)
        pipe.widen(self.up)
        self._letters: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, name="to the painter", daemon=True).start()

    def send(self, envelope: dict[str, Any], body: bytes = b"") -> None:
        """Send a letter."""
        self._letters.put(pipe.letter(envelope, body))

    def leave(self) -> None:
        """Close the line: it ends by itself."""
        self._letters.put(None)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while (letter := self._letters.get()) is not None:
                self._down.writelines(letter)
                self._down.flush()
        with contextlib.suppress(OSError):
            self._down.close()
        self._child.wait()


def _is_spare() -> bool:
    """Say whether there is a core that training does not use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > torch.get_num_threads()
