"""The walk of a shape: receptive fields against torch's own gradients, names, and how often a block is walked."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from vitral import spec
from vitral.errors import ShapeError
from vitral.spec.base import Count, Layer
from vitral.spec.layers import Activation, Convolution, Dense, Flatten, GlobalPooling, Pooling, Residual
from vitral.spec.shapes import RESERVED, number_names, unique_names, walk


def test_the_docstrings_example_sees_3_4_and_8_pixels() -> None:
    reports = walk([Convolution(filters=1, size=3), Pooling(), Convolution(filters=1, size=3)], (1, 32, 32))
    assert [report.field for report in reports] == [(3, 3), (4, 4), (8, 8)]
    assert [report.jump for report in reports] == [(1, 1), (2, 2), (2, 2)]


@pytest.mark.parametrize("seed", range(25))
def test_a_position_sees_what_its_gradient_reaches(seed: int) -> None:
    """The pixels on which one output position depends are counted by backpropagation through positive weights."""
    r = random.Random(seed)
    layers: list[Any] = []
    for _ in range(r.randint(1, 4)):
        size = (r.randint(1, 4), r.randint(1, 4))
        stride = (r.randint(1, size[0]), r.randint(1, size[1]))
        if r.random() < 0.5:
            layers.append(Convolution(filters=1, size=size, stride=stride, dilation=r.randint(1, 2), bias=False))
        else:
            layers.append(Pooling(mode="average", size=size, stride=stride))
    side = 160
    modules = nn.Sequential()
    for layer in layers:
        if isinstance(layer, Convolution):
            modules.append(nn.Conv2d(1, 1, layer.size, layer.stride, 0, layer.dilation, bias=False, dtype=torch.float64))
            with torch.no_grad():
                modules[-1].weight.copy_(torch.rand_like(modules[-1].weight) + 0.1)
        else:
            modules.append(nn.AvgPool2d(layer.size, layer.stride))
    x = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    y = modules(x)
    report = walk(layers, (1, side, side))[-1]
    y[0, 0, 0, 0].backward()
    assert x.grad is not None
    reached = x.grad[0, 0] != 0
    rows, columns = reached.any(1).nonzero(), reached.any(0).nonzero()
    assert (int(rows[-1]) + 1, int(columns[-1]) + 1) == report.field
    x.grad = None
    modules(x)[0, 0, 1, 1].backward()
    reached = x.grad[0, 0] != 0
    assert (int(reached.any(1).nonzero()[0]), int(reached.any(0).nonzero()[0])) == report.jump


@pytest.mark.parametrize(
    "end", [[Dense(units=3)], [GlobalPooling()], [Flatten(), Dense(units=3)], [Flatten(), Activation(kind="relu"), Dense(units=3)]]
)
def test_dense_and_global_layers_see_the_whole_image(end: list[Layer]) -> None:
    report = walk([Convolution(filters=2, size=3, padding=1), Pooling(), *end], (1, 12, 20))[-1]
    assert report.seen((1, 12, 20)) == (12, 20)


def test_names_count_each_kind_and_leave_given_names_alone() -> None:
    layers = [Convolution(filters=1, size=1), Activation(kind="relu"), Convolution(filters=1, size=1, name="conv1"), Pooling(name="p")]
    assert unique_names(layers) == ("conv2", "relu1", "conv1", "p")
    assert number_names([("batch_norm", None), ("residual", None), ("weird", None)]) == ("norm1", "block1", "weird1")


def test_no_layer_takes_a_name_that_torchs_modules_use() -> None:
    ours = set(dir(nn.Module())) | set(dir(nn.Sequential()))
    public = {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert public <= RESERVED, sorted(public - RESERVED)
    assert "conv1" not in ours


def test_no_layer_takes_a_name_that_vitrals_networks_use() -> None:
    from vitral import nets

    net = nets.build(spec.Network(input=(1, 4, 4), layers=[Dense(units=2, name="only")]), seed=0)
    taken = {name for name in dir(net) if not name.startswith("_") and name != "only"}
    assert taken <= RESERVED, sorted(taken - RESERVED)


def test_a_block_is_walked_once_whatever_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    count = Convolution.parameters

    def counted(self: Convolution, shape: tuple[int, ...]) -> Count:
        nonlocal calls
        calls += 1
        return count(self, shape)

    monkeypatch.setattr(Convolution, "parameters", counted)
    layer: Any = Convolution(filters=2, size=3, padding=1)
    for _ in range(4):
        layer = Residual(layers=(layer,))
    walk([layer], (2, 8, 8))
    assert calls == 1


def test_an_answer_on_its_own_is_the_walks_answer() -> None:
    block = Residual(layers=(Convolution(filters=4, size=3, padding=1, stride=2),), shortcut="projection")
    report = walk([block], (2, 8, 8))[0]
    assert (block.output((2, 8, 8)), block.parameters((2, 8, 8)), block.multiply_adds((2, 8, 8))) == (
        report.output,
        report.parameters,
        report.multiply_adds,
    )
    assert str(report.parameters) == "4x3x3x2+4 + 4x1x1x2 = 84"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(units=3), Convolution(filters=1, size=1)], 'layer 2 "conv1": expected an image .*got a vector of 3; put this layer before'),
        ([Pooling(size=3, padding=2)], "padding 2x2 is more than half of the 3x3 window; use padding <= 1"),
        ([Pooling(size=9)], "a 9x9 window does not fit a 4x4 image; use padding >= 3"),
        ([spec.Maxout(group_size=3)], "group_size = 3 does not divide the 2 channels; use a divisor of 2"),
        ([Convolution(filters=2, size=3, stride=2, padding="same")], 'padding = "same" needs stride = 1, got 2'),
        ([Convolution(filters=9, size=2, whitening=True)], r"whitening needs filters = 16 \(two signs of every direction\), got 9"),
        ([Residual(layers=(Convolution(filters=3, size=2),), shortcut="projection")], "no 1x1 convolution brings 4x4 to 3x3"),
        ([Residual(layers=(Convolution(filters=3, size=1, name="projection"),), shortcut="projection")], 'is called "projection"'),
    ],
)
def test_what_does_not_fit_says_why(layers: list[Layer], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        walk(layers, (2, 4, 4))
