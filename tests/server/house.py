"""What the server's tests share: an application to call directly, and a real server in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from vitral import wire
from vitral.server.app import Parts, build, site_of
from vitral.server.token import Tokens, cookie_name
from vitral.server.workers import Worker

HERE = Path(__file__).parent
PORT = 8765
HOST = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{HOST}"
PUPPET = (str(HERE / "puppet.py"),)
spawn = functools.partial(Worker.spawn, PUPPET)


made: list[Parts] = []


def parts(workspace: Path, **more: Any) -> Parts:
    """A laboratory with puppets for runs."""
    found = build(workspace, site_of("127.0.0.1", PORT), Tokens(b"k" * 32), spawn=spawn, **more)
    made.append(found)
    return found


def run(scene: Coroutine[Any, Any, Any]) -> Any:
    """Play a scene, and close the laboratories that it opened."""

    async def whole() -> Any:
        made.clear()
        try:
            return await scene
        finally:
            for found in made:
                await found.lab.close()

    return asyncio.run(whole())


def let_in(found: Parts, **more: str) -> dict[str, str]:
    """The headers of a page that was let in and may change things."""
    return {"host": HOST, "origin": ORIGIN, "cookie": f"{cookie_name(PORT)}={found.tokens.cookie()}", **more}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(app: Any, method: str, path: str, headers: Mapping[str, str] | list[tuple[str, str]], body: bytes = b"") -> Answer:
    """Call an application as a server does, with exactly these headers."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
    path, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": [(k.lower().encode(), v.encode()) for k, v in pairs],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", PORT),
    }  # fmt: skip
    pieces = [body[i : i + 65536] for i in range(0, len(body), 65536)] or [b""]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    found = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, found)


async def knock(app: Any, path: str, headers: Mapping[str, str]) -> int:
    """Try to open a websocket: 101 where it was accepted, else the status of the refusal."""
    path, _, query = path.partition("?")
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "root_path": "", "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", PORT), "subprotocols": [], "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    first = sent[0]
    return 101 if first["type"] == "websocket.accept" else int(first.get("status", 403))


class Door:
    """The way into a laboratory whose link is known."""

    link: str

    def enter(self) -> None:
        """Use the link."""
        self.address = self.link.partition("/open")[0]
        self.port = int(self.address.rpartition(":")[2])
        self.cookie = self.let_in()

    def let_in(self) -> str:
        answer = httpx.get(self.link, follow_redirects=False, trust_env=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["set-cookie"].partition(";")[0]

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "Origin": self.address}

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers=self.headers, trust_env=False, timeout=60)

    @contextlib.asynccontextmanager
    async def page(self, run: str = "current", query: str = "", **more: Any) -> AsyncIterator[Page]:
        address = f"{self.address.replace('http', 'ws', 1)}/ws/runs/{run}{query}"
        async with websockets.connect(
            address, additional_headers=self.headers, max_size=None, proxy=None, compression=None, **more
        ) as line:
            yield Page(line)


class Server(Door):
    """A laboratory in a process of its own; ``real`` runs train with torch, the others are puppets."""

    def __init__(self, workspace: Path, *, real: bool = False, arguments: tuple[str, ...] = (), port: int = 0, threads: int = 1) -> None:
        self.workspace = workspace
        program = ["-m", "vitral.cli", "open", "--no-browser"] if real else [str(HERE / "open_puppets.py")]
        command = [sys.executable, *program, "--workspace", str(workspace), "--port", str(port), *arguments]
        self._log = (workspace.parent / f"{workspace.name}.log").open("a+b")
        self._begin = self._log.seek(0, os.SEEK_END)
        quiet = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, env=quiet, start_new_session=True)
        self.link = self._wait_for_link()
        self.enter()

    def _wait_for_link(self) -> str:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if found := re.search(r"http://\S+/open\?token=\S+", self.said()):
                return found[0]
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)
        raise AssertionError(self.said())

    def said(self) -> str:
        self._log.seek(self._begin)
        return self._log.read().decode()

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.process.pid, number)
        self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()


class Page:
    """A browser's page: it takes frames and keeps the events as the contract says."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        self.events: list[dict[str, Any]] = []
        self.position = 0
        self.hello: dict[str, Any] = {}
        self.state = ""
        self.num_pictures = 0
        self._number = 100
        self._answers: dict[Any, dict[str, Any]] = {}

    async def take(self, seconds: float = 20.0) -> dict[str, Any]:
        header, _ = wire.unpack(await asyncio.wait_for(self.line.recv(), seconds))
        match header["kind"]:
            case "hello":
                self.hello, self.state = header, header["state"]
            case "state":
                self.state = header["state"]
            case "events":
                del self.events[header["from"] :]
                self.events += header["events"]
                self.position = header["to"]
            case "answer":
                self._answers[header["id"]] = header
            case _:
                self.num_pictures += 1
        return header

    async def until(self, wanted: Any, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not wanted(self):
            await self.take(max(0.01, deadline - time.monotonic()))

    async def ask(self, kind: str, **values: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        await self.line.send(json.dumps({"kind": kind, "id": number, **values}))
        await self.until(lambda page: number in page._answers)
        return self._answers.pop(number)


@contextlib.contextmanager
def open_server(workspace: Path, **more: Any) -> Iterator[Server]:
    server = Server(workspace, **more)
    try:
        yield server
    finally:
        server.close()


def steps_of(events: list[dict[str, Any]]) -> list[int]:
    return [event["step"] for event in events if event["event"] == "batch_done"]


def children(process: int) -> list[int]:
    """The processes whose parent this is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == process and fields[0] != "Z":
                found.append(int(path.parent.name))
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
