"""A person's own sequences in a table: a line a step with numbers, or a line a text."""

# N series  T time  F features

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vitral.data.sequence import SequenceSet, assemble, pack, pick
from vitral.data.source import Source
from vitral.data.split import mixed, stratify
from vitral.data.texts import classify
from vitral.data.timeseries import content
from vitral.errors import DataError

MAX_FEATURES: Final = 1_000
MAX_LENGTH: Final = 100_000
MAX_SERIES: Final = 1_000_000
LARGEST: Final = float(np.finfo(np.float32).max)
LABELS: Final = ("label", "labels", "class", "target")  # y is as likely a measurement here
SPLITS: Final = {"train": 0, "training": 0, "test": 1, "testing": 1}
Positions = npt.NDArray[np.int64]


def read(path: Path, source: Source) -> SequenceSet:
    """Read a table with a heading, UTF-8, commas, semicolons or tabs between the cells.

    A line a step: the columns ``series`` (which one the step belongs to), ``label`` (the same in every line of a series) and
    numbers, one column a feature. A line a text: the columns ``text`` and ``label``; its characters are the steps. Both may have a
    column ``split`` that says ``train`` or ``test``; without it a fifth of every class is set aside by a fixed hash, and of texts
    that stand in several lines all copies go to one side. Where semicolons part the cells a number may have a decimal comma.

    At most 1 GiB, 1,000,000 series, 100,000 steps in each, 1,000 features.

    Raises:
        DataError: anything else; names the line and the column.
    Example:
        ``series,label,x,y`` and the lines ``a,circle,0.5,1``, ``a,circle,0.7,0.9``, ``b,square,0,0`` are two series of two features.
    """
    table = Table(path)
    if table.label is None:
        raise DataError(f"{path}, line 1: expected a column label, got {', '.join(table.heading)[:80] or 'nothing'}; name it so")
    if table.text is not None:
        return _texts(table, source)
    if table.series is not None:
        return _series(table, source)
    raise DataError(
        f"{path}, line 1: expected a column series (a line a step) or text (a line a text), got {', '.join(table.heading)[:80]}; name it so"
    )


def belongs(path: Path) -> bool:
    """Say whether a table's heading is one of sequences: it has a column series or text."""
    try:
        with path.open("rb") as file:
            head = file.readline(2**16).decode("utf-8-sig")
        return bool({"series", "text"} & set(_heading(head)))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


