"""A run with everybody who looks at it: commands go down to its process, what it says goes up to its viewers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vitral.errors import SpecError, StoreError, VitralError
from vitral.runtime import workspace as place
from vitral.runtime.looks import wish
from vitral.server import frames
from vitral.server.flights import Flights
from vitral.server.frames import answer
from vitral.server.gallery import Gallery
from vitral.server.keeper import Keeper
from vitral.server.log import Log
from vitral.server.run import GOING_ON, Run, read, rows_of
from vitral.server.viewers import Viewer
from vitral.server.workers import Peer, Worker
from vitral.spec import codec

if TYPE_CHECKING:
    from vitral.runtime.workspace import RunInfo

MOST_VIEWERS = 200
LEARNERS = frozenset({"run", "pause", "batch", "epoch", "stop", "set", "snapshot", "load"})
"""Commands for a run that goes on; for all others a process is opened where there is none."""


class Desk(Protocol):
    """What a room asks of its laboratory."""

    def named(self, room: Room) -> None:
        """Hear that a run has got its id."""

    def resolve(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """Turn the ids of uploads in a command's values into paths. Raises DataError where there is no such upload."""

    async def restart(self, room: Room, values: Mapping[str, Any]) -> str:
        """End this run and start its experiment anew; gives the new room's name."""
        ...

    async def resume(self, name: str) -> Room:
        """Go on with a run."""
        ...


