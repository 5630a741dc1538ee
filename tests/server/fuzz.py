"""Wild requests for a real server: bytes that are no HTTP, HTTP that is wrong, right HTTP with wild contents, and wild websockets."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import random
import re
import socket
from dataclasses import dataclass, field
from typing import Any

import house

from vitral.explain import presets
from vitral.explain.operations import OPERATIONS
from vitral.nets import zoo
from vitral.server.routes import DOORS

WILD = ["", "a", "0", "-1", "9" * 400, "../../etc/passwd", "%2e%2e%2f", "%00", "\u00e9\u4e2d", "{{7*7}}", "<script>", "' or 1=1 --", "a" * 3000, "null",
        "current", "last", "new-00000000", "..", "%", "%zz", "💥", "CON", "x\\..\\y", "//", ";", "?a=b#c", "\x7f", "\ud800", "~nobody-of-that-name"]  # fmt: skip
PATHS = [door.path for door in DOORS]
ZOO = [zoo.load(name, memory_limit=0).model_dump(mode="json") for name in zoo.names()]


@dataclass
class Found:
    """What the server answered."""

    statuses: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def count(self, what: str) -> None:
        self.statuses[what] = self.statuses.get(what, 0) + 1


def run(server: house.Server, count: int, *, seed: int = 0) -> Found:
    """Send so many requests; a 5xx or a server that has gone is a fault."""
    draw, found = random.Random(seed), Found()
    for number in range(count):
        kind = draw.choices(["http", "json", "socket", "noise", "cut"], [40, 35, 12, 8, 5])[0]
        raw = {"http": http, "json": posted, "socket": websocket, "noise": noise, "cut": cut}[kind](draw, server)
        answer = send(server, raw, patient=kind in ("http", "json"))
        status = re.match(rb"HTTP/1\.1 (\d{3})", answer)
        what = status[1].decode() if status else "no answer"
        found.count(f"{kind} {what}")
        if what.startswith("5") or (kind == "json" and not status):
            found.faults.append(f"request {number} (seed {seed}): {raw[:300]!r} gave {answer[:300]!r}")
        if server.process.poll() is not None:
            found.faults.append(f"the server is gone after request {number}: {raw[:300]!r}")
        if found.faults:
            break
    return found


def send(server: house.Server, raw: bytes, *, patient: bool) -> bytes:
    """Give what comes back first; a connection that is cut is an answer too."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=30 if patient else 0.05) as line:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(raw)
            if not patient:
                line.shutdown(socket.SHUT_WR)
        line.settimeout(30 if patient else 0.2)
        return line.recv(4096)
    return b""


def wild(draw: random.Random) -> str:
    return draw.choice([*WILD, "".join(chr(draw.randrange(32, 400)) for _ in range(draw.randrange(30)))])


def path_of(draw: random.Random) -> str:
    path = draw.choice(PATHS) if draw.random() < 0.9 else "/" + wild(draw)
    path = re.sub(r"\{operation\}", lambda _: draw.choice([*OPERATIONS, wild(draw)]), path)
    path = re.sub(r"\{[^}]+\}", lambda _: draw.choice([wild(draw), "puppet", "current"]), path)
    if draw.random() < 0.3:
        path += "?" + "&".join(f"{wild(draw)}={wild(draw)}" for _ in range(draw.randrange(4)))
    return path.replace(" ", "%20").replace("\n", "").replace("\r", "")


def headers_of(draw: random.Random, server: house.Server) -> dict[str, str]:
    headers = {"Host": f"127.0.0.1:{server.port}", "Cookie": server.cookie, "Origin": server.address}
    for name in ["Host", "Cookie", "Origin", "Sec-Fetch-Site", "Content-Length", "Content-Type", "Accept-Encoding", "Range", "If-Modified-Since",
                 "X-Forwarded-For", "Transfer-Encoding", "Expect", "Upgrade", "Connection"]:  # fmt: skip
        if draw.random() < 0.06:
            headers[name] = wild(draw)
    return headers


