"""Opens a laboratory: one a workspace, at an address, until it is told to close."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
from filelock import FileLock, Timeout

from vitral.errors import StoreError
from vitral.server.app import build, site_of
from vitral.server.lab import Laboratory
from vitral.server.token import Tokens, secret
from vitral.server.workers import Peer, Worker
from vitral.store import durable

FOLDER = "laboratory"
ADDRESS = "address.json"
LOCK = ".lock"
PORT = 8765
NEIGHBOURS = 10
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SECONDS_TO_CLOSE = 2
MILLISECONDS_STUCK = 60_000
"""A page that takes nothing for so long is cut off by the system itself: closing in good order would wait for it."""

Opened = Callable[[str], None]
"""Is told the address of the laboratory, such as ``http://127.0.0.1:8765``, and of a link, when the server is up."""


def serve(
    workspace: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    allowed: Sequence[str] = (),
    device: str = "auto",
    visitors: int = 1,
    begin: Callable[[Laboratory], Awaitable[None]],
    opened: Opened,
    spawn: Callable[[], Awaitable[Peer]] = Worker.spawn,
) -> None:
    """Serve the laboratory of a workspace until Ctrl-C or SIGTERM; all runs are saved then.

    Args:
        workspace: the folder of runs.
        host: the address to listen at; any but loopback needs ``allowed``.
        port: a port; by default 8765 or the next that is free.
        allowed: the names under which browsers on other machines reach this one.
        device: where runs compute.
        visitors: how often the link can be used.
        begin: is awaited when the server is up.
        opened: is told the link.
        spawn: starts a run's process.

    Raises:
        StoreError: a laboratory of this workspace is open already, the port is taken, or the address is not of this machine.
    """
    if host not in LOOPBACK and not allowed:
        raise StoreError(
            f"--host {host} lets other machines in: expected the names that their browsers will use, got none; "
            "add --allow-host NAME, such as --allow-host 192.168.1.20"
        )
    folder = workspace / FOLDER
    durable.make_folder(folder)
    with _alone(folder):
        tokens = Tokens(secret(folder))
        listener = _listen(host, port)
        number = int(listener.getsockname()[1])
        site = site_of(host, number, allowed)
        address = site.hosts[_named(host, number, allowed)]

        async def started(lab: Laboratory) -> None:
            await begin(lab)
            durable.write(folder / ADDRESS, json.dumps({"address": address, "process": os.getpid()}).encode())
            opened(f"{address}/open?token={tokens.link(visitors)}")

        parts = build(workspace, site, tokens, device=device, spawn=spawn, begin=started)
        config = uvicorn.Config(
            parts.app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            ws_per_message_deflate=False,  # pictures do not shrink, and thirty pages would each pay for it
            lifespan="on",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SECONDS_TO_CLOSE,
        )
        logging.getLogger("asyncio").setLevel(logging.ERROR)  # a page that leaves while it is written to is nobody's affair
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            listener.close()
            durable.remove(folder / ADDRESS)


def link(workspace: Path, visitors: int = 1) -> str | None:
    """Make a link to the laboratory of this workspace that is open now; None where none is."""
    folder = workspace / FOLDER
    if not (folder / LOCK).exists():
        return None
    with contextlib.suppress(StoreError), _alone(folder):
        return None
    try:
        address = json.loads((folder / ADDRESS).read_bytes())["address"]
    except (OSError, ValueError, KeyError):
        return None
    return f"{address}/open?token={Tokens(secret(folder)).link(visitors)}"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(f"a laboratory of {folder.parent} is open already: expected none; use it, or choose another --workspace") from None
    except OSError as cause:
        raise durable.explain(cause, "the laboratory could not be locked", folder) from cause
    try:
        yield
    finally:
        lock.release()


def _listen(host: str, port: int | None) -> socket.socket:
    """Take a port of this machine."""
    wanted = [port] if port is not None else [*range(PORT, PORT + NEIGHBOURS), 0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in wanted:
        try:
            listener = socket.create_server((host, number), family=family, backlog=256)
        except OSError as cause:
            if cause.errno == errno.EADDRINUSE and number != wanted[-1]:
                continue
            if cause.errno == errno.EADDRINUSE:
                raise StoreError(f"port {number} is in use: expected a free one; choose another --port") from None
            reason = cause.strerror or str(cause)
            raise StoreError(f"{host}:{number} cannot be listened at ({reason.lower()}); choose another --host or --port") from None
        with contextlib.suppress(AttributeError, OSError):  # Linux; every connection inherits it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, MILLISECONDS_STUCK)
        return listener
    raise AssertionError


def _named(host: str, port: int, allowed: Sequence[str]) -> str:
    """Choose the name that the link shows."""
    if host in LOOPBACK:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return list(site_of(host, port, allowed).hosts)[-len(allowed)]
