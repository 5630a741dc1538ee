"""A power cut between any two system calls, by a pessimistic model of what a disk then holds.

What was not fsynced may be lost, whole or by half; a name that was made, changed or deleted since the folder's last fsync may be there
or not, each independently of the others (Pillai et al. 2014, "All File Systems Are Not Created Equal", OSDI, found such disks).
"""

from __future__ import annotations

import itertools
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

STEPS = (1, 2, 3, 4)


class Recorder:
    """An `os` that does what it is told and notes it."""

    def __init__(self) -> None:
        self.trace: list[tuple[Any, ...]] = []
        self.paths: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, *args: Any) -> int:
        handle = os.open(path, flags, *args)
        self.paths[handle] = os.fspath(path)
        if flags & os.O_CREAT:
            self.trace.append(("create", os.fspath(path)))
        return handle

    def write(self, handle: int, data: Any) -> int:
        done = os.write(handle, data)
        self.trace.append(("write", self.paths[handle], bytes(data[:done])))
        return done

    def fsync(self, handle: int) -> None:
        os.fsync(handle)
        self.trace.append(("fsync", self.paths[handle]))

    def replace(self, source: Any, target: Any) -> None:
        os.replace(source, target)
        self.trace.append(("replace", os.fspath(source), os.fspath(target)))

    def unlink(self, path: Any) -> None:
        os.unlink(path)
        self.trace.append(("unlink", os.fspath(path)))


class Disk:
    """What the model believes: contents, the names that are safe, and the changes of names that are not yet."""

    def __init__(self) -> None:
        self.now: list[bytes] = []
        self.safe: list[bytes] = []
        self.seen: dict[str, int] = {}  # what the running program sees
        self.names: dict[str, int] = {}
        self.pending: list[tuple[str, ...] | tuple[Any, ...]] = []

    def do(self, call: tuple[Any, ...], folder: str) -> None:
        kind, path = call[0], call[1]
        if kind == "create":
            self.now.append(b"")
            self.safe.append(b"")
            self.seen[path] = len(self.now) - 1
            self.pending.append(("put", path, self.seen[path]))
        elif kind == "write":
            self.now[self.seen[path]] += call[2]
        elif kind == "fsync" and path == folder:
            self.names = dict(self.seen)
            self.pending = []
        elif kind == "fsync":
            self.safe[self.seen[path]] = self.now[self.seen[path]]
        elif kind == "replace":
            number = self.seen.pop(path)
            self.seen[call[2]] = number
            self.pending.append(("move", path, call[2], number))
        elif kind == "unlink":
            self.seen.pop(path, None)
            self.pending.append(("drop", path))

    def outcomes(self) -> list[dict[str, bytes]]:
        """List what may be found after the cut: each subset of the pending names, with unsafe contents lost, halved or whole."""
        found = []
        for chosen in itertools.product((False, True), repeat=len(self.pending)):
            names = dict(self.names)
            for change, happened in zip(self.pending, chosen, strict=True):
                if not happened:
                    continue
                if change[0] == "put":
                    names[change[1]] = change[2]
                elif change[0] == "move":
                    names.pop(change[1], None)
                    names[change[2]] = change[3]
                else:
                    names.pop(change[1], None)
            found += [{name: self._content(number, share) for name, number in names.items()} for share in (0.0, 0.5, 1.0)]
        return found

    def _content(self, number: int, share: float) -> bytes:
        safe, now = self.safe[number], self.now[number]
        return safe + now[len(safe) : len(safe) + int((len(now) - len(safe)) * share)]


def run(root: Path, *, save: Callable[..., object] = weights.save) -> Report:
    """Record four saves and cut the power after every call.

    Promises: a checkpoint at least as new as the last save that returned is found and is right.
    """
    report = Report("power cuts")
    folder = empty_folder(root, "real")
    recorder = Recorder()
    with patch.object(durable, "os", recorder):
        for step in STEPS:
            save(folder, tensors(step), {"step": step}, step)
            recorder.trace.append(("returned", step))
    disk, returned, tried = Disk(), 0, set()
    for call in recorder.trace:
        if call[0] == "returned":
            returned = call[1]
        else:
            disk.do(call, str(folder))
        for outcome in disk.outcomes():
            key = (returned, *sorted((name, len(content)) for name, content in outcome.items()))
            if key not in tried:
                tried.add(key)
                report.trials += 1
                _judge(report, root, outcome, returned, f"after {call[0]} of {Path(str(call[1])).name}")
    report.count("system calls", len(recorder.trace))
    return report.done()


def _judge(report: Report, root: Path, outcome: dict[str, bytes], returned: int, when: str) -> None:
    folder = empty_folder(root, "found")
    try:
        for name, content in outcome.items():
            (folder / Path(name).name).write_bytes(content)
        found = weights.load_newest(folder)
        step = found.step if found else 0
        if step < returned:
            report.fail(f"{when}: step {returned} was saved, step {step} was found")
        if found and not equal(found.tensors, tensors(step)):
            report.fail(f"{when}: step {step} came back with other numbers")
    except StoreError as cause:
        if returned:
            report.fail(f"{when}: {cause}")
    finally:
        shutil.rmtree(folder)
