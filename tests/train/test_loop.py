"""The stream of events, and that training can stop and go on anywhere to the same bits."""

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitral.errors import SpecError, StoreError
from vitral.events import from_json, to_json
from vitral.train.loop import Trainer
from vitral.train.state import State, evaluation_weights


def kinds(events):
    return [event.kind for event in events]


def timeless(event):
    """An event without what the clock says and without what only its own start says."""
    event = replace(event, seconds=0.0) if hasattr(event, "seconds") else event
    return repr(event)  # NaN is NaN


def carried(state):
    """A state after the journey through JSON that a checkpoint makes."""
    return State({name: tensor.clone() for name, tensor in state.tensors.items()}, json.loads(json.dumps(state.values)))


def same(a, b):
    differing = [name for name in a.tensors.keys() | b.tensors.keys() if not torch.equal(a.tensors[name], b.tensors[name])]
    clocks = {"progress": {**a.values["progress"], "seconds": b.values["progress"]["seconds"]}}
    return not differing and {**a.values, **clocks} == b.values


def test_the_stream_of_a_whole_run(experiment, dataset):
    trainer = Trainer(experiment(epochs=2, average=0.9), dataset, run="r1")
    assert trainer.num_steps == 8
    events = list(trainer.events())
    epoch = ["batch_done"] * 4 + ["epoch_done", "evaluated"]
    assert kinds(events) == ["run_started", *epoch, *epoch, "evaluated", "run_ended"]
    assert [event.step for event in events] == [0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 8, 8, 8, 8]
    batches = [event for event in events if event.kind == "batch_done"]
    assert [event.num_examples for event in batches] == [32, 32, 32, 4] * 2  # the last, smaller batch is used
    assert [event.epoch for event in batches] == [1] * 4 + [2] * 4
    done = [event for event in events if event.kind == "epoch_done"]
    for number, event in enumerate(done):
        met = batches[number * 4 : number * 4 + 4]
        assert event.loss == pytest.approx(sum(b.loss * b.num_examples for b in met) / 100)
        assert event.accuracy == sum(b.num_correct for b in met) / 100
    assert [event.views for event in events if event.kind == "evaluated"] == ["one", "one", "flip"]
    assert events[0].run == "r1"
    assert (events[0].num_train, events[0].num_test, events[0].num_parameters) == (100, 40, trainer.net.num_parameters)
    assert events[-1].outcome == "finished"
    assert all(timeless(from_json(to_json(event))) == timeless(event) for event in events)


def test_it_learns(experiment, make_dataset):
    events = list(Trainer(experiment(epochs=6, optimiser={"kind": "adamw", "learning_rate": 0.01}), make_dataset(300)).events())
    assert events[-2].accuracy > 0.95


def test_steps_end_in_mid_epoch_with_an_evaluation(experiment, dataset):
    events = list(Trainer(experiment(steps=6, flip="none"), dataset).events())
    assert kinds(events)[-4:] == ["batch_done", "batch_done", "evaluated", "run_ended"]
    assert events[-2].epoch == 2


def test_what_is_evaluated_is_the_average(experiment, dataset):
    trainer = Trainer(experiment(steps=5, average=0.5, precision="float32", flip="none"), dataset)
    found = list(trainer.events())[-2]
    state = trainer.state()
    weights = evaluation_weights(state)
    assert weights.keys() == trainer.net.state_dict().keys()
    trainer.net.load_state_dict(weights)
    trainer.net.eval()
    with torch.no_grad():
        scores = trainer.net(trainer._lessons._test_images(torch.arange(40)))
    assert found.loss == pytest.approx(torch.nn.functional.cross_entropy(scores, dataset.test.targets).item(), abs=1e-5)
    assert not torch.equal(state.tensors["net.conv1.weight"], state.tensors["average.conv1.weight"])


