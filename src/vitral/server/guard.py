"""The one wall around the server: nothing gets through that is not declared, over HTTP and websockets, routes and mounts alike.

In order: the Host is one of ours (no DNS rebinding); the browser says that the request comes from our own page; Origin, where there is
one, is exactly ours, and there is one where something is changed; the cookie is ours; the path and method have a policy; the body is
counted while it is read and cut off at its policy's limit, before anybody parses it. Every answer, refusals too, carries the headers that
keep a browser from running, framing, sniffing or telling others anything.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitral.server.token import Tokens, cookie_name
from vitral.wire import dumps

BODY_SECONDS = 120.0
READS = frozenset({"GET", "HEAD"})
OURS = frozenset({"same-origin", "none"})
"""What Sec-Fetch-Site may say: our own page, or the person (address bar, bookmark, terminal). Other ports of this host are "same-site"."""


@dataclass(frozen=True)
class Policy:
    """What a path asks of who comes: ``open`` needs no cookie; ``limit`` is the largest body in bytes."""

    methods: frozenset[str] = READS
    open: bool = False
    limit: int = 0


@dataclass(frozen=True)
class Door:
    """A policy and the path that it is for, as Starlette writes paths."""

    path: str
    policy: Policy
    socket: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a request does not get through."""

    status: int
    sentence: str


class Doors:
    """All policies. Building the wall fails where a route has none, or a policy has no route."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self._doors = [(compile_path(door.path)[0], door) for door in doors]

    def check(self, routes: Iterable[BaseRoute]) -> None:
        """Insist that every route, method, websocket and mount has exactly its policy.

        Raises:
            ValueError: one has not, by name.
        """
        declared = {(door.path, door.socket): door.policy for _, door in self._doors}
        found: dict[tuple[str, bool], set[str]] = {}
        for path, methods, socket in walk(routes):
            if (path, socket) not in declared:
                raise ValueError(
                    f"the {'websocket' if socket else 'route'} {path} has no policy: expected a Door for it, got none; declare one"
                )
            found.setdefault((path, socket), set()).update(methods)
        for key, policy in declared.items():
            if key not in found:
                raise ValueError(f"there is a policy for {key[0]} and no such route; take it away")
            if not key[1] and found[key] != policy.methods:
                raise ValueError(
                    f"the route {key[0]} answers {sorted(found[key])}, its policy allows {sorted(policy.methods)}; make them equal"
                )

    def policy(self, path: str, *, socket: bool) -> Policy | None:
        """Find the policy of a path; None, which means no, where there is none."""
        return next((door.policy for regex, door in self._doors if door.socket == socket and regex.match(path)), None)


class Guard:
    """The wall as an ASGI application around another.

    Args:
        app: what is guarded.
        doors: the policies.
        tokens: knows who may come in.
        hosts: ``host:port`` or ``host`` as a browser writes it into Host, each with the origin that belongs to it.
        port: of this server, for the name of the cookie.
    """

    def __init__(self, app: ASGIApp, doors: Doors, tokens: Tokens, hosts: Mapping[str, str], port: int) -> None:
        self._app, self._doors, self._tokens = app, doors, tokens
        self._hosts, self._cookie = dict(hosts), cookie_name(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            return
        socket = scope["type"] == "websocket"
        headers = Headers(scope=scope)
        policy = self._doors.policy(scope["path"], socket=socket)
        refusal = next(self._refusals(scope, headers, policy, socket=socket), None)
        if refusal is not None:
            await _refuse(refusal, receive, _dressed(send, headers.get("host", "")), socket=socket)
            return
        assert policy is not None
        if socket:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, _counted(receive, policy.limit), _dressed(send, headers["host"]))

    def _refusals(self, scope: Scope, headers: Headers, policy: Policy | None, *, socket: bool) -> Iterator[Refusal]:
        """Say what stands against a request, in the order that matters: each check may rely on those before it."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            yield Refusal(421, "this laboratory is not at that address; open the link that it printed")
        if any(value not in OURS for value in headers.getlist("sec-fetch-site")):
            yield Refusal(403, "the request came from another page")
        method = "GET" if socket else scope["method"]
        origins, changes = headers.getlist("origin"), socket or method not in READS
        if any(origin != self._hosts[hosts[0].lower()] for origin in origins) or len(origins) > 1 or (changes and not origins):
            yield Refusal(403, "the request came from another page")
        if not (policy is not None and policy.open) and not self._knows(headers):
            yield Refusal(401, "open the laboratory with the link that it printed; `vitral open` prints a new one")
        if policy is None:
            yield Refusal(404, "there is nothing at this address")
        elif method not in policy.methods:
            yield Refusal(405, f"this address knows {', '.join(sorted(policy.methods))}")
        else:
            length = headers.get("content-length", "0")
            if not re.fullmatch(r"[0-9]{1,18}", length):
                yield Refusal(413, f"expected at most {policy.limit:,} bytes, got {length:.20}")
            elif int(length) > policy.limit:
                yield Refusal(413, f"expected at most {policy.limit:,} bytes, got {int(length):,}")

    def _knows(self, headers: Headers) -> bool:
        parts = (part.strip().partition("=") for line in headers.getlist("cookie") for part in line.split(";"))
        return any(name == self._cookie and self._tokens.knows(value) for name, _, value in parts)


def walk(routes: Iterable[BaseRoute], before: str = "") -> Iterable[tuple[str, set[str], bool]]:
    """Give every route below: its path, its methods, whether it is a websocket."""
    for route in routes:
        match route:
            case Route():
                yield before + route.path, set(route.methods or ()), False
            case WebSocketRoute():
                yield before + route.path, set(), True
            case Mount() if route.routes:
                yield from walk(route.routes, before + route.path)
            case Mount():
                yield before + route.path + "/{path:path}", set(READS), False
            case other:
                raise ValueError(f"a route of a kind that the wall does not know: {other!r}; teach it to the wall first")


def _counted(receive: Receive, limit: int) -> Receive:
    """Hand a body on piece by piece, and stop at the limit or when it takes too long."""
    seen, ends_at, over = 0, asyncio.get_running_loop().time() + BODY_SECONDS, False

    async def counted() -> Message:
        nonlocal seen, over
        if over:  # the body is there: what comes now is the end of the connection, for which one may wait
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, ends_at - asyncio.get_running_loop().time()))
        except TimeoutError:
            raise HTTPException(408, f"the body was not there after {BODY_SECONDS:.0f} s") from None
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            over = not message.get("more_body", False)
        if seen > limit:
            raise HTTPException(413, f"expected at most {limit:,} bytes, got more")
        return message

    return counted


def _dressed(send: Send, host: str) -> Send:
    """Put the headers on every answer."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            for name, value in PROTECTION.items():
                headers[name] = value
            headers["content-security-policy"] = policy_of(host)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return dressed


PROTECTION = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}


def policy_of(host: str) -> str:
    """Write the content security policy: this server alone, no inline code, no eval, in no frame.

    The socket's address is spelled out because not every browser takes 'self' for it.
    """
    plain = host if re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,260}", host) else "127.0.0.1"
    return (
        f"default-src 'self'; connect-src 'self' ws://{plain} wss://{plain}; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


async def _refuse(refusal: Refusal, receive: Receive, send: Send, *, socket: bool) -> None:
    if socket:
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the browser hears 403 and no more
        return
    body = dumps({"error": refusal.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))  # a body that nobody has read must not be taken for the next request
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
