"""The wall: every route, method and websocket refuses whoever it should; a route without a policy does not even start."""

import re
from pathlib import Path
from typing import Any

import house
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from vitral.server.app import build, site_of
from vitral.server.guard import READS, Door, Doors, Policy, walk
from vitral.server.routes import DOORS, routes
from vitral.server.static import Static
from vitral.server.token import Tokens, cookie_name

COOKIE = cookie_name(house.PORT)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", ""]
PATHS = [path for path, _, socket in walk(routes(Static())) if not socket]
SOCKETS = [path for path, _, socket in walk(routes(Static())) if socket]
OPEN = {door.path for door in DOORS if door.policy.open}


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "x", path)


run = house.run

STRANGERS = {
    "no cookie": {"cookie": ""},
    "a wrong cookie": {"cookie": f"{COOKIE}=abc.123.{'0' * 64}"},
    "another port's cookie": {"cookie": f"{cookie_name(9999)}=KNOWN"},
    "a link's token as cookie": {"cookie": f"{COOKIE}=LINK"},
}
FOREIGN = {
    "a wrong Host": {"host": "evil.example"},
    "a rebound Host": {"host": f"evil.example:{house.PORT}"},
    "a Host of another port": {"host": "127.0.0.1:9"},
    "no Host": {"host": ""},
    "a wrong Origin": {"origin": "http://evil.example"},
    "an Origin of another port": {"origin": "http://127.0.0.1:9"},
    "an Origin of another scheme": {"origin": f"https://{house.HOST}"},
    "the Origin of another of our names": {"origin": f"http://localhost:{house.PORT}"},
    "no page's Origin": {"origin": "null"},
    "another site": {"sec-fetch-site": "cross-site"},
    "another port of this machine": {"sec-fetch-site": "same-site"},
    "an unknown Sec-Fetch-Site": {"sec-fetch-site": "whatever"},
}


def headers_of(found: Any, change: dict[str, str]) -> dict[str, str]:
    known = {key: value.replace("KNOWN", found.tokens.cookie()).replace("LINK", found.tokens.link()) for key, value in change.items()}
    return {key: value for key, value in {**house.let_in(found), **known}.items() if value}


