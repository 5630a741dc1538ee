"""Any number of a gradient inside a network is the sum that is shown for it, and the engine's own."""

import pytest
import torch

from vitral.errors import ShapeError, SpecError
from vitral.nets import build
from vitral.nets.loss import criterion
from vitral.probe.backward import explain_gradient
from vitral.probe.portrait import layers_of, portray
from vitral.spec.network import Network

INNER = [
    {"kind": "convolution", "name": "c", "filters": 6, "size": 3, "padding": "same", "bias": False},
    {"kind": "batch_norm"},
    {"kind": "relu"},
]
LAYERS = [
    {"kind": "convolution", "filters": 4, "size": 3, "stride": 2, "padding": 1},
    {"kind": "leaky_relu", "slope": 0.2},
    {"kind": "pooling", "size": 3, "stride": 2, "padding": 1},
    {"kind": "residual", "name": "block", "layers": INNER, "shortcut": "projection"},
    {"kind": "residual", "name": "same", "layers": INNER},
    {"kind": "local_response_norm", "size": 3},
    {"kind": "pooling", "mode": "average"},
    {"kind": "dropout"},
    {"kind": "dense", "units": 7},
    {"kind": "tanh"},
    {"kind": "dense", "units": 5},
]


@pytest.fixture
def net():
    net = build(
        Network.model_validate({"input": (3, 15, 14), "layers": LAYERS, "loss": {"kind": "softmax", "label_smoothing": 0.1}}), seed=4
    )
    torch.manual_seed(5)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.weight)
    return net


def asked(net, layer, place, dtype=torch.float64, **options):
    x = torch.randn(1, 3, 15, 14, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return explain_gradient(net.to(dtype), layer, x, torch.tensor([3]), criterion(net.network.loss), place, **options)


def test_every_gradient_of_every_layers_output_is_its_sum(net):
    source = torch.Generator().manual_seed(2)
    x = torch.randn(1, 3, 15, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    shapes = {layer.name: layer.shape for layer in portray(net.double(), x).seen}
    assert set(shapes) == {name for name in layers_of(net)}
    through = {}
    for layer, shape in shapes.items():
        for _ in range(4):
            place = tuple(int(torch.randint(side, (1,), generator=source)) for side in shape)
            found = asked(net, layer, place)
            assert found.computed == pytest.approx(found.value, abs=1e-13), layer
            assert abs(found.deviation) <= 1e-13
            through[layer] = [part.layer for part in found.parts]
    assert sorted(through["pool1"]) == ["block.c", "block.projection"]
    assert through["pool2"] == ["dense1"], "dropout at rest hands on what it was given"
    assert through["block"] == ["same.c", "same"], "what is added to the block's own output comes back as it is"
    assert through["same.relu1"] == ["same"]
    assert through["conv1"] == ["leaky_relu1"]
    assert through["dense2"] == ["loss"]


@pytest.mark.parametrize(
    ("layer", "of", "places"),
    [
        ("conv1", "kernels", [(0, 0, 0, 0), (3, 2, 1, 2)]),
        ("conv1", "bias", [(2,)]),
        ("block.c", "kernels", [(5, 3, 2, 0), (2, 1, 1, 1)]),
        ("block.norm1", "scale", [(1,)]),
        ("block.norm1", "shift", [(4,)]),
        ("block.projection", "kernels", [(5, 3, 0, 0)]),
        ("dense1", "weights", [(6, 17)]),
        ("dense2", "bias", [(0,), (3,)]),
    ],
)
def test_every_gradient_of_a_weight_is_its_sum(net, layer, of, places):
    for place in places:
        found = asked(net, layer, place, of=of)
        assert found.computed == pytest.approx(found.value, abs=1e-13)
    assert found.computed != 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_engines_number_lies_as_far_as_its_rounding_explains(net, dtype):
    autocast = torch.autocast("cpu", torch.bfloat16) if dtype is torch.bfloat16 else None
    for layer, of, place in (("conv1", "output", (1, 3, 3)), ("conv1", "kernels", (1, 1, 1, 1)), ("dense1", "weights", (2, 3))):
        found = asked(net, layer, place, torch.float32, of=of, autocast=autocast)
        assert abs(found.deviation) <= found.allowed


def test_asking_changes_nothing(net):
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    asked(net, "conv1", (0, 0, 0), torch.float32)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert all(module.training and not module._forward_hooks for module in net.modules())


def test_a_record_tells_the_largest_terms_and_the_sum_of_the_others(net):
    small = asked(net, "dense1", (2,)).to_values()
    assert small["through"] == "tanh1"
    assert small["gradient"]["value"] == pytest.approx(sum(term["product"] for term in small["gradient"]["terms"]))
    assert "check" not in small["gradient"]
    wide = build(Network.model_validate({"input": (1, 30, 30), "layers": [LAYERS[0], {"kind": "dense", "units": 3}]}), seed=0)
    found = explain_gradient(wide, "conv1", torch.randn(1, 1, 30, 30), torch.tensor([0]), criterion(wide.network.loss), (0,), of="bias")
    assert len(found.parts[0].gradient.places) == 225
    two = asked(net, "pool1", (0, 0, 0)).to_values()
    assert {two["through"], two["parts"][0]["through"]} == {"block.c", "block.projection"}
    assert two["value"] == pytest.approx(two["gradient"]["value"] + two["parts"][0]["gradient"]["value"])


@pytest.mark.parametrize(
    ("layer", "place", "of", "kind", "message"),
    [
        ("conv", (0, 0, 0), "output", SpecError, 'the network has no layer "conv"; did you mean "conv1"'),
        ("conv1", (0, 0), "output", ShapeError, r'there is no place \(0, 0\): the layer "conv1" gives 4x8x7; count from 0'),
        ("conv1", (0, 0, 0, 9), "kernels", ShapeError, r"there is no number of kernels \(0, 0, 0, 9\)"),
        ("conv1", (0,), "weights", SpecError, 'the layer "conv1" has no weight called "weights"; expected one of output, kernels, bias'),
        ("block.c", (0,), "bias", SpecError, 'the layer "block.c" has no "bias" that learns'),
    ],
)
def test_what_is_not_there_is_said_in_one_line(net, layer, place, of, kind, message):
    with pytest.raises(kind, match=message):
        asked(net, layer, place, of=of)
