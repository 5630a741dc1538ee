"""A network that learns a text against a plain loop of torch's own layers, and everything that is carried, measured and resumed."""

# B batch  T time  V vocabulary

import itertools
import json
import math
from dataclasses import replace

import lettering
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vitral.data.streams import Scored
from vitral.errors import DataError, SpecError
from vitral.nets import build
from vitral.train.loop import Trainer
from vitral.train.state import State
from vitral.train.texts import NUM_STREAMS, WARM_UP, TextLessons, score_text

V = len(lettering.SYMBOLS)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def text():
    return lettering.write()


def no_autocast():
    return torch.autocast("cpu", enabled=False)


class Plain(nn.Module):
    """The oracle: a cell and a dense layer of torch's own on one-hot symbols, with the trainer's first weights."""

    def __init__(self, net, cell):
        super().__init__()
        self.cell, self.dense = cell, nn.Linear(cell.hidden_size, V)
        weights = {name.replace(name.partition(".")[0], "cell", 1): value for name, value in net.state_dict().items()}
        named = {name if "_l0" in name else name.replace("cell", "dense"): value.clone() for name, value in weights.items()}
        self.load_state_dict(named)

    def forward(self, x, memory=None):
        y, memory = self.cell(F.one_hot(x, V).float(), memory)
        return self.dense(y), memory


CELLS = {
    "rnn": (lettering.single("rnn"), lambda: nn.RNN(V, 8, batch_first=True)),
    "relu": (lettering.single("rnn", activation="relu"), lambda: nn.RNN(V, 8, batch_first=True, nonlinearity="relu")),
    "lstm": (lettering.single("lstm"), lambda: nn.LSTM(V, 8, batch_first=True)),
    "gru": (lettering.single("gru"), lambda: nn.GRU(V, 8, batch_first=True)),
}


def plain_steps(model, codes, batch_size, length, epochs, **settings):
    """Truncated backpropagation through time as textbooks write it: losses and right answers of every step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings["learning_rate"], weight_decay=0.0)
    codes = torch.from_numpy(codes.astype(np.int64))
    steps = (len(codes) - 1) // (batch_size * length)
    used = batch_size * length * steps
    x, y = (part.view(batch_size, steps, length) for part in (codes[:used], codes[1 : used + 1]))
    for _ in range(epochs):
        memory = None
        for step in range(steps):
            scores, memory = model(x[:, step], memory)
            memory = tuple(part.detach() for part in memory) if isinstance(memory, tuple) else memory.detach()
            loss = F.cross_entropy(scores.reshape(-1, V), y[:, step].reshape(-1))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
            optimiser.step()
            yield loss.item(), int((scores.argmax(2) == y[:, step]).sum())


@pytest.mark.parametrize("kind", CELLS)
def test_it_learns_as_a_plain_loop_does(text, kind):
    layers, cell = CELLS[kind]
    how = {"optimiser": {"kind": "adamw", "learning_rate": 0.05}, "clip": 0.3}
    trainer = Trainer(lettering.describe(layers, epochs=2, **how), text)
    model = Plain(trainer.net, cell())
    batches = [event for event in trainer.events() if event.kind == "batch_done"]
    expected = list(plain_steps(model, text.train, 4, 6, 2, learning_rate=0.05, clip=0.3))
    assert len(batches) == len(expected) == 2 * (399 // 24) == 32
    assert [event.loss for event in batches] == pytest.approx([loss for loss, _ in expected], abs=1e-5)
    assert [event.num_correct for event in batches] == [right for _, right in expected]
    assert sum(event.loss for event in batches[-5:]) / 5 < batches[0].loss - 0.2, "it has learned, so that equal numbers mean something"


@pytest.mark.parametrize("kind", CELLS)
def test_it_is_measured_as_one_stream_is_read(text, kind):
    """Torch's own cell reads the whole part from its first symbol to its last; the streams begin in its middle, warmed up."""
    layers, cell = CELLS[kind]
    trainer = Trainer(lettering.describe(layers, epochs=3, optimiser={"kind": "adamw", "learning_rate": 0.02}), text)
    found = {event.split: event for event in trainer.events() if event.kind == "evaluated"}
    model = Plain(trainer.net, cell())
    for split, codes in (("validation", text.validation), ("test", text.test)):
        x, y = torch.from_numpy(codes[:-1].astype(np.int64)), torch.from_numpy(codes[1:].astype(np.int64))
        with torch.no_grad():
            scores = model(x[None])[0][0]
        assert found[split].loss == pytest.approx(F.cross_entropy(scores, y).item(), abs=1e-5)
        assert found[split].num_correct == int((scores.argmax(1) == y).sum())
        assert found[split].num_examples == len(codes) - 1
        assert found[split].accuracy == found[split].num_correct / (len(codes) - 1)
        assert found[split].confusion is None


