"""Nothing is left behind and nothing is lost when the server or a run's process is killed."""

import sys
import time
from pathlib import Path

import house
import kills
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def test_a_few_kills(tmp_path: Path) -> None:
    report = kills.run(tmp_path, 4, seed=5)
    assert report.failures == [], str(report)
    assert report.steps > 0


@pytest.mark.parametrize("seconds", [0.0, 1.0])  # as it starts, and while it loads torch
def test_a_process_that_still_loads_ends_with_its_server(tmp_path: Path, seconds: float) -> None:
    with house.open_server(tmp_path / "workspace", real=True, arguments=kills.ARGUMENTS) as server:
        while not (found := [process for process in house.children(server.process.pid) if kills.runs_as(process, "worker")]):
            time.sleep(0.01)
        time.sleep(seconds)
        server.kill()
        killed_at = time.monotonic()
        while any(house.alive(process) for process in found):
            assert time.monotonic() - killed_at < 2, "it has nothing to save, and yet it stays"
            time.sleep(0.01)


@pytest.mark.long
def test_a_hundred_kills(tmp_path: Path) -> None:
    report = kills.run(tmp_path, 100, seed=1, tell=print)
    assert report.failures == [], str(report)
    assert report.cut_uploads > 10
    assert report.painters > 20
