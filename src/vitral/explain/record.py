"""A trace as plain values for JSON: complete, versioned, finite numbers alone, and enough to make the trace again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vitral.errors import DataError, SpecError
from vitral.explain.checks import short
from vitral.explain.convolution import Convolution
from vitral.explain.gradients import Gradient
from vitral.explain.operations import build
from vitral.explain.pooling import GlobalPooling, Pool, Pooling
from vitral.explain.recurrent import Back, Recurrent
from vitral.explain.through_time import fade
from vitral.explain.trace import Moment, Operand, Place, Step, Trace

FORMAT, VERSION = "vitral.explain", 1
Values = dict[str, Any]


def record(
    trace: Trace, place: Place | None = None, *, gradient: Gradient | None = None, back: Back | None = None, output: bool = True
) -> Values:
    """Write a trace down as values that JSON holds; docs/explain.schema.json says what each means.

    Args:
        trace: the operation.
        place: the number of the output whose steps are told; none when left out.
        gradient: one number of a gradient, as ``trace.backward(...).of(...)`` gives it.
        back: one step back in time through a recurrent cell, as ``trace.backward(...).at(t)`` gives it.
        output: False leaves the whole output out, and so never computes it.

    Raises:
        DataError: a number is not finite.

    Example: ``record(softmax([0.0, 0.0]))["output"]`` is ``[0.5, 0.5]``.
    """
    values: Values = {
        "format": FORMAT,
        "version": VERSION,
        "operation": trace.operation,
        "arguments": {**{name: _plain(value) for name, value in trace.settings.items()}, **_inputs(trace)},
        "shape": list(trace.shape),
    }
    if place is not None:
        values["moment"] = describe(trace.at(*place))
    if gradient is not None:
        values["gradient"] = differentiate(gradient)
    if back is not None:
        values["back"] = [_step(step) for step in back.steps]
    if output:
        values["output"] = numbers(trace.output, "output")
    return values | {"facts": facts(trace)}


def again(values: Mapping[str, Any]) -> Trace:
    """Make the trace that a record tells of.

    Raises:
        SpecError: another format or version.

    Example: ``again(record(trace)).output`` equals ``trace.output``, bit for bit.
    """
    if values.get("format") != FORMAT or values.get("version") != VERSION:
        got = f"{values.get('format')} {values.get('version')}"
        raise SpecError(f"a record must say format {FORMAT} and version {VERSION}, got {short(got)}; write it again with this Vitral")
    if not isinstance(values.get("arguments"), dict):
        raise SpecError("a record must hold its arguments as an object; write it again")
    return build(str(values.get("operation")), values["arguments"])


def describe(moment: Moment) -> Values:
    """Write the arithmetic behind one place of an output."""
    values: Values = {"place": list(moment.place), "value": numbers(moment.value, "value"), "steps": [_step(step) for step in moment.steps]}
    for name in ("rows", "columns"):
        if hasattr(moment, name):
            values[name] = getattr(moment, name).tolist()
    if isinstance(moment, Pool) and moment.mode == "max":
        values |= {"winner": list(moment.winner), "ties": moment.ties}
    return values


def differentiate(gradient: Gradient) -> Values:
    """Write what one number's gradient is made of, and the difference beside it."""
    return {
        "of": gradient.of,
        "place": list(gradient.place),
        "value": numbers(np.float64(gradient.value), "gradient"),
        "terms": [
            {"place": place, "upstream": upstream, "slope": slope, "local": local, "product": product}
            for place, upstream, slope, local, product in zip(
                gradient.places.tolist(),
                numbers(gradient.upstream, "upstream"),
                numbers(gradient.slope, "slope"),
                numbers(gradient.local, "local"),
                numbers(gradient.products, "product"),
                strict=True,
            )
        ],
        "check": gradient.check._asdict(),
    }


def facts(trace: Trace) -> Values:
    """Give what is true of the whole operation: how weights are shared, what area is kept, how the gradient fades."""
    if isinstance(trace, Convolution):
        return {"weights": trace.sharing._asdict()}
    if isinstance(trace, Pooling):
        return {"area_kept": trace.area_kept}
    if isinstance(trace, GlobalPooling):
        return {"area_kept": trace.windows.area_kept}
    if isinstance(trace, Recurrent):
        fading = fade(trace)
        left = {"hidden": fading.hidden} | ({} if fading.cell is None else {"cell": fading.cell})
        return {"gradient_left": {name: numbers(values, name) for name, values in left.items()}}
    return {}


def numbers(values: Any, name: str) -> Any:
    """Give an array as nested lists, or one number. Raises DataError when a number is not finite."""
    if not np.isfinite(values).all():
        raise DataError(f"{name} is not finite: the numbers are too large for one another; make the input smaller")
    return np.asarray(values).tolist()


def _inputs(trace: Trace) -> Values:
    return {name: numbers(values, name) for name, values in trace.inputs.items()}


def _step(step: Step) -> Values:
    operands = [_operand(operand) for operand in step.operands]
    own = {"name": step.name, "formula": step.formula, "sign": step.sign, "operands": operands, "value": _operand(step.value)}
    return own | ({"part": step.part} if step.part else {})


def _operand(operand: Operand) -> Values:
    values: Values = {"symbol": operand.symbol, "values": numbers(operand.values, operand.symbol)}
    if operand.marks is not None and operand.marks.any():
        values |= {"marks": operand.marks.tolist(), "meaning": operand.meaning}
    return values


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