def test_cutting_a_long_text_for_measuring_costs_next_to_nothing():
    long = lettering.write(num_train=400, num_validation=2, num_test=6000).test
    net = build(lettering.describe(lettering.single("lstm")).network, seed=3)
    one = score_text(net, Scored(long, 1, 6000), CPU, no_autocast)
    cut = score_text(net, Scored(long, NUM_STREAMS, 50, WARM_UP), CPU, no_autocast)
    cold = score_text(net, Scored(long, NUM_STREAMS, 50, 0), CPU, no_autocast)
    assert one.num_scored == cut.num_scored == cold.num_scored == 5999
    assert cut.nats == pytest.approx(one.nats, abs=1e-6)
    assert abs(cold.nats - one.nats) > 1e-5, "without the warm-up it would show"


@pytest.mark.parametrize("length", [1, 7, 50, 1000])
def test_how_much_is_read_at_once_changes_no_measurement(text, length):
    net = build(lettering.describe(lettering.single("gru")).network, seed=3)
    whole = score_text(net, Scored(text.test, 3, 10_000, 20), CPU, no_autocast)
    found = score_text(net, Scored(text.test, 3, length, 20), CPU, no_autocast)
    assert (found.num_correct, found.num_scored) == (whole.num_correct, 149)
    assert found.nats == pytest.approx(whole.nats, abs=1e-6)


def test_a_network_that_carries_nothing_is_measured_in_the_same_way(text):
    """One that was taken from its run carries no memory of its own; the blocks of a measurement belong together all the same."""
    net = build(lettering.describe(lettering.single("lstm")).network, seed=3)
    blocks = Scored(text.test, 3, 5, 20)
    alone = score_text(net, blocks, CPU, no_autocast)
    assert not net.lstm1.carries
    net.carry()
    assert score_text(net, blocks, CPU, no_autocast) == alone
    assert net.lstm1.carries


def test_measuring_leaves_no_trace(text):
    trainer = Trainer(lettering.describe(steps=3), text)
    stream = trainer.events()
    for _ in range(3):
        next(stream)
    before = trainer.state()
    torch.manual_seed(1)
    drawn = torch.get_rng_state()
    for training in (True, False):
        trainer.net.train(training)
        for split in TextLessons.ways:
            trainer._lessons.measure(trainer.net, split, step=2, epoch=1, autocast=no_autocast)
            assert all(module.training is training for module in trainer.net.modules())
    after = trainer.state()
    assert before.tensors.keys() == after.tensors.keys()
    assert {"memory.lstm1.h", "memory.lstm1.c", "memory.gru1.h", "dropout"} <= after.tensors.keys()
    assert all(torch.equal(before.tensors[name], after.tensors[name]) for name in before.tensors)
    assert before.values == after.values
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(p.grad is None or not p.grad.is_inference() for p in trainer.net.parameters())


def test_a_measurement_that_breaks_leaves_no_trace_either(text):
    net = build(lettering.describe().network, seed=3)
    net.carry()
    net(torch.zeros(2, 4, dtype=torch.int64))
    before = net.memories()

    def broken():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        score_text(net, Scored(text.test, 3, 5), CPU, broken)
    assert net.training
    assert net.lstm1.carries
    assert all(torch.equal(part, before[name]) for name, part in net.memories().items())


