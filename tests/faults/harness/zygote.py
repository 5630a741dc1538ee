"""A process that has loaded torch and forks a really training child for each request, so that a life costs no start-up.

It reads one JSON request a line and answers with JSON lines: {"run": id}, {"saved": step}, {"inside": call}, {"end": outcome},
{"refused": sentence}, {"exit": status}. A child that was asked to stop inside a save announces the system call it has come to and waits there to be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent.parent))

from harness import planted, tiny
from harness.calls import CALLS
from vitral.errors import StoreError
from vitral.events import Event
from vitral.store import durable


def say(**values: object) -> None:
    """Write one line whole."""
    os.write(1, (json.dumps(values) + "\n").encode())


class Waiting:
    """An `os` that stops at its n-th system call, half of it done where that can be, and waits for the end."""

    def __init__(self, n: int) -> None:
        self.n, self.calls = n, 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.n:
                if name == "write":
                    real(args[0], args[1][: len(args[1]) // 2])
                say(inside=name)
                time.sleep(60)
            return real(*args, **kwargs)

        return call


def live(request: dict[str, Any]) -> None:
    """Train in this process until the end or the kill."""

    def watch(event: Event) -> None:
        if event.kind == "checkpointed":
            say(saved=event.step)

    with contextlib.ExitStack() as stack:
        if request["planted"]:
            stack.enter_context(planted.BUGS[request["planted"]]())
        try:
            run = tiny.begin(
                Path(request["place"]), request["run"], pace=request["pace"], epochs=request["epochs"], learned=request["learned"]
            )
        except StoreError as cause:
            say(refused=str(cause))
            return
        say(run=run.id)
        if request["stop_at"]:
            stack.enter_context(patch.object(durable, "os", Waiting(request["stop_at"])))
        tiny.live(run, watch)
        assert run.ended is not None
        say(end=run.ended.outcome)


def main() -> None:
    """Serve requests until the input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                live(json.loads(line))
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        say(child=child)
        _, status = os.waitpid(child, 0)
        say(exit=status)


def warm_up() -> None:
    """Load all that torch loads late, short of a backward pass: autograd cannot be forked once it has run."""
    with tempfile.TemporaryDirectory() as place:
        for number, learned in enumerate(get_args(tiny.Learned)):
            tiny.begin(Path(place) / str(number), learned=learned).close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warm_up()
    say(ready=os.getpid())
    main()
