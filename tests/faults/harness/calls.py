"""The n-th open, write, fsync, rename, close or unlink fails, for every n until a save gets through."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harness.report import Report
from harness.samples import empty_folder, equal, tensors
from vitral.errors import StoreError
from vitral.store import durable, weights

CALLS = ("open", "write", "fsync", "replace", "close", "unlink", "mkdir")
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT)


class FailingOs:
    """An `os` whose n-th system call of those that durable writing is made of fails; 0 for none. A failing write writes half."""

    def __init__(self, n: int, number: int) -> None:
        self.n, self.number, self.calls = n, number, 0
        self.hit = ""

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls != self.n:
                return real(*args, **kwargs)
            self.hit = name
            if name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            if name == "close":
                real(*args, **kwargs)
            raise OSError(self.number, os.strerror(self.number))

        return call


def run(root: Path, *, numbers: tuple[int, ...] = NUMBERS, save: Callable[..., object] = weights.save) -> Report:
    """Fail every call of a save in turn, with every error number.

    Promises: a StoreError of one line; the older checkpoint as it was, or the new one whole; no temporary file left; the next save works.
    """
    report = Report("failing system calls")
    for number in numbers:
        n = 0
        while True:
            n += 1
            folder = empty_folder(root, f"{number}-{n}")
            for step in (1, 2):
                weights.save(folder, tensors(step), {"step": step}, step)
            failing = FailingOs(n, number)
            raised: BaseException | None = None
            with patch.object(durable, "os", failing):
                try:
                    save(folder, tensors(3), {"step": 3}, 3)
                except BaseException as cause:
                    raised = cause
            if not failing.hit:
                break
            report.trials += 1
            report.count(failing.hit)
            _judge(report, folder, f"{errno.errorcode[number]} at call {n} ({failing.hit})", raised, failing.hit)
            shutil.rmtree(folder)
    return report.done()


def _judge(report: Report, folder: Path, what: str, raised: BaseException | None, hit: str) -> None:
    if raised is not None and not isinstance(raised, StoreError):
        report.fail(f"{what}: {raised!r} instead of a StoreError")
        return
    if raised is not None and ("\n" in str(raised) or ";" not in str(raised) or "checkpoint of step 2 is intact" not in str(raised)):
        report.fail(f"{what}: the sentence is {raised}")
    if raised is None and hit != "unlink":
        report.fail(f"{what}: the save said nothing")
    if hit != "unlink" and (left := [path.name for path in folder.iterdir() if path.name.endswith(durable.MARK)]):
        report.fail(f"{what}: {left} was left")
    try:
        found = weights.load_newest(folder)
    except StoreError as cause:
        report.fail(f"{what}: {cause}")
        return
    if found is None or found.notes or found.step not in ((2, 3) if raised else (3,)) or not equal(found.tensors, tensors(found.step)):
        report.fail(f"{what}: afterwards {found and (found.step, found.notes)}")
    weights.save(folder, tensors(3), {"step": 3}, 3)
    after = weights.load_newest(folder)
    if after is None or not equal(after.tensors, tensors(3)) or {weights.step_of(path) for path in weights.generations(folder)} != {2, 3}:
        report.fail(f"{what}: the next save did not work")