def test_the_memory_goes_on_from_step_to_step_and_is_blank_at_an_epochs_beginning(text, monkeypatch):
    trainer = Trainer(lettering.describe(lettering.single("lstm"), epochs=2, optimiser={"kind": "sgd", "learning_rate": 1e-12}), text)
    begun, forward = [], trainer.net.lstm1.forward

    def look(x):
        if trainer.net.training:
            begun.append((trainer.net.memories(), x.clone()))
        return forward(x)

    monkeypatch.setattr(trainer.net.lstm1, "forward", look)
    list(trainer.events())
    assert [not memories for memories, _ in begun] == [number % 16 == 0 for number in range(32)]
    with torch.no_grad():
        for number in range(1, 16):  # a learning rate of nothing: the memory is that of all that was read so far
            read = torch.cat([x for _, x in begun[:number]], 1)
            _, (h, c) = nn.LSTM.forward(trainer.net.lstm1, F.one_hot(read, V).float())
            torch.testing.assert_close(begun[number][0]["lstm1.h"], h, atol=1e-6, rtol=0)
            torch.testing.assert_close(begun[number][0]["lstm1.c"], c, atol=1e-6, rtol=0)
    first = torch.cat([x for _, x in begun[:16]], 1)
    assert torch.equal(first.flatten(), torch.from_numpy(text.train[: 16 * 24].astype(np.int64)))
    assert torch.equal(first, torch.cat([x for _, x in begun[16:]], 1))


def test_steps_and_epochs_are_counted_in_symbols(text):
    whole = list(Trainer(lettering.describe(epochs=2), text).events())
    assert (whole[0].num_train, whole[0].num_test, whole[0].num_steps, whole[0].steps_per_epoch) == (384, 150, 32, 16)
    assert whole[0].unit == "characters"
    assert {event.num_examples for event in whole if event.kind == "batch_done"} == {24}
    ends = [event for event in whole if event.kind == "epoch_done"]
    assert [(event.step, event.num_examples) for event in ends] == [(16, 384), (32, 384)]
    batches = [event for event in whole if event.kind == "batch_done"]
    assert ends[0].accuracy == sum(event.num_correct for event in batches[:16]) / 384
    assert ends[1].loss == pytest.approx(sum(event.loss for event in batches[16:]) / 16)
    measured = [(event.step, event.epoch, event.split) for event in whole if event.kind == "evaluated"]
    assert measured == [(16, 1, "validation"), (32, 2, "validation"), (32, 2, "test")]

    part = list(Trainer(lettering.describe(steps=20), text).events())
    assert [(event.step, event.epoch, event.split) for event in part if event.kind == "evaluated"][1:] == [
        (20, 2, "validation"),
        (20, 2, "test"),
    ]
    assert [event.loss for event in part if event.kind == "batch_done"] == [event.loss for event in batches[:20]]


def test_what_is_measured_follows_the_parts_that_there_are(text):
    def splits(text):
        return [event.split for event in Trainer(lettering.describe(epochs=1), text).events() if event.kind == "evaluated"]

    none = text.test[:0]
    assert splits(replace(text, validation=none)) == ["test"]
    assert splits(replace(text, test=none)) == ["validation"]
    assert splits(replace(text, validation=none, test=none)) == []


def test_label_smoothing_is_learned_with_and_not_measured_with(text):
    trainer, smoothed = (Trainer(lettering.describe(smoothing=share, epochs=1), text) for share in (0.0, 0.3))
    batches = [next(itertools.islice(one.events(), 1, None)) for one in (trainer, smoothed)]
    assert batches[0].loss != batches[1].loss
    measured = [one._lessons.measure(trainer.net, "test", step=1, epoch=1, autocast=no_autocast).loss for one in (trainer, smoothed)]
    assert measured[0] == measured[1]


def test_a_step_schedule_waits_and_then_counts(text):
    how = {"schedule": {"kind": "step", "every": 2, "gamma": 0.5, "after": 3}, "optimiser": {"kind": "rmsprop", "learning_rate": 0.01}}
    events = list(Trainer(lettering.describe(lettering.single("rnn"), length=30, epochs=8, **how), text).events())
    rates = {event.epoch: event.learning_rate for event in events if event.kind == "batch_done"}
    assert list(rates.values()) == [0.01] * 5 + [0.005] * 2 + [0.0025]


