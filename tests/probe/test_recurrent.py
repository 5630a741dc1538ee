"""Every gate and memory that is recomputed is torch's own, whatever the cell, and looking changes nothing."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from vitral import explain
from vitral.errors import DataError, ShapeError, SpecError
from vitral.explain import text
from vitral.probe.cell import Held
from vitral.probe.layers import explain_layer
from vitral.probe.recurrent import unfold

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
many = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


class Wrapped(nn.Module):
    """A module as a person writes it: the cell's memory handed in, its output alone handed on."""

    def __init__(self, cell, memory, lengths):
        super().__init__()
        self.cell, self.memory, self.lengths = cell, memory, lengths

    def forward(self, x):
        if self.lengths is not None:
            x = pack_padded_sequence(x, self.lengths, batch_first=self.cell.batch_first, enforce_sorted=False)
        return self.cell(x, hx=self.memory)[0] if self.memory is not None else self.cell(x)[0]


@st.composite
def readers(draw):
    """A random cell with random weights, data for it, and whether it begins with a memory or reads sequences of several lengths."""
    kind, dtype = draw(st.sampled_from(list(CELLS))), draw(st.sampled_from([torch.float32, torch.float64]))
    size, features, batch, steps = (draw(st.integers(1, top)) for top in (24, 9, 4, 25))
    layers, directions = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    more = {"nonlinearity": draw(st.sampled_from(["tanh", "relu"]))} if kind == "rnn" else {}
    first = draw(st.booleans())
    cell = CELLS[kind](
        features, size, layers, bidirectional=directions == 2, batch_first=first, bias=draw(st.booleans()), dtype=dtype, **more
    )
    form = draw(st.sampled_from(["batch", "alone", "packed"]))
    shape = (steps, features) if form == "alone" else (batch, steps, features) if first else (steps, batch, features)
    memory = None
    if draw(st.booleans()):
        own = (layers * directions, size) if form == "alone" else (layers * directions, batch, size)
        h, c = torch.randn(own, dtype=dtype), torch.randn(own, dtype=dtype)
        memory = (h, c) if kind == "lstm" else h
    lengths = torch.randint(1, steps + 1, (batch,)) if form == "packed" else None
    return Wrapped(cell, memory, lengths), torch.randn(shape, dtype=dtype)


@many
@given(readers())
def test_every_random_cell_is_recomputed(pair):
    model, x = pair
    found = unfold(model, x)
    assert found.deviation <= (1e-6 if x.dtype is torch.float32 else 1e-13)
    assert unfold(model, x, dtype="float32").deviation <= 2e-6


@pytest.mark.parametrize("kind", CELLS)
def test_every_part_of_every_step_is_what_explain_shows(kind):
    torch.manual_seed(4)
    cell = CELLS[kind](5, 6, 1, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 9, 5, dtype=torch.float64)
    own = unfold(cell, x)[kind]
    weights = [getattr(cell, f"{name}_l0").detach().numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    trace = {"rnn": explain.unfold_rnn, "lstm": explain.unfold_lstm, "gru": explain.unfold_gru}[kind](x[1].numpy(), *weights)
    for t, tick in enumerate(trace.ticks):
        np.testing.assert_allclose(own.h[1, t], tick.hidden, atol=1e-14)
        for gate in tick.gates if kind != "rnn" else ():
            np.testing.assert_allclose(own[gate.symbol][1, t], gate.value, atol=1e-14)
        named = {step.name: step.value.values for step in tick.steps}
        for stage, values in own.stages.items():
            np.testing.assert_allclose(values[1, t], named[stage], atol=1e-14)
    assert list(own.stages) == {"rnn": [], "lstm": ["learn", "forget", "remember", "use"], "gru": ["fresh", "kept"]}[kind]


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("reverse", [False, True])
def test_one_step_is_handed_over_to_explain_in_full(kind, reverse):
    torch.manual_seed(5)
    cell = CELLS[kind](4, 3, 2, batch_first=True, bidirectional=True)
    x = torch.randn(3, 8, 4)
    lengths = torch.tensor([8, 5, 7])
    own = unfold(Wrapped(cell, None, lengths), x)[f"cell.l1{'_reverse' * reverse}"]
    for t in (0, 3, 4):
        trace = own.explain(t, example=1)
        np.testing.assert_allclose(trace.at(0).hidden, own.h[1, t], atol=1e-13)
        assert "weights times datum" in text.plain(text.explain(trace, trace.at(0)))
    whole = own.explain(4, example=1, since=0)
    assert len(whole.ticks) == (1 if reverse else 5)
    np.testing.assert_allclose(whole.ticks[-1].hidden, own.h[1, 4], atol=1e-13)
    with pytest.raises(ShapeError, match="there is no step 5: the sequence has 5; use 0 to 4"):
        own.explain(5, example=1)
    with pytest.raises(ShapeError, match="there is no example 3 in a batch of 3; use 0 to 2"):
        own.explain(0, example=3)
    with pytest.raises(SpecError, match=r'cell.l1.* has no part "q"; expected one of'):
        own["q"]


class Person(nn.Module):
    """A network of a person's own: an embedding, a cell of two layers used twice, a normalisation between."""

    def __init__(self):
        super().__init__()
        self.table, self.first, self.norm = nn.Embedding(11, 6), nn.GRU(6, 6, 2, batch_first=True, dropout=0.5), nn.LayerNorm(6)
        self.out = nn.Linear(6, 11)

    def forward(self, codes):
        x = self.table(codes)
        for _ in range(2):
            x, _ = self.first(self.norm(x))
        return self.out(x)


def test_a_module_of_ones_own_is_unfolded_layer_by_layer_and_use_by_use():
    torch.manual_seed(6)
    model = Person().train()
    found = unfold(model, np.arange(10))
    assert list(found.layers) == ["first.l0", "first.l1", "first.l0#2", "first.l1#2"]
    assert list(found.deviations) == ["first", "first#2"]
    assert found.deviation <= 1e-6
    assert found.output.shape == (1, 10, 11)
    assert model.training
    assert model.first.training
    with pytest.raises(SpecError, match='no recurrent layer "second"; expected one of first.l0, first.l1'):
        found["second"]


def test_looking_changes_nothing():
    torch.manual_seed(7)
    model = Person().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(8)
    expected = torch.rand(3)
    torch.manual_seed(8)
    unfold(model, np.arange(11))
    assert torch.equal(torch.rand(3), expected), "torch's generator was not drawn from"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_go_when_the_network_breaks():
    model = Person()
    with pytest.raises(IndexError):
        unfold(model, [12])
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("model", "x", "kind", "message"),
    [
        (nn.Linear(3, 3), torch.ones(1, 3), SpecError, "a Linear has no recurrent layer: expected nn.RNN, nn.LSTM or nn.GRU in it"),
        (nn.LSTM(3, 4, proj_size=2), torch.ones(2, 1, 3), SpecError, r"lstm projects its hidden state \(proj_size 2\)"),
        (nn.LSTM(1, 1000), torch.ones(9000, 1, 1), DataError, "9,000 steps of 6,000 numbers are too many .*; give at most 8,333 steps"),
    ],
)
def test_what_cannot_be_unfolded_is_said_in_one_line(model, x, kind, message):
    with pytest.raises(kind, match=message) as told:
        unfold(model, x)
    assert "\n" not in str(told.value)


