"""A model of someone's own on the page: the script trains on, and shows what is seen of it."""

from __future__ import annotations

import atexit
import contextlib
import math
import queue
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from vitral import wire
from vitral.errors import SpecError, VitralError
from vitral.events import BatchDone, Event, RunEnded, RunStarted, to_json
from vitral.probe.calls import Call, explain
from vitral.probe.chosen import MODEL
from vitral.probe.seen import Seen, StepSeen
from vitral.probe.watch import Outcome, Watch
from vitral.runtime.beside import Beside
from vitral.runtime.looks import Look, wish
from vitral.runtime.pictures import Pictures
from vitral.runtime.rows import rows_of
from vitral.runtime.shown import frame, ran

RATE, SHARE = 10.0, 0.025
"""So many looks a second, and so much of the time for them, where nothing else is asked for."""
MOST_HELD = 8
"""So many moments are held for questions about the pictures that were just shown."""


class Live:
    """Shows a watched model to whoever opens the page. All but what follows the training's end happens in the model's own thread.

    Args:
        model: what is shown; its class names the page.

    Raises:
        StoreError: the laboratory did not open.
    """

    _over: ClassVar[list[Live]] = []
    """Those whose training has ended; they can be looked at until the next one begins."""

    def __init__(self, model: nn.Module) -> None:
        for former in self._over:  # a cell of a notebook that is run again shows its newest page alone
            former._leave()
        self._over.clear()
        self._model, self._name = model, type(model).__name__
        self._beside = Beside()
        self.link = self._beside.link
        self._channel = self._beside.channel
        self._pictures = Pictures(self._tell_picture, lambda note: self._channel.tell({"what": "note", "note": note}))
        self._held: OrderedDict[int, Mapping[str, Call]] = OrderedDict()
        self._look: StepSeen | None = None
        self._state: Literal["learning", "one more", "paused", "over", "gone"] = "learning"
        self._num_events = 0
        self._began = self._since = time.perf_counter()
        atexit.register(self._leave)

    def between(self, watch: Watch) -> None:
        """Tell how the step went, show the look that is new, do what the page asks; wait here while it is paused."""
        if not self._beside.ours or self._state == "gone":
            return
        seen, seconds = watch.seen, time.perf_counter() - self._since
        look = seen.latest
        halts = self._state == "one more" and look is not None and look.step == seen.num_steps
        if look is not None and look is not self._look and (look.settled or halts):
            self._take(look, watch.calls.kept if watch.calls else {})
        self._tell_step(seen, seconds)
        if halts:
            self._change("paused")
        self._serve()
        if self._state == "one more":
            watch.ask()  # a network at rest shows the very step at which it rests
        while self._state == "paused":
            self._serve(wait=True)
        if self._state == "one more":
            watch.ask()
        self._since = time.perf_counter()

    def closed(self, outcome: Outcome) -> None:
        """Say that training is over. What was shown last can be looked at and asked about for as long as the script lives."""
        if not self._beside.ours or self._state == "gone":
            return
        if self._look is not None:
            self._tell(RunEnded(step=self._look.step, outcome=outcome, seconds=time.perf_counter() - self._began))
        self._channel.tell({"what": "state", "state": outcome, "note": ""})
        self._state = "over"
        self._over.append(self)
        threading.Thread(target=self._afterwards, name="vitral live", daemon=True).start()

    def layers(self, look: Look) -> bytes | None:
        """Encode the newest look for a stream."""
        assert self._look is not None
        return frame(self._look, self._held[self._look.step], look)

    def unseen(self) -> bytes | None:
        """There are no other examples than those of the batches."""
        return None

    def _leave(self) -> None:
        self._state = "gone"
        self._beside.leave()
        atexit.unregister(self._leave)

    def _take(self, look: StepSeen, calls: Mapping[str, Call]) -> None:
        """Hold a look; introduce the model with the first one."""
        first, self._look = self._look is None, look
        self._held[look.step] = calls
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        if first:
            self._greet(look, calls)

    def _greet(self, look: StepSeen, calls: Mapping[str, Call]) -> None:
        modules = {name or MODEL: module for name, module in self._model.named_modules()}
        run = f"live-{secrets.token_hex(4)}"
        self._channel.tell(
            {
                "what": "hello",
                "run": run,
                "experiment": {"name": self._name},
                "rows": rows_of(ran(look), modules, calls),
                "classes": [],
                "controls": {},
                "num_steps": 0,
                "position": 0,
                "state": "learning",
            }
        )
        parameters = list(self._model.parameters())
        self._tell(
            RunStarted(
                step=0,
                run=run,
                experiment=self._name,
                seed=0,
                device=str(parameters[0].device) if parameters else "cpu",
                precision=str(parameters[0].dtype).removeprefix("torch.") if parameters else "",
                memory_format="",
                num_threads=torch.get_num_threads(),
                num_parameters=sum(parameter.numel() for parameter in parameters),
                num_train=0,
                num_test=1,
                num_steps=0,
                steps_per_epoch=0,
                batch_size=look.num_examples,
                data="",
                data_sha256="",
                versions={"torch": torch.__version__},
                unit="examples",
                exact=False,
            )
        )

    def _tell_step(self, seen: Seen, seconds: float) -> None:
        if self._look is None or not seen.num_steps:
            return
        report = seen.report if seen.report is not None and seen.report.step == seen.num_steps else None
        self._tell(
            BatchDone(
                step=seen.num_steps,
                epoch=1,
                loss=report.loss if report else math.nan,
                penalty=0.0,
                num_correct=report.num_correct if report else None,
                num_examples=self._look.num_examples,
                learning_rate=report.learning_rate if report and report.learning_rate is not None else math.nan,
                seconds=seconds,
            )
        )

    def _tell(self, event: Event) -> None:
        self._channel.event(self._num_events, to_json(event))
        self._num_events += 1

    def _tell_picture(self, key: str, body: bytes) -> None:
        self._channel.tell({"what": "picture", "key": key}, body)

    def _change(self, state: Literal["learning", "one more", "paused"]) -> None:
        self._state = state
        if state != "one more":
            self._channel.tell({"what": "state", "state": state, "note": ""})

    def _afterwards(self) -> None:
        while self._state == "over":
            self._serve(wait=True)

    def _serve(self, *, wait: bool = False) -> None:
        """Do what has been asked, then make a picture where one is due; with ``wait`` sleep until there is either."""
        commands, step = self._channel.commands, self._look.step if self._look else 0
        with contextlib.suppress(queue.Empty):
            if wait:
                self._obey(commands.get(timeout=self._pictures.seconds_to_wait(step)))
            while True:
                self._obey(commands.get_nowait())
        if self._look is not None and self._state != "gone":
            self._pictures.show(self, step, training=self._state in ("learning", "one more"))

    def _obey(self, command: dict[str, Any] | None) -> None:
        match command:
            case None | {"do": "leave"}:
                self._state = "gone"
            case {"do": "look", "looks": looks}:
                self._pictures.look([wish(values) for values in looks])
            case {"do": "taken", "key": key}:
                self._pictures.taken(key)
            case {"do": "command", "name": name, "values": values, "ticket": ticket, "id": number}:
                try:
                    answer = {**self._answer(name, values), "ok": True}
                except VitralError as cause:
                    answer = {"ok": False, "error": str(cause)}
                except Exception as cause:
                    answer = {"ok": False, "error": f"{name} failed: {type(cause).__name__}: {cause}"}
                self._channel.tell({"what": "answer", "ticket": ticket}, wire.pack({**answer, "kind": "answer", "id": number}, ()))

    def _answer(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        match name:
            case "run" if self._state != "over":
                self._change("learning")
                return {}
            case "pause" | "batch" if self._state != "over":
                self._change("one more")
                return {}
            case "explain":
                return self._explain(values)
            case "history":
                return {"steps": [], "now": self._look.step if self._look else 0, "problem": ""}
        raise SpecError(
            f"a script trains this model: expected run, pause, batch or explain, got {name:.40}; change the script for the rest"
        )

    def _explain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Explain a number of a layer's output at a step that was shown. ``{"layer", "place", "step"}``."""
        began = time.perf_counter()
        if values.get("backward"):
            raise SpecError("of a model of your own the way forward is explained, not the way back; choose a number of the activations")
        if not self._held:
            raise SpecError("nothing was shown yet: expected a picture, got none; wait for the model's first step")
        place = values.get("place")
        if not isinstance(place, list) or not all(isinstance(number, int) and not isinstance(number, bool) for number in place):
            raise SpecError(f"place is a list of whole numbers, got {place!r:.40}")
        moment: int = values["step"] if values.get("step") in self._held else next(reversed(self._held))
        layer = str(values.get("layer", ""))
        record = explain(self._held[moment], layer, tuple(place)).to_values(inputs=False)
        return {"step": moment, "layer": layer, "record": record, "milliseconds": (time.perf_counter() - began) * 1000}
