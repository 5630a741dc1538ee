"""Where a run stands, put together from its events: what every display shows, live or replayed."""

from __future__ import annotations

import math
import time
from collections import deque

from vitral.cli.curve import Curve
from vitral.cli.words import interval, number, percent, size, thousands
from vitral.events import (
    BatchDone,
    Checkpointed,
    ControlChanged,
    Diverged,
    EpochDone,
    Evaluated,
    Event,
    RunEnded,
    RunStarted,
    SampleWritten,
)

WINDOW = 50
"""How many of the last batches the moving figures are means of."""


class Standing:
    """The latest figures of one run. ``take`` is called for every event and costs microseconds."""

    def __init__(self) -> None:
        self.start: RunStarted | None = None
        self.step = 0
        self.epoch = 0
        self.curve = Curve()
        self.recent: deque[BatchDone] = deque(maxlen=WINDOW)
        self.evaluated: Evaluated | None = None
        self.averaged: Evaluated | None = None  # over the image and its mirror image
        self.sample: SampleWritten | None = None
        self.ended: RunEnded | None = None
        self.diverged: Diverged | None = None
        self.happened: deque[str] = deque(maxlen=3)
        self._since: tuple[float, int] | None = None  # clock and step at the first batch of this process

    def take(self, event: Event) -> None:
        """Take the next event in."""
        self.step = event.step
        match event:
            case BatchDone():
                self.epoch = event.epoch
                self.recent.append(event)
                self.curve.add(event.loss)
                if self._since is None:
                    self._since = (time.monotonic(), event.step)
            case RunStarted():
                self.start = event
            case Evaluated(views="one"):
                self.evaluated = event
            case Evaluated():
                self.averaged = event
            case SampleWritten():
                self.sample = event
            case Diverged():
                self.diverged = event
            case RunEnded():
                self.ended = event
            case _:
                pass
        if words := tell(event):
            self.happened.append(words)

    @property
    def num_steps(self) -> int:
        """How many steps the whole run takes."""
        return self.start.num_steps if self.start else 0

    @property
    def num_epochs(self) -> int:
        """How many epochs the whole run takes, the last one perhaps not whole."""
        if not self.start:
            return 0
        return math.ceil(self.start.num_steps / self.start.steps_per_epoch)

    @property
    def loss(self) -> float | None:
        """The mean loss of the last batches."""
        return sum(batch.loss for batch in self.recent) / len(self.recent) if self.recent else None

    @property
    def accuracy(self) -> float | None:
        """The share of the last batches' examples that were classified right while training; None for a regression."""
        known = [(batch.num_correct, batch.num_examples) for batch in self.recent if batch.num_correct is not None]
        return sum(right for right, _ in known) / sum(count for _, count in known) if known else None

    @property
    def examples_per_second(self) -> float | None:
        """The pace of the last batches."""
        seconds = sum(batch.seconds for batch in self.recent)
        return sum(batch.num_examples for batch in self.recent) / seconds if seconds else None

    @property
    def seconds_left(self) -> float | None:
        """The time to the last step at this process's pace so far, evaluations and checkpoints included; None in the first second."""
        if self._since is None:
            return None
        elapsed, done = time.monotonic() - self._since[0], self.step - self._since[1]
        return elapsed / done * (self.num_steps - self.step) if done >= 2 and elapsed > 1 else None


def tell(event: Event) -> str:
    """Say in one line what happened, or nothing where it happens all the time."""
    at = f"step {thousands(event.step)}"
    words = ""
    match event:
        case Checkpointed():
            words = f"checkpoint at {at}, {size(event.num_bytes)}"
        case ControlChanged():
            words = f"{event.name.replace('_', ' ')} {event.before} → {event.after} at {at}"
        case Evaluated():
            averaged = " with flip averaging" if event.views == "flip" else ""
            words = f"{event.split} {result(event)} at {at}{averaged}, {thousands(event.num_examples)} examples"
        case SampleWritten():
            words = f"wrote at {at}: {one_line(event.text)}"
        case EpochDone():
            known = f", training accuracy {percent(event.accuracy)}" if event.accuracy is not None else ""
            words = f"epoch {event.epoch} done: loss {number(event.loss)}{known}"
        case Diverged():
            words = f"diverged at {at}, layer {event.layer}: {event.what}"
    return words


def results(standing: Standing) -> str:
    """Write the latest figures on the test set: ``75.9 % ± 0.8, with flip averaging 78.1 % ± 0.8``, or nothing before there are any."""
    told = [result(standing.evaluated)] if standing.evaluated else []
    told += [f"with flip averaging {result(standing.averaged)}"] if standing.averaged else []
    return ", ".join(told)


def result(event: Evaluated) -> str:
    """Write an evaluation's outcome: ``75.9 % ± 0.8``, the loss of a regression, or ``1.45 nats, 57.2 % right`` of a text."""
    if event.accuracy is None or event.low is None or event.high is None:
        return f"loss {number(event.loss)}"
    if event.confusion is None:
        return f"{event.loss:.3f} nats, {percent(event.accuracy)} right"
    return interval(event.accuracy, event.low, event.high)


def one_line(text: str) -> str:
    """Write a text in one line: line ends become ``↵``, what cannot be printed is left out."""
    return "".join("↵" if sign == "\n" else sign if sign.isprintable() else "" for sign in text.replace("\r\n", "\n"))
