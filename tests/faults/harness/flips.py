"""Bytes that change by themselves: in a checkpoint, in the book of runs, in its write-ahead log."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from harness.report import Report
from harness.samples import curve, empty_folder, equal, tensors
from vitral.errors import StoreError
from vitral.events import Event
from vitral.store import runs, weights
from vitral.store.runs import Runs


def harm(data: bytes, draw: random.Random) -> tuple[bytes, str]:
    """Change bytes in one of five ways; the result differs from what was there."""
    kind = draw.choice(["flip", "flip", "flip", "flips", "cut", "grow", "zeros"])
    changed = bytearray(data)
    place = draw.randrange(len(data))
    if kind == "flip":
        changed[place] ^= 1 << draw.randrange(8)
    elif kind == "flips":
        for _ in range(draw.randrange(2, 9)):
            changed[draw.randrange(len(data))] ^= draw.randrange(1, 256)
    elif kind == "cut":
        del changed[place:]
    elif kind == "grow":
        changed += draw.randbytes(draw.randrange(1, 100))
    else:
        changed[place : place + 512] = bytes(min(512, len(data) - place))
    if changed == data:
        changed[place] ^= 1
        kind = "flip"
    return bytes(changed), kind


def run_checkpoints(root: Path, count: int, *, seed: int = 0, load: Callable[[Path], weights.Loaded] | None = None) -> Report:
    """Harm the newer of two checkpoints.

    Promises: loading it is a StoreError; the older one is found with a note.
    """
    report, draw = Report(f"changed checkpoints (seed {seed})"), random.Random(seed)
    folder = empty_folder(root, "checkpoints")
    weights.save(folder, tensors(1), {"step": 1}, 1)
    newest = weights.save(folder, tensors(2), {"step": 2}, 2).path
    data = newest.read_bytes()
    for _ in range(count):
        report.trials += 1
        changed, kind = harm(data, draw)
        report.count(kind)
        newest.write_bytes(changed)
        try:
            (load or weights.load)(newest)
            report.fail(f"{kind}: a changed checkpoint was loaded silently")
        except StoreError:
            pass
        except Exception as cause:
            report.fail(f"{kind}: {cause!r} instead of a StoreError")
        found = weights.load_newest(folder)
        if found is None or found.step != 1 or not found.notes or not equal(found.tensors, tensors(1)):
            report.fail(f"{kind}: the older checkpoint was not found")
    return report.done()


def run_book(root: Path, count: int, *, seed: int = 0, until_first: bool = False) -> Report:
    """Harm a closed book (its file) or one whose writer was killed (its file or its log).

    Promises: reading gives what was written, or a StoreError; after harm to the log also an earlier moment of the same curves.
    Writing on gives no other exception than a StoreError.
    """
    report, draw = Report(f"changed books of runs (seed {seed})"), random.Random(seed)
    whole, torn = empty_folder(root, "whole"), empty_folder(root, "torn")
    truth = _write(whole, torn)
    for trial in range(count):
        report.trials += 1
        folder = root / "copy"
        use_log = trial % 3 == 2
        shutil.copytree(torn if use_log else whole, folder)
        target = folder / (runs.FILE + ("-wal" if use_log and draw.random() < 0.7 else ""))
        changed, kind = harm(target.read_bytes(), draw)
        target.write_bytes(changed)
        what = f"{kind} in {target.name}"
        try:
            outcome = "right" if _reads(folder, truth, prefix=use_log) else "wrong"
        except StoreError as cause:
            outcome = "refused"
            if "\n" in str(cause):
                report.fail(f"{what}: the sentence has several lines: {cause}")
        except Exception as cause:
            outcome = "crashed"
            report.fail(f"{what}: reading gave {cause!r}")
        if outcome == "wrong":
            report.fail(f"{what}: wrong numbers were read")
        report.count(outcome)
        try:
            with Runs(folder) as book:
                run = book.create("more", "{}", 1).id
                book.append(run, curve(3))
                book.rewind(run, 2, 1)
        except StoreError:
            pass
        except Exception as cause:
            report.fail(f"{what}: writing gave {cause!r}")
        shutil.rmtree(folder)
        if until_first and report.failures:
            break
    return report.done()


def _write(whole: Path, torn: Path) -> dict[str, list[Event]]:
    """Write two runs; copy the files once with the log still there, as a killed writer leaves them."""
    truth: dict[str, list[Event]] = {}
    with Runs(whole) as book:
        for length in (30, 80):
            events = curve(length)
            run = book.create("tiny", '{"name": "tiny"}' * 20, length).id
            truth[run] = events
            for i in range(0, len(events), 10):
                book.append(run, events[i : i + 10])
        for path in whole.iterdir():
            if path.suffix != ".lock":
                shutil.copy(path, torn)
    return truth


def _reads(folder: Path, truth: dict[str, list[Event]], *, prefix: bool) -> bool:
    rows = runs.read_all(folder)
    if not prefix and [row.id for row in rows] != list(truth):
        return False
    for row in rows:
        events = runs.read_events(folder, row.id)
        expected = truth.get(row.id, [])
        if events != (expected[: len(events)] if prefix else expected) or row.name != "tiny":
            return False
    return True
