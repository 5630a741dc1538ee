"""The book of runs: one SQLite file a workspace, with every run and every event of its curve.

- One writer connection a process, in WAL mode: readers never wait for it. A file lock serialises the writers of several processes,
  their WAL checkpoints included, because SQLite before 3.51.3 can corrupt a file when two connections do that at one moment
  (sqlite.org/wal.html, "The WAL-Reset Bug") and Python brings such a version along.
- `synchronous = NORMAL` for the batches of events in between: a power cut may take the last of them, never the file's consistency, and
  resuming removes them anyway. `FULL` (the WAL is on the disk when the commit returns) before every checkpoint and at every change of
  state, so that no checkpoint ever stands for a curve that is not there.
- Order is a run's number and an event's seq. The clock is only shown.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from vitral.errors import StoreError
from vitral.events import Evaluated, Event, to_json
from vitral.store import durable, rows, states
from vitral.store.rows import FILE, SCHEMA, VERSION, Row
from vitral.store.states import State

PATIENCE_SECONDS = 30.0
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Runs:
    """The book of one workspace, opened to write. Safe to share between threads."""

    def __init__(self, workspace: Path) -> None:
        durable.make_folder(workspace)
        self.path = workspace / FILE
        self._mutex = threading.RLock()
        self._lock = FileLock(workspace / f"{FILE}.lock", timeout=PATIENCE_SECONDS, thread_local=False)
        self._connection: sqlite3.Connection | None = None
        with self._alone(), rows.stated(self.path):
            new = not self.path.exists()
            self._connection = sqlite3.connect(self.path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(self._connection)
                if new:
                    durable.sync_folder(workspace)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Fold the WAL back into the file and let go of it."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with self._alone(), rows.stated(self.path):
                connection.close()

    def create(self, name: str, experiment: str, num_steps: int) -> Row:
        """Enter a new run under an id that sorts behind all earlier ones of its name, whatever the clock says.

        Example: ``default-20261123-184503-00a``, the tenth run of its workspace.
        """
        now = time.gmtime()
        created, stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", now), time.strftime("%Y%m%d-%H%M%S", now)
        with self._transaction() as connection:
            known = rows.all_rows(connection)
            number = max((row.number for row in known), default=0) + 1
            latest = max((stamp, *(row.id[-19:-4] for row in known)))
            row = Row(
                number=number,
                id=f"{name}-{latest}-{_suffix(number)}",
                name=name,
                state="created",
                created=created,
                experiment=experiment,
                step=0,
                num_steps=num_steps,
                num_events=0,
                process=0,
                evaluated="",
                note="",
            )
            rows.put(connection, row)
        return row

    def adopt(self, row: Row) -> Row:
        """Enter a run whose folder is there but which the book lost; it gets the next number and no events."""
        with self._transaction() as connection:
            number = max((known.number for known in rows.all_rows(connection)), default=0) + 1
            row = dataclasses.replace(row, number=number, num_events=0)
            rows.put(connection, row)
        return row

    def get(self, run: str) -> Row | None:
        """Give one run by its whole id."""
        with self._reading() as connection:
            return rows.row_of(connection, run)

    def change(self, run: str, *, state: State | None = None, **values: Any) -> Row:
        """Change a run's state or other columns, and be sure that the change lasts.

        Raises:
            StoreError: the state cannot follow the present one; each such case has its sentence.
        """
        with self._transaction() as connection:
            row = rows.known_row(connection, run, self.path)
            if state is not None:
                states.check(run, row.state, state)
                values["state"] = state
            row = dataclasses.replace(row, **values)
            rows.put(connection, row)
        return row

    def append(self, run: str, events: Sequence[Event], *, lasting: bool = False) -> Row:
        """Add events behind those that are there, all of them or none; ``lasting`` waits for the disk."""
        texts = [to_json(event) for event in events]
        evaluated = [text for text, event in zip(texts, events, strict=True) if _is_headline(event)]
        with self._transaction(lasting=lasting) as connection:
            row = rows.known_row(connection, run, self.path)
            lines = [(row.number, row.num_events + i, event.step, texts[i]) for i, event in enumerate(events)]
            connection.executemany("insert into events values (?, ?, ?, ?, ?)", [(*line, rows.crc_of(line)) for line in lines])
            row = dataclasses.replace(
                row,
                num_events=row.num_events + len(events),
                step=events[-1].step if events else row.step,
                evaluated=evaluated[-1] if evaluated else row.evaluated,
            )
            rows.put(connection, row)
        return row

    def rewind(self, run: str, num_events: int, step: int) -> Row:
        """Keep the first ``num_events`` events only: what came after the checkpoint at ``step`` will be lived again."""
        with self._transaction() as connection:
            row = rows.known_row(connection, run, self.path)
            kept = min(num_events, row.num_events)
            events = rows.events_of(connection, row, 0)[:kept] if row.evaluated else []
            connection.execute("delete from events where run = ? and seq >= ?", (row.number, kept))
            evaluated = [to_json(event) for event in events if _is_headline(event)]
            row = dataclasses.replace(row, num_events=kept, step=step, evaluated=evaluated[-1] if evaluated else "")
            rows.put(connection, row)
        return row

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = rows.version_of(connection, self.path)
        connection.execute("pragma journal_mode = wal")
        if version == 0:
            connection.executescript(f"begin immediate; {SCHEMA} pragma user_version = {VERSION}; commit;")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other writers out, of this process and of others."""
        with self._mutex:
            try:
                self._lock.acquire()
            except Timeout:
                raise StoreError(
                    f"{self.path} is in use: expected to write within {PATIENCE_SECONDS:g} s, got no turn; "
                    "wait for the other Vitral processes or stop them"
                ) from None
            except OSError as cause:
                raise durable.explain(cause, f"{FILE} could not be locked", self.path.parent) from cause
            try:
                yield
            finally:
                self._lock.release()

    @contextlib.contextmanager
    def _transaction(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        assert self._connection is not None, "the book is closed"
        connection = self._connection
        with self._alone(), rows.stated(self.path):
            connection.execute(f"pragma synchronous = {'full' if lasting else 'normal'}")
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    connection.execute("rollback")
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        assert self._connection is not None, "the book is closed"
        with self._mutex, rows.stated(self.path):
            yield self._connection


def read_all(workspace: Path) -> list[Row]:
    """Read every run of a workspace in the order in which they were started; an empty list where there is no book.

    Raises:
        StoreError: the book is damaged, newer than this Vitral, or cannot be read.
    """
    with _reader(workspace) as connection:
        return rows.all_rows(connection) if connection else []


def read_events(workspace: Path, run: str, start: int = 0) -> list[Event]:
    """Read a run's curve from its event number ``start`` on, while it may be training.

    Raises:
        StoreError: no such run, or a row is not what was written.
    """
    with _row(workspace, run) as (connection, row):
        return rows.events_of(connection, row, start)


def read_lines(workspace: Path, run: str, start: int = 0) -> list[str]:
    """Read them as the JSON they are stored as, for who only hands them on. Raises as ``read_events`` does."""
    with _row(workspace, run) as (connection, row):
        return rows.lines_of(connection, row, start)


@contextlib.contextmanager
def _row(workspace: Path, run: str) -> Iterator[tuple[sqlite3.Connection, Row]]:
    with _reader(workspace) as connection:
        if connection is None:
            raise StoreError(f"there are no runs in {workspace}: expected {FILE}, got no such file; train one first")
        connection.execute("begin")  # one snapshot for the run and its events
        yield connection, rows.known_row(connection, run, workspace / FILE)


@contextlib.contextmanager
def _reader(workspace: Path) -> Iterator[sqlite3.Connection | None]:
    path = workspace / FILE
    with rows.stated(path):
        if not path.exists():
            yield None
            return
        connection = _open_to_read(path)
        try:
            # Version 0: the process that made the file was killed before it made the tables; the next writer makes them.
            yield connection if rows.version_of(connection, path) else None
        finally:
            connection.close()


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open without writing; where the folder itself is read-only and no writer left a WAL, as a file that nobody changes."""
    address = path.resolve().as_uri()
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=PATIENCE_SECONDS, isolation_level=None)
    try:
        rows.version_of(connection, path)
    except sqlite3.OperationalError as cause:
        connection.close()
        if cause.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN or _has_wal(path):
            raise
        connection = sqlite3.connect(f"{address}?immutable=1", uri=True, isolation_level=None)
    except BaseException:
        connection.close()
        raise
    return connection


def _has_wal(path: Path) -> bool:
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _is_headline(event: Event) -> bool:
    """Say whether a list of runs shows this measure: each image looked at once, as ``Trained.accuracy`` is."""
    return isinstance(event, Evaluated) and event.views == "one"


def _suffix(number: int) -> str:
    """Write a run's number with three digits of 36: 10 is 00a; after 46,656 runs they begin anew."""
    return DIGITS[number // 1296 % 36] + DIGITS[number // 36 % 36] + DIGITS[number % 36]
