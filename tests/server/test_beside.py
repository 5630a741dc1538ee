"""A script's own model on the page: its very numbers, one step at a time where somebody asks for it, and a training that never notices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import house
import numpy as np
import pytest

from vitral import wire

SCRIPT = Path(__file__).with_name("own_model.py")


class Script(house.Door):
    """The script in a process of its own, and the page beside it."""

    def __init__(self, *arguments: object, live: bool = True) -> None:
        command = [sys.executable, str(SCRIPT), "live" if live else "alone", *map(str, arguments)]
        quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet)
        if live:
            self.link = re.search(r"http://\S+", self.line())[0]
            self.enter()

    def line(self) -> str:
        return self.process.stdout.readline()

    def laboratory(self) -> int:
        return next(number for number in house.children(self.process.pid))

    def close(self) -> None:
        with self.process:  # closes its pipes
            self.process.kill()


@contextlib.contextmanager
def script(*given: object, **more: Any) -> Iterator[Script]:
    found = Script(*given, **more)
    try:
        yield found
    finally:
        found.close()


class Picture(house.Page):
    """Keeps the newest picture, too."""

    def __init__(self, line: Any) -> None:
        super().__init__(line)
        self.header: dict[str, Any] = {}
        self.blobs: list[Any] = []

    async def take(self, seconds: float = 20.0) -> dict[str, Any]:
        frame = await asyncio.wait_for(self.line.recv(), seconds)
        header, blobs = wire.unpack(frame)
        if header["kind"] == "layers":
            self.header, self.blobs = header, blobs
            self.num_pictures += 1
            return header

        async def again() -> bytes:
            return frame

        line, self.line = self.line, type("Again", (), {"recv": staticmethod(again)})()
        try:
            return await super().take(seconds)
        finally:
            self.line = line

    def numbers(self, layer: str, what: str) -> np.ndarray:
        seen = next(one for one in self.header["layers"] if one["name"] == layer)[what]
        blob = self.blobs[seen["blob"]]
        return np.frombuffer(blob.data, np.float16).reshape(blob.shape).astype(np.float64) * seen["scale"]


@contextlib.asynccontextmanager
async def page(door: house.Door) -> Any:
    async with door.page() as found:
        yield Picture(found.line)


def gone(process: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and house.alive(process):
        time.sleep(0.05)
    return not house.alive(process)


def test_a_script_whose_model_is_shown_learns_the_same_bits() -> None:
    with script(60, 0.02, live=False) as alone:
        expected = json.loads(alone.line())
    with script(60, 0.02) as shown:

        async def look() -> None:
            async with page(shown) as viewer:
                await viewer.until(lambda viewer: viewer.hello.get("rows"))
                await viewer.ask("look", rate=30)
                await viewer.until(lambda viewer: viewer.num_pictures > 3)
                await viewer.ask("pause")
                await viewer.until(lambda viewer: viewer.state == "paused")
                assert (await viewer.ask("explain", layer="0", place=[1, 2, 3]))["ok"]
                await viewer.ask("run")
                await viewer.until(lambda viewer: viewer.events and viewer.events[-1]["event"] == "run_ended")
                assert viewer.state == "finished"
                losses = [event["loss"] for event in viewer.events if event["event"] == "batch_done"]
                assert house.steps_of(viewer.events) == list(range(1, 61))
                assert all(0 < loss < 10 for loss in losses)
                assert viewer.events[0]["event"] == "run_started"
                assert viewer.events[-1] | {"seconds": 0} == {"event": "run_ended", "step": 60, "outcome": "finished", "seconds": 0}

        asyncio.run(look())
        told = json.loads(shown.line())
        assert told["problem"] == ""
        assert told["looks"] > 3
        assert json.loads(shown.line()) == expected


def test_the_page_shows_and_explains_the_very_numbers_of_a_step() -> None:
    with script(100000, 0.01) as shown:

        async def look() -> None:
            async with page(shown) as viewer:
                await viewer.until(lambda viewer: viewer.hello.get("rows"))
                assert viewer.hello["watched"]
                assert viewer.hello["experiment"] == {"name": "Sequential"}
                rows = viewer.hello["rows"]
                assert [row["settings"] for row in rows[1:3]] == ["Conv2d 4@3x3 pad 1", "ReLU"]
                assert [row["output"] for row in rows] == ["3x8x8", "4x8x8", "4x8x8", "4x4x4", "4x4x4", "64", "3"]
                assert (rows[1]["parameters"], rows[1]["multiply_adds"], rows[6]["num_parameters"]) == ("4x3x3x3+4 = 112", 6912, 195)
                await viewer.ask("look", rate=30)
                await viewer.until(lambda viewer: viewer.num_pictures > 1)
                assert [layer["name"] for layer in viewer.header["layers"]] == ["input", *"012345"]
                for place in [(0, 0, 0), (3, 7, 2), (1, 4, 4)]:
                    told = await viewer.ask("explain", layer="0", place=list(place), step=viewer.header["step"])
                    moment = told["record"]["moment"]
                    assert moment["value"] == pytest.approx(told["record"]["engine"]["value"], abs=1e-5)
                await viewer.ask("pause")
                await viewer.until(lambda viewer: viewer.state == "paused")
                step = (await viewer.ask("history"))["now"]
                await viewer.until(lambda viewer: viewer.header["step"] == house.steps_of(viewer.events)[-1] == step)
                at = viewer.position
                values = viewer.numbers("0", "activation")
                for place in [(0, 0, 0), (3, 7, 2), (1, 4, 4)]:
                    told = await viewer.ask("explain", layer="0", place=list(place), step=step)
                    assert told["step"] == step
                    assert told["record"]["moment"]["value"] == pytest.approx(values[place], rel=2**-10, abs=1e-6)
                assert viewer.position == at, "nothing is learned while it is paused"
                await viewer.ask("batch")
                await viewer.until(lambda viewer: viewer.position > at and viewer.header["step"] == step + 1)
                assert house.steps_of(viewer.events)[-1] == step + 1
                for refused in ("epoch", "set", "snapshot", "load", "predict", "restart"):
                    told = await viewer.ask(refused)
                    assert not told["ok"], refused
                    assert told["error"].count("\n") == 0
                told = await viewer.ask("explain", layer="3", place=[0, 1, 1])
                assert not told["ok"] or told["record"]["engine"]["value"] == 0
                assert not (await viewer.ask("explain", layer="0", place="everywhere"))["ok"]
                assert not (await viewer.ask("explain", layer="0", place=[0, 0, 0], backward=True))["ok"]

        asyncio.run(look())
        with shown.client() as client:
            answer = client.post("/api/runs", json={"experiment": "default"})
            assert answer.status_code == 409 or 400 <= answer.status_code < 500
            assert "no runs are started here" in answer.text
            for kind in ("snapshot", "convnetjs"):
                assert 400 <= client.get(f"/api/runs/current/{kind}").status_code < 500


def test_the_page_goes_when_its_script_has_gone() -> None:
    with script(100000, 0.01) as shown:
        laboratory = shown.laboratory()
        shown.process.send_signal(signal.SIGKILL)
        shown.process.wait()
        assert gone(laboratory)


def test_a_training_goes_on_without_its_page() -> None:
    with script(40, 0.05, live=False) as alone:
        expected = json.loads(alone.line())
    with script(40, 0.05) as shown:
        os.kill(shown.laboratory(), signal.SIGKILL)
        json.loads(shown.line())
        assert json.loads(shown.line()) == expected


def test_ended_trainings_can_still_be_looked_at() -> None:
    with script(5, 0.1) as shown:  # slow enough for a look at each
        json.loads(shown.line())

        async def look() -> None:
            async with page(shown) as viewer:
                assert viewer.hello == {} or viewer.hello["state"] == "finished"
                await viewer.ask("look", rate=30)
                await viewer.until(lambda viewer: viewer.num_pictures > 0)
                assert (await viewer.ask("explain", layer="5", place=[2], step=viewer.header["step"]))["step"] == viewer.header["step"] == 5

        asyncio.run(look())
        laboratory = shown.laboratory()
        shown.process.stdin.close()
        shown.process.wait(20)
        assert gone(laboratory)
