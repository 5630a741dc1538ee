"""The ``.ts`` format of the time-series archive: a line a series, a colon between its channels, a comma between its steps."""

# T time  F channels

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vitral.data.sequence import SequenceExamples, SequenceSet, assemble, pack, pick
from vitral.data.source import Source
from vitral.data.split import mixed, stratify
from vitral.errors import DataError

MAX_BYTES: Final = 2**30


@dataclass(frozen=True)
class Series:
    """What a file holds: its series (T, F), the label of each, and all labels that its head names, in that order."""

    values: tuple[npt.NDArray[np.float32], ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...]


def read(path: Path, source: Source) -> SequenceSet:
    """Read a file of one's own; ``NAME_TRAIN.ts`` brings ``NAME_TEST.ts`` along, another one gives a fifth of every class to the test.

    Raises:
        DataError: unreadable, or not as the format says; names the line.
    """
    first = parse(content(path), str(path))
    other = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    if other != path and other.is_file():
        second = parse(content(other), str(other))
        classes = first.classes + tuple(each for each in second.classes if each not in first.classes)
        return assemble(classes, packed(first, classes), packed(second, classes), source)
    every = packed(first, first.classes)
    train, test = stratify(every.targets, first.classes, source.name)
    return assemble(first.classes, pick(every, mixed(train)), pick(every, mixed(test)), source)


def packed(series: Series, classes: tuple[str, ...]) -> SequenceExamples:
    """Lay a file's series one after the other, with the numbers that their labels have in ``classes``."""
    number = {label: place for place, label in enumerate(classes)}
    return pack(series.values, [number[label] for label in series.labels])


def parse(raw: bytes, what: str) -> Series:
    """Read the bytes of a ``.ts`` file.

    Lines that begin with # say something to people, those that begin with @ say what follows. Only what Vitral can learn from is
    read: labelled series without time stamps and without gaps. The channels of a series are equally long.

    Args:
        raw: the whole file.
        what: its name, for errors.
    Raises:
        DataError: anything else; names the line and the channel.
    Example:
        After ``@classLabel true a b`` and ``@data``, the line ``1,2,3:4,5,6:a`` is a series of 3 steps and 2 channels, class a.
    Source: https://www.aeon-toolkit.org, "The .ts format"
    """
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as cause:
        number = raw[: cause.start].count(b"\n") + 1
        raise DataError(f"{what}, line {number}: expected UTF-8, got the byte {raw[cause.start]:02x}; save it as UTF-8 text") from None
    classes, start = _head(lines, what)
    values, labels = [], []
    for number, line in enumerate(lines[start:], start + 1):
        if not line.strip() or line.startswith("#"):
            continue
        *channels, label = line.split(":")
        label = label.strip()
        if label not in classes or not channels:
            raise DataError(
                f"{what}, line {number}: expected channels and one of the labels {', '.join(classes)[:60]} at the end, "
                f"got {label[:20]!r}; complete it"
            )
        values.append(_series(channels, f"{what}, line {number}"))
        labels.append(label)
        if values[-1].shape[1] != values[0].shape[1]:
            raise DataError(f"{what}, line {number}: expected {values[0].shape[1]} channels, got {len(channels)}; complete it")
    if not values:
        raise DataError(f"{what}: expected some series after @data, got none; add some")
    return Series(tuple(values), tuple(labels), classes)


def content(path: Path) -> bytes:
    """Read a file of bounded size.

    Raises:
        DataError: it cannot be read or is too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: expected at most {MAX_BYTES // 2**30} GiB, got more; split it")
        return path.read_bytes()
    except (OSError, MemoryError) as cause:
        said = (getattr(cause, "strerror", None) or str(cause) or "out of memory").lower()
        raise DataError(f"{path}: cannot be read ({said}); check its permissions") from None


def _head(lines: list[str], what: str) -> tuple[tuple[str, ...], int]:
    """Read the lines before the data: the labels, and where the data begin."""
    classes: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        key = words[0].lower()
        if key == "@data":
            if not classes:
                raise DataError(f"{what}, line {number}: expected @classLabel true and the labels before @data, got none; add them")
            return classes, number
        if not key.startswith("@"):
            raise DataError(f"{what}, line {number}: expected a line that begins with # or @ before @data, got {line[:20]!r}; add the head")
        if key in {"@timestamps", "@missing"} and words[1:2] not in (["false"], []):
            raise DataError(f"{what}, line {number}: expected {words[0]} false, got {' '.join(words[1:])[:20]!r}; fill the gaps in first")
        if key == "@classlabel" and words[1:2] == ["true"]:
            classes = tuple(dict.fromkeys(words[2:]))
    raise DataError(f"{what}: expected a line @data, got none; is it a .ts file?")


def _series(channels: list[str], where: str) -> npt.NDArray[np.float32]:
    columns: list[npt.NDArray[np.float32]] = []
    for channel, cells in enumerate(channels, 1):
        try:
            exact = np.array(cells.split(","), np.float64)
        except ValueError:
            raise DataError(
                f"{where}, channel {channel}: expected numbers with commas between them, got {cells[:20]!r}; correct it"
            ) from None
        with np.errstate(over="ignore"):
            column = exact.astype(np.float32)
        if not np.isfinite(column).all():
            raise DataError(f"{where}, channel {channel}: expected finite numbers, got NaN or infinity; fill the gaps in first")
        if columns and len(column) != len(columns[0]):
            raise DataError(f"{where}, channel {channel}: expected {len(columns[0])} steps as in channel 1, got {len(column)}; complete it")
        columns.append(column)
    return np.stack(columns, axis=1)
