"""A painter beside a run makes the very pictures that the run would make, answers about them, and can be lost at any time."""

import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from harness import tiny
from vitral import wire
from vitral.runtime import easel as easels
from vitral.runtime.easel import Easel
from vitral.runtime.looks import UNSEEN, Look, wish
from vitral.runtime.pictures import Pictures
from vitral.runtime.showing import Showing
from vitral.runtime.sitting import Sitting, Survey
from vitral.runtime.subject import Subject

TIMINGS = {"forward", "backward", "milliseconds", "time", "blobs"}
"""What differs from one picture of the same to the next; with the length of these figures, where the blobs begin."""
KINDS = ["images", "text", "sequences"]
SECONDS = 60


class Line:
    """The way to a server, without one."""

    def __init__(self):
        self.commands, self.letters = queue.SimpleQueue(), queue.SimpleQueue()

    def tell(self, envelope, body=b""):
        self.letters.put((envelope, body))


def until(wanted):
    end = time.monotonic() + SECONDS
    while not wanted():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def parts(frame):
    header, blobs = wire.unpack(frame)
    for layer in header.get("layers", ()):
        if "update_ratio" in layer:  # a sum over numbers that lie otherwise in memory is rounded otherwise
            layer["update_ratio"] = pytest.approx(layer["update_ratio"], rel=1e-5)
    return {name: value for name, value in header.items() if name not in TIMINGS}, [bytes(blob.data) for blob in blobs]


def without_timings(header):
    return {name: value for name, value in header.items() if name not in TIMINGS}


def answer(body):
    return {name: value for name, value in wire.unpack(body)[0].items() if name not in {"kind", "id", "ok", "milliseconds", "blobs"}}


def question(number, **values):
    return {"do": "command", "name": "explain", "values": values, "ticket": 7, "id": number}


@pytest.fixture
def spare(monkeypatch):
    monkeypatch.setattr(easels, "_is_spare", lambda: True)


@pytest.fixture(scope="module")
def painter():
    """One painter for many tests: it takes seconds to come."""
    own = Easel(Line())
    own.begin(tiny.experiment())
    own._start()
    until(lambda: own._ready)
    yield own
    own.close()


@pytest.fixture(params=KINDS)
def stage(tmp_path, request, painter):
    """A run in the middle of its second epoch, a showing of it, and a painter."""
    yield from in_the_middle(tmp_path, request.param, painter)


@pytest.fixture
def images(tmp_path, painter):
    yield from in_the_middle(tmp_path, "images", painter)


@pytest.fixture
def lonely(tmp_path):
    """Likewise, with a painter that nobody else needs."""
    own = Easel(Line())
    own.begin(tiny.experiment())
    own._start()
    yield from in_the_middle(tmp_path, "images", own)
    own.close()


def in_the_middle(tmp_path, learned, own):
    own._line = line = Line()
    with tiny.begin(tmp_path, learned=learned) as run:
        showing = Showing(Subject(run.id, run.experiment, run.dataset, run.trainer, run.folder))
        own.begin(run.experiment)
        until(lambda: own._ready)
        for event in run.events():
            showing.seen(event)
            showing._interest = time.monotonic()
            if run.trainer.step == 9 and event.kind == "batch_done":
                break
        yield run, showing, own, line


@pytest.mark.parametrize("look", [Look(), Look(2, "train"), Look(1, at=4), Look(what=("activation", "weight")), Look(layers=("dense1",))])
def test_a_picture_is_the_one_that_the_run_would_make(stage, look):
    run, showing, own, line = stage
    showing._dead = {"relu1": (2,), "lstm1": (0, 1)}
    sitting = showing._sit(look)
    assert own.paint("key", sitting)
    envelope, frame = line.letters.get(timeout=SECONDS)
    assert envelope == {"what": "picture", "key": "key"}
    found, expected = wire.unpack(frame)[0], parts(sitting.paint(showing._double))
    assert (without_timings(found), parts(frame)[1]) == expected
    assert found["step"] == (4 if look.at is not None else 9)
    if look == Look():
        assert any("update_ratio" in layer for layer in found["layers"])
        assert {layer["weight_gradient"]["of"] for layer in found["layers"] if "weight_gradient" in layer} == {"batch"}


