"""The live line to a page: frames down, commands up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from vitral.errors import SpecError, StoreError
from vitral.server.bodies import parse
from vitral.server.frames import answer
from vitral.server.lab import Laboratory
from vitral.server.room import Room
from vitral.server.viewers import Viewer

MOST_TEXT = 100_000
SECONDS_TO_CLOSE = 1.0
NO_SUCH_RUN, TOO_MANY, TOO_SLOW, GOING = 4404, 4429, 4408, 1012

log = logging.getLogger("vitral.server")


async def watch(page: WebSocket) -> None:
    """Serve one page until it leaves: ``/ws/runs/{id}?from=N&life=L``."""
    lab: Laboratory = page.app.state.lab
    await page.accept()
    try:
        room = await lab.room(page.path_params["id"])
        viewer = await room.join(_position(page), page.query_params.get("life", "")[:80])
    except StoreError as cause:
        await _close(page, NO_SUCH_RUN, str(cause))
        return
    except BufferError as cause:
        await _close(page, TOO_MANY, str(cause))
        return
    down = asyncio.create_task(_send(page, viewer))
    up = asyncio.create_task(_receive(page, room, viewer))
    try:
        await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        room.part(viewer)
        for task in (down, up):
            task.cancel()
        for found in await asyncio.gather(down, up, return_exceptions=True):
            if isinstance(found, BufferError):
                await _close(page, TOO_SLOW, str(found))
            elif isinstance(found, Exception) and not isinstance(found, (WebSocketDisconnect, RuntimeError, OSError)):
                log.error("a page's line broke", exc_info=found)
    await _close(page, GOING, "")


async def _send(page: WebSocket, viewer: Viewer) -> None:
    while True:
        await page.send_bytes(await viewer.next())


async def _receive(page: WebSocket, room: Room, viewer: Viewer) -> None:
    while True:
        viewer.insist_on_room()
        message = await page.receive()
        if message["type"] == "websocket.disconnect":
            return
        number: Any = None
        try:
            text = message.get("text")
            if text is None or len(text) > MOST_TEXT:
                raise SpecError(f"a command is a text of at most {MOST_TEXT:,} characters, got something else")
            values = parse(text)
            number = values.get("id")
            if isinstance(number, bool) or not isinstance(number, (int, float, str)) or len(str(number)) > 64:
                number = None
                raise SpecError('a command has a number or a short text under "id"')
        except SpecError as cause:
            viewer.send(answer(number, {"error": str(cause)}, ok=False))
            continue
        await room.hear(viewer, values)


def _position(page: WebSocket) -> int:
    text = page.query_params.get("from", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


async def _close(page: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(Exception):  # it may be gone already, or take nothing any more
        async with asyncio.timeout(SECONDS_TO_CLOSE):
            await page.close(code, reason.encode("utf-8", "replace")[:120].decode("utf-8", "ignore"))