def test_a_batch_size_changed_in_mid_epoch_goes_on_at_the_nearest_place(text):
    trainer = Trainer(lettering.describe(epochs=1), text)
    stream = trainer.events()
    for _ in range(1 + 5):
        next(stream)
    assert trainer._progress.position == 5 * 24
    trainer.change("batch_size", 9)  # 54 symbols a step, 7 steps: 120 of 384 lie in the third
    assert next(stream).kind == "control_changed"
    foreseen = trainer.num_steps
    rest = [event for event in stream if event.kind == "batch_done"]
    assert [event.num_examples for event in rest] == [54] * 5
    assert foreseen == trainer.step == 10
    for name, memory in trainer.net.memories().items():
        assert memory.shape[1] == 9, name


@pytest.mark.parametrize("size", [1, 3, 7, 16, 66])
@pytest.mark.parametrize("after", [8, 15, 16])
def test_the_number_of_steps_is_foreseen_whatever_the_batch_size_becomes(text, size, after):
    """Even where the place in the text lies behind all that the new streams read."""
    trainer = Trainer(lettering.describe(lettering.single("rnn"), epochs=2), text)
    stream = trainer.events()
    for event in stream:
        if event.step == after:
            break
    trainer.change("batch_size", size)
    foreseen, seen = trainer.num_steps, list(stream)
    assert foreseen == trainer.step
    assert [event.epoch for event in seen if event.kind == "epoch_done"] == [1, 2]


def test_a_batch_size_that_the_text_is_too_short_for_is_refused_and_nothing_changes(text):
    trainer = Trainer(lettering.describe(steps=6), text)
    stream = trainer.events()
    next(stream), next(stream)
    with pytest.raises(
        SpecError,
        match=r"batch_size cannot be 67: the training part has 400 symbols; 67 streams of 6 need at least 403; use batch_size <= 66",
    ):
        trainer.change("batch_size", 67)
    assert trainer.controls.batch_size == 4
    other = Trainer(lettering.describe(steps=6), text)
    undisturbed = list(other.events())
    assert [replaced(event) for event in stream] == [replaced(event) for event in undisturbed[2:]]
    with pytest.raises(DataError, match="use batch_size <= 66 or a smaller length"):
        Trainer(lettering.describe(steps=6, batch_size=67), text).num_steps  # noqa: B018


def replaced(event):
    """An event without what the clock says."""
    return repr(replace(event, seconds=0.0) if hasattr(event, "seconds") else event)


def carried(state):
    """A state after the journey through JSON that a checkpoint makes."""
    return State({name: tensor.clone() for name, tensor in state.tensors.items()}, json.loads(json.dumps(state.values)))


def same(a, b):
    differing = [name for name in a.tensors.keys() | b.tensors.keys() if not torch.equal(a.tensors[name], b.tensors[name])]
    clocks = {"progress": {**a.values["progress"], "seconds": b.values["progress"]["seconds"]}}
    return not differing and {**a.values, **clocks} == b.values


