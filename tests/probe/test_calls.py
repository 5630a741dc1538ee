"""The arithmetic of a model that learns is told from copies: with the numbers of that step, however far training has gone on."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from vitral.errors import ShapeError, SpecError
from vitral.probe import calls
from vitral.probe.calls import Calls


def kept(model, x, example=0):
    """Let a model run once and give what was kept, and what its layers gave."""
    layers = {name: module for name, module in model.named_modules() if name}
    own, outputs = Calls(layers, example=example), {}
    own.attach()
    plain = copy.deepcopy(model)
    for name, module in plain.named_modules():
        if hasattr(module, "inplace"):
            module.inplace = False
        module.register_forward_hook(lambda _m, _x, y, name=name: outputs.update({name: y[0] if isinstance(y, tuple) else y}))
    model(x.clone())
    own.detach()
    plain(x.clone())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    return own.kept, outputs


@pytest.fixture
def model():
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 5), nn.Tanh()
    )  # fmt: skip


def test_numbers_are_those_of_the_pass_after_the_weights_have_moved(model):
    x = torch.randn(5, 3, 16, 16)
    found, outputs = kept(model, x, example=3)
    weight = model[0].weight.detach().clone()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    for name, place in [("0", (2, 7, 0)), ("1", (1, 3, 4)), ("2", (3, 1, 2)), ("3", (0, 1, 1)), ("5", (4,)), ("6", (1,))]:
        explained = calls.explain(found, name, place)
        assert explained.computed == outputs[name][(3, *place)].item(), name
        assert abs(explained.deviation) <= explained.allowed, name
    products = calls.explain(found, "0", (2, 7, 0)).moment.products
    window = torch.nn.functional.pad(x[3], (1, 1, 1, 1))[:, 14:17, 0:3]
    np.testing.assert_array_equal(products, (window.double() * weight[2].double()).numpy())


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrent_layers(kind, batch_first):
    torch.manual_seed(5)
    model = nn.Sequential(kind(3, 4, batch_first=batch_first))
    found, outputs = kept(model, torch.randn(2, 6, 3) if batch_first else torch.randn(6, 2, 3), example=1)
    explained = calls.explain(found, "0", (5, 2))
    y = outputs["0"]
    assert explained.computed == (y[1, 5, 2] if batch_first else y[5, 1, 2]).item()
    assert abs(explained.deviation) < 1e-6


def test_what_one_example_does_not_tell_is_refused(model):
    torch.manual_seed(6)
    mixing = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.9), nn.Linear(4, 2))
    layers = {name: module for name, module in mixing.named_modules() if name}
    own = Calls(layers, example=0)
    own.attach()
    mixing(torch.randn(8, 4) + 3)
    own.detach()
    for name in "01":
        with pytest.raises(SpecError, match="mixes the whole batch or draws at random"):
            calls.explain(own.kept, name, (0,))
    mixing.eval()
    own.attach()
    mixing(torch.randn(8, 4) + 3)
    own.detach()
    for name in "01":
        assert abs(calls.explain(own.kept, name, (0,)).deviation) < 1e-6


def test_what_is_not_there_is_said(model):
    found, _ = kept(model, torch.randn(2, 3, 16, 16))
    with pytest.raises(SpecError, match=r'into the layer "9" was not kept \(expected one of 0, 1, 2'):
        calls.explain(found, "9", (0,))
    with pytest.raises(ShapeError):
        calls.explain(found, "0", (9, 9, 9))
    with pytest.raises(SpecError, match="nothing has run yet"):
        calls.explain({}, "0", (0,))


def test_large_layers_and_shared_insides_are_left_out(monkeypatch):
    monkeypatch.setattr(calls, "MOST_NUMBERS", 100)
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 40), nn.utils.parametrizations.spectral_norm(nn.Linear(40, 2)))
    found, _ = kept(model, torch.randn(3, 4))
    assert not {"1", "2"} & set(found)
    assert "0" in found
