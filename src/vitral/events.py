"""What happens while a network trains, as frozen values.

The training loop yields them; the store, the terminal and the browser read one and the same stream, so that replaying a stored run
and watching a live one is the same code. Every event turns into JSON and back without loss: NaN and infinity travel as ``null``.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vitral.errors import StoreError


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened after ``step`` optimiser steps of a run."""

    kind: ClassVar[str]
    step: int


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """Training begins, or goes on from ``step`` when the run was resumed. All that decides the numbers is stated here.

    ``unit`` says what an example is wherever examples are counted: "images", "sequences", or the "characters" (or bytes) of a text, each
    of which is one prediction.
    """

    kind: ClassVar[str] = "run_started"
    run: str
    experiment: str
    seed: int
    device: str
    precision: str
    memory_format: str
    num_threads: int
    num_parameters: int
    num_train: int
    num_test: int
    num_steps: int
    steps_per_epoch: int
    batch_size: int
    data: str
    data_sha256: str
    versions: dict[str, str]
    unit: str = "images"
    exact: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BatchDone(Event):
    """One optimiser step. ``loss`` is the mean over the batch, in nats for softmax; ``penalty`` is the L1 and L2 decay's own loss.

    ``num_correct`` is None where the loss is a regression. ``seconds`` spans the whole step, augmentation included.
    """

    kind: ClassVar[str] = "batch_done"
    epoch: int
    loss: float
    penalty: float
    num_correct: int | None
    num_examples: int
    learning_rate: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class EpochDone(Event):
    """The whole training set was seen once more; ``loss`` and ``accuracy`` are means over its batches as they were met."""

    kind: ClassVar[str] = "epoch_done"
    epoch: int
    loss: float
    accuracy: float | None
    num_examples: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Evaluated(Event):
    """The network measured on a whole split, "test" or "validation"; of a text ``loss`` is in nats a symbol. ``low`` and ``high`` bound the accuracy with 95 % confidence (Wilson's interval).

    ``confusion[i][j]`` counts examples of class i that were taken for class j. ``views`` names what was averaged: "one" or "flip".
    """

    kind: ClassVar[str] = "evaluated"
    epoch: int
    split: str
    views: str
    num_examples: int
    loss: float
    num_correct: int | None
    accuracy: float | None
    low: float | None
    high: float | None
    confusion: tuple[tuple[int, ...], ...] | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SampleWritten(Event):
    """The network wrote ``text`` after it had read ``prompt``; the same prompt and seed each time, so that texts can be compared."""

    kind: ClassVar[str] = "sample_written"
    prompt: str
    text: str
    temperature: float
    top_k: int | None
    top_p: float | None
    seed: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ControlChanged(Event):
    """A person changed a setting while the network was learning; it holds from the next step on."""

    kind: ClassVar[str] = "control_changed"
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Checkpointed(Event):
    """Everything needed to go on exactly from here is on disk."""

    kind: ClassVar[str] = "checkpointed"
    file: str
    num_bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Diverged(Event):
    """A loss or a weight stopped being a finite number: in ``layer``, the first that holds one. The last finite checkpoint is kept."""

    kind: ClassVar[str] = "diverged"
    layer: str
    what: str


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """Training is over: "finished", "interrupted" (resumable) or "diverged"."""

    kind: ClassVar[str] = "run_ended"
    outcome: str
    seconds: float = field(default=0.0)


KINDS: dict[str, type[Event]] = {
    event.kind: event
    for event in (RunStarted, BatchDone, EpochDone, Evaluated, SampleWritten, ControlChanged, Checkpointed, Diverged, RunEnded)
}


def to_json(event: Event) -> str:
    """Write an event as one line of JSON, its kind under ``"event"``.

    Example: ``to_json(RunEnded(step=9, outcome="finished"))`` is ``{"event":"run_ended","step":9,"outcome":"finished","seconds":0.0}``.
    """
    return json.dumps({"event": event.kind, **_finite(dataclasses.asdict(event))}, allow_nan=False, separators=(",", ":"))


def from_json(text: str) -> Event:
    """Read back what ``to_json`` wrote; numbers that were not finite come back as NaN.

    Raises:
        StoreError: the text is no event of a known kind.
    """
    try:
        values = json.loads(text)
        event = KINDS[values.pop("event")]
        return event(**{f.name: _revive(f, values[f.name]) for f in dataclasses.fields(event)})
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise StoreError(
            f"a stored event could not be read: expected one of {', '.join(KINDS)} with its fields, got {text[:80]!r}"
        ) from cause


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value


def _revive(spec: dataclasses.Field[Any], value: Any) -> Any:
    if value is None and spec.type == "float":
        return math.nan
    if isinstance(value, list):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    return value