RECIPES = [
    {"optimiser": {"kind": "nesterov", "learning_rate": 0.05}, "average": 0.9, "clip": 0.5, "l1_decay": 1e-4},
    {"optimiser": {"kind": "adamw"}, "schedule": {"kind": "one_cycle", "warm_up": 0.3}, "l2_decay": 0.1},
    {"optimiser": {"kind": "muon", "learning_rate": 0.02}, "average": 0.5},
    {"optimiser": {"kind": "adadelta", "learning_rate": 1.0}, "precision": "float32", "memory_format": "contiguous"},
    {"optimiser": {"kind": "sgd", "learning_rate": 0.1}, "schedule": {"kind": "step", "every": 1}, "evaluate_every": 2},
]
CHANGES = [("learning_rate", 0.003), ("batch_size", 19), ("decay", 0.01), ("optimiser", {"kind": "momentum", "learning_rate": 0.01})]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    recipe=st.sampled_from(RECIPES),
    stop=st.integers(1, 22),
    change=st.none() | st.tuples(st.integers(1, 12), st.sampled_from(CHANGES)),
)
def test_a_loaded_state_goes_on_to_the_same_bits(experiment, dataset, recipe, stop, change):
    def play(trainer, events, begin, end):
        seen = []
        for number in range(begin, end):
            if change and number == change[0]:
                trainer.change(*change[1])
            event = next(events, None)
            if event is None:
                break
            seen.append(event)
        return seen

    spec = experiment(epochs=3, **recipe)
    whole = Trainer(spec, dataset)
    stream = whole.events()
    play(whole, stream, 0, stop)
    state = carried(whole.state())
    expected = play(whole, stream, stop, 100)

    second = Trainer(spec, dataset)
    assert second.load(state) == (True, ())
    resumed = second.events()
    started = next(resumed)
    assert (started.kind, started.step, started.exact) == ("run_started", state.values["progress"]["step"], True)
    got = play(second, resumed, stop, 100)
    if expected:
        assert [timeless(event) for event in got] == [timeless(event) for event in expected]
    assert same(whole.state(), second.state())


def test_a_change_acts_on_the_next_step_and_is_told_before_it(experiment, dataset):
    trainer = Trainer(experiment(epochs=2, optimiser={"kind": "momentum", "learning_rate": 0.1}), dataset)
    stream = trainer.events()
    for _ in range(3):
        next(stream)
    told = [trainer.change("learning_rate", 0.01), trainer.change("batch_size", 10), trainer.change("momentum", 0.5)]
    assert [next(stream) for _ in told] == told
    assert (told[0].before, told[0].after, told[0].step) == (0.1, 0.01, 2)
    assert trainer.num_steps == 2 + 4 + 10  # 36 examples are left of this epoch
    batch = next(stream)
    assert (batch.learning_rate, batch.num_examples) == (0.01, 10)
    rest = list(stream)
    assert sum(event.num_examples for event in rest if event.kind == "batch_done" and event.epoch == 1) + 10 + 64 == 100
    assert trainer.step == 16
    with pytest.raises(SpecError, match="cannot be changed"):
        trainer.change("seed", 3)


def test_a_change_that_was_not_told_yet_survives_a_pause(experiment, dataset):
    trainer = Trainer(experiment(epochs=1), dataset)
    stream = trainer.events()
    next(stream), next(stream)
    told = [trainer.change("decay", 0.5), trainer.change("optimiser", "adagrad")]
    again = Trainer(experiment(epochs=1), dataset)
    again.load(carried(trainer.state()))
    resumed = again.events()
    assert next(resumed).kind == "run_started"
    assert [next(resumed) for _ in told] == told
    assert [timeless(event) for event in list(resumed)[:-1]] == [timeless(event) for event in list(stream)[2:-1]]


def test_every_example_is_met_once_an_epoch_under_any_batch_size(experiment, dataset, monkeypatch):
    trainer = Trainer(experiment(epochs=2), dataset)
    met, augment = [], trainer._lessons._augment
    monkeypatch.setattr(trainer._lessons, "_augment", lambda indices, epoch: met.append(indices) or augment(indices, epoch))
    for number, event in enumerate(trainer.events()):
        if event.kind == "batch_done":
            trainer.change("batch_size", 7 + 5 * (number % 3))
    assert torch.equal(torch.cat(met).view(2, 100).sort(dim=1).values, torch.arange(100).expand(2, 100))


def test_the_global_generator_and_gradient_mode_are_not_touched(experiment, dataset):
    def run():
        trainer = Trainer(experiment(epochs=1, average=0.9), dataset)
        list(trainer.events())
        return trainer.state()

    torch.manual_seed(1)
    before = torch.get_rng_state()
    plain = run()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    trainer = Trainer(experiment(epochs=1, average=0.9), dataset)
    stream = trainer.events()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        next(stream), next(stream)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        next(stream)
    list(stream)
    assert same(plain, trainer.state())
    assert torch.is_grad_enabled()


def test_the_network_is_in_training_mode_at_every_step(experiment, dataset):
    trainer = Trainer(experiment(epochs=1), dataset)
    for event in trainer.events():
        if event.kind == "batch_done":
            trainer.net.eval()  # a visitor's carelessness
    other = Trainer(experiment(epochs=1), dataset)
    list(other.events())
    assert same(trainer.state(), other.state())


