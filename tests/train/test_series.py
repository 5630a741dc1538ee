"""A network that learns sequences of different lengths against a plain loop of torch's own packed ones."""

# B batch  T time  F features

import json
from dataclasses import replace

import counting
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from vitral.data.batches import order
from vitral.train.loop import Trainer
from vitral.train.state import State

ADAMW = {"optimiser": {"kind": "adamw", "learning_rate": 0.02}}


@pytest.fixture(scope="module")
def series():
    return counting.invent()


@pytest.fixture(scope="module")
def words():
    return counting.invent(tokens=True)


class Plain(nn.Module):
    """The oracle: torch's own cell on packed sequences, its last state, a dense layer; with the trainer's first weights."""

    def __init__(self, net, cell):
        super().__init__()
        self.cell, self.dense = cell, nn.Linear(cell.hidden_size * (1 + cell.bidirectional), 3)
        first = net.layer_names[0]
        self.load_state_dict({name.replace(first, "cell").replace("dense1", "dense"): v.clone() for name, v in net.state_dict().items()})

    def forward(self, sequences):
        _, last = self.cell(pack_sequence(sequences, enforce_sorted=False))
        h = last[0] if isinstance(last, tuple) else last  # (directions, B, D)
        return self.dense(torch.cat(list(h), 1))


def read(examples, length, statistics=None):
    """Every sequence by itself: cut, normalised or one-hot."""
    found = []
    for number in range(len(examples)):
        values = torch.from_numpy(np.array(examples[number][:length]))
        if statistics:
            mean, deviation = statistics
            values = ((values.double() - mean) / deviation).float()
        found.append(values if values.is_floating_point() else F.one_hot(values, 5).float())
    return found, torch.from_numpy(examples.targets)


def plain_steps(model, sequences, targets, epochs):
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.0)
    for epoch in range(epochs):
        for indices in order(9, epoch, len(sequences)).split(16):
            scores = model([sequences[i] for i in indices.tolist()])
            loss = F.cross_entropy(scores, targets[indices])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield loss.item(), int((scores.argmax(1) == targets[indices]).sum()), len(indices)


def cells(features):
    return {
        "rnn": ({"kind": "rnn", "hidden_size": 6}, nn.RNN(features, 6)),
        "gru": ({"kind": "gru", "hidden_size": 6}, nn.GRU(features, 6)),
        "lstm": ({"kind": "lstm", "hidden_size": 6}, nn.LSTM(features, 6)),
        "both": ({"kind": "lstm", "hidden_size": 4, "bidirectional": True}, nn.LSTM(features, 4, bidirectional=True)),
    }


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "both"])
@pytest.mark.parametrize("tokens", [False, True], ids=["series", "words"])
def test_it_learns_and_is_measured_as_a_plain_loop_does(series, words, kind, tokens):
    data = words if tokens else series
    layer, cell = cells(5 if tokens else counting.FEATURES)[kind]
    layers = (layer, {"kind": "over_time"}, {"kind": "dense", "units": 3})
    trainer = Trainer(counting.describe(layers, tokens=tokens, epochs=6, **ADAMW), data)
    model = Plain(trainer.net, cell)
    steps = torch.from_numpy(data.train.values).double()
    scale = None if tokens else (steps.mean(0), steps.std(0, correction=0))
    expected = list(plain_steps(model, *read(data.train, counting.LONGEST, scale), 6))
    events = list(trainer.events())
    batches = [event for event in events if event.kind == "batch_done"]
    assert len(batches) == len(expected) == 30
    assert [event.loss for event in batches] == pytest.approx([loss for loss, _, _ in expected], abs=1e-5)
    assert [(event.num_correct, event.num_examples) for event in batches] == [found[1:] for found in expected]
    assert batches[-1].loss < batches[0].loss

    sequences, targets = read(data.test, counting.LONGEST, scale)
    with torch.no_grad():
        scores = model(sequences)
    measured = next(event for event in reversed(events) if event.kind == "evaluated")
    assert measured.loss == pytest.approx(F.cross_entropy(scores, targets).item(), abs=1e-5)
    confusion = torch.zeros(3, 3, dtype=torch.int64)
    for wanted, said in zip(targets, scores.argmax(1), strict=True):
        confusion[wanted, said] += 1
    assert measured.confusion == tuple(tuple(row) for row in confusion.tolist())
    assert measured.num_correct == int(confusion.diagonal().sum())
    assert (measured.split, measured.views, measured.num_examples) == ("test", "one", 31)


