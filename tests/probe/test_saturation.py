"""Shares of shut and open gates are counts over the steps, whatever the chunks and pieces."""

import numpy as np
import pytest
from readers import SYMBOLS, own, person
from torch import nn

from vitral.probe.recurrent import unfold
from vitral.probe.saturation import saturation, to_values

CODES = np.random.default_rng(2).integers(SYMBOLS, size=1300)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU, nn.RNN])
def test_shares_are_counts_over_every_step(cell):
    model = person(cell)
    for parameter in model.parameters():
        parameter.data.mul_(4)
    found = saturation(model, CODES, streams=1, lead=0)
    whole = unfold(model, CODES)
    letters = {"LSTM": "ifo", "GRU": "rz", "RNN": "h"}[cell.__name__]
    assert [(one.layer, one.part) for one in found] == [(f"cell.l{n}", letter) for n in range(2) for letter in letters]
    for one in found:
        values = whole[one.layer][one.part][0]
        low, high = (-0.9, 0.9) if one.part == "h" else (0.1, 0.9)
        np.testing.assert_allclose(one.left, (values < low).mean(axis=0), atol=2 / len(CODES))
        np.testing.assert_allclose(one.right, (values > high).mean(axis=0), atol=2 / len(CODES))
        np.testing.assert_allclose(one.mean, values.mean(axis=0), atol=1e-3)
        assert one.histogram.sum() == values.size
        assert 0 < one.left.mean() + one.right.mean() < 1
        assert one.always_open == (one.right >= 0.9).sum()


def test_pieces_with_a_lead_agree_with_one_long_look():
    model = own("lstm")
    for one, other in zip(saturation(model, CODES, streams=4, lead=60), saturation(model, CODES, streams=1, lead=0), strict=True):
        assert one.steps == 1240
        np.testing.assert_allclose(one.mean, other.mean, atol=0.01)


def test_a_gate_that_is_forced_open_is_always_open():
    model = own("lstm")
    cell = model.get_submodule("lstm1")
    cell.bias_ih_l0.data[8:12] = 50
    cell.bias_ih_l0.data[12:16] = -50
    (_, forget, _) = saturation(model, CODES[:200])
    assert (forget.always_open, forget.always_shut) == (4, 4)
    assert to_values([forget])[0]["right"][:4] == [1.0] * 4
