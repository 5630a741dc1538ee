"""The laboratory as one ASGI application: rooms and routes inside, the wall around them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from vitral.server.guard import Door, Doors, Guard
from vitral.server.lab import Laboratory
from vitral.server.routes import DOORS, install_errors, routes
from vitral.server.static import FOLDER, Static
from vitral.server.token import Tokens
from vitral.server.uploads import Uploads
from vitral.server.workers import Peer, Worker


@dataclass(frozen=True)
class Site:
    """Where a laboratory is to be reached: its port, and each Host with the origin that belongs to it."""

    port: int
    hosts: Mapping[str, str]


@dataclass
class Parts:
    """What an application is made of, for who opens it and for the tests."""

    app: ASGIApp
    inner: Starlette
    lab: Laboratory
    tokens: Tokens


def build(
    workspace: Path,
    site: Site,
    tokens: Tokens,
    *,
    device: str = "auto",
    spawn: Callable[[], Awaitable[Peer]] = Worker.spawn,
    static: Path = FOLDER,
    begin: Callable[[Laboratory], Awaitable[None]] | None = None,
    more: Sequence[BaseRoute] = (),
    doors: Sequence[Door] = (),
) -> Parts:
    """Put a laboratory together.

    Args:
        workspace: the folder of runs; uploads stand in its folder ``laboratory``.
        site: where it is to be reached.
        tokens: who may come in.
        device: where runs compute.
        spawn: starts a run's process.
        static: where the built page stands.
        begin: is awaited when the server is up, such as to start the first run.
        more: further routes.
        doors: their policies.

    Raises:
        ValueError: a route has no policy, or a policy no route.
    """
    lab = Laboratory(workspace, Uploads(workspace / "laboratory"), device=device, spawn=spawn)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if begin is not None:
            await begin(lab)
        try:
            yield
        finally:
            await lab.close()

    inner = Starlette(routes=[*routes(Static(static)), *more], lifespan=lifespan)
    install_errors(inner)
    inner.state.lab, inner.state.tokens, inner.state.port = lab, tokens, site.port
    inner.router.redirect_slashes = False  # a redirect would answer where no policy stands
    known = Doors([*DOORS, *doors])
    known.check(inner.routes)
    return Parts(Guard(inner, known, tokens, site.hosts, site.port), inner, lab, tokens)


def site_of(host: str, port: int, allowed: Sequence[str] = ()) -> Site:
    """List the names that a browser may use for this server.

    Args:
        host: the address it listens at.
        port: its port.
        allowed: further names, as ``192.168.1.20``, ``lab.local:8080`` or ``https://lab.example.org`` (behind a proxy that speaks TLS).

    Example:
        ``site_of("127.0.0.1", 8765).hosts["localhost:8765"]`` is ``http://localhost:8765``.
    """
    hosts: dict[str, str] = {}
    for name in ("127.0.0.1", "localhost", "[::1]"):
        hosts[f"{name}:{port}"] = f"http://{name}:{port}"
    if port == 80:
        hosts.update({name: f"http://{name}" for name in ("127.0.0.1", "localhost", "[::1]")})
    for entry in allowed:
        scheme, separator, rest = entry.lower().partition("://")
        name = rest if separator else scheme
        bare = name.rpartition("]")[2] if name.startswith("[") else name
        if not separator and ":" not in bare:
            name = f"{name}:{port}"
        hosts[name] = f"{scheme if separator else 'http'}://{name}"
    return Site(port, hosts)
