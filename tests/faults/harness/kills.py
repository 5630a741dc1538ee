"""SIGKILL at random moments of a real training, and inside its saves; then the run must be readable, resumable and exact."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import tiny
from harness.report import Report
from vitral.errors import VitralError
from vitral.runtime import workspace
from vitral.store import weights

PACE = 0.02
EPOCHS = 10
PATIENCE = 60.0


class Lives:
    """The parent of the processes that are killed."""

    def __init__(self) -> None:
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        path = Path(__file__).with_name("zygote.py")
        self._zygote = subprocess.Popen([sys.executable, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=quiet)
        self._rest = b""
        self._references: dict[str, tuple[float, Any]] = {}
        self._lines: list[dict[str, Any]] = []
        assert "ready" in self._next(PATIENCE)

    def close(self) -> None:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        self._zygote.wait()
        self._zygote.stdout.close()

    def reference(self, root: Path, learned: tiny.Learned = "images") -> tuple[float, Any]:
        """Train without any harm, once: how many seconds it took, and the run's signature."""
        if learned not in self._references:
            begun = time.monotonic()
            whole = self.live(root / "reference", None, learned=learned)
            span = time.monotonic() - begun
            assert whole["end"] == "finished", whole
            self._references[learned] = span, tiny.signature(root / "reference", whole["run"])
        return self._references[learned]

    def live(
        self,
        place: Path,
        run: str | None,
        *,
        stop_at: int = 0,
        kill_after: float | None = None,
        planted: str = "",
        learned: tiny.Learned = "images",
    ) -> dict[str, Any]:
        """Let a process train, and kill it after so many seconds, or where it stops inside a save.

        Gives what was heard of it: run, saved (steps), inside, end, killed.
        """
        request = {
            "place": str(place),
            "run": run,
            "pace": PACE,
            "epochs": EPOCHS,
            "stop_at": stop_at,
            "planted": planted,
            "learned": learned,
        }
        assert self._zygote.stdin is not None
        self._zygote.stdin.write((json.dumps(request) + "\n").encode())
        self._zygote.stdin.flush()
        child = int(self._next(PATIENCE)["child"])
        deadline = time.monotonic() + (kill_after if kill_after is not None else PATIENCE)
        heard: dict[str, Any] = {"run": run, "saved": [], "inside": "", "end": "", "killed": False}
        while True:
            line = self._next(max(0.0, deadline - time.monotonic()) if not heard["killed"] else PATIENCE)
            if line is None or "inside" in line:
                heard["inside"] = line["inside"] if line else ""
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                heard["killed"] = True
            elif "exit" in line:
                heard["killed"] = os.WIFSIGNALED(line["exit"])
                heard["status"] = line["exit"]
                return heard
            elif "saved" in line:
                heard["saved"].append(line["saved"])
            else:
                heard.update(line)

    def _next(self, seconds: float) -> Any:
        """Give the next line, or None when none comes in time."""
        assert self._zygote.stdout is not None
        end = time.monotonic() + seconds
        while not self._lines:
            ready, _, _ = select.select([self._zygote.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            part = os.read(self._zygote.stdout.fileno(), 65536)
            assert part, "the zygote is gone"
            *whole, self._rest = (self._rest + part).split(b"\n")
            self._lines += [json.loads(line) for line in whole]
        return self._lines.pop(0)


@contextlib.contextmanager
def open_lives() -> Iterator[Lives]:
    """Start the zygote, and end it."""
    lives = Lives()
    try:
        yield lives
    finally:
        lives.close()


def run(
    root: Path, kills: int, *, lives: Lives, inside: int = 0, seed: int = 0, planted: str = "", learned: tiny.Learned = "images"
) -> Report:
    """Kill ``kills`` lives of runs, at least ``inside`` of them inside a save, and let each run come to its end at last.

    Promises after every kill: the run is listed and its curve can be read; it is the beginning of the uninterrupted curve, to the bit;
    the newest checkpoint is whole and at least as new as the last one that was announced. At the end: curve and weights are those of
    the uninterrupted run, to the bit.
    """
    report, draw = Report(f"SIGKILL (seed {seed})"), random.Random(seed)
    span, reference = lives.reference(root, learned)
    number, done_inside = 0, 0
    while not report.failures and (report.trials < kills or done_inside < inside):
        number += 1
        place, known, saved, ended = root / f"run{number}", None, 0, ""
        while not ended and not report.failures:
            enough = report.trials >= kills and done_inside >= inside
            stop_at, kill_after = 0, None
            if not enough and done_inside < inside and draw.random() < max(0.5, inside / kills):
                stop_at = draw.randrange(1, 40)
            elif not enough:
                kill_after = draw.uniform(0, span)
            heard = lives.live(place, known, stop_at=stop_at, kill_after=kill_after, planted=planted, learned=learned)
            known, saved, ended = heard["run"], max([saved, *heard["saved"]]), heard["end"]
            if heard["killed"]:
                report.trials += 1
                done_inside += bool(heard["inside"])
                report.count(f"inside a save, at {heard['inside']}" if heard["inside"] else "at a random moment")
            elif heard["status"]:
                report.fail(f"run {number} broke off by itself")
            elif sentence := heard.get("refused"):
                if "has taken all its steps" in sentence:  # killed between its last step and saying so
                    ended = "finished"
                else:
                    report.fail(f"run {number} cannot go on: {sentence}")
            known = _judge(report, place, known, saved, reference, f"run {number}, kill {report.trials}")
        if not report.failures and (wrong := tiny.differences(tiny.signature(place, known or ""), reference)):
            report.fail(f"run {number} after its end: {wrong}")
    report.count("runs", number)
    report.details["inside in all"] = done_inside
    return report.done()


def _judge(report: Report, place: Path, known: str | None, saved: int, reference: Any, when: str) -> str | None:
    """Look at the run as another process would find it; gives its id."""
    try:
        found = workspace.listing(place)
        if not found:
            if known:
                report.fail(f"{when}: run {known} is not listed")
            return None
        info = found[-1]
        curve = tiny.told(workspace.events(place, info.id))
        if curve != reference[0][: len(curve)]:
            report.fail(f"{when}: the curve is not the beginning of the uninterrupted one")
        loaded = weights.load_newest(workspace.folder_of(place, info.id) / workspace.CHECKPOINTS)
        step = loaded.step if loaded else 0
        if step < saved:
            report.fail(f"{when}: step {saved} was announced as saved, step {step} was found")
        if loaded and loaded.notes:
            report.fail(f"{when}: {loaded.notes[0]}")
        if loaded and sum(event["step"] <= step for event in curve) < step:
            report.fail(f"{when}: the curve does not reach the checkpoint of step {step}")
    except VitralError as cause:
        report.fail(f"{when}: {cause}")
        return known
    return info.id
