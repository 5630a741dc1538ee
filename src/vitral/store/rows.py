"""The rows of the book of runs: how they are written, and how a changed one is found when it is read.

SQLite does not check its pages. Every row carries a CRC-32 of its own content and every run the number of its events, so a flipped bit
is found when it is read and never shown as a number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vitral.errors import StoreError
from vitral.events import Event, from_json
from vitral.store import durable, states
from vitral.store.states import State

FILE = "vitral.sqlite3"
VERSION = 1

SCHEMA = """
create table runs (
    number integer primary key, id text not null unique, name text not null, state text not null, created text not null,
    experiment text not null, step integer not null, num_steps integer not null, num_events integer not null,
    process integer not null, evaluated text not null, note text not null, crc integer not null
);
create table events (
    run integer not null, seq integer not null, step integer not null, json text not null, crc integer not null,
    primary key (run, seq)
) without rowid;
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run as the book knows it.

    ``created`` is UTC and only shown; ``evaluated`` is the last Evaluated event as JSON, or empty; ``process`` is the number of the
    process that trains it, or trained it last; ``note`` is one sentence about how it ended.
    """

    number: int
    id: str
    name: str
    state: State
    created: str
    experiment: str
    step: int
    num_steps: int
    num_events: int
    process: int
    evaluated: str
    note: str


COLUMNS = [field.name for field in dataclasses.fields(Row)]
SELECT = f"select {', '.join(COLUMNS)}, crc from runs"  # noqa: S608 - our own column names


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Read the schema's version: 0 for a new file.

    Raises:
        StoreError: a newer Vitral wrote it, or another program did.
    """
    version = int(connection.execute("pragma user_version").fetchone()[0])
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer Vitral: expected schema {VERSION}, got {version}; upgrade Vitral or choose another --workspace"
        )
    if version < 0 or (version == 0 and connection.execute("select count(*) from sqlite_master").fetchone()[0]):
        raise StoreError(f"{path} is not Vitral's: expected schema {VERSION}, got {version} with tables; choose another --workspace")
    return version


def all_rows(connection: sqlite3.Connection) -> list[Row]:
    """Read every run, in the order in which they were started."""
    return [checked(values) for values in connection.execute(f"{SELECT} order by number")]


def row_of(connection: sqlite3.Connection, run: str) -> Row | None:
    """Read one run by its id; None where there is none."""
    if values := connection.execute(f"{SELECT} where id = ?", (run,)).fetchone():
        return checked(values)
    return next((row for row in all_rows(connection) if row.id == run), None)  # a damaged index can hide a row


def known_row(connection: sqlite3.Connection, run: str, path: Path) -> Row:
    """Read one run that must be there. Raises StoreError where it is not."""
    row = row_of(connection, run)
    if row is None:
        raise StoreError(f"there is no run {run} in {path}; `vitral runs` lists them")
    return row


def put(connection: sqlite3.Connection, row: Row) -> None:
    """Write a run's row with its checksum, in place of the former one."""
    values = dataclasses.astuple(row)
    places = ", ".join("?" * (len(values) + 1))
    connection.execute(f"replace into runs ({', '.join(COLUMNS)}, crc) values ({places})", (*values, crc_of(values)))  # noqa: S608 - as above


def checked(values: Sequence[Any]) -> Row:
    """Turn what SQLite gave, the checksum last, into a row. Raises StoreError when it is not what was written."""
    *content, crc = values
    row = Row(**dict(zip(COLUMNS, content, strict=True)))
    if crc != crc_of(tuple(content)) or row.state not in states.STATES:
        raise damaged(f"the row of run {row.id!r:.60} does not agree with its own checksum")
    return row


def events_of(connection: sqlite3.Connection, row: Row, start: int) -> list[Event]:
    """Read a run's events from number ``start`` on. Raises StoreError when one is missing or is not what was written."""
    return [from_json(text) for text in lines_of(connection, row, start)]


def lines_of(connection: sqlite3.Connection, row: Row, start: int) -> list[str]:
    """Read them as the JSON they are stored as."""
    query = "select run, seq, step, json, crc from events where run = ? and seq >= ? order by seq"
    lines: list[str] = []
    for *line, crc in connection.execute(query, (row.number, start)):
        if crc != crc_of(tuple(line)) or line[1] != start + len(lines):
            raise damaged(f"event {start + len(lines)} of run {row.id} does not agree with its own checksum")
        lines.append(cast("str", line[3]))
    if len(lines) != max(row.num_events - start, 0):
        raise damaged(f"run {row.id} has {row.num_events} events, {start + len(lines)} were found")
    return lines


def crc_of(values: tuple[Any, ...]) -> int:
    """Give the CRC-32 of a row's content, types included: the text "1" is not the number 1."""
    return zlib.crc32(repr(values).encode())


def damaged(what: str) -> StoreError:
    """Say that the book cannot be believed, and what helps."""
    return StoreError(
        f"{FILE} is damaged: {what}; restore it from a copy, or move it aside: the checkpoints are files of their own and runs are found "
        "again by their folders"
    )


@contextlib.contextmanager
def stated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into one sentence with its cure."""
    try:
        yield
    except sqlite3.Error as cause:
        name = getattr(cause, "sqlite_errorname", "") or type(cause).__name__
        where = f"{path.name} in {path.parent}"
        if name.startswith("SQLITE_FULL"):
            text = f"{where} could not be written: disk full; free some space; the checkpoints are intact"
        elif name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            text = f"{where} could not be opened for this: no permission or a read-only place ({name}); choose another --workspace"
        elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            text = f"{where} is in use by another program ({name}); close it or wait"
        elif name.startswith("SQLITE_IOERR"):
            text = f"{where} could not be read or written: the disk reported a failure or is full ({name}); check it; the checkpoints are intact"
        else:
            raise damaged(f"SQLite reports {name}, {' '.join(str(cause).split()):.80}") from cause
        raise StoreError(text) from cause
    except OSError as cause:
        raise durable.explain(cause, f"{path.name} could not be used", path.parent) from cause
    except (UnicodeDecodeError, MemoryError) as cause:  # what the sqlite3 module makes of garbage in names, and of impossible lengths
        raise damaged(f"SQLite met {type(cause).__name__}") from cause
