"""A Chromium into which nobody looks while it draws: a debugger that stays connected is sent a copy of all that the page is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import websockets

from audience import Server

SECONDS_TO_START = 30
COUNTER = """
window.come = 0;
{
  const Plain = WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...words) {
      super(...words);
      this.addEventListener('message', ({ data }) => { window.come += data.byteLength > 50000; });
    }
  };
}
"""
"""Counts pictures by their size: nothing else that a page is sent is as large."""


class Window:
    """One window. Between two calls nobody is connected to it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._number = 0

    async def ask(self, *commands: tuple[str, dict[str, Any]]) -> Any:
        """Connect, give commands, and disconnect; gives the last answer."""
        async with httpx.AsyncClient(trust_env=False) as client:
            targets = (await client.get(f"http://127.0.0.1:{self._port}/json")).json()
        address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
        answer: Any = None
        async with websockets.connect(address, max_size=None, proxy=None, compression=None) as line:
            for method, values in commands:
                self._number += 1
                await line.send(json.dumps({"id": self._number, "method": method, "params": values}))
                while (answer := json.loads(await line.recv())).get("id") != self._number:
                    continue
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    async def value(self, expression: str) -> Any:
        """Give what an expression is in the page."""
        found = await self.ask(("Runtime.evaluate", {"expression": expression, "returnByValue": True}))
        return found["result"].get("value")

    async def go(self, address: str) -> None:
        """Open an address. A script that counts pictures stays with the page, for as long as it is connected that is."""
        await self.ask(("Page.navigate", {"url": address}))

    async def visit(self, server: Server, refresh: int | None = None) -> None:
        """Open the laboratory's page, which asks for so many pictures a second, and wait for the first."""
        name, _, value = server.cookie.partition("=")
        await self.ask(
            ("Network.setCookie", {"name": name, "value": value, "url": server.address}),
            ("Page.enable", {}),
            ("Page.addScriptToEvaluateOnNewDocument", {"source": COUNTER}),
            ("Page.navigate", {"url": f"{server.address}/?lang=en" + (f"&refresh={refresh}" if refresh else "")}),
        )
        deadline = time.monotonic() + SECONDS_TO_START
        while not await self.value("window.come"):
            if time.monotonic() > deadline:
                raise RuntimeError("no picture came to the page")
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def window(chromium: str, flags: Sequence[str], *, width: int = 1280, height: int = 800) -> AsyncIterator[Window]:
    """Start a browser with one empty window."""
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                chromium,
                *flags,
                "--headless=new",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            file, deadline = Path(folder) / "DevToolsActivePort", time.monotonic() + SECONDS_TO_START
            while not file.exists() or not file.read_text().strip():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("Chromium did not start")
                await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            yield Window(int(file.read_text().split()[0]))
        finally:
            process.terminate()
            process.wait(10)