RECIPE = {
    "average": 0.8,
    "optimiser": {"kind": "adamw", "learning_rate": 0.02},
    "clip": 0.5,
    "schedule": {"kind": "cosine", "warm_up": 0.1},
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_interrupted_after_any_event_it_goes_on_to_the_same_bits(text, precision):
    spec = lettering.describe(length=20, epochs=3, **{**RECIPE, "precision": precision})
    whole = Trainer(spec, text)
    events, states = [], []
    for event in whole.events():
        events.append(replaced(event))
        states.append(carried(whole.state()))
    assert len(events) == 1 + 3 * (4 + 1 + 1) + 1 + 1
    assert any(not name.startswith("memory") for name in states[0].tensors)
    assert [sum(name.startswith("memory") for name in state.tensors) for state in states[:2]] == [0, 3]
    for number in range(len(events) - 1):
        second = Trainer(spec, text)
        assert second.load(states[number]) == (True, ())
        resumed = second.events()
        assert next(resumed).exact
        assert [replaced(event) for event in resumed][:-1] == events[number + 1 : -1], number
        assert same(carried(second.state()), states[-1]), number


def test_without_the_memory_the_bits_would_be_others(text):
    """The test above would see a checkpoint that forgets what the network remembers."""
    spec = lettering.describe(length=20, epochs=1, **RECIPE)
    whole = Trainer(spec, text)
    stream = whole.events()
    next(stream), next(stream)
    state = carried(whole.state())
    list(stream)
    second = Trainer(spec, text)
    second.load(State({name: tensor for name, tensor in state.tensors.items() if not name.startswith("memory")}, state.values))
    list(second.events())
    assert not same(whole.state(), second.state())


def test_what_is_evaluated_is_the_average(text):
    trainer = Trainer(lettering.describe(steps=5, average=0.5), text)
    found = list(trainer.events())[-2]
    state = trainer.state()
    live = score_text(trainer.net, Scored(text.test, NUM_STREAMS, 6, WARM_UP), CPU, no_autocast)
    trainer.net.load_state_dict({name.removeprefix("average."): t for name, t in state.tensors.items() if name.startswith("average.")})
    averaged = score_text(trainer.net, Scored(text.test, NUM_STREAMS, 6, WARM_UP), CPU, no_autocast)
    assert found.loss == averaged.nats != live.nats


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_a_recurrent_network_that_explodes_says_where(text, kind):
    trainer = Trainer(lettering.describe(lettering.single(kind), steps=30, optimiser={"kind": "sgd", "learning_rate": 1e38}), text)
    seen = list(trainer.events())
    assert [event.kind for event in seen[-2:]] == ["diverged", "run_ended"]
    assert seen[-2].layer in (*trainer.net.layer_names, "loss")
    assert seen[-2].step == trainer.step == seen[-3].step


@pytest.mark.parametrize("poisoned", ["lstm1", "gru1", "dense1"])
def test_a_poisoned_weight_is_named_with_its_layer(text, poisoned):
    trainer = Trainer(lettering.describe(steps=30), text)
    stream = trainer.events()
    for _ in range(4):
        next(stream)
    with torch.no_grad():
        next(trainer.net.get_submodule(poisoned).parameters())[0, 0] = math.nan
    found = next(stream)
    assert (found.kind, found.step, found.layer, found.what) == ("diverged", 3, poisoned, "weight")


@pytest.mark.parametrize("poisoned", ["lstm1", "gru1"])
def test_a_poisoned_memory_is_named_with_its_layer(text, poisoned):
    """The look for the cause begins with the memory with which the step began."""
    trainer = Trainer(lettering.describe(steps=30), text)
    stream = trainer.events()
    for _ in range(4):
        next(stream)
    memories = {name: part.clone() for name, part in trainer.net.memories().items()}
    memories[f"{poisoned}.h"][0, 2, 1] = math.inf
    memories[f"{poisoned}.h"][0, 2, 2] = -math.inf
    trainer.net.remember(memories)
    found = next(stream)
    assert (found.kind, found.layer, found.what) == ("diverged", poisoned, "activation")


def test_a_relu_that_outgrows_every_number_is_found_in_the_cell(text):
    trainer = Trainer(lettering.describe(lettering.single("rnn", activation="relu"), length=60, steps=3, batch_size=2), text)
    with torch.no_grad():
        trainer.net.rnn1.weight_hh_l0.copy_(5 * torch.eye(8))
        trainer.net.rnn1.bias_ih_l0.fill_(1.0)
    found = list(trainer.events())[-2]
    assert (found.kind, found.layer, found.what) == ("diverged", "rnn1", "activation")


def test_the_global_generator_and_gradient_mode_are_not_touched(text):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    plain = Trainer(lettering.describe(epochs=1, average=0.9), text)
    list(plain.events())
    assert torch.equal(torch.get_rng_state(), before)
    watched = Trainer(lettering.describe(epochs=1, average=0.9), text)
    stream = watched.events()
    with torch.no_grad():
        next(stream), next(stream)
    with torch.inference_mode():
        next(stream)
    list(stream)
    assert same(plain.state(), watched.state())