@pytest.mark.parametrize("path", PATHS)
def test_every_route_and_method_refuses_strangers(path: str, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for method in METHODS:
            for name, change in {**STRANGERS, **FOREIGN}.items():
                answer = await house.ask(found.app, method, filled(path), headers_of(found, change))
                if name in STRANGERS and path in OPEN:
                    assert answer.status in (401, 204, 405), (method, name)  # it asks for a link's token instead
                    continue
                assert answer.status in (401, 403, 421), f"{method} {path} with {name}: {answer.status}"
                assert answer.status == 401 if name in STRANGERS else answer.status in (403, 421)
                assert answer.headers["content-security-policy"].startswith("default-src 'self';")

    run(scene())


@pytest.mark.parametrize("path", SOCKETS)
def test_every_websocket_refuses_strangers(path: str, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for name, change in {**STRANGERS, **FOREIGN, "no Origin": {"origin": ""}}.items():
            status = await house.knock(found.app, filled(path), headers_of(found, change))
            assert status == 403, name
        assert await house.knock(found.app, filled(path), house.let_in(found)) == 101, "the others were refused for the right reason"

    run(scene())


@pytest.mark.parametrize("path", PATHS)
def test_only_the_methods_of_its_policy_get_through(path: str, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        allowed = next(door.policy.methods for door in DOORS if door.path == path)
        for method in METHODS:
            answer = await house.ask(found.app, method, filled(path), house.let_in(found))
            assert (answer.status == 405) == (method not in allowed), f"{method} {path}: {answer.status}"

    run(scene())


def test_whoever_changes_something_must_say_from_where(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for path in PATHS:
            for method in next(door.policy.methods for door in DOORS if door.path == path) - READS:
                answer = await house.ask(found.app, method, filled(path), headers_of(found, {"origin": ""}))
                assert answer.status == 403, f"{method} {path}"

    run(scene())


def test_there_is_nothing_beside_what_is_declared(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for path in [
            "/nothing",
            "/api",
            "/api/",
            "/api/runs/",
            "//",
            "/api/runs/a/b",
            "/ws/runs/a",
            "/assets",
            "/open/",
            "/docs",
            "/%2e%2e",
        ]:
            assert (await house.ask(found.app, "GET", path, {"host": house.HOST})).status == 401, path
            assert (await house.ask(found.app, "GET", path, house.let_in(found))).status == 404, path
        for path in ["/ws", "/ws/runs/a/b", "/api/runs", "/"]:
            assert await house.knock(found.app, path, house.let_in(found)) == 403, path

    run(scene())


def test_a_route_without_a_policy_does_not_start(tmp_path: Path) -> None:
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("in")

    async def talk(page: WebSocket) -> None:
        await page.accept()

    site, tokens = site_of("127.0.0.1", house.PORT), Tokens(b"k" * 32)
    for route, name in [
        (Route("/new", endpoint), "the route /new has no policy"),
        (WebSocketRoute("/ws/new", talk), "the websocket /ws/new has no policy"),
        (Mount("/files", StaticFiles(directory=tmp_path)), r"the route /files/\{path:path\} has no policy"),
        (Mount("/more", routes=[Route("/inner", endpoint)]), "the route /more/inner has no policy"),
        (Host("other.example", Mount("/", routes=[])), "a route of a kind that the wall does not know"),
    ]:
        with pytest.raises(ValueError, match=name):
            build(tmp_path, site, tokens, more=[route])
    with pytest.raises(ValueError, match="there is a policy for /gone and no such route"):
        build(tmp_path, site, tokens, doors=[Door("/gone", Policy())])
    with pytest.raises(ValueError, match="the route /new answers"):
        build(tmp_path, site, tokens, more=[Route("/new", endpoint, methods=["POST"])], doors=[Door("/new", Policy())])
    found = build(tmp_path, site, tokens, more=[Route("/new", endpoint)], doors=[Door("/new", Policy())])
    assert run(house.ask(found.app, "GET", "/new", house.let_in(found))).body == b"in"


def test_a_route_that_slips_in_later_is_not_served(tmp_path: Path) -> None:
    """The policies decide, not the routes: what nobody declared is refused even where it exists."""

    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("in")

    found = house.parts(tmp_path)
    found.inner.router.routes.append(Route("/later", endpoint))
    assert run(house.ask(found.app, "GET", "/later", house.let_in(found))).status == 404


def test_a_body_is_cut_off_while_it_is_read(tmp_path: Path) -> None:
    async def scene() -> None:
        read: list[int] = []

        async def endpoint(request: Request) -> PlainTextResponse:
            read.append(len(await request.body()))
            return PlainTextResponse("in")

        found = house.parts(
            tmp_path, more=[Route("/new", endpoint, methods=["POST"])], doors=[Door("/new", Policy(frozenset({"POST"}), limit=100_000))]
        )
        fine = await house.ask(found.app, "POST", "/new", house.let_in(found), b"x" * 100_000)
        assert (fine.status, read) == (200, [100_000])
        for more in ({}, {"content-length": "100001"}, {"content-length": "5"}, {"content-length": "-1"}, {"content-length": "1e3"}):
            answer = await house.ask(found.app, "POST", "/new", house.let_in(found, **more), b"x" * 100_001)
            assert answer.status == 413, more
            assert answer.headers["connection"] == "close"
        assert read == [100_000], "too large a body is never handed on"

    run(scene())


def test_every_answer_carries_the_protecting_headers(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for path in ["/", "/nothing", "/api/runs", "/api/runs/x", "/open?token=x"]:
            answer = await house.ask(found.app, "GET", path, house.let_in(found))
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert policy.startswith(f"default-src 'self'; connect-src 'self' ws://{house.HOST} ")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert "no-store" in answer.headers["cache-control"] or path == "/"
        odd = await house.ask(found.app, "GET", "/", {"host": "a; script-src *"})
        assert "script-src" not in odd.headers["content-security-policy"]

    run(scene())


def test_a_link_lets_in_once_and_the_cookie_is_for_this_port_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        path = f"/open?token={found.tokens.link()}"
        preview = await house.ask(found.app, "HEAD", path, {"host": house.HOST})
        assert (preview.status, preview.headers.get("set-cookie")) == (204, None)
        first = await house.ask(found.app, "GET", path, {"host": house.HOST, "sec-fetch-site": "none"})
        assert (first.status, first.headers["location"]) == (303, "/")
        cookie = first.headers["set-cookie"]
        assert cookie.startswith(f"vitral_{house.PORT}=")
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "max-age=604800", "path=/", "samesite=strict"}
        assert (await house.ask(found.app, "GET", path, {"host": house.HOST})).status == 401
        mine = {"host": house.HOST, "cookie": f"other=1; =; {cookie.partition(';')[0]}; broken"}
        assert (await house.ask(found.app, "GET", "/api/zoo", mine)).status == 200

    run(scene())


def test_duplicated_headers_do_not_confuse_it(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        mine = list(house.let_in(found).items())
        for double in (("host", house.HOST), ("host", "evil.example"), ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")):
            for pairs in ([*mine, double], [double, *mine]):
                assert (await house.ask(found.app, "GET", "/api/zoo", pairs)).status in (403, 421), double

    run(scene())


def test_names_that_others_may_use() -> None:
    hosts = site_of("0.0.0.0", 8765, ["192.168.1.20", "lab.local:80", "https://Lab.Example.org", "[fe80::1]"]).hosts
    assert hosts["192.168.1.20:8765"] == "http://192.168.1.20:8765"
    assert hosts["lab.local:80"] == "http://lab.local:80"
    assert hosts["lab.example.org"] == "https://lab.example.org"
    assert hosts["[fe80::1]:8765"] == "http://[fe80::1]:8765"
    assert hosts["localhost:8765"] == "http://localhost:8765"
    assert "0.0.0.0:8765" not in hosts


def test_the_wall_knows_only_its_doors() -> None:
    doors = Doors(DOORS)
    assert doors.policy("/api/runs/a", socket=False) is not None
    assert doors.policy("/api/runs/a", socket=True) is None
    assert doors.policy("/api/runs/a/../../etc", socket=False) is None