def joined(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


def http(draw: random.Random, server: house.Server) -> bytes:
    method = draw.choice(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", wild(draw)[:20] or "X"])
    return joined(method, path_of(draw), {**headers_of(draw, server), "Connection": "close"})


def value(draw: random.Random, depth: int = 0) -> Any:
    kinds = ["text", "number", "wild number", "none", "flag"] + (["list", "object", "matrix"] if depth < 4 else [])
    match draw.choice(kinds):
        case "text":
            return wild(draw)
        case "number":
            return draw.randrange(-3, 20)
        case "wild number":
            return draw.choice([1e308, -1e308, 2**70, -(2**70), 0.1, 1e-320, 10**300, 10**400])
        case "flag":
            return draw.random() < 0.5
        case "list":
            return [value(draw, depth + 1) for _ in range(draw.randrange(5))]
        case "matrix":
            return [[draw.randrange(9) for _ in range(draw.randrange(6))] for _ in range(draw.randrange(6))]
        case "object":
            return {wild(draw): value(draw, depth + 1) for _ in range(draw.randrange(4))}
    return None


KEYS = ["experiment", "toml", "sets", "seed", "epochs", "steps", "paused", "preset", "at", "image", "kernels", "kernel", "stride", "padding", "x", "h",
        "scores", "size", "mode", "name", "function", "weights", "bias", "probability", "mask", "target", "batch", "dilation", "groups"]  # fmt: skip


def nearly(draw: random.Random, operation: str) -> bytes:
    """Write an example of the lecture with one argument replaced; one of the zoo with one setting replaced where there is no operation."""
    if operation not in OPERATIONS or not presets.names(operation):
        experiment = draw.choice(ZOO)
        settings = [f"{table}.{key}" for table, values in experiment.items() if isinstance(values, dict) for key in values]
        return json.dumps({"experiment": experiment["name"], "sets": [f"{draw.choice(settings)}={wild(draw)}"]}).encode()
    arguments = dict(presets.load(operation).arguments())
    arguments[draw.choice([*inspect.signature(OPERATIONS[operation]).parameters, "at", "preset"])] = value(draw)
    return json.dumps(arguments, default=lambda array: array.tolist()).encode()


def posted(draw: random.Random, server: house.Server) -> bytes:
    path = draw.choice([p for p in PATHS if not p.startswith("/ws")])
    path = path.replace("{operation}", draw.choice(list(OPERATIONS))).replace("{id}", draw.choice(["current", wild(draw)]))
    path = re.sub(r"[^\x21-\x7e]|\{.*?\}", "x", path)
    if draw.random() < 0.4:
        path = draw.choice(["/api/describe", f"/api/explain/{draw.choice(list(OPERATIONS))}"])
    if path in ("/api/runs", "/api/runs/current/resume") and draw.random() < 0.95:
        path = "/api/describe"  # each run is a process: a few are enough
    body = draw.choice([
        nearly(draw, path.rpartition("/")[2]),
        json.dumps({draw.choice(KEYS): value(draw) for _ in range(draw.randrange(5))}).encode(),
        json.dumps({"toml": f"name = {json.dumps(wild(draw))}\n[data]\nsource = {json.dumps(wild(draw))}\n"}).encode(),
        json.dumps({"experiment": draw.choice(["default", "edges", "digits", wild(draw)]), "sets": [f"{draw.choice(['training.epochs', 'network.layers.1.filters', 'seed', wild(draw)])}={wild(draw)}"]}).encode(),
        json.dumps(value(draw)).encode(),
        draw.randbytes(draw.randrange(300)),
        b"[" * draw.randrange(5000),
        b'{"a":NaN}',
        b'{"at":[1e999]}',
    ])  # fmt: skip
    headers = {"Host": f"127.0.0.1:{server.port}", "Cookie": server.cookie, "Origin": server.address, "Connection": "close"}
    if draw.random() < 0.2:
        pieces = b"".join(f"{len(body[i : i + 97]):x}\r\n".encode() + body[i : i + 97] + b"\r\n" for i in range(0, len(body), 97))
        return joined("POST", path, {**headers, "Transfer-Encoding": "chunked"}, pieces + b"0\r\n\r\n")
    return joined("POST", path, {**headers, "Content-Length": str(len(body))}, body)


def websocket(draw: random.Random, server: house.Server) -> bytes:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    if draw.random() < 0.2:
        headers[draw.choice(list(headers))] = wild(draw)
    path = "/ws/runs/current" if draw.random() < 0.8 else path_of(draw)
    frames = b""
    for _ in range(draw.randrange(6)):
        kinds = ["ping", "pause", "run", "look", "at", "echo", "resume", "predict", "load", "set", wild(draw)]
        text = json.dumps(
            {"kind": draw.choice(kinds), "id": value(draw, 3), **{wild(draw)[:30]: value(draw, 2) for _ in range(draw.randrange(3))}}
        ).encode()
        text = draw.choice([text, text, text, draw.randbytes(draw.randrange(200))])[:60_000]
        size = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
        frames += bytes([draw.choice([0x81, 0x81, 0x81, 0x82, 0x01, 0x89, 0x88, 0xF1, 0x83])]) + size + bytes(4) + text
    return joined("GET", path, {**headers_of(draw, server), **headers}, frames)


def noise(draw: random.Random, server: house.Server) -> bytes:
    return draw.choice(
        [
            draw.randbytes(draw.randrange(2000)),
            b"\x16\x03\x01" + os.urandom(50),
            b"GET / HTTP/9.9\r\n\r\n",
            b"\r\n" * 2000,
            b"GET " + b"/" * 70_000,
        ]
    )


def cut(draw: random.Random, server: house.Server) -> bytes:
    whole = draw.choice([http, posted, websocket])(draw, server)
    return whole[: draw.randrange(len(whole) + 1)]
