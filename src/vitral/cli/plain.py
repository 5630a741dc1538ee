"""A run as it happens, where there is no terminal: a line now and then, or every event as JSON."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self, TextIO

from vitral.cli.standing import Standing, tell
from vitral.cli.words import duration, number, percent, thousands
from vitral.events import BatchDone, Event, RunEnded, RunStarted, to_json

PAUSE = 10.0  # seconds between two lines about batches


class Silent:
    """What every display can do, done by saying nothing."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.muted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def watch(self, event: Event) -> None:
        """Take an event in."""
        self.standing.take(event)

    def say(self, note: str) -> None:
        """Tell the person something that is no event."""

    def mute(self) -> None:
        """Write nothing from here on."""
        self.muted = True

    def close(self) -> None:
        """Leave things tidy."""


class Lines(Silent):
    """Plain lines for a log: where a terminal would redraw, one more line every ten seconds."""

    def __init__(self, out: TextIO, title: str) -> None:
        super().__init__()
        self.out = out
        self.title = title
        self._due = 0.0

    def watch(self, event: Event) -> None:
        """Say what happened, in one line or none."""
        self.standing.take(event)
        words = tell(event)
        if isinstance(event, RunStarted):
            machine = f"{event.device}, {event.precision}, {event.memory_format}, {event.num_threads} threads"
            words = f"{event.run}: {self.title}; {machine}; {thousands(event.num_steps)} steps of {event.batch_size} {_together(event.unit)} {event.data}"
            words = "\n".join([words, *event.notes])
        elif isinstance(event, RunEnded):
            words = f"{event.outcome} at step {thousands(event.step)} after {duration(event.seconds)}"
        elif isinstance(event, BatchDone) and time.monotonic() >= self._due:
            words = self._progress()
        if words:
            self._due = time.monotonic() + PAUSE
            self.say(words)

    def say(self, note: str) -> None:
        """Write one line, now."""
        if not self.muted:
            print(note, file=self.out, flush=True)

    def _progress(self) -> str:
        now = self.standing
        parts = [f"step {thousands(now.step)} of {thousands(now.num_steps)}"]
        parts += [f"loss {number(now.loss)}"] if now.loss is not None else []
        parts += [f"training accuracy {percent(now.accuracy)}"] if now.accuracy is not None else []
        parts += [f"{number(now.examples_per_second)} {now.start.unit if now.start else 'examples'}/s"] if now.examples_per_second else []
        parts += [f"about {duration(now.seconds_left)} left"] if now.seconds_left is not None else []
        return ", ".join(parts)


def _together(unit: str) -> str:
    return "streams of" if unit == "characters" else f"{unit} of"


class JsonLines(Silent):
    """Every event as one line of JSON, and nothing else."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self.out = out

    def watch(self, event: Event) -> None:
        """Write the event."""
        super().watch(event)
        if self.muted:
            return
        self.out.write(to_json(event) + "\n")
        self.out.flush()
