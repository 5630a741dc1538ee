"""Any number of a real network is the sum that is shown for it, and looking changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from vitral.errors import ShapeError, SpecError
from vitral.explain.checks import shown
from vitral.probe.layers import explain_layer


class Everything(nn.Module):
    """One layer of every kind that is explained."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, stride=2, padding_mode="reflect"), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(8, 6, (3, 2), groups=2, dilation=(1, 2), padding="same", bias=False), nn.LeakyReLU(0.1), nn.LocalResponseNorm(3),
            nn.AvgPool2d(2, padding=1), nn.Conv2d(6, 4, 2, padding="valid"), nn.GELU(),
        )  # fmt: skip
        self.whole, self.middle = nn.AdaptiveMaxPool2d(1), nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(), nn.Softmax(1))
        self.lstm, self.gru, self.rnn = nn.LSTM(5, 3, batch_first=True), nn.GRU(3, 4), nn.RNN(4, 2, nonlinearity="relu")

    def forward(self, x):
        x = self.middle(self.whole(self.front(x)).flatten(1))
        x, _ = self.lstm(x[:, None].repeat(1, 4, 1))
        x, _ = self.gru(x.transpose(0, 1))
        return self.rnn(x)[0]


@pytest.fixture
def network():
    torch.manual_seed(3)
    net = Everything()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net.eval()


LAYERS = [name for name, module in Everything().named_modules() if name and not list(module.children())]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_layers_number_is_its_sum(network, layer, dtype):
    network, x = network.to(dtype), torch.randn(2, 3, 21, 19, dtype=dtype)
    output = {}
    hook = network.get_submodule(layer).register_forward_hook(
        lambda _m, _i, out: output.update(value=(out[0] if isinstance(out, tuple) else out).clone())
    )
    with torch.no_grad():
        network(x)
    hook.remove()
    value = output["value"]
    own = value[:, 1] if layer in ("gru", "rnn") else value[1]
    rng = np.random.default_rng(1)
    for _ in range(4):
        place = tuple(int(i) for i in rng.integers(own.shape))
        found = explain_layer(network, layer, x, place, example=1)
        assert found.computed == float(own[place])
        assert abs(found.deviation) <= (1e-12 if dtype is torch.float64 else 1e-5)
        assert str(dtype).removeprefix("torch.") in found.reason
        if "conv" in type(network.get_submodule(layer)).__name__.lower():
            assert abs(found.deviation) <= found.allowed


@pytest.mark.parametrize("layer", ["front.0", "front.4", "front.8", "middle.0"])
def test_a_number_made_in_bfloat16_lies_as_far_as_bfloat16_explains(network, layer):
    x = torch.randn(2, 3, 21, 19)
    place = (1, 0, 0) if layer.startswith("front") else (1,)
    found = explain_layer(network, layer, x, place, autocast=torch.autocast("cpu", torch.bfloat16))
    assert 0 < abs(found.deviation) <= found.allowed
    assert "bfloat16, which keeps 8 bits" in found.reason
    assert found.to_values()["engine"]["reason"] == found.reason


def test_looking_changes_nothing(network):
    network.train()
    network.front.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    explain_layer(network, "middle.1", torch.ones(2, 3, 21, 19), (4,))
    assert torch.equal(torch.rand(1), expected), "torch's generator was not drawn from"
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_hooks_go_when_the_network_breaks(network):
    with pytest.raises(RuntimeError):
        explain_layer(network, "front.0", torch.ones(1, 5, 21, 19), (0, 0, 0))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("layer", "place", "example", "kind", "message"),
    [
        ("front.00", (0, 0, 0), 0, SpecError, 'the network has no layer "front.00"; did you mean "front.0"'),
        ("front", (0, 0, 0), 0, SpecError, "a Sequential is not explained; choose a layer that is a convolution"),
        ("front.0", (0, 0), 0, ShapeError, r"there is no window \(kernel, row, column\) \(0, 0\): the output is 8x11x10"),
        ("front.0", (8, 0, 0), 0, ShapeError, r"there is no window \(kernel, row, column\) \(8, 0, 0\)"),
        ("front.0", (0, 0, 0), 2, ShapeError, r"there is no example 2 in a batch of 2; use 0 to 1"),
        ("lstm", (4,), 0, ShapeError, r"there is no step \(4,\)"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(network, layer, place, example, kind, message):
    with pytest.raises(kind, match=message):
        explain_layer(network, layer, torch.randn(2, 3, 21, 19), place, example=example)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), 'padding_mode must be "zeros" or "reflect"'),
        (nn.MaxPool2d(2, ceil_mode=True), "a MaxPool2d with ceil_mode"),
        (nn.AdaptiveAvgPool2d(2), "down to 1x1 alone, got 2"),
    ],
)
def test_settings_that_are_not_explained_are_named(module, message):
    with pytest.raises(SpecError, match=message):
        explain_layer(nn.Sequential(module), "0", torch.ones(1, 1, 6, 6), (0, 0, 0))


def test_a_kernel_of_even_size_keeps_the_side_by_an_odd_ring():
    from vitral.nets.builders import build
    from vitral.spec.network import Network

    layer = {"kind": "convolution", "name": "even", "filters": 3, "size": [2, 4], "padding": "same"}
    net = build(
        Network.model_validate({"input": [2, 6, 7], "layers": [layer, {"kind": "dense", "units": 2}], "loss": {"kind": "softmax"}}), seed=1
    )
    torch.manual_seed(2)
    x = torch.randn(1, 2, 6, 7)
    for place in ((0, 0, 0), (1, 5, 6), (2, 3, 0)):
        assert abs(explain_layer(net, "even", x, place).deviation) < 1e-6


def test_every_layer_of_the_zoos_classic_networks_is_explained():
    from vitral.nets import build
    from vitral.nets.zoo import load

    torch.manual_seed(0)
    for name in ("cifar10-convnetjs", "cifar10-alexnet"):
        experiment = load(name)
        net = build(experiment.network, seed=0)
        x = torch.randn(1, *experiment.network.input)
        for report in experiment.network.reports:
            place = tuple(n // 2 for n in report.output)
            found = explain_layer(net, report.name, x, place)
            assert abs(found.deviation) <= 1e-4, f"{name} {report.name} {shown(report.output)}"
