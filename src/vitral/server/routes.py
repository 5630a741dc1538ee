"""What the laboratory answers over HTTP. Everything here stands behind the wall of ``guard``; ``DOORS`` says what each path asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from vitral.errors import DataError, ShapeError, SpecError, StoreError, VitralError
from vitral.nets import zoo
from vitral.runtime import workspace as place
from vitral.server import socket
from vitral.server.bodies import give, read, told
from vitral.server.guard import Door, Policy
from vitral.server.lab import Laboratory, experiment_of
from vitral.server.processes import ask
from vitral.server.room import Room
from vitral.server.static import Static
from vitral.server.token import COOKIE_SECONDS, Tokens, cookie_name
from vitral.server.uploads import LIMITS
from vitral.store import generations

JSON_LIMIT = 2_000_000
SECONDS_TO_SNAPSHOT = 20.0
SECONDS_TO_EXPORT = 60.0
EXPORTER = "vitral.runtime.exported"
POST = frozenset({"POST"})
READ_POST = frozenset({"GET", "HEAD", "POST"})

DOORS = (
    Door("/", Policy()),
    Door("/open", Policy(open=True)),
    Door("/assets/{path:path}", Policy()),
    Door("/api/runs", Policy(READ_POST, limit=JSON_LIMIT)),
    Door("/api/runs/{id}", Policy()),
    Door("/api/runs/{id}/resume", Policy(POST, limit=JSON_LIMIT)),
    Door("/api/runs/{id}/snapshot", Policy()),
    Door("/api/runs/{id}/convnetjs", Policy()),
    Door("/api/zoo", Policy()),
    Door("/api/describe", Policy(POST, limit=JSON_LIMIT)),
    Door("/api/explain/{operation}", Policy(READ_POST, limit=JSON_LIMIT)),
    Door("/api/images", Policy(POST, limit=LIMITS["image"])),
    Door("/api/images/{id}", Policy()),
    Door("/api/weights", Policy(POST, limit=LIMITS["weights"])),
    Door("/api/data", Policy(POST, limit=LIMITS["zip"])),
    Door("/ws/runs/{id}", Policy(), socket=True),
)


def routes(static: Static) -> list[BaseRoute]:
    """List every route; each has its policy in ``DOORS``."""
    return [
        Route("/", static.page),
        Route("/open", open_),
        Route("/assets/{path:path}", static.asset),
        Route("/api/runs", runs, methods=["GET", "POST"]),
        Route("/api/runs/{id}", run),
        Route("/api/runs/{id}/resume", resume, methods=["POST"]),
        Route("/api/runs/{id}/snapshot", snapshot),
        Route("/api/runs/{id}/convnetjs", convnetjs),
        Route("/api/zoo", zoo_),
        Route("/api/describe", describe, methods=["POST"]),
        Route("/api/explain/{operation}", explain, methods=["GET", "POST"]),
        Route("/api/images", _taker("image"), methods=["POST"]),
        Route("/api/images/{id}", image),
        Route("/api/weights", _taker("weights"), methods=["POST"]),
        Route("/api/data", _taker("zip"), methods=["POST"]),
        WebSocketRoute("/ws/runs/{id}", socket.watch),
    ]


async def open_(request: Request) -> Response:
    """Change a link's token for the cookie, once."""
    tokens: Tokens = request.app.state.tokens
    if request.method == "HEAD":  # whoever previews a link must not use it up
        return Response(status_code=204)
    if not tokens.spend(request.query_params.get("token", "")):
        return told(401, "this link has been used, or is older than ten minutes; `vitral open` prints a new one")
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        cookie_name(request.app.state.port), tokens.cookie(), max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict"
    )
    return answer


async def runs(request: Request) -> Response:
    """List the runs, or start one."""
    lab = laboratory(request)
    if request.method == "POST":
        values = await read(request)
        experiment = await asyncio.to_thread(experiment_of, values)
        length = {key: values.get(key) for key in ("epochs", "steps", "seed")}
        room = await lab.start(experiment, **length, paused=values.get("paused") is True)
        return give({"run": room.run.name}, 202)
    return give({"runs": await lab.listing(), "current": lab.current})


async def run(request: Request) -> Response:
    """Say what is known of one run."""
    room = await find(request)
    values: dict[str, Any] = {
        "id": room.run.name,
        "state": room.run.state,
        "note": room.run.note,
        "live": room.alive,
        "resume": room.run.resumable,
    }
    if room.run.id is not None:
        info = await asyncio.to_thread(place.find, room.workspace, room.run.id)
        values = {**info.to_dict(), **values, "experiment": room.run.experiment}
    return give(values)


async def resume(request: Request) -> Response:
    """Go on with a run."""
    await find(request)
    room = await laboratory(request).resume(request.path_params["id"])
    return give({"run": room.run.id}, 202)


async def newest(request: Request) -> tuple[Room, Path]:
    """Give a run and its newest checkpoint, one of this moment where it is learning."""
    room = await find(request)
    if room.run.watched:
        raise HTTPException(404, "a script trains this model and nothing of it is kept here; save its state_dict in the script")
    await room.save(SECONDS_TO_SNAPSHOT)
    folder = place.folder_of(room.workspace, room.run.id or "-") / place.CHECKPOINTS
    for path in await asyncio.to_thread(generations.generations, folder):
        return room, path
    raise HTTPException(404, f"run {room.run.name} has no checkpoint yet; let it learn for a moment")


