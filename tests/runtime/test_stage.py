"""A stage answers while its network is measured, as far as the answer has nothing to do with the network that is measured."""

import queue

import pytest
import torch

from harness import tiny
from vitral import wire
from vitral.runtime import stage as stages
from vitral.runtime.commands import obey
from vitral.runtime.stage import Stage


class Line:
    """A channel without a pipe: what was told, in its order."""

    def __init__(self):
        self.commands, self.told = queue.SimpleQueue(), []

    def event(self, number, text):
        self.told.append(text)

    def tell(self, envelope, body=b""):
        if envelope["what"] == "answer":
            self.told.append(wire.unpack(body)[0])
        elif envelope["what"] == "rest":
            self.commands.put(None)

    def ask(self, number, name, **values):
        self.commands.put({"do": "command", "name": name, "values": values, "ticket": 0, "id": number})


@pytest.mark.parametrize("learned", ["images", "text", "sequences"])
def test_questions_about_weights_that_are_held_are_answered_while_a_network_is_measured(tmp_path, monkeypatch, learned):
    with tiny.begin(tmp_path / "alone", epochs=2, learned=learned) as run:
        list(run.events())
    expected = tiny.signature(tmp_path / "alone", run.id)

    line = Line()
    run = tiny.begin(tmp_path / "asked", epochs=2, learned=learned)
    measure, asked, modes = run.trainer._lessons.measure, [], []
    place = {"layer": "dense1", "place": [0, 3] if learned == "text" else [0]}

    def measured(net, what, **given):
        asked.append(given["epoch"])
        weight = next(iter(net.parameters())).clone()
        line.ask(len(asked) * 10, "history")
        line.ask(len(asked) * 10 + 1, "explain", **place)
        line.ask(len(asked) * 10 + 2, "explain", at=0, **place)
        line.ask(len(asked) * 10 + 3, "explain", at=0, backward=learned != "text", of="weights", layer="dense1", place=[0, 3])
        found = measure(net, what, **given)
        modes.append((net.training, torch.is_grad_enabled(), torch.equal(weight, next(iter(net.parameters())))))
        return found

    monkeypatch.setattr(run.trainer._lessons, "measure", measured)
    monkeypatch.setattr(stages.runtime, "start", lambda *_, **__: run)
    monkeypatch.setattr(stages.codec, "from_json", lambda text: text)
    Stage(line, obey).live({"do": "start", "workspace": str(tmp_path / "asked"), "experiment": "tiny"})

    answers = [told for told in line.told if isinstance(told, dict)]
    assert all(told["ok"] for told in answers), answers
    order = [told["id"] if isinstance(told, dict) else "evaluated" for told in line.told if isinstance(told, dict) or '"evaluated"' in told]
    assert order == [one for n in range(1, len(asked) + 1) for one in (n * 10 + 2, n * 10 + 3, "evaluated", n * 10, n * 10 + 1)]
    assert set(modes) == {(True, True, True)}
    assert tiny.differences(tiny.signature(tmp_path / "asked", run.id), expected) == ""