def test_unseen_examples_and_silent_units_are_those_that_the_run_would_find(tmp_path, painter):
    for learned in ("images", "sequences"):
        for _, showing, own, line in in_the_middle(tmp_path / learned, learned, painter):
            if learned == "images":
                showing._subject.trainer._average.tensors["norm1.bias"][2] = -100  # a unit falls silent
            here = Showing(showing._subject)
            showing._easel = own
            assert showing.unseen() == b""
            envelope, frame = line.letters.get(timeout=SECONDS)
            assert envelope == {"what": "picture", "key": UNSEEN}
            assert parts(frame) == parts(here.unseen()), learned
            until(lambda own=own: own.seconds_to_wait == 0)
            found = showing._dead
            assert found == here._dead
            assert learned != "images" or found["relu1"] == (2,)


def test_all_that_a_picture_is_made_of_goes_over_the_line(stage):
    _, showing, _, _ = stage
    showing._dead = {"relu1": (2,)}
    for sitting in (showing._sit(Look()), showing._sit(Look(1, at=4, layers=("dense1",)))):
        found = Sitting.decode(sitting.encode())
        assert (found.look, found.dead, found.words, found.classes, found.clock) == (
            sitting.look, sitting.dead, sitting.words, sitting.classes, sitting.clock,
        )  # fmt: skip
        assert found.x.stride() == sitting.x.stride()
        assert found.x.dtype == sitting.x.dtype
        for mine, its in (
            (sitting.moment.tensors, found.moment.tensors),
            (sitting.gradients or {}, found.gradients or {}),
            (sitting.before, found.before),
        ):
            assert mine.keys() == its.keys()
            assert all(torch.equal(mine[name], its[name]) and mine[name].dtype == its[name].dtype for name in mine)
        assert torch.equal(found.x, sitting.x)
        assert torch.equal(found.target, sitting.target)
        assert found.target.dtype == sitting.target.dtype


def test_a_question_is_answered_with_the_numbers_of_the_picture(stage, spare):
    run, showing, own, line = stage
    text = run.experiment.network.predicts_next
    place = {"layer": "dense1", "place": [0, 3] if text else [3]}
    assert not own.takes(question(1, step=9, **place)), "it has painted nothing yet"
    own.paint("key", showing._sit(Look()))
    line.letters.get(timeout=SECONDS)
    before = showing.answer("explain", {"step": 9, **place})
    with torch.no_grad():
        next(run.trainer.net.parameters()).add_(1)  # training goes on
    assert own.takes(question(2, step=9, **place))
    envelope, body = line.letters.get(timeout=SECONDS)
    assert envelope == {"what": "answer", "ticket": 7}
    assert wire.unpack(body)[0]["id"] == 2
    assert wire.unpack(body)[0]["milliseconds"] == 0, "training has lost no time"
    assert answer(body) == {name: value for name, value in json.loads(json.dumps(before)).items() if name != "milliseconds"}
    for other in ({"step": 8}, {"step": 9, "example": 1}, {"step": 9, "split": "train"}, {"step": 9, "at": 4}, {"step": [9]}, {}):
        assert not own.takes(question(3, **place, **other)), other
    assert own.takes(question(4, step=9, layer="dense1", place=[99, 99]))
    found = wire.unpack(line.letters.get(timeout=SECONDS)[1])[0]
    assert not found["ok"]
    assert "99" in found["error"]