async def snapshot(request: Request) -> Response:
    """Give a run's newest checkpoint."""
    room, path = await newest(request)
    name = f"{room.run.id}-step-{generations.step_of(path)}.safetensors"
    return FileResponse(path, media_type="application/octet-stream", filename=name)


async def convnetjs(request: Request) -> Response:
    """Give the network of a run's newest checkpoint as ConvNetJS's JSON."""
    room, path = await newest(request)
    try:
        code, out, complaint = await ask(EXPORTER, str(room.workspace), str(room.run.id), seconds=SECONDS_TO_EXPORT)
    except TimeoutError:
        raise StoreError(f"run {room.run.name} could not be written within {SECONDS_TO_EXPORT:.0f} s; try again later") from None
    if code != 0:
        raise StoreError(complaint if code == 2 else f"run {room.run.name} could not be written for ConvNetJS; try again")
    name = f"{room.run.id}-step-{generations.step_of(path)}.json"
    return Response(out, media_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def zoo_(request: Request) -> Response:
    """List the experiments that come with Vitral."""

    def load() -> list[dict[str, Any]]:
        known = [zoo.load(name, memory_limit=0) for name in zoo.names()]
        return [{"name": e.name, "title": e.title.model_dump(), "data": e.data.source, "toml": zoo.text(e.name)} for e in known]

    return give({"experiments": await asyncio.to_thread(load)})


async def describe(request: Request) -> Response:
    """Lay out an experiment, as ``vitral describe`` does."""
    values = await read(request)

    def lay_out() -> dict[str, Any]:
        from vitral.spec.table import describe as table

        found = table(experiment_of(values))
        return {**found.to_values(), "experiment": found.experiment.model_dump(mode="json")}

    return give(await asyncio.to_thread(lay_out))


async def explain(request: Request) -> Response:
    """Trace an operation: numbers from the query or the body, or an example of the lecture by ``preset``."""
    operation = request.path_params["operation"]
    values = await read(request) if request.method == "POST" else dict(request.query_params)
    return give(await asyncio.to_thread(_trace, operation, values))


async def image(request: Request) -> Response:
    """Give a picture that was sent here, as it was written anew."""
    try:
        path = laboratory(request).uploads.path("image", request.path_params["id"])
    except DataError as cause:
        raise HTTPException(404, str(cause)) from None
    return FileResponse(path, media_type="image/png")


def _taker(kind: str) -> Callable[[Request], Awaitable[Response]]:
    name = {"zip": "data"}.get(kind, kind)

    async def take(request: Request) -> Response:
        found = await laboratory(request).uploads.take(kind, request.stream())
        return give({name: found.id, **found.facts}, 201)

    take.__name__ = f"take_{kind}"
    return take


def laboratory(request: Request) -> Laboratory:
    """Give the laboratory that the application serves."""
    found: Laboratory = request.app.state.lab
    return found


async def find(request: Request) -> Any:
    """Give the room that a path names. Raises HTTPException 404 where there is none."""
    try:
        return await laboratory(request).room(request.path_params["id"])
    except StoreError as cause:
        raise HTTPException(404, str(cause)) from None


def install_errors(app: Starlette) -> None:
    """Let what a person did wrong be one line with a status that says whose affair it is."""

    async def wrong(request: Request, cause: Exception) -> Response:
        status = 409 if isinstance(cause, StoreError) else 422
        return told(status, str(cause))

    async def refused(request: Request, cause: Exception) -> Response:
        assert isinstance(cause, HTTPException)
        answer = told(cause.status_code, cause.detail)
        if cause.status_code in (408, 413):
            answer.headers["connection"] = "close"  # the rest of the body is not the next request
        return answer

    async def gone(request: Request, cause: Exception) -> Response:
        return told(400, "the page left before its body was there")

    app.add_exception_handler(ClientDisconnect, gone)
    for kind in (SpecError, ShapeError, DataError, StoreError, VitralError):
        app.add_exception_handler(kind, wrong)
    app.add_exception_handler(HTTPException, refused)


def _trace(operation: str, values: dict[str, Any]) -> dict[str, Any]:
    from vitral.explain import presets
    from vitral.explain.operations import OPERATIONS, build
    from vitral.explain.operations import read as read_numbers
    from vitral.explain.record import record

    if operation not in OPERATIONS:
        raise HTTPException(404, f"there is no operation {operation:.40}: expected one of {', '.join(OPERATIONS)}")
    given = {key: value for key, value in values.items() if key not in ("preset", "at")}
    arguments: dict[str, Any] = {}
    if "preset" in values or not given:
        name = values.get("preset")
        if name is not None and not isinstance(name, str):
            raise SpecError(f"preset is a name such as L5, got {name!r:.40}")
        arguments = dict(presets.load(operation, name).arguments())
    for key, value in given.items():
        arguments[key] = _value(value, read_numbers) if isinstance(value, str) else value
    trace = build(operation, arguments)
    at = values.get("at")
    if at is None:
        spot: tuple[int, ...] = (0,) * (1 if operation in ("rnn", "lstm", "gru") else len(trace.shape))
    else:
        try:
            spot = tuple(int(n) for n in (at.split(",") if isinstance(at, str) else at))
        except (ValueError, TypeError):
            raise SpecError(f"at is a place such as 0,3,3, got {at!r:.40}") from None
    found: dict[str, Any] = record(trace, spot, output=trace.shape == () or _size(trace.shape) <= 100_000)
    return found


def _value(text: str, reader: Callable[[str, str], dict[str, Any]]) -> Any:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text  # a word, as sobel-x
    return reader(f'{{"value": {text}}}', "the query")["value"]


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
