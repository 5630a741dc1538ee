"""How far back a loss is felt: autograd through the cells unrolled against vitral.explain and against finite differences."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from readers import SYMBOLS, own, person
from torch import nn

from vitral import explain
from vitral.errors import DataError, SpecError
from vitral.probe.cell import Held
from vitral.probe.felt import felt
from vitral.probe.reach import Reach, reach
from vitral.probe.reach_drawing import chart, curves, draw_reach
from vitral.probe.reading import Reader
from vitral.probe.recurrent import unfold

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CODES = np.random.default_rng(3).integers(SYMBOLS, size=600)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_single_cell_fades_as_explain_says(kind, bias):
    torch.manual_seed(1)
    cell = CELLS[kind](3, 4, bias=bias, dtype=torch.float64)
    x = torch.randn(25, 2, 3, dtype=torch.float64)
    (found,) = felt(cell, x, lambda out: out[0][-1].sum())
    assert (found.layer, found.kind) == (kind, kind)
    for example in range(2):
        weights = [p.detach().numpy() for p in cell.parameters()]
        unfolder = {"rnn": explain.unfold_rnn, "lstm": explain.unfold_lstm, "gru": explain.unfold_gru}[kind]
        wanted = explain.fade(unfolder(x[:, example].numpy(), *weights))
        np.testing.assert_allclose(found.h[example], wanted.hidden, rtol=1e-10, atol=1e-15)
        if kind == "lstm":
            np.testing.assert_allclose(found.c[example], wanted.cell, rtol=1e-10, atol=1e-15)
    assert (found.c is None) == (kind != "lstm")


def test_a_loss_at_every_step_is_the_sum_that_through_time_says():
    torch.manual_seed(2)
    cell = nn.LSTM(3, 4, batch_first=True, dtype=torch.float64)
    x, upstream = torch.randn(1, 12, 3, dtype=torch.float64), torch.randn(12, 4, dtype=torch.float64)
    (found,) = felt(cell, x, lambda out: (out[0][0] * upstream).sum())
    back = explain.unfold_lstm(x[0].numpy(), *(p.detach().numpy() for p in cell.parameters())).backward(upstream.numpy())
    np.testing.assert_allclose(found.h[0], [np.linalg.norm(step.hidden) for step in back.steps], rtol=1e-10)
    np.testing.assert_allclose(found.c[0], [np.linalg.norm(step.cell) for step in back.steps], rtol=1e-10)


@pytest.mark.parametrize("make", [person, lambda: person(nn.GRU), lambda: own("lstm", "rnn"), lambda: person(nn.RNN, nonlinearity="relu")])
def test_the_network_gives_what_it_gives_and_is_left_alone(make):
    model = make()
    codes = torch.from_numpy(CODES[None, :30])
    seen = []
    felt(model, codes, lambda output: seen.append(output.detach()) or output[:, -1].sum())
    with torch.no_grad():
        torch.testing.assert_close(seen[0], model(codes), atol=1e-5, rtol=1e-5)
    assert not any("forward" in vars(module) for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_layers_above_count_as_much_as_a_moved_memory_moves_the_loss():
    """Finite differences: h of the lower layer after one step, moved in every direction in the NumPy cells, moves the loss by its gradient."""
    model = person(nn.RNN).double()
    codes, target, t = CODES[:12], torch.tensor([4]), 5
    lower = felt(model, torch.from_numpy(codes[None]), lambda output: F.cross_entropy(output[:, -1], target))[0]
    known = unfold(model, codes)["cell.l0"].h[0, t]

    def loss(unit, move):
        reader = Reader(model, dtype="float64")
        reader.feed(codes[:t])
        reader._held = (Held("cell.l0", "h", unit, float(known[unit]) + move),)
        reader.feed(codes[t : t + 1])
        reader._held = ()
        return float(F.cross_entropy(torch.from_numpy(reader.feed(codes[t + 1 :]).output[:, -1]), target))

    gradient = np.array([(loss(unit, 1e-2) - loss(unit, -1e-2)) / 2e-2 for unit in range(8)])
    assert lower.h[0, t] == pytest.approx(np.linalg.norm(gradient), rel=0.01)


def test_frozen_weights_are_felt_too():
    model = person()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert all(found.h[0, -1] > 0 for found in felt(model, torch.from_numpy(CODES[None, :9]), lambda output: output[:, -1].sum()))


def test_an_open_forget_gate_carries_the_loss_back_and_a_shut_one_does_not():
    lefts = []
    for bias in (-8.0, 8.0):
        model = own("lstm")
        model.get_submodule("lstm1").bias_ih_l0.data[8:16] = bias
        (found,) = reach(model, CODES, steps=40, places=8, lead=5)
        lefts.append(found.cell[40] / found.cell[0])
        assert found.hidden.shape == found.cell.shape == (41,)
        assert found.num_places == 8
    assert lefts[0] < 1e-6
    assert lefts[1] > 0.1


def test_the_mean_does_not_depend_on_how_many_go_at_once():
    model = own("gru", "rnn")
    one, other = (reach(model, CODES, steps=10, places=7, lead=3, batch=batch) for batch in (2, 7))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.hidden, b.hidden, rtol=1e-4)
    assert [found.layer for found in one] == ["gru1", "rnn1"]
    assert [found.kind for found in one] == ["gru", "rnn"]


def faded(rate, steps=100, kind="rnn"):
    hidden = 2.0 * rate ** np.arange(steps + 1)
    return Reach(f"{kind}1", kind, hidden, np.ones(steps + 1) if kind == "lstm" else None, 64)


def test_what_is_left_is_read_off():
    half = faded(0.5)
    assert half.left(10) == pytest.approx(1 / 1024)
    assert half.within(0.01) == 7
    assert faded(1.0).within(0.01) is None


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_drawing_has_axes_titles_and_names_at_the_curves(language):
    drawn = draw_reach([("a", faded(0.5)), ("b", faded(0.9, kind="lstm"))], language=language)
    texts = ["".join(element.itertext()) for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    words = {
        "en": ("How far back a loss is felt", "characters back, k"),
        "es": ("Hasta dónde atrás se siente una pérdida", "caracteres hacia atrás, k"),
    }
    assert set(words[language]) <= set(texts)
    assert {"a rnn1 h", "b lstm1 h", "b lstm1 c", "100", "101", "10−1"} <= set(texts)


def test_the_chart_draws_each_curve_with_its_own_sign():
    lines = chart(curves([("a", faded(0.5)), ("a", faded(0.9, kind="lstm"))]), width=60, height=10)
    assert len(lines) == 12 + 3  # 13 powers of ten, the axis and its numbers
    assert all(len(line) <= 62 for line in lines)
    drawn = "\n".join(lines)
    assert all(sign in drawn for sign in "●○×")
    assert "1e1 │●" in drawn or "1e1" in drawn
    assert lines[-1].split() == ["0", "25", "50", "75", "100"]
    assert chart([curves([("a", Reach("rnn1", "rnn", np.zeros(5), None, 1))])[0]])


def test_what_cannot_be_measured_is_said_in_one_line():
    with pytest.raises(DataError, match="100 steps back need a text of 152 symbols or more, got 100; give a longer one"):
        reach(own("lstm"), CODES[:100])
    packed = nn.utils.rnn.pack_sequence([torch.ones(2, 3)])
    with pytest.raises(SpecError, match="over sequences of one length, got PackedSequence; give a tensor"):
        felt(nn.RNN(3, 4), packed, lambda output: output[1].sum())
    with pytest.raises(SpecError, match="cell reads in both directions, so that no step lies behind another"):
        reach(person(bidirectional=True), CODES, steps=5)
