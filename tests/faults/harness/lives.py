"""Harm to a run that trains in this process: failing calls, a full disk, a read-only place, two at once, a clock that jumps."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harness import tiny
from harness.calls import FailingOs
from harness.kills import Lives
from harness.report import Report
from vitral.errors import StoreError
from vitral.runtime import workspace
from vitral.store import durable, weights

EPOCHS = 4
ROOM_FOR_EVENTS = 16384
"""Bytes: less than the 16.9 KB of a checkpoint."""


def reference(root: Path) -> tuple[str, Any]:
    """Train without any harm."""
    place = root / "reference"
    run = tiny.live(tiny.begin(place, epochs=EPOCHS))
    return run, tiny.signature(place, run)


def failing_calls(root: Path, *, every: int = 1, numbers: tuple[int, ...] = (errno.ENOSPC, errno.EIO, errno.EACCES)) -> Report:
    """Train, and let every n-th system call of durable writing fail in turn; then resume.

    Promises: StoreError; the newest checkpoint whole; the resumed run equals the uninterrupted one to the bit.
    """
    report = Report("failing system calls while training")
    _, expected = reference(root)
    for number in numbers:
        n = 1
        while True:
            place = root / f"{number}-{n}"
            failing = FailingOs(n, number)
            what = f"{errno.errorcode[number]} at call {n}"
            run = tiny.begin(place, epochs=EPOCHS, pace=0.0)
            raised = None
            with patch.object(durable, "os", failing):
                try:
                    tiny.live(run)
                except Exception as cause:
                    raised = cause
            if not failing.hit:
                break
            report.trials += 1
            if not isinstance(raised, StoreError) and not (raised is None and failing.hit == "unlink"):
                report.fail(f"{what} ({failing.hit}): {raised!r} instead of a StoreError")
            _resume(report, place, expected, what)
            n += every
    return report.done()


def full_disk(root: Path, *, trials: int = 2, seed: int = 0) -> Report:
    """Train on a disk of one megabyte that is nearly full; then make room and resume.

    In turn there is room for a few events and not for a checkpoint, or for nothing at all: the curve is written first, so a disk without
    any room never lets a checkpoint come to its write.

    Promises: a StoreError that says so; what was saved before is whole; the resumed run equals the uninterrupted one to the bit.
    """
    report, draw = Report(f"a full disk (seed {seed})"), random.Random(seed)
    _, expected = reference(root)
    for trial in range(trials):
        place = root / f"disk{trial}"
        place.mkdir()
        with small_disk(place):
            run = tiny.begin(place, epochs=EPOCHS, pace=0.0)
            ballast = place / "ballast"

            spare = ROOM_FOR_EVENTS if trial % 2 == 0 else 0

            def fill(event: object, ballast: Path = ballast, at: int = draw.randrange(1, 18), spare: int = spare) -> None:
                if getattr(event, "step", 0) == at and not ballast.exists():
                    _fill(ballast, spare)

            try:
                tiny.live(run, fill)
                report.fail("the disk was full and nothing was said")
            except StoreError as cause:
                report.count("a checkpoint was refused" if ".safetensors" in str(cause) else "the curve was refused")
                if "disk full" not in str(cause) and "is full" not in str(cause):
                    report.fail(f"the sentence is {cause}")
            except Exception as cause:
                report.fail(f"{cause!r} instead of a StoreError")
            report.trials += 1
            try:
                before = weights.load_newest(workspace.folder_of(place, run.id) / workspace.CHECKPOINTS)
                report.count("checkpoints kept", int(before is not None))
                if before is None or before.notes:
                    report.fail(f"while the disk is full: {before.notes[0] if before else 'no checkpoint was kept'}")
                workspace.listing(place)
                workspace.events(place, run.id)
            except StoreError as cause:
                report.fail(f"while the disk is full: {cause}")
            ballast.unlink(missing_ok=True)
            _resume(report, place, expected, "after making room")
    return report.done()


def read_only(root: Path) -> Report:
    """Try to start, resume and read runs in a place that nobody may write to.

    Promises: starting and resuming is a StoreError; reading works.
    """
    report = Report("a read-only place")
    place = root / "place"
    place.mkdir()
    run = tiny.begin(place, epochs=1)
    next(run.events())
    run.close()
    with writable_no_more(place):
        for what, known in {"start": None, "resume": run.id}.items():
            report.trials += 1
            try:
                tiny.begin(place, known)
                report.fail(f"{what}: nothing was said")
            except StoreError as cause:
                if "read-only" not in str(cause) and "no permission" not in str(cause):
                    report.fail(f"{what}: the sentence is {cause}")
            except Exception as cause:
                report.fail(f"{what}: {cause!r} instead of a StoreError")
        try:
            if [info.id for info in workspace.listing(place)] != [run.id] or not workspace.events(place, run.id):
                report.fail("the run is not found")
        except Exception as cause:
            report.fail(f"reading: {cause!r}")
    return report.done()


def two_at_once(root: Path, *, lives: Lives, planted: str = "") -> Report:
    """Resume a run that this process trains from another one, again and again.

    Promises: the second hears which process trains it; the first goes on to the same bits.
    """
    report = Report("two processes on one run")
    _, expected = reference(root)
    place = root / "place"
    run = tiny.begin(place, epochs=EPOCHS, pace=0.0)
    try:
        for number, _ in enumerate(run.events()):
            if number % 15 == 5:
                report.trials += 1
                heard = lives.live(place, run.id, planted=planted)
                if f"is being trained by process {os.getpid()}" not in heard.get("refused", ""):
                    report.fail(f"the second process said {heard}")
        if wrong := tiny.differences(tiny.signature(place, run.id), expected):
            report.fail(f"the first process: {wrong}")
    except Exception as cause:
        report.fail(f"the first process: {cause!r}")
    return report.done()


def clock_jumps(root: Path, *, num_runs: int = 3) -> Report:
    """Train a few runs one after another while the clock jumps by years, forwards and back.

    Promises: ids in the order of starting; durations that are none of the clock's; each checkpoint when it is due; the same curve to the
    bit.
    """
    report = Report("a clock that jumps")
    _, expected = reference(root)
    place = root / "place"
    draw = random.Random(0)
    real_time, real_gmtime = time.time, time.gmtime

    def jumping() -> float:
        return real_time() + draw.choice([-1e9, -3600, 0, 3600, 1e9])

    with (
        patch.object(time, "time", jumping),
        patch.object(time, "gmtime", lambda seconds=None: real_gmtime(jumping() if seconds is None else seconds)),
    ):
        runs = [tiny.live(tiny.begin(place, epochs=EPOCHS, pace=0.0)) for _ in range(num_runs)]
        report.trials += len(runs)
    if [info.id for info in workspace.listing(place)] != runs or sorted(runs) != runs:
        report.fail(f"the order is {[info.id for info in workspace.listing(place)]}, should be {runs}")
    for run in runs:
        if wrong := tiny.differences(tiny.signature(place, run), expected):
            report.fail(f"{run}: {wrong}")
        curve = workspace.events(place, run)
        if any(not 0 <= getattr(event, "seconds", 0.0) < 600 for event in curve):
            report.fail(f"{run}: a duration is the clock's")
        after = [later.kind for event, later in itertools.pairwise(curve) if event.kind in tiny.KINDS]
        if late := sum(kind != "checkpointed" for kind in after):
            report.fail(f"{run}: {late} of {len(after)} checkpoints were not written when they were due")
    return report.done()


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Mount one megabyte of memory there; ask ``can_mount`` first, for without it the ballast would fill a real disk."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextlib.contextmanager
def writable_no_more(place: Path) -> Iterator[None]:
    """Mount the place over itself, read-only; where that is not allowed, take away the permission to write."""
    bound = ["mount", "--bind", str(place), str(place)], ["mount", "-o", "remount,ro,bind", str(place)]
    if subprocess.run(bound[0], capture_output=True, check=False).returncode == 0:
        try:
            subprocess.run(bound[1], check=True)
            yield
        finally:
            subprocess.run(["umount", str(place)], check=True)
        return
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    files = [path for path in place.rglob("*") if path.is_file()]
    for path in [*files, *reversed(folders)]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in [*folders, *files]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def can_mount(root: Path) -> bool:
    """Say whether this process may mount a small disk."""
    place = root / "probe"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False).returncode:
        return False
    subprocess.run(["umount", str(place)], check=True)
    return True


def _fill(ballast: Path, spare: int) -> None:
    """Use up the disk but for ``spare`` bytes."""
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(file.tell() - spare)


def _resume(report: Report, place: Path, expected: Any, what: str) -> None:
    """Resume the one run of a place until its end and compare it with the uninterrupted one."""
    try:
        (info,) = workspace.listing(place)
        if info.state != "finished":
            tiny.live(tiny.begin(place, info.id, epochs=EPOCHS))
        if wrong := tiny.differences(tiny.signature(place, info.id), expected):
            report.fail(f"{what}, then resumed: {wrong}")
    except Exception as cause:
        report.fail(f"{what}, then resumed: {cause!r}")