class Room:
    """A run as its viewers meet it. Everything happens in the server's one event loop.

    Args:
        run: what is known of the run.
        workspace: the folder of runs.
        desk: what the room asks of its laboratory.
        spawn: starts a process.
    """

    def __init__(self, run: Run, workspace: Path, desk: Desk, *, spawn: Callable[[], Awaitable[Peer]] = Worker.spawn) -> None:
        self.run = run
        self.workspace = workspace
        self.viewers: dict[int, Viewer] = {}
        self._desk = desk
        self._keeper = Keeper(spawn, self._letter, self._ended, lambda: bool(self.viewers))
        self._gallery = Gallery(self.viewers, self._keeper.tell)
        self._flights = Flights()
        self._begun = ""
        self._refusal = ""
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, info: RunInfo, workspace: Path, desk: Desk, *, spawn: Callable[[], Awaitable[Peer]] = Worker.spawn) -> Room:
        """Open the room of a run that no process of ours trains."""
        return cls(await asyncio.to_thread(read, workspace, info), workspace, desk, spawn=spawn)

    @property
    def alive(self) -> bool:
        """Say whether a process belongs to this run."""
        return self._keeper.alive

    @property
    def going_on(self) -> bool:
        """Say whether it is loading, learning or paused in a process of ours."""
        return self.alive and self.run.state in GOING_ON

    async def begin(self, command: dict[str, Any]) -> None:
        """Start a run, go on with it, or open it to be looked at: in the process that is here, or in a new one.

        Raises:
            StoreError: it is going on already.
        """
        async with self._lock:
            if self.going_on:
                raise StoreError(f"run {self.run.name} is {self.run.state} already: expected one at rest; look at it")
            self._begun, self._refusal = command["do"], ""
            if command["do"] != "open":
                self._change("loading")
            fresh = await self._keeper.need()
            self._keeper.tell({**command, "workspace": str(self.workspace)})
            if fresh:
                self._gallery.tell_looks_anew()
            else:
                self._gallery.tell_looks()

    async def join(self, position: int, life: str) -> Viewer:
        """Let a page in; it goes on from its position where it holds events of this very life of the run.

        Raises:
            BufferError: there are too many already.
        """
        if len(self.viewers) >= MOST_VIEWERS:
            raise BufferError(f"{MOST_VIEWERS} pages look at this run already; close one")
        viewer = Viewer(self.run.log, self.run.start(position, life), self._gallery.took)
        self.viewers[viewer.number] = viewer
        viewer.send(self.run.hello(viewer.position))
        self._keeper.hold()
        return viewer

    def part(self, viewer: Viewer) -> None:
        """Let a page go."""
        self.viewers.pop(viewer.number, None)
        self._flights.forget(viewer)
        self._gallery.tell_looks()
        self._gallery.settle()
        self._keeper.release()

    async def hear(self, viewer: Viewer, message: Mapping[str, Any]) -> None:
        """Carry out a command of a page, or hand it to the process; the answer goes into the viewer's queue."""
        number = message.get("id")
        name = message.get("kind")
        values = {key: value for key, value in message.items() if key not in ("id", "kind")}
        try:
            if not isinstance(name, str):
                raise SpecError(f'a command has its name under "kind", got {name!r:.40}')
            match name:
                case "ping":
                    viewer.send(answer(number, {}))
                case "look":
                    await self._look(viewer, number, values)
                case "at":
                    await self._look(viewer, number, {**(viewer.wish or wish({})).to_json(), "at": values.get("step")})
                case "resume":
                    await self._desk.resume(self.run.name)
                    viewer.send(answer(number, {"run": self.run.id}))
                case "restart":
                    viewer.send(answer(number, {"run": await self._desk.restart(self, values)}))
                case _:
                    await self._forward(viewer, number, name, self._desk.resolve(name, values))
        except VitralError as cause:
            viewer.send(answer(number, {"error": str(cause)}, ok=False))

    async def leave(self, seconds: float) -> None:
        """Let the process save its run and end."""
        await self._keeper.leave(seconds)

    async def save(self, seconds: float) -> None:
        """Let a run that learns here save itself, and wait for that so long; another one is saved as it is."""
        if not self.alive or self.run.watched or self.run.state not in ("learning", "paused"):
            return
        end = self.run.log.end
        self._keeper.tell({"do": "command", "name": "snapshot", "values": {}, "ticket": 0, "id": 0})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.alive and not self.run.log.has("checkpointed", end):
                    await asyncio.sleep(0.05)

    async def _look(self, viewer: Viewer, number: Any, values: Mapping[str, Any]) -> None:
        viewer.look(wish(values))
        self._gallery.tell_looks()
        self._gallery.show(viewer)
        viewer.send(answer(number, {}))
        await self._need_process()
        if self._refusal and not self.going_on:  # who comes later must hear, too, why no picture does
            viewer.tell_state(frames.state(self.run.state, self._refusal, resume=self.run.resumable))

    async def _forward(self, viewer: Viewer, number: Any, name: str, values: dict[str, Any]) -> None:
        self._flights.insist_on_room(viewer)
        if name in LEARNERS and not self.going_on:
            raise StoreError(
                f"run {self.run.name} does not learn here: it is {self.run.state}{self._why()}; resume it, or start another one"
            )
        await self._need_process()
        if not self.alive:
            raise StoreError(f"run {self.run.name} cannot be looked at: it is {self.run.state}{self._why()}")
        ticket = self._flights.begin(viewer, number)
        self._keeper.tell({"do": "command", "name": name, "values": values, "ticket": ticket, "id": number})

    async def _need_process(self) -> None:
        """Open a run at rest whose process has gone, so that its network can be looked at."""
        if not self.alive and self.run.id is not None and self.run.state not in GOING_ON and not self._refusal:
            with contextlib.suppress(StoreError):
                await self.begin({"do": "open", "run": self.run.id})

    def _why(self) -> str:
        reason = self._refusal or self.run.note
        return f" ({reason})" if reason else ""

    def _change(self, state: str, note: str = "", **more: Any) -> None:
        self.run.state, self.run.note = state, note
        frame = frames.state(state, note, resume=self.run.resumable, **more)
        for viewer in self.viewers.values():
            viewer.tell_state(frame)

    async def _letter(self, envelope: dict[str, Any], body: bytes) -> None:
        match envelope:
            case {"what": "hello"}:
                await self._greet(envelope)
            case {"what": "events", "from": first}:
                self.run.log.extend(first, body.decode().split("\n"))
                for viewer in self.viewers.values():
                    viewer.wake()
            case {"what": "picture", "key": key}:
                self._gallery.hang(key, body)
            case {"what": "answer", "ticket": ticket}:
                self._flights.land(ticket, body)
            case {"what": "rest"}:
                self._keeper.rest()
            case _:
                self._hear_of(envelope)

    def _hear_of(self, envelope: dict[str, Any]) -> None:
        """Take what the process says of the run's state."""
        match envelope:
            case {"what": "state", "state": state, "note": note}:
                self._change(state, note)
            case {"what": "note", "note": note}:
                self._change(self.run.state, note)
            case {"what": "progress", "note": note} if self._begun != "open":
                self._change("loading", note, **{key: envelope[key] for key in ("done", "total", "unit")})
            case {"what": "refused", "error": error} if self._begun == "open":
                self._refusal = error
                self._change(self.run.state, error)
            case {"what": "refused", "error": error}:
                self._change("failed", error)

    async def _greet(self, envelope: dict[str, Any]) -> None:
        """Learn what the process has loaded, and let everybody know."""
        run, position = self.run, envelope["position"]
        about = {key: envelope[key] for key in ("experiment", "classes", "controls", "num_steps")}
        run.about = {"rows": envelope.get("rows") or run.about.get("rows", []), **about}
        if not run.watched and (not run.about["rows"] or position is not None):
            run.about["rows"] = await asyncio.to_thread(lambda: rows_of(codec.parse(about["experiment"], memory_limit=0)))
        fresh = run.id is None
        run.id = run.name = envelope["run"]
        if position is not None:
            texts = (await asyncio.to_thread(place.lines, self.workspace, envelope["run"]))[:position] if position else []
            run.log, run.life = Log(texts), f"{position}-{self._keeper.number}"
            run.state, run.note = envelope["state"], ""
        if fresh:
            self._desk.named(self)
        for viewer in self.viewers.values():
            if position is not None:
                viewer.begin(run.log, min(viewer.position, run.log.end))
            viewer.send(run.hello(viewer.position))

    def _ended(self, how: str) -> None:
        """Say what has become of the run whose process has ended."""
        self._flights.lose()
        self._gallery.expect_nothing()
        if self.run.state in GOING_ON:
            self._change("lost", how or "the run's process ended")
        elif how:
            self._change(self.run.state, how)
