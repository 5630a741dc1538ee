"""The book of runs: what was written is read, or an error says why not."""

import contextlib
import dataclasses
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from filelock import FileLock

from vitral.errors import StoreError
from vitral.events import BatchDone, Evaluated, RunEnded
from vitral.store import rows, runs
from vitral.store.runs import Runs, read_all, read_events


def batch(step: int) -> BatchDone:
    return BatchDone(step=step, epoch=0, loss=1 / (step + 1), penalty=0.1, num_correct=3, num_examples=8, learning_rate=1e-3, seconds=0.25)


def measured(step: int, accuracy: float) -> Evaluated:
    return Evaluated(
        step=step, epoch=0, split="test", views="one", num_examples=2, loss=0.5, num_correct=1, accuracy=accuracy, low=0.1, high=0.9,
        confusion=((1, 0), (1, 0)), seconds=0.1,
    )  # fmt: skip


def test_a_run_and_its_curve_come_back(tmp_path):
    curve = [batch(1), batch(2), measured(2, 0.5), RunEnded(step=2, outcome="finished", seconds=1.0)]
    with Runs(tmp_path) as book:
        row = book.create("tiny", '{"a": 1}', 7)
        assert row.state == "created"
        book.change(row.id, state="running", process=12)
        book.append(row.id, curve[:2])
        assert read_events(tmp_path, row.id) == curve[:2], "another connection reads while this one writes"
        book.append(row.id, curve[2:], lasting=True)
        book.change(row.id, state="finished")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["vitral.sqlite3"], "the WAL was folded back"
    (found,) = read_all(tmp_path)
    assert (found.id, found.name, found.state, found.step, found.num_steps, found.num_events, found.process) == (
        row.id,
        "tiny",
        "finished",
        2,
        7,
        4,
        12,
    )
    assert found.experiment == '{"a": 1}'
    assert '"accuracy":0.5' in found.evaluated
    assert read_events(tmp_path, row.id) == curve
    assert read_events(tmp_path, row.id, 3) == curve[3:]


def test_no_book_is_no_runs(tmp_path):
    assert read_all(tmp_path) == []
    assert not list(tmp_path.iterdir()), "reading makes nothing"
    with pytest.raises(StoreError, match=r"expected vitral\.sqlite3, got no such file"):
        read_events(tmp_path, "a")


@pytest.mark.parametrize("wal", [False, True])
def test_a_book_whose_maker_was_killed_is_an_empty_one(tmp_path, wal):
    (tmp_path / runs.FILE).touch()
    if wal:
        connection = sqlite3.connect(tmp_path / runs.FILE)
        connection.execute("pragma journal_mode = wal")
        connection.close()
        assert (tmp_path / runs.FILE).stat().st_size > 0
    assert read_all(tmp_path) == []
    with pytest.raises(StoreError, match="there are no runs"):
        read_events(tmp_path, "a")
    with Runs(tmp_path) as book:
        assert [row.id for row in read_all(tmp_path)] == []
        run = book.create("tiny", "{}", 1).id
    assert [row.id for row in read_all(tmp_path)] == [run]


def test_rewinding_forgets_the_later_events_and_what_they_said(tmp_path):
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 9).id
        book.append(run, [batch(1), measured(1, 0.25), batch(2), measured(2, 0.75)])
        row = book.rewind(run, 3, 2)
        assert (row.num_events, row.step) == (3, 2)
        assert '"accuracy":0.25' in row.evaluated
        assert read_events(tmp_path, run) == [batch(1), measured(1, 0.25), batch(2)]
        assert book.rewind(run, 99, 2).num_events == 3, "a book older than the checkpoint keeps what it has"
        book.append(run, [batch(3)])
        assert [event.step for event in read_events(tmp_path, run)] == [1, 1, 2, 3]


def test_ids_sort_by_start_even_when_the_clock_is_set_back(tmp_path, monkeypatch):
    times = iter([1_800_000_000, 1_800_000_000, 1_500_000_000, 0, 1_800_000_001])
    real = time.gmtime
    monkeypatch.setattr(runs.time, "gmtime", lambda: real(next(times)))
    with Runs(tmp_path) as book:
        ids = [book.create("tiny", "{}", 1).id for _ in range(5)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5
    assert ids[0] == "tiny-20270115-080000-001"
    assert ids[2] == "tiny-20270115-080000-003"
    assert ids[4] == "tiny-20270115-080001-005"
    assert read_all(tmp_path)[3].created == "1970-01-01T00:00:00Z", "what the clock said is shown, and nothing depends on it"
    assert [row.id for row in read_all(tmp_path)] == ids


def test_an_illegal_move_changes_nothing(tmp_path):
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 1).id
        with pytest.raises(StoreError, match="was never trained"):
            book.change(run, state="finished", step=5)
        assert book.get(run).state == "created"
        assert book.get(run).step == 0
        with pytest.raises(StoreError, match="there is no run b"):
            book.change("b", step=1)


