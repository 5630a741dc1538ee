"""One table of all operations, and a trace from plain values such as a JSON file holds."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from vitral.errors import DataError, SpecError
from vitral.explain.activation import activate
from vitral.explain.checks import short
from vitral.explain.convolution import convolve
from vitral.explain.dense import join
from vitral.explain.dropout import drop
from vitral.explain.gru import unfold_gru
from vitral.explain.kernels import kernel
from vitral.explain.lstm import unfold_lstm
from vitral.explain.normalisation import normalise_batch, normalise_neighbours
from vitral.explain.pooling import pool, pool_globally
from vitral.explain.probabilities import cross_entropy, softmax
from vitral.explain.rnn import unfold_rnn
from vitral.explain.trace import Trace

OPERATIONS: Mapping[str, Callable[..., Trace]] = {
    "convolution": convolve,
    "pooling": pool,
    "global_pooling": pool_globally,
    "activation": activate,
    "dense": join,
    "softmax": softmax,
    "cross_entropy": cross_entropy,
    "batch_norm": normalise_batch,
    "local_response_norm": normalise_neighbours,
    "dropout": drop,
    "rnn": unfold_rnn,
    "lstm": unfold_lstm,
    "gru": unfold_gru,
}


def build(operation: str, arguments: Mapping[str, Any]) -> Trace:
    """Make a trace from an operation's name and its arguments.

    Args:
        operation: a key of ``OPERATIONS``.
        arguments: what the operation's own function takes; ``kernels`` may be names, as "edge" or ["sobel-x", "sobel-y"].

    Raises:
        SpecError: an unknown operation or argument, or one that is missing.
        ShapeError, DataError: whatever the operation has against the numbers.

    Example: ``build("softmax", {"scores": [0, 0]}).output`` is ``[0.5, 0.5]``.
    """
    if operation not in OPERATIONS:
        raise SpecError(f"there is no operation called {short(operation)}{_nearest(operation, OPERATIONS)}")
    make = OPERATIONS[operation]
    known = inspect.signature(make).parameters
    for name in arguments:
        if name not in known:
            raise SpecError(f"{operation} takes no {short(name)}{_nearest(name, known)}")
    missing = [name for name, argument in known.items() if argument.default is argument.empty and name not in arguments]
    if missing:
        raise SpecError(f"{operation} needs {' and '.join(missing)}; add it, as {missing[0]} = [...]")
    given = dict(arguments)
    if "kernels" in given:
        given["kernels"] = _kernels(given["kernels"])
    return make(**given)


def read(text: str, source: str) -> dict[str, Any]:
    """Read the arguments of an operation from JSON.

    Args:
        text: a JSON object; NaN, Infinity and a key given twice are refused.
        source: where it comes from, for the message.

    Raises:
        DataError: not JSON, or not an object.
    """
    try:
        values = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except json.JSONDecodeError as wrong:
        raise DataError(
            f"{source} is not JSON: {wrong.msg[:1].lower()}{wrong.msg[1:]} at line {wrong.lineno}, column {wrong.colno}"
        ) from None
    except (ValueError, RecursionError) as wrong:
        reason = "it is nested too deeply" if isinstance(wrong, RecursionError) else str(wrong)
        raise DataError(f"{source} cannot be read: {reason}") from None
    if not isinstance(values, dict):
        raise DataError(f'{source} must be a JSON object, as {{"image": [[1, 3], [6, 6]]}}, got {short(values)}')
    return values


def _kernels(given: Any) -> Any:
    if isinstance(given, str):
        return kernel(given)
    if isinstance(given, Sequence) and given and all(isinstance(name, str) for name in given):
        return np.array([[kernel(name)] for name in given])
    return given


def _refuse(name: str) -> float:
    raise ValueError(f"it holds {name}; every number must be finite, replace it")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"it gives {short(key)} twice; give it once")
        values[key] = value
    return values


def _nearest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(str(word), names, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; expected one of {', '.join(names)}"