@dataclass
class Table:
    """A file's heading, which columns mean what, and its lines one after the other."""

    path: Path
    heading: list[str] = field(init=False)
    delimiter: str = field(init=False)
    label: int | None = field(init=False)

    def __post_init__(self) -> None:
        raw = content(self.path)
        try:
            self._text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as cause:
            line = raw[: cause.start].count(b"\n") + 1
            raise DataError(
                f"{self.path}, line {line}: expected UTF-8, got the byte {raw[cause.start]:02x}; save it as UTF-8 text"
            ) from None
        head = self._text.partition("\n")[0]
        self.delimiter = _delimiter(head)
        try:
            self.heading = _heading(head)
        except csv.Error as cause:
            raise DataError(f"{self.path}, line 1: expected a heading, got none that can be read ({cause}); correct it") from None
        if twice := next((name for name in self.heading if self.heading.count(name) > 1), None):
            raise DataError(f"{self.path}, line 1: expected each column once, got {twice!r} twice; rename one")
        self.label = next((self.heading.index(name) for name in LABELS if name in self.heading), None)
        self.text, self.series, self.split = (
            self.heading.index(name) if name in self.heading else None for name in ("text", "series", "split")
        )

    @property
    def features(self) -> list[int]:
        """Give the columns that are none of the others."""
        return [place for place in range(len(self.heading)) if place not in {self.label, self.text, self.series, self.split}]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Give every line behind the heading that is not empty: its number and its cells."""
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self.delimiter, strict=True)
        try:
            for cells in reader:
                if reader.line_num == 1 or not any(cells):
                    continue
                if len(cells) != len(self.heading):
                    raise DataError(
                        f"{self.path}, line {reader.line_num}: expected {len(self.heading)} columns as in line 1, got {len(cells)}; complete it"
                    )
                yield reader.line_num, cells
        except csv.Error as cause:
            raise DataError(f"{self.path}, line {reader.line_num}: cannot be read ({cause}); check its quotation marks") from None

    def side(self, line: int, cells: Sequence[str]) -> int:
        """Give 0 for a line of the training set and 1 for one of the test set."""
        assert self.split is not None
        cell = cells[self.split].strip().lower()
        if cell not in SPLITS:
            raise DataError(f'{self.path}, line {line}, column "split": expected train or test, got {cell[:20]!r}; write one of them')
        return SPLITS[cell]

    def numbers(self, line: int, cells: Sequence[str], columns: Sequence[int]) -> list[float]:
        """Read the numbers in some columns of a line."""
        found = [cells[column] if self.delimiter == "," else cells[column].replace(",", ".") for column in columns]
        try:
            row = [float(cell) for cell in found]
        except ValueError:
            row = [float("nan")]
        if all(-LARGEST <= value <= LARGEST for value in row) and "_" not in "".join(found):
            return row
        column = next(column for column, cell in zip(columns, found, strict=True) if not _finite(cell))
        raise DataError(
            f'{self.path}, line {line}, column "{self.heading[column]}": expected a finite number, got {cells[column][:20]!r}; '
            "correct it or leave the line out"
        )


def _texts(table: Table, source: Source) -> SequenceSet:
    if table.features:
        raise DataError(
            f"{table.path}, line 1: expected the columns text, label and split, got {table.heading[table.features[0]]!r} too; take it out"
        )
    assert table.text is not None
    texts: list[str] = []
    labels: list[str] = []
    sides: list[int] = []
    for line, cells in table.rows():
        text = cells[table.text]
        if not 1 <= len(text) <= MAX_LENGTH:
            raise DataError(f'{table.path}, line {line}, column "text": expected 1 to {MAX_LENGTH:,} characters, got {len(text):,}; cut it')
        if len(texts) == MAX_SERIES:
            raise DataError(f"{table.path}, line {line}: expected at most {MAX_SERIES:,} texts, got more; leave some out")
        texts.append(text)
        labels.append(_name(table, line, cells, table.label))
        if table.split is not None:
            sides.append(table.side(line, cells))
    classes, targets = _classes(labels)
    return classify(texts, targets.tolist(), classes, source, split=_given(sides, table) if table.split is not None else None)


def _series(table: Table, source: Source) -> SequenceSet:
    columns = table.features
    if not 1 <= len(columns) <= MAX_FEATURES:
        raise DataError(
            f"{table.path}, line 1: expected 1 to {MAX_FEATURES:,} columns of numbers beside series and label, got {len(columns)}; add them"
        )
    assert table.series is not None
    found: dict[str, tuple[str, int, array[float]]] = {}
    for line, cells in table.rows():
        name, label = _name(table, line, cells, table.series), _name(table, line, cells, table.label)
        side = table.side(line, cells) if table.split is not None else 0
        known = found.setdefault(name, (label, side, array("f")))
        if known[:2] != (label, side):
            column, got, first = (
                ("label", label, known[0]) if label != known[0] else ("split", *(("train", "test")[s] for s in (side, known[1])))
            )
            raise DataError(
                f'{table.path}, line {line}, column "{column}": expected {first!r} as in the first line of series {name[:20]!r}, '
                f"got {got[:20]!r}; make them alike"
            )
        if len(known[2]) == MAX_LENGTH * len(columns) or len(found) > MAX_SERIES:
            raise DataError(
                f"{table.path}, line {line}: expected at most {MAX_SERIES:,} series of at most {MAX_LENGTH:,} steps, got more; leave some out"
            )
        known[2].extend(table.numbers(line, cells, columns))
    if not found:
        raise DataError(f"{table.path}: expected some lines behind the heading, got none; add some")
    classes, targets = _classes([label for label, _, _ in found.values()])
    every = pack([np.array(steps, np.float32).reshape(-1, len(columns)) for _, _, steps in found.values()], targets)
    if table.split is not None:
        train, test = _given([side for _, side, _ in found.values()], table)
    else:
        train, test = (mixed(side) for side in stratify(targets, classes, source.name))
    return assemble(classes, pick(every, train), pick(every, test), source)


def _name(table: Table, line: int, cells: Sequence[str], column: int | None) -> str:
    assert column is not None
    name = cells[column].strip()
    if not name:
        what = "a class" if column == table.label else "which series the line belongs to"
        raise DataError(f'{table.path}, line {line}, column "{table.heading[column]}": expected {what}, got nothing; name it')
    return name


def _finite(cell: str) -> bool:
    try:
        return -LARGEST <= float(cell) <= LARGEST and "_" not in cell
    except ValueError:
        return False


def _classes(labels: Sequence[str]) -> tuple[tuple[str, ...], Positions]:
    """Give the classes in order, whole numbers by their size, and the number of each label."""
    names = sorted(set(labels), key=lambda label: (not label.isdecimal(), int(label) if label.isdecimal() else 0, label))
    number = {name: place for place, name in enumerate(names)}
    return tuple(names), np.array([number[label] for label in labels], np.int64)


def _given(sides: Sequence[int], table: Table) -> tuple[Positions, Positions]:
    both = np.array(sides, np.int64)
    train, test = np.flatnonzero(both == 0), np.flatnonzero(both == 1)
    if not len(train) or not len(test):
        raise DataError(f'{table.path}, column "split": expected lines of train and of test, got only one kind; add some or leave it out')
    return mixed(train), mixed(test)


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def _heading(head: str) -> list[str]:
    row = next(csv.reader([head.strip("\r\n")], delimiter=_delimiter(head)), [])
    return [name.strip().lower() for name in row]
