"""What stands above the arithmetic on every face: the title, the place, the facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vitral.explain.checks import shown
from vitral.explain.convolution import Convolution
from vitral.explain.pooling import GlobalPooling, Pool, Pooling
from vitral.explain.recurrent import Recurrent
from vitral.explain.trace import Array, Moment, Operand, Step, Trace
from vitral.explain.words import Language, name_of, say

PLACES = {
    "convolution": "at_window",
    "pooling": "at_pool",
    "dense": "at_unit",
    "softmax": "at_class",
    "global_pooling": "at_channel",
    "rnn": "at_step",
    "lstm": "at_step",
    "gru": "at_step",
}


def title(trace: Trace, moment: Moment | None, language: Language) -> str:
    """Say what is explained: ``Convolution, window at row 2, column 0 of kernel 0``."""
    name = name_of(trace.operation, language)
    if moment is None or not moment.place:
        return name
    key = PLACES.get(trace.operation)
    where = say(key, language, *moment.place) if key else say("at_place", language, moment.place)
    return f"{name}: {where}"


def facts(trace: Trace, moment: Moment | None, language: Language) -> Iterator[str]:
    """Say what is true of the whole operation, line by line."""
    first = next(iter(trace.inputs.values()))
    yield say("shapes", language, *(shown(shape).replace("x", "×") for shape in (first.shape, trace.shape))) + settings(trace)
    if isinstance(trace, Convolution):
        yield say("shared", language, *(grouped(count, language) for count in trace.sharing))
    if isinstance(trace, Pooling | GlobalPooling):
        kept = trace.area_kept if isinstance(trace, Pooling) else trace.windows.area_kept
        yield say("area", language, 100 * kept)
    if isinstance(moment, Pool) and moment.mode == "max" and moment.ties > 1:
        yield say("ties", language, moment.ties)
    if isinstance(trace, Recurrent):
        yield say("same_weights", language)


def settings(trace: Trace) -> str:
    """Write the settings behind the shapes: ``, stride 1, padding 0``."""
    parts = []
    for name, value in trace.settings.items():
        plain = value[0] if isinstance(value, tuple) and value[0] == value[1] else value
        if (name, plain) in (("dilation", 1), ("groups", 1), ("fill", "zero"), ("activation", "identity"), ("temperature", 1.0)):
            continue
        written = plain if isinstance(plain, str | int) else f"{plain:g}" if isinstance(plain, float) else shown(plain)
        parts.append(f", {name} {written}")
    return "".join(parts)


def write(value: float, digits: int = 4) -> str:
    """Write a number for a person: whole numbers as they are, others with so many significant digits, never -0."""
    if value == round(value) and abs(value) < 1e6:
        return f"{round(value):d}"
    return f"{value:.{digits}g}"


def grouped(count: int, language: Language) -> str:
    """Separate thousands as the language does: 6,400 or 6 400 (a narrow space)."""
    return f"{count:,}".replace(",", "\u202f") if language == "es" else f"{count:,}"


def stand_up(step: Step) -> Step:
    """Lay a gate's vectors upright where its products lie row by row, so that every unit keeps its row."""
    if step.sign != "+" or all(operand.values.ndim < 2 for operand in step.operands):
        return step
    operands = tuple(_upright(operand) for operand in step.operands)
    return replace(step, operands=operands, value=_upright(step.value))


def _upright(operand: Operand) -> Operand:
    return replace(operand, values=operand.values[:, None]) if operand.values.ndim == 1 and operand.marks is None else operand


def blocks(values: Array) -> list[Array]:
    """Cut an array into pictures of two axes: a channel each."""
    flat = np.atleast_2d(values)
    return [flat] if flat.ndim == 2 else list(flat.reshape(-1, *flat.shape[-2:]))
