"""Switching nothing off is torch's own loss; switching something off is what the formulas say."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from readers import SYMBOLS, own, person
from torch import nn

from vitral.errors import DataError, ShapeError, SpecError
from vitral.probe.ablate import ablate, each, losses, means, write
from vitral.probe.cell import Held
from vitral.probe.reading import side_by_side
from vitral.probe.recurrent import unfold

CODES = np.random.default_rng(4).integers(SYMBOLS, size=1500)
NETWORKS = {"lstm": person, "rnn": lambda: person(nn.RNN), "gru": lambda: person(nn.GRU), "own": lambda: own("lstm", "gru")}


def torchs_loss(model, pieces, skipped):
    with torch.no_grad():
        scores = model(torch.from_numpy(pieces[:, :-1]))
    every = F.cross_entropy(scores.transpose(1, 2), torch.from_numpy(pieces[:, 1:]), reduction="none")
    return float(every[:, skipped - 1 if skipped else 0 :].mean())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("streams", [1, 6])
def test_nothing_switched_off_is_torchs_loss(name, streams):
    model = NETWORKS[name]()
    pieces, skipped = side_by_side(CODES, streams=streams, lead=100)
    found = ablate(model, CODES, [], streams=streams)
    assert found.before == pytest.approx(torchs_loss(model, pieces, skipped), abs=2e-6)
    assert (found.rise, found.hurt) == (0, ())
    assert found.num_symbols == pieces.shape[0] * (pieces.shape[1] - max(skipped, 1))


def test_every_counted_symbol_is_predicted_once():
    pieces, skipped = side_by_side(np.arange(SYMBOLS).repeat(100), streams=5, lead=100)
    assert losses(person(), pieces)[:, skipped - 1 :].size == 5 * (1200 - 100) // 5


def test_an_output_that_is_silenced_leaves_the_last_layers_bias():
    """All of the last layer's h held at 0: every prediction is the output's bias, whatever was read."""
    model = person()
    found = ablate(model, CODES, [Held("cell.l1", "h", None, 0.0)], streams=3)
    pieces, skipped = side_by_side(CODES, streams=3)
    targets = torch.from_numpy(pieces[:, skipped:].reshape(-1))
    assert found.after == pytest.approx(F.cross_entropy(model.out.bias.expand(len(targets), -1), targets).item(), abs=1e-5)


def test_a_unit_held_at_zero_is_a_unit_without_its_columns():
    """h_3 = 0 reads as zero columns in W_hh and in the output: torch with those weights erased agrees."""
    model, erased = own("rnn"), own("rnn")
    erased.get_submodule("rnn1").weight_hh_l0.data[:, 3] = 0
    erased.get_submodule("dense1").weight.data[:, 3] = 0
    pieces, skipped = side_by_side(CODES, streams=4, lead=100)
    found = ablate(model, CODES, [Held("rnn1", "h", 3, 0.0)], streams=4)
    assert found.after == pytest.approx(torchs_loss(erased, pieces, skipped), abs=2e-6)
    assert found.rise != 0


@pytest.mark.parametrize(("gate", "value", "bias"), [("f", 0.0, -60.0), ("f", 1.0, 60.0), ("i", 0.0, -60.0), ("o", 1.0, 60.0)])
def test_a_gate_held_is_a_gate_whose_bias_drowns_the_rest(gate, value, bias):
    model, forced = own("lstm"), own("lstm")
    row = "ifgo".index(gate) * 8
    forced.get_submodule("lstm1").bias_ih_l0.data[row : row + 8] = bias
    pieces, skipped = side_by_side(CODES, streams=4, lead=100)
    found = ablate(model, CODES, [Held("lstm1", gate, None, value)], streams=4)
    assert found.after == pytest.approx(torchs_loss(forced, pieces, skipped), abs=2e-6)


def test_the_mean_of_a_gate_is_its_mean():
    model = person(nn.GRU)
    wanted = unfold(model, CODES)["cell.l0"]["z"][0].mean(axis=0)
    np.testing.assert_allclose(means(model, CODES, "cell.l0", "z", streams=1, lead=0), wanted, atol=1e-5)
    held = [Held("cell.l0", "z", None, means(model, CODES, "cell.l0", "z"))]
    assert abs(ablate(model, CODES, held).rise) < abs(ablate(model, CODES, [Held("cell.l0", "z", None, 1.0)]).rise)


def test_units_switched_off_one_by_one_are_units_switched_off_alone():
    model = own("lstm")
    rises = each(model, CODES, "lstm1", "c", streams=4, lead=100, at_once=3)
    assert rises.shape == (8,)
    for unit in (0, 4, 7):
        assert rises[unit] == pytest.approx(ablate(model, CODES, [Held("lstm1", "c", unit, 0.0)], streams=4).rise, abs=1e-6)


def test_whom_it_hurts_most_is_told_with_how_much_and_how_often():
    found = ablate(person(), CODES, [Held("cell.l1", "h", None, 0.0)], streams=3, most_hurt=3)
    rises = [rise * count for _, rise, count in found.hurt]
    assert rises == sorted(rises, reverse=True)
    assert 1 <= len(found.hurt) <= 3


def test_a_text_is_written_as_torch_would_go_on():
    model = own("lstm", "gru")
    prime = CODES[:9].tolist()
    written = write(model, prime, 25, lambda scores: int(scores.argmax()))
    known = list(prime)
    with torch.no_grad():
        for symbol in written:
            assert symbol == int(model(torch.tensor([known]))[0, -1].argmax())
            known.append(symbol)
    assert write(model, prime, 25, lambda scores: int(scores.argmax()), [Held("gru1", "h", None, 0.0)]) != written
    assert write(model, prime, 0, lambda scores: 0) == []


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ablate(person(), CODES[:1], []), DataError, "a loss needs a symbol and one that follows it, got 1"),
        (lambda: ablate(person(), CODES, [Held("cell.l0", "h", 9, 0.0)]), SpecError, "cell.l0 has no unit 9; use 0 to 7"),
        (lambda: write(person(), [], 3, lambda _: 0), DataError, "the prime is empty; give at least one symbol to begin with"),
        (lambda: ablate(Last(), CODES[:40], []), ShapeError, "the network gives 1 axes an example, expected scores"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


class Last(nn.Module):
    """One that answers once a text."""

    def __init__(self):
        super().__init__()
        self.net = person()

    def forward(self, codes):
        return self.net(codes)[:, -1]