class OwnLstm(nn.LSTM):
    """A subclass that gives its output alone, as layers in a row want it."""

    def forward(self, x):
        if not x.is_floating_point():
            x = nn.functional.one_hot(x, self.input_size).to(self.weight_ih_l0.dtype)
        return super().forward(x)[0]


class OwnRnn(nn.RNN):
    """The same of a simple cell."""

    def forward(self, x):
        return super().forward(x)[0]


def test_subclasses_of_torchs_cells_are_what_they_derive_from():
    torch.manual_seed(9)
    net = nn.Sequential(OwnLstm(7, 5, batch_first=True), OwnRnn(5, 4, batch_first=True, nonlinearity="relu"))
    codes = torch.tensor([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])
    found = unfold(net, codes)
    assert list(found.layers) == ["0", "1"]
    assert found.deviation <= 1e-6
    np.testing.assert_allclose(found["0"].explain(2, example=1).at(0).hidden, found["0"].h[1, 2], atol=1e-14)
    for layer, place in (("0", (3, 2)), ("1", (4, 1))):
        assert abs(explain_layer(net, layer, codes, place, example=1).deviation) <= 1e-6
    assert "Simple recurrent cell" in text.plain(text.explain(explain_layer(net, "1", codes, (0, 0)).trace))


@pytest.mark.parametrize("kind", CELLS)
def test_sequences_of_several_lengths_are_unfolded_each_to_its_own_end(kind):
    from vitral.nets.builders import build
    from vitral.nets.sequences import Sequences
    from vitral.spec.network import Network

    layers = [{"kind": kind, "hidden_size": 5, "bidirectional": True}, {"kind": kind, "hidden_size": 4}, {"kind": "over_time"}]
    network = {"input": {"kind": "tokens", "length": 9, "symbols": 7}, "loss": {"kind": "softmax"}}
    net = build(Network.model_validate(network | {"layers": [*layers, {"kind": "dense", "units": 3}]}), seed=2).eval()
    codes, lengths = torch.randint(1, 7, (4, 9)), torch.tensor([9, 3, 1, 6])
    padded = Sequences(torch.where(torch.arange(9) < lengths[:, None], codes, 0), lengths)
    found = unfold(net, padded)
    assert found.deviation <= 1e-6
    assert list(found.layers) == [f"{kind}1.l0", f"{kind}1.l0_reverse", f"{kind}2"]
    assert (found[f"{kind}2"].h[1, 3:] == 0).all()
    alone = unfold(net, codes[1:2, :3])
    for name, layer in alone.layers.items():
        np.testing.assert_allclose(found[name].h[1, :3], layer.h[0], atol=1e-6)  # the second cell reads what torch gave, in float32
    with torch.no_grad():
        torch.testing.assert_close(found.output, net(padded))


def test_what_is_held_is_held_in_the_step_itself():
    """The forget gate at 0 empties the memory at every step: c = i * g."""
    torch.manual_seed(10)
    from vitral.probe.bundle import Bundle

    bundle = Bundle.of("lstm", nn.LSTM(3, 4, batch_first=True), np.dtype("float64"))
    x = np.random.default_rng(1).normal(size=(2, 6, 3))
    own = bundle.run(x, held=[Held("lstm", "f", None, 0.0), Held("lstm", "h", 2, 0.25), Held("other", "i", None, 0.0)])[2][0]
    np.testing.assert_array_equal(own.c, own["i"] * own["g"])
    assert (own.h[..., 2] == 0.25).all()
    assert (own["i"] != 0).all()
