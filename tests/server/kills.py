"""SIGKILL the server, or a run's process, while it learns, is watched, writes its book and takes uploads; then look at what is left."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import house
import httpx
import websockets.sync.client
from PIL import Image

from vitral.runtime import workspace as place
from vitral.store import locks, weights

SECONDS_TO_END = 5.0
ARGUMENTS = ("edges", "--set", "training.epochs=1000000", "--set", "training.batch_size=16")


@dataclass
class Report:
    """What happened: how often, with a painter at work or not, how long the processes took to end, and which promises were broken."""

    kills: int = 0
    painters: int = 0
    uploads: int = 0
    cut_uploads: int = 0
    steps: int = 0
    seconds_to_end: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        slowest = max(self.seconds_to_end, default=0.0)
        found = f"{self.kills} kills, {self.painters} of them beside a painter, {self.steps:,} steps learned, {self.uploads} uploads whole, {self.cut_uploads} cut"
        return f"{found}; the last process ended after at most {slowest:.2f} s; {len(self.failures)} promises broken"


class Bringer:
    """Sends pictures without a pause, from a thread."""

    def __init__(self, server: house.Server, report: Report, draw: random.Random) -> None:
        self._server, self._report, self._draw = server, report, draw
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._bring, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join(30)

    def _bring(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            file = io.BytesIO()
            Image.effect_noise((300, 300), self._draw.uniform(10, 90)).save(file, "PNG")
            try:
                with self._server.client() as client:
                    answer = client.post("/api/images", content=file.getvalue())
                self._report.uploads += answer.status_code == 201
            except httpx.ConnectError:
                return  # nobody is there any more: this one was never begun
            except httpx.HTTPError:
                self._report.cut_uploads += 1


class Viewer:
    """Looks at every picture, from a thread, until the line is cut: a run that is watched has a painter beside it, after two seconds."""

    def __init__(self, server: house.Server) -> None:
        self._address = f"{server.address.replace('http', 'ws', 1)}/ws/runs/current?from=0"
        self._headers = server.headers
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._thread.join(30)

    def _look(self) -> None:
        with (
            contextlib.suppress(OSError, websockets.WebSocketException),
            websockets.sync.client.connect(
                self._address, additional_headers=self._headers, max_size=None, proxy=None, compression=None
            ) as line,
        ):
            line.send(json.dumps({"kind": "look", "id": 1, "rate": 10, "example": 0, "split": "test"}))
            for frame in line:
                if b'"state":"lost"' in bytes(frame[:4096]):
                    return


def run(root: Path, kills: int, *, seed: int = 0, tell: Callable[[str], None] = lambda line: None) -> Report:
    """Let one run live through so many kills, two of three of the server, the others of the run's own process.

    Promises after each kill: no process is left after five seconds; the run is listed, its curve can be read and its newest checkpoint is
    whole; every upload to be seen is whole; the run goes on, from no earlier than the last checkpoint that was known.
    """
    report, draw = Report(), random.Random(seed)
    space = root / "workspace"
    known, saved, port = "", 0, 0
    while report.kills < kills and not report.failures:
        arguments = ("--resume", known) if known else ARGUMENTS
        with house.open_server(space, real=True, arguments=arguments, port=port) as server:
            port = server.port
            while report.kills < kills and not report.failures:
                with server.client() as client:
                    found = _wait_until_it_learns(client)
                known = found["id"]
                bringer, viewer = Bringer(server, report, draw), Viewer(server)
                time.sleep(draw.uniform(0, 6))
                started = _below(server.process.pid)
                of_server = draw.random() < 2 / 3
                runs = [pid for pid in started if runs_as(pid, "worker")]
                victims = [server.process.pid] if of_server else runs
                report.painters += any(runs_as(pid, "painter") for pid in started)
                ended = started if of_server else [one for run in runs for one in (run, *_below(run))]
                for victim in victims:
                    os.kill(victim, signal.SIGKILL)
                killed_at = time.monotonic()
                if of_server:
                    server.process.wait(30)
                _wait_for_the_end(report, ended, killed_at)
                bringer.end()
                viewer.end()
                report.kills += 1
                saved = _judge(report, space, known, saved, f"kill {report.kills}")
                tell(f"{report}")
                if of_server:
                    break
                with server.client() as client:
                    _resume(report, client, known)
    row = place.find(space, known)
    report.steps = row.step
    return report


def runs_as(process: int, part: str) -> bool:
    """Say whether a process is a run's own ("worker"), or its painter."""
    with contextlib.suppress(OSError):
        return f"vitral.runtime.{part}".encode() in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def _below(process: int) -> list[int]:
    """Give what a process has started, and what that has started."""
    return [one for child in house.children(process) for one in (child, *_below(child))]


def _wait_until_it_learns(client: httpx.Client) -> dict[str, object]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = client.get("/api/runs/current").json()
        if found["state"] == "learning" and found.get("experiment"):
            return found  # type: ignore[no-any-return]
        assert found["state"] == "loading", found
        time.sleep(0.05)
    raise AssertionError("the run does not begin")


def _resume(report: Report, client: httpx.Client, run: str) -> None:
    deadline = time.monotonic() + 20
    while (state := client.get(f"/api/runs/{run}").json())["state"] != "lost":
        if time.monotonic() > deadline:
            report.failures.append(f"a killed process is no stated state: {state}")
            return
        time.sleep(0.02)
    if not state["resume"]:
        report.failures.append(f"a lost run cannot be resumed: {state}")
    answer = client.post(f"/api/runs/{run}/resume", json={})
    if answer.status_code != 202:
        report.failures.append(f"resume: {answer.text}")


def _wait_for_the_end(report: Report, processes: list[int], killed_at: float) -> None:
    while any(house.alive(process) for process in processes):
        if time.monotonic() - killed_at > SECONDS_TO_END:
            left = [Path(f"/proc/{process}/cmdline").read_bytes() for process in processes if house.alive(process)]
            report.failures.append(f"after {SECONDS_TO_END} s a process is left: {left}")
            return
        time.sleep(0.01)
    report.seconds_to_end.append(time.monotonic() - killed_at)


def _judge(report: Report, space: Path, run: str, saved: int, when: str) -> int:
    """Look at the workspace as another process finds it; gives the step of the newest checkpoint."""
    try:
        info = place.find(space, run)
        curve = place.events(space, run)
        if [event.step for event in curve] != sorted(event.step for event in curve):
            report.failures.append(f"{when}: the curve is not in order")
        folder = place.folder_of(space, run)
        if not locks.is_free(folder):
            report.failures.append(f"{when}: the run is still locked")
        if info.state not in ("interrupted", "failed"):
            report.failures.append(f"{when}: the run is {info.state}")
        loaded = weights.load_newest(folder / place.CHECKPOINTS)
        step = loaded.step if loaded else 0
        if loaded and loaded.notes:
            report.failures.append(f"{when}: {loaded.notes[0]}")
        if step < saved:
            report.failures.append(f"{when}: step {saved} was saved before, now it is {step}")
    except Exception as cause:
        report.failures.append(f"{when}: {type(cause).__name__}: {cause}")
        return saved
    for path in (space / "laboratory" / "image").iterdir():
        if path.name.startswith("."):
            continue
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest()[:32] != path.stem:
            report.failures.append(f"{when}: the upload {path.name} is not whole")
    return step