def test_questions_wait_for_the_run_where_it_computes_on_every_core(images, monkeypatch):
    _, showing, own, line = images
    own.paint("key", showing._sit(Look()))
    line.letters.get(timeout=SECONDS)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(torch.get_num_threads())))
    assert not own.takes(question(1, step=9, layer="dense1", place=[3]))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(torch.get_num_threads() + 1)))
    assert own.takes(question(2, step=9, layer="dense1", place=[3]))


def test_a_picture_that_comes_late_is_not_shown(images, monkeypatch):
    _, showing, own, line = images
    monkeypatch.setattr(easels, "PATIENCE", 0.2)
    child = own._process._child
    os.kill(child.pid, signal.SIGSTOP)
    try:
        assert own.paint("old", showing._sit(Look()))
        assert own.seconds_to_wait > 0
        until(lambda: own.seconds_to_wait == 0)
        assert not own.paint("new", showing._sit(Look(1))), "the run is to make it"
        assert line.commands.get(timeout=SECONDS) == {"do": "taken", "key": "old"}
    finally:
        os.kill(child.pid, signal.SIGCONT)
    until(lambda: own.paint("newer", showing._sit(Look(2))))
    envelope, frame = line.letters.get(timeout=SECONDS)
    assert envelope["key"] == "newer"
    assert wire.unpack(frame)[0]["example"] == 2
    assert line.letters.empty()


def test_a_painter_that_is_lost_leaves_its_work_to_the_run(lonely, spare):
    _, showing, own, line = lonely
    own.paint("first", showing._sit(Look()))
    line.letters.get(timeout=SECONDS)
    line.commands.get(timeout=SECONDS)
    process = own._process._child
    os.kill(process.pid, signal.SIGSTOP)
    asked = question(1, step=9, layer="dense1", place=[3])
    assert own.takes(asked)
    assert own.paint("second", showing._sit(Look()))
    process.kill()
    assert line.commands.get(timeout=SECONDS) == {"do": "taken", "key": "second"}
    assert line.commands.get(timeout=SECONDS) == asked
    until(lambda: own._process is None)
    assert not own.paint("third", showing._sit(Look()))
    assert not own.takes(asked)
    own._looked = 1.0
    own.attend(True)
    assert own._process is None, "what was lost once may be lost again"
    until(lambda: process.returncode is not None)
    showing._easel = own
    assert wire.unpack(showing.layers(Look()))[0]["step"] == 9


def test_another_run_gets_no_picture_of_the_one_before(images, tmp_path):
    _, showing, own, line = images
    child = own._process._child
    os.kill(child.pid, signal.SIGSTOP)
    assert own.paint("old", showing._sit(Look()))
    own.begin(tiny.experiment(learned="sequences"))
    assert line.commands.get(timeout=SECONDS) == {"do": "taken", "key": "old"}
    os.kill(child.pid, signal.SIGCONT)
    until(lambda: own._ready)
    assert line.letters.empty()
    for _, another, _, line in in_the_middle(tmp_path / "another", "sequences", own):
        assert own.paint("new", another._sit(Look()))
        envelope, frame = line.letters.get(timeout=SECONDS)
        assert envelope["key"] == "new"
        assert (without_timings(wire.unpack(frame)[0]), parts(frame)[1]) == parts(another._sit(Look()).paint(another._double))


def test_what_cannot_be_painted_is_said_once(images):
    _, showing, own, line = images
    notes, frames = [], []
    pictures = Pictures(lambda key, frame: frames.append(frame), notes.append)
    pictures.look([wish({"rate": 30})])
    pictures._streams.pop(UNSEEN)
    showing._easel = own
    showing._example("test", 0)
    showing._last = (("test", 0), (torch.zeros(1, 1, 1, 1), showing._last[1][1]))  # no such image can be read
    for step in (1, 2):
        until(lambda: own.seconds_to_wait == 0)
        pictures._streams = {key: stream.__class__(stream.wish) for key, stream in pictures._streams.items()}
        pictures.show(showing, step, training=False)
        command = line.commands.get(timeout=SECONDS)
        assert (command["do"], command["key"]) == ("painted", Look().key)
        pictures.painted(command["key"], command["error"])
    assert len(notes) == 1
    assert notes[0].startswith("the picture failed: ")
    assert not frames
    assert line.letters.empty()
    assert pictures._streams[Look().key].taken


