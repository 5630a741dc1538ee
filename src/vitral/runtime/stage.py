"""A run in its own process, as viewers meet it: it learns, pauses, ends, rests to be looked at, and can go on."""

from __future__ import annotations

import contextlib
import queue
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from vitral import wire
from vitral.data.progress import Progress
from vitral.errors import SpecError, StoreError, VitralError
from vitral.events import Event, to_json
from vitral.runtime import run as runtime
from vitral.runtime.channel import Channel
from vitral.runtime.choice import choose
from vitral.runtime.easel import Easel
from vitral.runtime.looks import wish
from vitral.runtime.pictures import Pictures
from vitral.runtime.run import Run
from vitral.runtime.showing import Answer, Showing
from vitral.runtime.subject import Subject, opened
from vitral.spec import codec
from vitral.spec.experiment import Experiment
from vitral.train.control import NAMES

Goal = Literal["run", "pause", "batch", "epoch"]
Obey = Callable[["Stage", str, Mapping[str, Any]], Answer]

SECONDS_PER_PROGRESS = 0.125


class Stage:
    """What commands act on. Everything happens in one thread, between two steps.

    Args:
        channel: where commands come from and letters go.
        obey: carries out a viewer's command.
    """

    def __init__(self, channel: Channel, obey: Obey) -> None:
        self.state = "loading"
        self._channel, self._obey = channel, obey
        self._run: Run | None = None
        self._subject: Subject | None = None
        self._showing: Showing | None = None
        self._goal: Goal = "run"
        self._next: dict[str, Any] | None = None
        self._later: deque[dict[str, Any] | None] = deque()
        self._leaving = self._nudged = self._epoch_over = False
        self._progress_due = 0.0
        self._easel = Easel(channel)
        channel.divert = self._easel.takes
        self._pictures = Pictures(self._tell_picture, lambda note: self._channel.tell({"what": "note", "note": note}))

    def live(self, first: dict[str, Any]) -> None:
        """Begin as the first command says, and go on until the server leaves or sends away."""
        self._next = first
        with contextlib.closing(self._easel):
            while self._next is not None and not self._leaving:
                command, self._next = self._next, None
                try:
                    self._begin(command)
                except VitralError as cause:
                    self._channel.tell({"what": "refused", "error": str(cause)})
                    return
                if self._run is not None and not self._train(self._run):
                    return
                self._rest()

    @property
    def step(self) -> int:
        """Count the optimiser steps of the subject."""
        return self._subject.trainer.step if self._subject else 0

    def trained(self) -> Run:
        """Give the run that trains here.

        Raises:
            StoreError: it has ended, or was only opened to be looked at.
        """
        if self._run is None or self._run.ended is not None:
            name = self._subject.id if self._subject else "this run"
            raise StoreError(
                f"{name} does not learn at the moment: expected a run that learns or is paused, got one at rest; resume it first"
            )
        return self._run

    def showing(self) -> Showing:
        """Give what answers questions about the network."""
        assert self._showing is not None, "commands are read when there is a subject"
        return self._showing

    def aim(self, goal: Goal) -> None:
        """Go on until told otherwise ("run"), for one batch or epoch, or not at all ("pause")."""
        self._goal, self._epoch_over = goal, False
        self._tell_state("paused" if goal == "pause" else "learning")

    def stop(self) -> None:
        """Let the run save itself and end, without a further step where it is paused."""
        self.trained().stop()
        self._goal = "run"

    def nudge(self) -> None:
        """Let a paused run do what it was asked for beside learning: a checkpoint."""
        self._nudged = True

    def controls(self) -> dict[str, Any]:
        """Give the settings in force by their names; None for one that this optimiser does not have."""
        assert self._subject is not None
        return {name: self._control(name) for name in NAMES}

    def _control(self, name: str) -> Any:
        assert self._subject is not None
        try:
            return self._subject.trainer.controls.get(name)
        except (SpecError, AttributeError):
            return None

    def _begin(self, command: dict[str, Any]) -> None:
        """Load what the command names. Its workspace, device and experiment come from our own server."""
        self._let_go()
        place, device = Path(command["workspace"]), command.get("device", "auto")
        match command["do"]:
            case "start":

                def adapt(substitute: Experiment) -> Experiment:
                    return choose(substitute, epochs=command.get("epochs"), steps=command.get("steps"), seed=command.get("seed"))

                chosen = codec.from_json(command["experiment"])
                self._run = runtime.start(chosen, workspace=place, device=device, progress=self._tell_progress, adapt=adapt)
            case "resume":
                self._run = runtime.resume(command["run"], workspace=place, device=device, progress=self._tell_progress)
            case "open":
                self._subject = opened(command["run"], workspace=place, device=device, progress=self._tell_progress)
            case other:
                raise AssertionError(f"a stage is not opened with {other}")
        if self._run:
            run = self._run
            self._subject = Subject(run.id, run.experiment, run.dataset, run.trainer, run.folder)
            run.trainer.meanwhile = self._meanwhile
        assert self._subject is not None
        paints = self._run is not None and self._subject.trainer.precision.device.type == "cpu"
        self._easel.begin(self._subject.experiment if paints else None)
        self._showing = Showing(self._subject, self._easel)
        self._pictures.forget()
        self._goal = "pause" if command.get("paused") else "run"
        self.state = ("paused" if self._goal == "pause" else "learning") if self._run else "resting"
        self._channel.tell(
            {
                "what": "hello",
                "run": self._subject.id,
                "experiment": self._subject.experiment.model_dump(mode="json"),
                "classes": list(getattr(self._subject.dataset, "classes", ())),
                "controls": self.controls(),
                "num_steps": self._subject.trainer.num_steps,
                "position": self._run.num_events if self._run else None,
                "state": self.state,
            }
        )

    def _train(self, run: Run) -> bool:
        """Train until the run ends; False where it broke down and this process is of no more use."""
        try:
            with run:
                for event in run.events():
                    self._pass_on(run, event)
        except Exception as cause:
            if not isinstance(cause, VitralError):
                traceback.print_exc()
            if run.ended is not None:
                self._channel.event(run.num_events - 1, to_json(run.ended))
            self._tell_state("failed", str(cause) if isinstance(cause, VitralError) else f"{type(cause).__name__}: {cause}")
            return False
        assert run.ended is not None
        self._tell_state(run.ended.outcome, run.note)
        return True

    def _pass_on(self, run: Run, event: Event) -> None:
        """Tell an event; then do what is asked, and for as long as the run is paused nothing else."""
        self._channel.event(run.num_events - 1, to_json(event))
        self.showing().seen(event)
        if run.ended is not None:
            return
        if self._goal == "batch" and event.kind == "batch_done":
            self.aim("pause")
        if self._goal == "epoch":
            self._epoch_over = self._epoch_over or event.kind == "epoch_done"
            if self._epoch_over and not getattr(run.trainer, "pending", False):  # its measurement belongs to it
                self.aim("pause")
        self._nudged = False
        self._serve(wait=False)
        while self._goal == "pause" and not self._nudged:
            self._serve(wait=True)

    def _rest(self) -> None:
        """Let the network be looked at until there is something to begin, or nobody left."""
        self._channel.tell({"what": "rest"})
        while self._next is None and not self._leaving:
            self._serve(wait=True)

    def _serve(self, *, wait: bool) -> None:
        """Carry out the commands that have come, then make a picture where one is due; with ``wait`` sleep until there is either."""
        commands = self._channel.commands
        while self._later:
            self._handle(self._later.popleft())
        self._easel.attend(self._pictures.wanted)
        timeout = self._seconds_to_wait() if wait else None
        with contextlib.suppress(queue.Empty):
            if wait:
                self._handle(commands.get(timeout=timeout))
            while not commands.empty():
                self._handle(commands.get_nowait())
        if self._showing is not None and not self._leaving and not self._easel.seconds_to_wait:
            self._pictures.show(self._showing, self.step, training=self.state == "learning")

    def _seconds_to_wait(self) -> float | None:
        """Say how long there is nothing to do for a run that does not learn; a picture that is under way says when it is done."""
        until_due = self._pictures.seconds_to_wait(self.step)
        return None if until_due is None else max(until_due, self._easel.seconds_to_wait)

    def _meanwhile(self) -> None:
        """Between two batches of a measurement, answer what does not concern the network that is measured; the rest waits for its end."""
        with contextlib.suppress(queue.Empty):
            while True:
                match command := self._channel.commands.get_nowait():
                    case {"do": "command", "name": name, "values": values} if self.showing().knows(name, values):
                        self._handle(command)
                    case _:
                        self._later.append(command)

    def _handle(self, command: dict[str, Any] | None) -> None:
        match command:
            case None | {"do": "leave"}:
                self._leaving = True
                if self._run is not None:
                    self._run.stop()
                    self._goal = "run"
            case {"do": "look", "looks": looks}:
                self._pictures.look([wish(values) for values in looks])
            case {"do": "taken", "key": key}:
                self._pictures.taken(key)
            case {"do": "painted", "key": key, "error": error}:
                self._pictures.painted(key, error)
            case {"do": "start" | "resume" | "open"}:
                if self._run is None or self._run.ended is not None:
                    self._next = command
            case {"do": "command", "name": name, "values": values, "ticket": ticket, "id": number}:
                header, blobs = self._answer(name, values)
                self._channel.tell({"what": "answer", "ticket": ticket}, wire.pack({**header, "kind": "answer", "id": number}, blobs))
            case other:
                raise AssertionError(f"the server does not say {other}")

    def _answer(self, name: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[wire.Blob]]:
        try:
            answer = self._obey(self, name, values)
        except VitralError as cause:
            return {"ok": False, "error": str(cause)}, ()
        except Exception as cause:  # a fault of ours must not take the training along
            traceback.print_exc()
            return {"ok": False, "error": f"{name} failed: {type(cause).__name__}: {cause}"}, ()
        found, blobs = answer if isinstance(answer, tuple) else (answer, ())
        return {**found, "ok": True}, blobs

    def _let_go(self) -> None:
        if self._showing is not None:
            self._showing.close()
        self._easel.begin(None)
        self._run = self._subject = self._showing = None

    def _tell_state(self, state: str, note: str = "") -> None:
        self.state = state
        self._channel.tell({"what": "state", "state": state, "note": note})

    def _tell_picture(self, key: str, frame: bytes) -> None:
        self._channel.tell({"what": "picture", "key": key}, frame)

    def _tell_progress(self, now: Progress) -> None:
        if time.monotonic() >= self._progress_due or now.done == now.total:
            self._progress_due = time.monotonic() + SECONDS_PER_PROGRESS
            self._channel.tell({"what": "progress", "note": now.what, "done": now.done, "total": now.total, "unit": now.unit})
