"""What ``bench/page.py`` measures with: a real laboratory, viewers without a browser, a process's own clock, and paired ratios."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import websockets

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))

from house import Server, children, open_server

from vitral import wire

__all__ = [
    "QUIET",
    "Counter",
    "Server",
    "audience",
    "children",
    "interval",
    "kilobytes_of",
    "open_server",
    "ratio",
    "seconds_below",
    "slope",
    "spread",
    "worker_of",
]
LOOK = {"kind": "look", "id": 1, "rate": 10, "example": 0, "split": "test"}
QUIET = ["--set", "training.epochs=100000", "--set", "training.evaluate_every=100000"]
"""No evaluation falls into a block."""


def worker_of(server: Server) -> int:
    """Give the number of the run's process."""
    (found,) = children(server.process.pid)
    return found


def seconds_of(process: int) -> float:
    """Give the processor time that a process has used, in all of its threads (Linux, to the nanosecond)."""
    return time.clock_gettime((~process << 3) | 2)


def seconds_below(process: int, *, without: int) -> float:
    """Give the processor time of all that a process has started, and what that has started, but for one of them."""
    return sum(seconds_of(child) + seconds_below(child, without=without) for child in children(process) if child != without)


def kilobytes_of(process: int) -> int:
    """Give the memory that a process holds (RSS)."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1])


async def line_to(server: Server, **more: Any) -> websockets.asyncio.client.ClientConnection:
    """Open a page's line without a page."""
    address = f"{server.address.replace('http', 'ws', 1)}/ws/runs/current?from=0"
    return await websockets.connect(address, additional_headers=server.headers, max_size=None, proxy=None, compression=None, **more)


class Viewer:
    """Looks at all layers and takes every picture, unread: what it costs is the laboratory's part alone."""

    def __init__(self) -> None:
        self.num_pictures = self.num_bytes = 0

    async def look(self, server: Server) -> None:
        """Take pictures until the task is cancelled."""
        line = await line_to(server)
        await line.send(json.dumps(LOOK))
        async for frame in line:
            self.num_bytes += len(frame)
            self.num_pictures += b'"kind":"layers"' in frame[:64]


class Drain:
    """A viewer whose pictures are thrown away by the kernel (Linux: MSG_TRUNC): a person's own machine reads them elsewhere, not on this one."""

    def __init__(self) -> None:
        self.num_bytes = 0

    async def look(self, server: Server) -> None:
        """Take pictures until the task is cancelled."""
        loop = asyncio.get_running_loop()
        spare = bytearray(1 << 20)
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.setblocking(False)
            fields = {"Host": f"127.0.0.1:{server.port}", "Upgrade": "websocket", "Connection": "Upgrade", **server.headers}
            fields |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dml0cmFsdml0cmFsdml0cg=="}
            text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            await loop.sock_sendall(line, f"GET /ws/runs/current?from=0 HTTP/1.1\r\n{text}\r\n".encode())
            answer = await loop.sock_recv(line, 1 << 12)
            if not answer.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"the laboratory lets no viewer in: {answer[:200]!r}")
            wish = json.dumps(LOOK).encode()
            await loop.sock_sendall(line, bytes([0x81, 0xFE]) + len(wish).to_bytes(2, "big") + bytes(4) + wish)  # masked with zeros
            over = loop.create_future()

            def take() -> None:
                taken = line.recv_into(spare, len(spare), socket.MSG_TRUNC)
                self.num_bytes += taken
                if not taken and not over.done():
                    over.set_exception(ConnectionError("the laboratory hung up"))

            loop.add_reader(line, take)
            try:
                await over
            finally:
                loop.remove_reader(line)


async def never_read(server: Server) -> None:
    """Look, and take nothing: the line fills up and stays so."""
    line = await line_to(server, max_queue=1, ping_interval=None)
    await line.send(json.dumps(LOOK))
    await asyncio.sleep(1e9)


@contextlib.asynccontextmanager
async def audience(server: Server, number: int, stuck: int = 0, drains: int = 0) -> AsyncIterator[list[Viewer]]:
    """Let so many viewers look, so many more whose pictures are thrown away, and so many that never read."""
    viewers = [Viewer() for _ in range(number)]
    thrown = [Drain() for _ in range(drains)]
    looks = [one.look(server) for one in (*viewers, *thrown)]
    tasks = [asyncio.create_task(task) for task in (*looks, *(never_read(server) for _ in range(stuck)))]
    try:
        yield viewers
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for cause in ended:
            if not isinstance(cause, asyncio.CancelledError):
                raise RuntimeError("a viewer broke off") from (cause if isinstance(cause, BaseException) else None)


class Counter:
    """Hears the run's events, and no pictures: the step that it has come to."""

    def __init__(self, server: Server) -> None:
        self.server, self.step = server, 0
        self._told = asyncio.Event()

    async def listen(self) -> None:
        """Keep count until the task is cancelled."""
        line = await line_to(self.server)
        async for frame in line:
            header, _ = wire.unpack(frame)
            for event in header.get("events", ()):
                if event["event"] == "batch_done":
                    self.step = event["step"]
                    self._told.set()

    async def next(self) -> int:
        """Wait until a step is heard of."""
        self._told.clear()
        await asyncio.wait_for(self._told.wait(), 60)
        return self.step

    async def block(self, seconds: float) -> tuple[float, float]:
        """Let the run learn for a while; gives the clock's and the run's own seconds a step."""
        process = worker_of(self.server)
        first = await self.next()
        began, used = time.perf_counter(), seconds_of(process)
        await asyncio.sleep(seconds)
        steps = await self.next() - first
        return (time.perf_counter() - began) / steps, (seconds_of(process) - used) / steps


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Give the median and its 95 % interval (bootstrap)."""
    draws = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(4000))  # noqa: S311
    return statistics.median(values), draws[100], draws[-101]


def ratio(name: str, values: Sequence[float], to: Sequence[float]) -> str:
    """Write by how much paired blocks differ."""
    middle, low, high = ((value - 1) * 100 for value in interval([a / b for a, b in zip(values, to, strict=True)]))
    return f"{name}: {middle:+.2f} %   95 % interval {low:+.2f} .. {high:+.2f} %"


def spread(name: str, values: Sequence[float], unit: str) -> str:
    """Write what is in the middle, and what 95 of a hundred stay below."""
    ordered = sorted(values)
    if not ordered:
        return f"{name}: none"
    return (
        f"{name}: median {statistics.median(ordered):.1f} {unit}, p95 {ordered[int(0.95 * len(ordered))]:.1f} {unit} (n = {len(ordered)})"
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Fit a line and give how steep it is."""
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope
