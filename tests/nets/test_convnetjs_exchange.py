"""ConvNetJS networks in and out: its own snapshot answers as convnetjs.js does, and what goes out comes in again."""

import copy
import json
import math

import numpy as np
import pytest
import torch

from vitral.errors import DataError, ShapeError, SpecError, VitralError
from vitral.nets import build
from vitral.nets.interchange import parse_convnetjs, read_convnetjs, write_convnetjs
from vitral.nets.loss import criterion
from vitral.spec.network import Network


def loaded(imported, *, dtype=torch.float64):
    net = build(imported.network, seed=0).to(dtype)
    net.load_state_dict({name: tensor.to(dtype) for name, tensor in imported.tensors.items()})
    return net.eval()


def summed(terms):
    """Add one after the other, as a loop does: numpy and torch add in an order of their own."""
    return np.add.accumulate(np.asarray(list(terms)), axis=0)[-1]


def by_loops(net, image):
    """The network's arithmetic in the order in which convnetjs.js does it: rows, columns, channels, then the bias."""
    x = image.numpy()
    for _, layer in net.layers():
        weights = [p.detach().numpy() for p in layer.parameters()]
        if isinstance(layer, torch.nn.Conv2d):
            padded, side = np.pad(x, ((0, 0), (2, 2), (2, 2))), x.shape[1]
            taps = [(i, j, c) for i in range(5) for j in range(5) for c in range(len(x))]
            x = summed(weights[0][:, c, i, j, None, None] * padded[c, i : i + side, j : j + side] for i, j, c in taps)
            x = x + weights[1][:, None, None]
        elif isinstance(layer, torch.nn.ReLU):
            x = np.maximum(x, 0)
        elif isinstance(layer, torch.nn.MaxPool2d):
            x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))
        else:
            own = weights[0].reshape(len(weights[0]), *x.shape)
            x = summed(own[:, c, i, j] * x[c, i, j] for i in range(4) for j in range(4) for c in range(20)) + weights[1]
    x = np.exp(x - x.max())
    return x / summed(x)


@pytest.fixture(scope="module")
def snapshot(vitral_data):
    return (vitral_data / "convnetjs" / "cifar10_snapshot.json").read_text()


def test_the_demonstrations_snapshot_answers_as_it_does_there(vitral_data, snapshot):
    found = parse_convnetjs(snapshot)
    assert found.network.num_parameters == 22_466
    assert found.notes == ()
    net = loaded(found)
    folder = vitral_data / "convnetjs"
    x = torch.tensor(json.loads((folder / "in4.json").read_text())["x"], dtype=torch.float64).view(4, 32, 32, 3).permute(0, 3, 1, 2)
    for image, answer in zip(x, json.loads((folder / "fixture_pretrained4.json").read_text()), strict=True):
        scores = net(image[None])
        np.testing.assert_allclose(scores.softmax(1)[0].detach().numpy(), answer["probs"], atol=2e-15, rtol=0)
        np.testing.assert_allclose(by_loops(net, image), answer["probs"], atol=5e-16, rtol=0)
        loss = criterion(found.network.loss)(scores, torch.tensor([answer["label"]]))
        assert loss.item() == pytest.approx(answer["loss"], abs=2e-15)


def test_the_snapshot_goes_out_as_it_came_in(snapshot):
    there = json.loads(snapshot)["layers"]
    here = write_convnetjs(loaded(parse_convnetjs(snapshot)))["layers"]
    assert [layer["layer_type"] for layer in here] == [layer["layer_type"] for layer in there]
    for ours, theirs in zip(here, there, strict=True):
        for key in theirs:
            if key in ("filters", "biases"):
                continue
            if key not in ("l1_decay_mul",):
                assert ours[key] == theirs[key], f"{theirs['layer_type']} {key}"
        if "filters" in theirs:
            assert ours["biases"]["w"] == theirs["biases"]["w"]
            assert [kernel["w"] for kernel in ours["filters"]] == [kernel["w"] for kernel in theirs["filters"]]


LAYERS = [
    {"kind": "convolution", "filters": 6, "size": [3, 5], "stride": 2, "padding": 1},
    {"kind": "maxout", "group_size": 2},
    {"kind": "local_response_norm", "size": 3},
    {"kind": "convolution", "filters": 4, "size": 3, "padding": "same", "bias": False, "decay_factor": 0.5},
    {"kind": "tanh"},
    {"kind": "pooling", "size": 3, "stride": 2, "padding": 1},
    {"kind": "flatten"},
    {"kind": "dense", "units": 8},
    {"kind": "relu"},
    {"kind": "dropout", "probability": 0.3},
    {"kind": "dense", "units": 5},
]