def test_a_batch_is_written_whole_or_not_at_all(tmp_path):
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 1).id
        with contextlib.suppress(ZeroDivisionError), book._transaction() as connection:
            connection.execute("delete from runs")
            raise ZeroDivisionError
        assert book.get(run) is not None


def test_a_newer_books_schema_is_refused(tmp_path):
    Runs(tmp_path).close()
    with sqlite3.connect(tmp_path / runs.FILE) as connection:
        connection.execute("pragma user_version = 2")
    connection.close()
    for reading in (lambda: Runs(tmp_path), lambda: read_all(tmp_path)):
        with pytest.raises(StoreError, match="written by a newer Vitral: expected schema 1, got 2; upgrade Vitral"):
            reading()


def test_another_programs_file_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / runs.FILE) as connection:
        connection.execute("create table theirs (x)")
    connection.close()
    with pytest.raises(StoreError, match="is not Vitral's"):
        Runs(tmp_path)
    (tmp_path / runs.FILE).write_bytes(b"a text file, but not SQLite's" * 100)
    for reading in (lambda: Runs(tmp_path), lambda: read_all(tmp_path)):
        with pytest.raises(StoreError, match="is damaged: SQLite reports SQLITE_NOTADB"):
            reading()


@pytest.mark.parametrize(
    "harm",
    [
        "update events set json = replace(json, '0.5', '0.6') where seq = 0",
        "update events set step = 9 where seq = 1",
        "update events set seq = 7 where seq = 1",
        "delete from events where seq = 1",
        "delete from events where seq = 0",
        "update runs set num_events = 1",
        "update runs set state = 'finished'",
        "update runs set state = 'sleeping'",
        "update runs set id = x'00'",
        "update events set json = x'00ff' where seq = 0",
    ],
)
def test_a_changed_row_is_never_shown_as_true(tmp_path, harm):
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 1).id
        book.append(run, [batch(1), batch(2)])
    with sqlite3.connect(tmp_path / runs.FILE) as connection:
        connection.execute(harm)
    connection.close()
    with pytest.raises(StoreError, match=r"vitral.sqlite3 is damaged: .*; restore it from a copy, or move it aside"):
        read_events(tmp_path, run)


def test_as_many_events_as_promised_but_not_the_same_ones(tmp_path):
    with Runs(tmp_path) as book:
        row = book.create("tiny", "{}", 1)
        row = book.append(row.id, [batch(1), batch(2), batch(3)])
        with book._transaction() as connection:
            connection.execute("delete from events where seq = 1")
            rows.put(connection, dataclasses.replace(row, num_events=2))
        with pytest.raises(StoreError, match="event 1 of run .* does not agree"):
            read_events(tmp_path, row.id)


def test_writers_of_other_processes_are_waited_for_and_then_named(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE_SECONDS", 0.2)
    sentence = r"in use: expected to write within 0\.2 s, got no turn; wait for the other"
    with Runs(tmp_path) as book, FileLock(tmp_path / "vitral.sqlite3.lock"), pytest.raises(StoreError, match=sentence):
        book.create("tiny", "{}", 1)
    assert read_all(tmp_path) == []


def test_threads_and_processes_write_in_turn(tmp_path):
    code = (
        "import sys; from pathlib import Path; from vitral.store.runs import Runs; from vitral.events import RunEnded\n"
        "with Runs(Path(sys.argv[1])) as book:\n"
        "    run = book.create('other', '{}', 1).id\n"
        "    for step in range(40): book.append(run, [RunEnded(step=step, outcome='x')])\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 1).id
        threads = [threading.Thread(target=lambda: [book.append(run, [batch(1)]) for _ in range(25)]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(other.wait() == 0 for other in others)
    assert sorted(row.num_events for row in read_all(tmp_path)) == [40, 40, 50]
    assert all(len(read_events(tmp_path, row.id)) == row.num_events for row in read_all(tmp_path))


def test_a_lost_run_is_adopted_under_its_own_id(tmp_path):
    with Runs(tmp_path) as book:
        row = book.create("tiny", "{}", 5)
        other = book.adopt(dataclasses.replace(row, id="old-20200101-000000-001", state="interrupted", num_events=3))
        assert (other.number, other.num_events) == (2, 0)
        assert [found.id for found in read_all(tmp_path)] == [row.id, other.id]


def test_the_figure_of_a_run_is_that_of_one_look(tmp_path):
    with Runs(tmp_path) as book:
        run = book.create("tiny", "{}", 9).id
        row = book.append(run, [measured(1, 0.25), dataclasses.replace(measured(1, 0.75), views="flip")])
        assert '"accuracy":0.25' in row.evaluated
        book.append(run, [batch(2)])
        assert '"accuracy":0.25' in book.rewind(run, 2, 1).evaluated
