"""One run with everybody who looks at it: its process, its events, its newest pictures, its viewers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vitral.errors import SpecError, StoreError, VitralError
from vitral.runtime import workspace as place
from vitral.runtime.looks import union, wish
from vitral.server.log import Log
from vitral.server.viewers import Viewer, state_frame
from vitral.server.workers import Worker
from vitral.wire import pack

if TYPE_CHECKING:
    from vitral.runtime.workspace import RunInfo

MOST_VIEWERS = 200
MOST_IN_FLIGHT = 32
LEARNERS = frozenset({"run", "pause", "batch", "epoch", "stop", "set", "snapshot", "load"})
"""Commands for a run that goes on; for all others a process is opened where there is none."""
GOING_ON = ("loading", "learning", "paused")
RESUMABLE = ("interrupted", "failed", "lost")
IDLE_SECONDS = 120.0
"""A process at rest that nobody looks at any more ends after so long."""


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


@dataclasses.dataclass
class Flight:
    """A command that the worker has not answered yet."""

    viewer: Viewer
    id: Any


class Room:
    """A run as its viewers meet it. Everything happens in the server's one event loop.

    Args:
        name: the run's id, or what it is called until it has one.
        workspace: the folder of runs.
        desk: what the room asks of its laboratory.
        spawn: starts a process.
    """

    def __init__(self, name: str, workspace: Path, desk: Desk, *, spawn: Callable[[], Awaitable[Worker]] = Worker.spawn) -> None:
        self.name = name
        self.run: str | None = None
        self.state, self.note = "loading", ""
        self.log = Log()
        self.life = ""
        self.viewers: dict[int, Viewer] = {}
        self.workspace, self._desk, self._spawn = workspace, desk, spawn
        self._about: dict[str, Any] = {}
        self._worker: Worker | None = None
        self._listening: asyncio.Task[None] | None = None
        self._pictures: dict[str, bytes] = {}
        self._unanswered: set[str] = set()  # streams whose last picture has found no taker yet
        self._flights: dict[int, Flight] = {}
        self._tickets = itertools.count(1)
        self._resting = False
        self._begun = ""
        self._refusal = ""
        self._told: list[dict[str, Any]] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._lock = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """Say whether a process belongs to this run."""
        return self._worker is not None

    @property
    def going_on(self) -> bool:
        """Say whether it is loading, learning or paused in a process of ours."""
        return self.alive and self.state in GOING_ON

    @property
    def experiment(self) -> dict[str, Any] | None:
        """Give the run's experiment as JSON; None before it has loaded."""
        return self._about.get("experiment")

    @property
    def resumable(self) -> bool:
        """Say whether ``resume`` would help."""
        return self.run is not None and not self.going_on and self.state in RESUMABLE

    async def open(self, info: RunInfo) -> None:
        """Take what the workspace knows of a run that no process of ours trains."""
        self.run, self.name = info.id, info.id
        texts, about = await asyncio.to_thread(self._read, info.id)
        self._about = about
        self.log = Log(texts)
        self.life = _life(texts, info.process)
        self.state, self.note = "interrupted" if info.killed else info.state, info.note
        if info.state == "running":
            self.state = "learning"
            self.note = f"it is trained by process {info.process}, outside of this laboratory"
        if info.killed:
            self.state, self.note = "lost", self.note or "its process was ended; it can go on from its last checkpoint"

    async def begin(self, command: dict[str, Any]) -> None:
        """Start a run, go on with it, or open it to be looked at: in the process that is here, or in a new one.

        Raises:
            StoreError: it is going on already.
        """
        async with self._lock:
            if self.going_on:
                raise StoreError(f"run {self.name} is {self.state} already: expected one at rest; look at it")
            self._begun, self._refusal = command["do"], ""
            self._resting = False
            if command["do"] != "open":
                self._change("loading")
            if self._worker is None:
                self._worker = await self._spawn()
                self._listening = asyncio.create_task(self._listen(self._worker))
                self._told = None
            self._worker.tell({**command, "workspace": str(self.workspace)})
            self._tell_looks()

    async def join(self, position: int, life: str) -> Viewer:
        """Let a page in; it goes on from its position where it holds events of this very life of the run.

        Raises:
            BufferError: there are too many already.
        """
        if len(self.viewers) >= MOST_VIEWERS:
            raise BufferError(f"{MOST_VIEWERS} pages look at this run already; close one")
        viewer = Viewer(self.log, self._start(position, life), self._took)
        self.viewers[viewer.number] = viewer
        viewer.send(self._hello(viewer.position))
        if self._idle:
            self._idle.cancel()
            self._idle = None
        return viewer

    def part(self, viewer: Viewer) -> None:
        """Let a page go."""
        self.viewers.pop(viewer.number, None)
        self._flights = {ticket: flight for ticket, flight in self._flights.items() if flight.viewer is not viewer}
        self._tell_looks()
        self._settle()
        self._rest_soon()

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
                    self._look(viewer, values)
                    viewer.send(answer(number, {}))
                    await self._need_process()
                case "at":
                    self._look(viewer, {**(viewer.wish or wish({})).to_json(), "at": values.get("step")})
                    viewer.send(answer(number, {}))
                    await self._need_process()
                case "resume":
                    await self._desk.resume(self.name)
                    viewer.send(answer(number, {"run": self.run}))
                case "restart":
                    viewer.send(answer(number, {"run": await self._desk.restart(self, values)}))
                case _:
                    await self._forward(viewer, number, name, self._desk.resolve(name, values))
        except VitralError as cause:
            viewer.send(answer(number, {"error": str(cause)}, ok=False))

    async def leave(self, seconds: float) -> None:
        """Let the process save its run and end."""
        if self._worker is not None:
            await self._worker.leave(seconds)
        if self._listening is not None:
            await asyncio.wait([self._listening], timeout=seconds)

    async def save(self, seconds: float) -> None:
        """Let a run that learns here save itself, and wait for that so long; another one is saved as it is."""
        if self._worker is None or self.state not in ("learning", "paused"):
            return
        end = self.log.end
        self._worker.tell({"do": "command", "name": "snapshot", "values": {}, "ticket": 0, "id": 0})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._worker is not None and not self.log.has("checkpointed", end):
                    await asyncio.sleep(0.05)

    def _start(self, position: int, life: str) -> int:
        return position if life == self.life and 0 <= position <= self.log.end else 0

    def _read(self, run: str) -> tuple[list[str], dict[str, Any]]:
        """Read a run's events and what its network is (blocking)."""
        from vitral.spec.table import describe

        experiment = place.experiment_of(self.workspace, run)
        rows = [dataclasses.asdict(row) for row in describe(experiment).rows]
        return place.lines(self.workspace, run), {"experiment": experiment.model_dump(mode="json"), "rows": rows}

    def _hello(self, position: int) -> bytes:
        return pack(
            {
                "experiment": None,
                "rows": [],
                "classes": [],
                "controls": {},
                **self._about,
                "kind": "hello",
                "run": self.run,
                "name": self.name,
                "life": self.life,
                "position": position,
                "end": self.log.end,
                "state": self.state,
                "note": self.note,
                "resume": self.resumable,
            }
        )

    def _change(self, state: str, note: str = "", **more: Any) -> None:
        self.state, self.note = state, note
        frame = state_frame(state, note, resume=self.resumable, **more)
        for viewer in self.viewers.values():
            viewer.tell_state(frame)

    def _look(self, viewer: Viewer, values: Mapping[str, Any]) -> None:
        viewer.look(wish(values))
        self._tell_looks()
        assert viewer.wish is not None
        for key, frame in self._pictures.items():
            viewer.show(key, frame)

    def _tell_looks(self) -> None:
        """Tell the process what all viewers together want to see, where that has changed."""
        wishes = union(viewer.wish for viewer in self.viewers.values() if viewer.wish)
        looks = [one.to_json() for one in wishes]
        keys = {one.look.key for one in wishes}
        self._pictures = {key: frame for key, frame in self._pictures.items() if key in keys or (keys and key == "unseen")}
        self._unanswered &= set(self._pictures)
        if self._worker is not None and looks != self._told:
            self._told = looks
            self._worker.tell({"do": "look", "looks": looks})

    async def _need_process(self) -> None:
        """Open a run at rest whose process has gone, so that its network can be looked at."""
        if self._worker is None and self.run is not None and self.state not in GOING_ON and not self._refusal:
            with contextlib.suppress(StoreError):
                await self.begin({"do": "open", "run": self.run})

    async def _forward(self, viewer: Viewer, number: Any, name: str, values: dict[str, Any]) -> None:
        if viewer.num_waiting >= MOST_IN_FLIGHT:
            raise StoreError(f"{MOST_IN_FLIGHT} commands wait for their answers: expected fewer at a time; wait for some")
        if name in LEARNERS and not self.going_on:
            raise StoreError(f"run {self.name} does not learn here: it is {self.state}{self._why()}; resume it, or start another one")
        await self._need_process()
        if self._worker is None:
            raise StoreError(f"run {self.name} cannot be looked at: it is {self.state}{self._why()}")
        ticket = next(self._tickets)
        self._flights[ticket] = Flight(viewer, number)
        viewer.num_waiting += 1
        self._worker.tell({"do": "command", "name": name, "values": values, "ticket": ticket, "id": number})

    def _why(self) -> str:
        reason = self._refusal or self.note
        return f" ({reason})" if reason else ""

    async def _listen(self, worker: Worker) -> None:
        """Hear the process until it has ended, and say what has become of the run."""
        how = "the laboratory could not understand the run's process"
        try:
            how = await worker.listen(self._letter)
        except VitralError as cause:
            how = str(cause)
        finally:
            worker.kill()
            self._worker = self._listening = None
            self._resting = False
            for flight in self._flights.values():
                flight.viewer.num_waiting -= 1
                flight.viewer.send(answer(flight.id, {"error": "the run's process ended before it answered"}, ok=False))
            self._flights.clear()
            self._unanswered.clear()
            if self.state in GOING_ON:
                self._change("lost", how or "the run's process ended")
            elif how:
                self._change(self.state, how)

    async def _letter(self, envelope: dict[str, Any], body: bytes) -> None:
        match envelope:
            case {"what": "hello"}:
                await self._greet(envelope)
            case {"what": "events", "from": first}:
                self.log.extend(first, body.decode().split("\n"))
                for viewer in self.viewers.values():
                    viewer.wake()
            case {"what": "picture", "key": key}:
                self._show(key, body)
            case {"what": "answer", "ticket": ticket}:
                if flight := self._flights.pop(ticket, None):
                    flight.viewer.num_waiting -= 1
                    flight.viewer.send(body)
            case {"what": "rest"}:
                self._resting = True
                self._rest_soon()
            case _:
                self._hear_of(envelope)

    def _hear_of(self, envelope: dict[str, Any]) -> None:
        """Take what the process says of the run's state."""
        match envelope:
            case {"what": "state", "state": state, "note": note}:
                self._change(state, note)
            case {"what": "note", "note": note}:
                self._change(self.state, note)
            case {"what": "progress", "note": note} if self._begun != "open":
                self._change("loading", note, **{key: envelope[key] for key in ("done", "total", "unit")})
            case {"what": "refused", "error": error} if self._begun == "open":
                self._refusal = error
                self._change(self.state, error)
            case {"what": "refused", "error": error}:
                self._change("failed", error)

    async def _greet(self, envelope: dict[str, Any]) -> None:
        """Learn what the process has loaded, and let everybody know."""
        about = {key: envelope[key] for key in ("experiment", "classes", "controls", "num_steps")}
        run, position = envelope["run"], envelope["position"]
        self._about = {"rows": self._about.get("rows", []), **about}
        if not self._about["rows"] or position is not None:
            self._about["rows"] = await asyncio.to_thread(_rows_of, about["experiment"])
        fresh = self.run is None
        self.run = self.name = run
        if position is not None:
            texts = (await asyncio.to_thread(place.lines, self.workspace, run))[:position] if position else []
            assert self._worker is not None
            self.log, self.life = Log(texts), f"{position}-{self._worker.number}"
            self.state, self.note = envelope["state"], ""
        if fresh:
            self._desk.named(self)
        for viewer in self.viewers.values():
            if position is not None:
                viewer.begin(self.log, min(viewer.position, self.log.end))
            viewer.send(self._hello(viewer.position))

    def _show(self, key: str, frame: bytes) -> None:
        self._pictures[key] = frame
        self._unanswered.add(key)
        for viewer in self.viewers.values():
            viewer.show(key, frame)
        self._settle()

    def _took(self, key: str) -> None:
        """Hear that a picture goes out to one viewer: the next may be made. Nobody waits for the slowest."""
        if key in self._unanswered:
            self._unanswered.discard(key)
            if self._worker is not None:
                self._worker.tell({"do": "taken", "key": key})

    def _settle(self) -> None:
        """Take the pictures that nobody is there to take."""
        for key in list(self._unanswered):
            if not any(viewer.wants(key) for viewer in self.viewers.values()):
                self._took(key)

    def _rest_soon(self) -> None:
        """Let a process at rest end when nobody has looked for a while."""
        if self._resting and not self.viewers and self._worker is not None and self._idle is None:

            def end() -> None:
                self._idle = None
                if self._resting and not self.viewers and self._worker is not None:
                    self._worker.tell({"do": "leave"})

            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, end)


def answer(number: Any, values: Mapping[str, Any], *, ok: bool = True) -> bytes:
    """Encode an answer of the server's own."""
    return pack({**values, "kind": "answer", "id": number, "ok": ok})


def _life(texts: list[str], process: int) -> str:
    """Name the life that a stored curve belongs to: where its last start stands, and which process lived it."""
    start = max((number for number, text in enumerate(texts) if text.startswith('{"event":"run_started"')), default=0)
    return f"{start}-{process}"


def _rows_of(experiment: dict[str, Any]) -> list[dict[str, Any]]:
    from vitral.spec import codec
    from vitral.spec.table import describe

    return [dataclasses.asdict(row) for row in describe(codec.parse(experiment, memory_limit=0)).rows]