def test_regression_learns_numbers(experiment, make_dataset):
    spec = experiment(epochs=8, loss="regression", precision="float32", optimiser={"kind": "adamw", "learning_rate": 0.01})
    events = list(Trainer(spec, make_dataset(300, regression=True)).events())
    losses = [event.loss for event in events if event.kind == "evaluated"]
    assert losses[-1] < losses[0] / 2
    assert events[1].num_correct is None
    assert {event.views for event in events if event.kind == "evaluated"} == {"one"}


def test_a_last_batch_of_one_example_is_learned_from(experiment, make_dataset):
    layers = [{"kind": "dense", "units": 4}, {"kind": "batch_norm"}, {"kind": "dense", "units": 3}]
    trainer = Trainer(experiment(layers, epochs=1), make_dataset(33))
    assert [event.num_examples for event in trainer.events() if event.kind == "batch_done"] == [32, 1]


def test_whitening_kernels_come_from_the_training_images(experiment, dataset):
    layers = [{"kind": "convolution", "filters": 24, "size": 2, "whitening": True}, {"kind": "relu"}, {"kind": "dense", "units": 3}]
    trainer = Trainer(experiment(layers, epochs=1), dataset)
    before = trainer.net.conv1.weight.detach().clone()
    list(trainer.events())
    assert torch.equal(trainer.net.conv1.weight, before)
    assert torch.equal(before[:12], -before[12:])


def test_bfloat16_and_float32_tell_the_same_story(experiment, make_dataset):
    ends = {}
    for precision in ("float32", "bfloat16"):
        events = list(Trainer(experiment(epochs=3, precision=precision), make_dataset(300)).events())
        assert events[0].precision == precision
        ends[precision] = [event.loss for event in events if event.kind == "batch_done"]
    first = abs(ends["float32"][0] - ends["bfloat16"][0])
    assert 0 < first < 0.02  # the same first batch, at 8 bits of precision
    assert ends["float32"][-1] == pytest.approx(ends["bfloat16"][-1], abs=0.15)


def test_a_state_of_another_machine_is_taken_up_with_the_reason(experiment, dataset):
    trainer = Trainer(experiment(epochs=1), dataset)
    state = trainer.state()
    state.values["machine"] |= {"torch": "2.0.0", "num_threads": "96"}
    exact, reasons = trainer.load(state)
    assert not exact
    assert reasons == (f"torch was 2.0.0, is {torch.__version__}", f"num_threads was 96, is {torch.get_num_threads()}")
    assert next(trainer.events()).notes[-2:] == reasons


def test_a_state_of_another_network_is_refused(experiment, dataset):
    state = Trainer(experiment(epochs=1), dataset).state()
    with pytest.raises(StoreError, match=r'"net\..*" stands in only one of them'):
        Trainer(experiment([{"kind": "dense", "units": 3}], epochs=1), dataset).load(state)
    with pytest.raises(StoreError, match=r'"net.dense1.weight" should be 3x192, is 3x96'):
        Trainer(experiment([{"kind": "dense", "units": 3}], epochs=1), dataset).load(
            State({"net.dense1.weight": torch.zeros(3, 96), "net.dense1.bias": torch.zeros(3)}, state.values)
        )


def digest(trainer):
    found = hashlib.sha256()
    for name, tensor in sorted(trainer.state().tensors.items()):
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
torch.manual_seed(int(sys.argv[2]))
torch.set_num_threads(2)
import conftest, test_loop
from vitral.train.loop import Trainer
trainer = Trainer(conftest.describe(epochs=3, average=0.9, precision=sys.argv[3]), conftest.invent(300))
list(trainer.events())
print(test_loop.digest(trainer))
"""


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_processes_arrive_at_the_same_bits(precision, request):
    command = [sys.executable, "-c", SCRIPT, str(request.path.parent)]
    quiet = os.environ | {"OMP_WAIT_POLICY": "passive"}  # threads that wait do not burn a busy machine's cores
    answers = [subprocess.run([*command, seed, precision], capture_output=True, text=True, check=True, env=quiet).stdout for seed in "12"]
    assert len(answers[0]) == 65
    assert answers[0] == answers[1]


def test_a_finished_run_loaded_again_only_ends(experiment, dataset):
    trainer = Trainer(experiment(epochs=1), dataset)
    list(trainer.events())
    again = Trainer(experiment(epochs=1), dataset)
    again.load(carried(trainer.state()))
    assert kinds(again.events()) == ["run_started", "run_ended"]
    assert math.isclose(again.num_steps, trainer.num_steps)