@pytest.mark.parametrize(("loss", "name"), [("softmax", "softmax"), ("hinge", "svm"), ("regression", "regression")])
def test_what_goes_out_comes_in_again(loss, name):
    net = build(Network.model_validate({"input": (2, 11, 12), "layers": LAYERS, "loss": {"kind": loss}}), seed=3).double().eval()
    values = json.loads(json.dumps(write_convnetjs(net)))
    assert values["layers"][-1]["layer_type"] == name
    found = read_convnetjs(values)
    assert found.network.loss.kind == loss
    back = loaded(found)
    x = torch.randn(3, 2, 11, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    shrunk = [m for m in back.modules() if type(m).__name__ == "Scale"]
    assert [m.factor for m in shrunk] == [0.7]
    torch.testing.assert_close(back(x), net(x), atol=1e-14, rtol=0)
    again = write_convnetjs(back)
    first, second = ([layer for layer in v["layers"] if "filters" in layer] for v in (values, again))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(
            [list(f["w"].values()) for f in one["filters"]], [list(f["w"].values()) for f in other["filters"]], atol=1e-15
        )


def test_dropout_that_comes_in_trains_as_it_did_there():
    values = write_convnetjs(build(Network.model_validate({"input": (1, 2, 2), "layers": LAYERS[7:]}), seed=1))
    net = loaded(read_convnetjs(values)).train()
    dropout, scale = (net.get_submodule(name) for name in ("dropout1", "scale1"))
    x = torch.rand(1000, dtype=torch.float64)
    y = scale(dropout(x))
    assert set(torch.unique((y / x).round(decimals=9)).tolist()) == {0.0, 1.0}, "kept numbers are left as they are"


def test_volumes_may_be_lists_and_what_is_missing_has_its_default():
    values = {
        "layers": [
            {"layer_type": "input", "out_sx": 3, "out_sy": 2, "out_depth": 1},
            {"layer_type": "conv", "sx": 2, "out_sx": 2, "out_sy": 1, "out_depth": 1,
             "filters": [{"sx": 2, "sy": 2, "depth": 1, "w": [1, 2, 3, 4]}], "biases": {"sx": 1, "sy": 1, "depth": 1, "w": [0.5]}},
            {"layer_type": "fc", "out_sx": 1, "out_sy": 1, "out_depth": 2, "num_inputs": 2,
             "filters": [{"sx": 1, "sy": 1, "depth": 2, "w": {"0": 1, "1": -1}}] * 2, "biases": {"sx": 1, "sy": 1, "depth": 2, "w": [0, 1]}},
        ]
    }  # fmt: skip
    net = loaded(read_convnetjs(values))
    image = torch.tensor([[[[1.0, 2, 3], [4, 5, 6]]]], dtype=torch.float64)
    first, second = 1 + 2 * 2 + 3 * 4 + 4 * 5 + 0.5, 2 + 2 * 3 + 3 * 5 + 4 * 6 + 0.5
    assert net(image).tolist() == [[first - second, first - second + 1]]
    assert net.network.loss.kind == "regression"


def broken(change):
    def make():
        values = write_convnetjs(build(Network.model_validate({"input": (2, 11, 12), "layers": LAYERS}), seed=3))
        change(values["layers"])
        return values

    return make


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda v: v.clear(), DataError, r'expected {"layers": \[...\]} with an input'),
        (lambda v: v.pop(0), DataError, 'layer 0: expected the input, got "conv"'),
        (lambda v: v[1].update(layer_type="convo"), SpecError, 'layer 1: "convo" is no layer that is known here; did you mean "conv"?'),
        (lambda v: v[1].pop("layer_type"), DataError, 'layer 1: expected a "layer_type", got None'),
        (lambda v: v[1].update(stride=1.5), DataError, "layer 1: stride should be a whole number, got 1.5"),
        (lambda v: v[1].update(stride="2"), DataError, "layer 1: stride should be a number, got '2'"),
        (lambda v: v[1].update(sx=40), ShapeError, "the file: .*does not fit"),
        (lambda v: v[1]["filters"].pop(), DataError, "layer 1: expected 6 filters, got 5"),
        (lambda v: v[1]["filters"][2]["w"].pop("7"), DataError, r"layer 1: expected 30 weights as .* = \(3, 5, 2\), got 29 as \(3, 5, 2\)"),
        (lambda v: v[1]["filters"][2]["w"].update({"7": None}), DataError, "layer 1: every weight should be a finite number"),
        (lambda v: v[1]["filters"][2]["w"].update({"7": math.nan}), DataError, "layer 1: every weight should be a finite number"),
        (lambda v: v[1]["filters"][2].update(depth=3), DataError, r"got 30 as \(3, 5, 3\)"),
        (lambda v: v[1].update(out_sx=4), DataError, "layer 1: it says that it gives"),
        (lambda v: v[2].update(group_size=4), ShapeError, "group_size = 4 does not divide the 6 channels"),
        (lambda v: v[3].update(n=4), SpecError, "local response norm over n = 4 neighbours lies off its centre; expected an odd n"),
        (lambda v: v[9].update(drop_prob=1), DataError, "drop_prob should be at least 0 and less than 1, got 1"),
        (lambda v: v[7].pop("biases"), DataError, "layer 7: expected a volume"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(change, kind, message):
    with pytest.raises(kind, match=message) as caught:
        read_convnetjs(broken(change)())
    assert "\n" not in str(caught.value)


def weights_in(values):
    """All weights and biases that a file lists."""
    volumes = [volume for layer in values["layers"] if "filters" in layer for volume in (*layer["filters"], layer["biases"])]
    return [float(number) for volume in volumes for number in volume["w"].values()]


def test_damage_is_refused_in_one_line_or_read_as_it_stands_there():
    source = np.random.default_rng(5)
    small = json.dumps(broken(lambda _: None)())
    refused = read = 0
    for _ in range(300):
        at, length = int(source.integers(len(small))), int(source.integers(1, 6))
        written = "".join(chr(c) for c in source.integers(32, 127, length))
        if small[at].isdigit():
            length, written = 1, str(source.integers(10))
        damaged = small[:at] + written + small[at + length :]
        try:
            found = parse_convnetjs(damaged, "mine.json")
        except VitralError as cause:
            assert str(cause).startswith("mine.json"), damaged[at - 20 : at + 20]
            assert "\n" not in str(cause)
            refused += 1
        else:
            numbers = torch.cat([tensor.flatten() for tensor in found.tensors.values()]).tolist()
            assert sorted(numbers) == sorted(weights_in(json.loads(damaged)))
            read += 1
    assert refused > 80
    assert read > 50, "a digit in place of another is no damage that can be seen"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"kind": "batch_norm"}, r'layer 1 "norm1" \(batch_norm\) has no counterpart in ConvNetJS; expected convolution'),
        ({"kind": "pooling", "mode": "average"}, r'layer 1 "pool1" \(pooling\) has no counterpart'),
        ({"kind": "gelu"}, r'"gelu1" \(gelu\) has no counterpart'),
        ({"kind": "convolution", "filters": 2, "size": 3, "dilation": 2}, r'"conv1" \(convolution\) has no counterpart'),
        ({"kind": "convolution", "filters": 2, "size": 2, "padding": "same"}, r'"conv1" \(convolution\) has no counterpart'),
        ({"kind": "local_response_norm", "size": 4}, "has no counterpart"),
    ],
)
def test_what_convnetjs_does_not_have_is_named(layer, message):
    net = build(Network.model_validate({"input": (2, 8, 8), "layers": [layer, {"kind": "dense", "units": 3}]}), seed=0)
    with pytest.raises(SpecError, match=message):
        write_convnetjs(net)


def test_dropout_before_something_that_bends_is_named():
    layers = [{"kind": "dropout"}, {"kind": "tanh"}, {"kind": "dense", "units": 2}]
    with pytest.raises(SpecError, match="stands behind dropout, whose size it would change"):
        write_convnetjs(build(Network.model_validate({"input": (1, 2, 2), "layers": layers}), seed=0))
    copy.deepcopy(layers)
    with pytest.raises(SpecError, match="ends with dropout"):
        write_convnetjs(build(Network.model_validate({"input": (1, 2, 2), "layers": [layers[2], layers[0]]}), seed=0))
