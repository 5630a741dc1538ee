"""A painter: ``python -m vitral.runtime.painter``, letters on standard input and on standard output.

It makes the pictures of a run that learns in another process, from copies of its weights, so that training does not wait for them. It
takes the time that nobody else wants (Linux: SCHED_IDLE): where training uses every core, it works while a core of these waits. There is
nothing to save here: when its input ends, it ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vitral.runtime import pipe
from vitral.runtime.parent import end_with_the_parent

if TYPE_CHECKING:
    from vitral.runtime.sitting import Sitting

Letter = tuple[dict[str, Any], bytes]

MOST_HELD = 8
MAX_HELD = 64 * 2**20
"""So many sittings are held for questions about the pictures that were just sent, as far as their memory goes."""


class Painter:
    """Paints one network after another."""

    def __init__(self, experiment: str) -> None:
        from vitral.runtime.double import Double
        from vitral.spec import codec
        from vitral.train.precision import choose

        chosen = codec.from_json(experiment)
        self._double = Double(chosen, choose("cpu", chosen.training))
        self._held: OrderedDict[tuple[int, str, int], Sitting] = OrderedDict()

    def hear(self, envelope: dict[str, Any], body: bytes) -> Letter:
        """Do what is asked, and give the answer."""
        match envelope:
            case {"do": "paint"}:
                return self._paint(body)
            case {"do": "survey"}:
                return self._survey(body)
            case {"do": "explain", "values": values, "ticket": ticket, "id": number}:
                return self._explain(values, {"what": "answer", "ticket": ticket, "id": number})
        raise AssertionError(f"nobody says {envelope}")

    def _paint(self, body: bytes) -> Letter:
        from vitral.runtime.sitting import Sitting

        sitting = Sitting.decode(body)
        frame = sitting.paint(self._double)
        if sitting.look.at is None:
            self._hold(sitting)
        return {"what": "picture", "held": [list(key) for key in self._held]}, frame

    def _survey(self, body: bytes) -> Letter:
        from vitral.runtime.sitting import Survey

        frame, dead = Survey.decode(body).paint(self._double)
        return {"what": "picture", "dead": dead}, frame

    def _explain(self, values: dict[str, Any], about: dict[str, Any]) -> Letter:
        from vitral import wire
        from vitral.errors import VitralError
        from vitral.runtime.question import Question

        try:
            question = Question.read(values)
            sitting = self._held.get((question.step, question.split, question.example))
            if sitting is None:
                return about | {"what": "unknown"}, b""
            found = question.answer(self._double, sitting.moment, sitting.x, sitting.target)
            answer = {**found, "milliseconds": 0.0, "ok": True}  # of training's time: nobody need ask less for it
        except VitralError as cause:
            answer = {"ok": False, "error": str(cause)}
        except Exception as cause:
            answer = {"ok": False, "error": f"explain failed: {type(cause).__name__}: {cause}"}
        return about, wire.pack({**answer, "kind": "answer", "id": about["id"]})

    def _hold(self, sitting: Sitting) -> None:
        key = (sitting.moment.step, sitting.look.split, sitting.look.example)
        self._held.pop(key, None)
        self._held[key] = dataclasses.replace(sitting, gradients=None, before={})
        while len(self._held) > max(2, min(MOST_HELD, MAX_HELD // max(1, sitting.moment.num_bytes))):
            self._held.popitem(last=False)


def main() -> None:
    """Answer letters until there are no more."""
    end_with_the_parent(signal.SIGKILL)
    up = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not come between two letters
    down = os.fdopen(os.dup(0), "rb")
    step_back()
    import torch

    torch.set_num_threads(1)  # one example is too little for more
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        for envelope, body in _answers(down):
            up.writelines(pipe.letter(envelope, body))
            up.flush()
    os._exit(0)


def step_back() -> None:
    """Let every other program go first."""
    with contextlib.suppress(AttributeError, OSError):  # Linux alone
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)


def _answers(down: Any) -> Iterator[Letter]:
    painter: Painter | None = None
    while (heard := pipe.read(down)) is not None:
        envelope, body = heard
        number = envelope.get("number")
        try:
            if envelope["do"] == "begin":
                painter = Painter(envelope["experiment"])
                yield {"what": "ready", "number": number}, b""
            else:
                assert painter is not None, "it begins with a network"
                answer, more = painter.hear(envelope, body)
                yield answer | {"number": number}, more
        except Exception as cause:
            from vitral.errors import VitralError

            error = str(cause) if isinstance(cause, VitralError) else f"the picture failed: {type(cause).__name__}: {cause}"
            yield {"what": "failed", "number": number, "error": error}, b""


if __name__ == "__main__":
    main()