def test_the_stream_of_a_whole_run(series):
    events = list(Trainer(counting.describe(epochs=2), series).events())
    epoch = ["batch_done"] * 5 + ["epoch_done", "evaluated"]
    assert [event.kind for event in events] == ["run_started", *epoch, *epoch, "run_ended"]
    start = events[0]
    assert (start.unit, start.num_train, start.num_test, start.num_steps, start.steps_per_epoch) == ("sequences", 70, 31, 10, 5)
    assert [event.num_examples for event in events if event.kind == "batch_done"] == [16, 16, 16, 16, 6] * 2


def test_what_stands_behind_a_sequences_end_plays_no_part(series):
    """A longer network reads more padding behind short sequences; where no sequence is cut, nothing changes."""
    layers = (
        {"kind": "convolution_1d", "filters": 4, "size": 3, "padding": "same"},
        {"kind": "relu"},
        {"kind": "gru", "hidden_size": 5, "bidirectional": True},
        {"kind": "over_time", "mode": "mean"},
        {"kind": "dense", "units": 3},
    )
    longest = series.longest
    ends = []
    for length in (longest, longest + 8):
        events = list(Trainer(counting.describe(layers, length=length, epochs=2), series).events())
        ends.append([event.loss for event in events if event.kind in ("batch_done", "evaluated")])
    assert ends[0] == pytest.approx(ends[1], abs=1e-5)


def test_a_sequence_is_learned_alone_as_in_company(series):
    """One batch of all sequences has the mean gradient of batches of one."""
    spec = counting.describe((counting.LAYERS[0], *counting.LAYERS[2:]), epochs=1, batch_size=70)
    trainer = Trainer(spec, series)
    lessons = trainer._lessons

    def gradient(position, size):
        trainer.net.zero_grad()
        batch = lessons.batch(0, position, size)
        lessons.loss(trainer.net(batch.x), batch.targets).backward()
        return torch.cat([p.grad.flatten() for p in trainer.net.parameters()])

    whole = gradient(0, 70)
    alone = torch.stack([gradient(number, 1) for number in range(70)]).mean(0)
    torch.testing.assert_close(whole, alone, atol=1e-6, rtol=1e-4)


def test_numbers_are_left_as_they_are_where_nothing_is_asked(series):
    raw = Trainer(counting.describe(normalise="unit", epochs=1), series)._lessons.batch(0, 0, 4).x
    standard = Trainer(counting.describe(epochs=1), series)._lessons.batch(0, 0, 4).x
    assert torch.equal(raw.lengths, standard.lengths)
    assert raw.values[0, 0].mean() > 90
    assert standard.values.abs().max() < 10
    behind = torch.arange(counting.LONGEST) >= raw.lengths[:, None]
    assert (raw.values[behind] == 0).all()
    assert (standard.values[behind] == 0).all()


def told(event):
    return repr(replace(event, seconds=0.0) if hasattr(event, "seconds") else event)


def carried(state):
    values = json.loads(json.dumps(state.values))
    values["progress"]["seconds"] = 0
    return State({name: tensor.clone() for name, tensor in state.tensors.items()}, values)


@pytest.mark.parametrize("tokens", [False, True], ids=["series", "words"])
def test_interrupted_after_any_event_it_goes_on_to_the_same_bits(series, words, tokens):
    data = words if tokens else series
    first = ({"kind": "embedding", "size": 3},) if tokens else ()
    spec = counting.describe((*first, *counting.LAYERS), tokens=tokens, epochs=2, batch_size=30, average=0.8, clip=0.5, **ADAMW)
    whole = Trainer(spec, data)
    events, states = [], []
    for event in whole.events():
        events.append(told(event))
        states.append(carried(whole.state()))
    assert not any(name.startswith("memory") for name in states[3].tensors), "nothing is carried from batch to batch"
    for number in range(len(events) - 1):
        second = Trainer(spec, data)
        assert second.load(states[number]) == (True, ())
        assert [told(event) for event in second.events()][1:-1] == events[number + 1 : -1], number
        state = carried(second.state())
        assert state.values == states[-1].values
        assert state.tensors.keys() == states[-1].tensors.keys()
        assert all(torch.equal(tensor, states[-1].tensors[name]) for name, tensor in state.tensors.items()), number


def test_a_layer_that_outgrows_every_number_is_named(series):
    layers = ({"kind": "rnn", "hidden_size": 6, "activation": "relu"}, {"kind": "over_time"}, {"kind": "dense", "units": 3})
    trainer = Trainer(counting.describe(layers, epochs=1), series)
    with torch.no_grad():
        trainer.net.rnn1.weight_hh_l0.copy_(1e20 * torch.eye(6))
    assert [(event.layer, event.what) for event in trainer.events() if event.kind == "diverged"] == [("rnn1", "activation")]