def test_a_run_that_is_painted_all_the_time_learns_the_same_bits(tmp_path, painter):
    with tiny.begin(tmp_path / "alone", epochs=3) as run:
        list(run.events())
    expected = tiny.signature(tmp_path / "alone", run.id)
    painted, painter._line = 0, Line()
    with tiny.begin(tmp_path / "painted", epochs=3) as run:
        painter.begin(run.experiment)
        until(lambda: painter._ready)
        showing = Showing(Subject(run.id, run.experiment, run.dataset, run.trainer, run.folder), painter)
        for event in run.events():
            showing.seen(event)
            for paint in (lambda: showing.layers(Look()), showing.unseen):
                assert paint() == b""
                until(lambda: painter._sent is None)
                painted += 1
            assert showing.problem == ""
    assert painted > 30
    assert tiny.differences(tiny.signature(tmp_path / "painted", run.id), expected) == ""


def test_a_painter_comes_when_somebody_looks_and_goes_when_nobody_does(tmp_path, monkeypatch):
    line, own = Line(), None
    with tiny.begin(tmp_path) as run:
        own = Easel(line)
        own.begin(run.experiment)
        monkeypatch.setattr(easels, "SECONDS_OF_COMPANY", 0.05)
        monkeypatch.setattr(easels, "SECONDS_ALONE", 0.05)
        own.attend(True)
        assert own._process is None, "the first picture does not wait for it"
        time.sleep(0.06)
        own.attend(False)
        own.attend(True)
        assert own._process is None, "nobody has looked for long"
        time.sleep(0.06)
        own.attend(True)
        child = own._process._child
        until(lambda: own._ready)
        own.attend(False)
        assert own._process is not None
        time.sleep(0.06)
        own.attend(False)
        assert own._process is None
        assert child.wait(SECONDS) == 0
        own.begin(None)
        own.attend(True)
        time.sleep(0.06)
        own.attend(True)
        assert own._process is None, "there is nothing to be painted"


ALONE = """
import sys, time
from vitral.runtime.easel import Easel
from vitral.nets import zoo
easel = Easel(type("Line", (), {"commands": None, "tell": None})())
easel.begin(zoo.load("edges"))
easel._start()
while len(sys.argv) > 1 and not easel._ready:
    time.sleep(0.01)
print(easel._process._child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of the end of the one that started it while it loads")
@pytest.mark.parametrize("when", [[], ["ready"]], ids=["while it loads", "when it waits"])
def test_no_painter_outlives_the_run_that_sent_for_it(when):
    with subprocess.Popen([sys.executable, "-c", ALONE, *when], stdout=subprocess.PIPE) as process:
        painter = int(process.stdout.readline())
        process.kill()
    killed = time.monotonic()
    while Path(f"/proc/{painter}/stat").exists() and Path(f"/proc/{painter}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() - killed < 5, "it lives on"
        time.sleep(0.01)


def test_a_survey_without_pictures_goes_over_the_line():
    survey = Survey(tiny_moment(), torch.zeros(2, 3, 8, 8, dtype=torch.bfloat16), [(0, 1, "ay"), (5, 2, None)], None)
    found = Survey.decode(survey.encode())
    assert found.shown == survey.shown
    assert found.images is None
    assert found.x.dtype == torch.bfloat16
    assert found.moment.tensors["net.n"].dtype == torch.int64


def tiny_moment():
    from vitral.runtime.double import Moment

    return Moment(3, {"net.w": torch.ones(2, 2), "net.n": torch.tensor(4), "net.flag": torch.tensor([True])})
