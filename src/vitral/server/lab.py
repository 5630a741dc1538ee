"""All runs of one laboratory: started, resumed, found again, and brought to an end with it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitral.errors import SpecError, StoreError
from vitral.nets import zoo
from vitral.runtime import workspace as place
from vitral.runtime.choice import choose
from vitral.server.room import Room
from vitral.server.run import Run
from vitral.server.uploads import Uploads
from vitral.server.workers import Peer, Worker
from vitral.spec import codec
from vitral.spec.experiment import Experiment

MOST_RUNS = 8
"""So many runs can go on at a time: each has a process of its own."""
MOST_ROOMS = 64
"""So many rooms are remembered; the oldest that nobody is in are forgotten, and read again when somebody comes."""
SECONDS_TO_SAVE = 4.0


class Laboratory:
    """The rooms by their names. Everything happens in the server's one event loop.

    Args:
        workspace: the folder of runs.
        uploads: what pages have brought.
        device: where runs compute: "auto", "cpu" or "cuda".
        spawn: starts a run's process.
    """

    def __init__(
        self, workspace: Path, uploads: Uploads, *, device: str = "auto", spawn: Callable[[], Awaitable[Peer]] = Worker.spawn
    ) -> None:
        self.workspace, self.uploads = workspace, uploads
        self.current: str | None = None
        self._device, self._spawn = device, spawn
        self._rooms: dict[str, Room] = {}
        self._lock = asyncio.Lock()
        self._closing = self._hosts = False

    async def host(self) -> Room:
        """Show the model of a script that trains it, and start no runs."""
        room = Room(Run("live", watched=True), self.workspace, self, spawn=self._spawn)
        self._rooms[room.run.name] = room
        self.current, self._hosts = room.run.name, True
        await room.begin({"do": "watch"})
        return room

    async def start(
        self,
        experiment: Experiment,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        seed: int | None = None,
        paused: bool = False,
    ) -> Room:
        """Start a run of an experiment in a process of its own; the room has a name at once, and the run's id when it has loaded.

        Args:
            experiment: what to train; the length and seed are in it already.
            epochs: the length that was asked for, for what runs in its place where the data cannot be had.
            steps: the same, in steps.
            seed: the same, of the seed.
            paused: wait before the first step.

        Raises:
            StoreError: too many runs go on already, or the laboratory is closing.
        """
        self._insist_on_room()
        room = Room(Run(f"new-{secrets.token_hex(4)}"), self.workspace, self, spawn=self._spawn)
        self._rooms[room.run.name] = room
        self.current = room.run.name
        length = {"epochs": epochs, "steps": steps, "seed": seed}
        command = {"do": "start", "experiment": codec.to_json(experiment), "device": self._device, "paused": paused, **length}
        await room.begin(command)
        return room

    async def resume(self, name: str) -> Room:
        """Go on with a run from its last checkpoint.

        Raises:
            StoreError: there is no such run, or it goes on already; too many runs go on.
        """
        room = await self.room(name)
        self._insist_on_room()
        if room.run.id is None:
            raise StoreError(f"{name} has not become a run: {room.run.note or room.run.state}; start another one")
        await room.begin({"do": "resume", "run": room.run.id, "device": self._device})
        self.current = room.run.id
        return room

    async def restart(self, room: Room, values: Mapping[str, Any]) -> str:
        """End a run and start its experiment again with another seed.

        Raises:
            SpecError: a seed that is none.
            StoreError: the run has not loaded yet.
        """
        if not room.run.experiment:
            raise StoreError(f"{room.run.name} has not loaded yet: expected a run to start again, got none; wait a moment")
        seed = values.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise SpecError(f"seed is a whole number from 0 on, got {seed!r:.40}")
        experiment = codec.parse({**room.run.experiment, "seed": seed})
        await room.leave(SECONDS_TO_SAVE)
        return (await self.start(experiment, seed=seed)).run.name

    async def room(self, name: str) -> Room:
        """Find a run's room, and open it where nobody has been in it yet.

        Args:
            name: a run's id, a room's name, or ``current``.

        Raises:
            StoreError: there is no such run.
        """
        if name == "current":
            if self.current is None:
                raise StoreError("no run was started in this laboratory yet: expected a current one, got none; start one")
            name = self.current
        async with self._lock:
            if found := self._rooms.get(name):
                return found
            known = await asyncio.to_thread(place.listing, self.workspace)
            info = next((info for info in known if info.id == name), None)
            if info is None:
                raise StoreError(f"there is no run {name:.80}; the list of runs says which there are")
            room = await Room.open(info, self.workspace, self, spawn=self._spawn)
            self._forget()
            self._rooms[info.id] = room
            return room

    async def listing(self) -> list[dict[str, Any]]:
        """List the runs of the workspace, those that are loading last; ``live`` says that a process of this laboratory holds one."""
        known = [info.to_dict() for info in await asyncio.to_thread(place.listing, self.workspace)]
        for info in known:
            room = self._rooms.get(info["id"])
            info["live"] = room is not None and room.alive
            if room is not None and room.going_on:
                info["state"] = room.run.state
        loading = [room for room in self._rooms.values() if room.run.id is None]
        return known + [
            {"id": room.run.name, "name": "", "state": room.run.state, "note": room.run.note, "live": room.alive, "step": 0, "num_steps": 0}
            for room in dict.fromkeys(loading)
        ]

    def named(self, room: Room) -> None:
        """Hear a run's id: both names lead to its room from now on."""
        assert room.run.id is not None
        self._rooms[room.run.id] = room
        if self.current is not None and self._rooms.get(self.current) is room:
            self.current = room.run.id

    def resolve(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """Put paths in the place of uploads' ids. A page cannot name a path itself."""
        found = dict(values)
        for kind in ("image", "weights"):
            if kind in values:
                found[kind] = str(self.uploads.path(kind, values[kind]))
        return found

    async def close(self) -> None:
        """Let every run save itself and end."""
        self._closing = True
        rooms = dict.fromkeys(self._rooms.values())
        await asyncio.gather(*(room.leave(SECONDS_TO_SAVE) for room in rooms if room.alive), return_exceptions=True)

    def _insist_on_room(self) -> None:
        if self._closing:
            raise StoreError("the laboratory is closing: expected an open one; start it again")
        if self._hosts:
            raise StoreError(
                "this page shows the model of a script, which trains it: no runs are started here; open a laboratory with vitral"
            )
        going_on = sum(room.going_on for room in dict.fromkeys(self._rooms.values()))
        if going_on >= MOST_RUNS:
            raise StoreError(f"{going_on} runs go on already: expected fewer than {MOST_RUNS}; stop one")

    def _forget(self) -> None:
        idle = [name for name, room in self._rooms.items() if not room.alive and not room.viewers]
        for name in idle[: max(0, len(self._rooms) - MOST_ROOMS + 1)]:
            del self._rooms[name]


def experiment_of(values: Mapping[str, Any]) -> Experiment:
    """Read which experiment a page means: a name of the zoo or TOML, with changes, a length and a seed. Never a file of the machine.

    Raises:
        SpecError: no such experiment, or one that says something impossible.
        ShapeError: layers that do not fit one another.
    """
    sets = _texts(values.get("sets", []))
    length = {key: _whole(key, values.get(key)) for key in ("epochs", "steps", "seed")}
    if (text := values.get("toml")) is not None:
        if not isinstance(text, str):
            raise SpecError(f"toml is a text, got {text!r:.40}")
        return choose(codec.from_toml(text), sets, **length)
    name = values.get("experiment", zoo.DEFAULT)
    if not isinstance(name, str):
        raise SpecError(f"experiment is a name of the zoo, got {name!r:.40}")
    return choose(zoo.load(name), sets, **length)


def _texts(value: object) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise SpecError(f'sets is a list such as ["training.batch_size=64"], got {value!r:.60}')
    return value


def _whole(key: str, value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise SpecError(f"{key} is a whole number, got {value!r:.40}")
    return value
