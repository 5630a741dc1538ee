"""Numbers as people give them, made float64 or refused in one line: what, expected, got, cure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitral.errors import DataError, ShapeError, SpecError
from vitral.explain.trace import Array, Pair, Place

LARGEST = 2**20
HUGE = 1e100
"""No number given may be larger: so that products and their sums stay finite."""


def numbers(name: str, given: Any, axes: str, *, spare: int = 0) -> Array:
    """Copy what was given into a read-only float64 array with the named axes, all numbers finite.

    Args:
        name: what the numbers are, for the message.
        given: nested lists or an array.
        axes: the axes expected, as ``"C H W"``; ``""`` for any number of axes.
        spare: so many leading axes may be left out together, as C of a grey image.

    Raises:
        DataError: not numbers, rows of different lengths, NaN or infinity.
        ShapeError: no numbers at all, or another number of axes.

    Example: ``numbers("image", [[1, 3], [6, 6]], "H W").shape`` is ``(2, 2)``.
    """
    try:
        raw = np.asarray(given)
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"{name} has rows of different lengths; make every row as long as the first") from None
    if raw.dtype.kind not in "biuf" or isinstance(given, str | bytes):
        raise DataError(f"{name} must be numbers, got {short(given)}; give lists of numbers, as [[1, 3], [6, 6]]")
    values = np.array(raw, dtype=np.float64)  # a copy: what is explained later must not change under it
    wanted = axes.split()
    if spare and values.ndim == len(wanted) - spare:
        values = values.reshape((1,) * spare + values.shape)
    if wanted and values.ndim != len(wanted):
        raise ShapeError(
            f"{name} must have {plural(len(wanted), 'axis', 'axes')} ({', '.join(wanted)}), got {values.ndim} ({shown(values.shape)})"
        )
    if values.size == 0:
        raise ShapeError(f"{name} is empty ({shown(values.shape)}); give at least one number")
    if not max(values.max(), -values.min()) <= HUGE:  # false for NaN too
        at = np.argwhere(~(np.abs(values) <= HUGE))[0]
        place, wrong = tuple(int(i) for i in at), float(values[tuple(at)])
        what = "NaN" if np.isnan(wrong) else "infinity" if np.isinf(wrong) else f"{wrong:g}"
        raise DataError(f"{name} holds {what} at {place}; every number must be finite and at most {HUGE:g}, replace it")
    values.setflags(write=False)
    return values


def pair(name: str, given: Any, least: int) -> Pair:
    """Read one or two whole numbers as (height, width), each at least ``least``. Raises SpecError."""
    values = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2 else (given, given)
    if not all(isinstance(v, int | np.integer) and not isinstance(v, bool) and least <= v <= LARGEST for v in values):
        raise SpecError(f"{name} must be one or two whole numbers from {least} to {LARGEST}, as 2 or [2, 1], got {short(given)}")
    return int(values[0]), int(values[1])


def whole(name: str, given: Any, least: int, most: int = LARGEST) -> int:
    """Read one whole number. Raises SpecError."""
    if not isinstance(given, int | np.integer) or isinstance(given, bool) or not least <= given <= most:
        raise SpecError(f"{name} must be a whole number from {least} to {most}, got {short(given)}")
    return int(given)


def real(name: str, given: Any, least: float, most: float = np.inf, *, open_ends: bool = False) -> float:
    """Read one finite number from ``least`` to ``most``; ``open_ends`` leaves both out. Raises SpecError."""
    number = isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)
    value = float(given) if number and -HUGE <= given <= HUGE else np.nan  # nan lies between no two bounds
    if not (least < value < most if open_ends else least <= value <= most):
        bounds = f"between {least:g} and {most:g}" if open_ends else f"from {least:g} to {most:g}"
        raise SpecError(f"{name} must be a number {bounds}, got {short(given)}")
    return value


def one_of(name: str, given: Any, choices: Sequence[str]) -> str:
    """Read one word of several. Raises SpecError."""
    if not isinstance(given, str) or given not in choices:
        raise SpecError(f"{name} must be one of {', '.join(choices)}, got {short(given)}")
    return given


def inside(what: str, place: Sequence[Any], shape: Place) -> Place:
    """Read a place in an output of the given shape; negative numbers count from the end. Raises ShapeError."""
    whole_numbers = all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in place)
    if len(place) != len(shape) or not whole_numbers or not all(-n <= i < n for i, n in zip(place, shape, strict=True)):
        last = ", ".join(str(n - 1) for n in shape)
        raise ShapeError(f"there is no {what} {short(tuple(place))}: the output is {shown(shape)}, the last place is ({last})")
    return tuple(int(i) % n for i, n in zip(place, shape, strict=True))


def same_shape(name: str, got: Place, wanted: Place, reason: str) -> None:
    """Compare two shapes. Raises ShapeError."""
    if got != wanted:
        raise ShapeError(f"{name} is {shown(got)} but {reason} {shown(wanted)}; make it {shown(wanted)}")


def shown(shape: Sequence[int]) -> str:
    """Write a shape as people do: ``3x32x32``; ``1 number`` for a single one without axes."""
    return "x".join(map(str, shape)) if shape else "1 number"


def plural(count: int, one: str, many: str) -> str:
    """Write a count with its noun: ``1 axis``, ``3 axes``."""
    return f"{count} {one if count == 1 else many}"


def short(value: object, limit: int = 60) -> str:
    """Write a value as a person typed it, cut where it is long."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
