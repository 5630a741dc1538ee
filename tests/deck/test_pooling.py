"""The lecture's numbers on pooling: L8 to L11."""

import pytest

from vitral import spec
from vitral.spec.layers import Convolution, Pooling


def test_l8_pooling_reduces_width_and_height_but_never_depth() -> None:
    for channels in (1, 3, 32):
        assert Pooling(size=2).output((channels, 8, 8)) == (channels, 4, 4)


def test_l9_640x480_under_32_filters_and_a_pooling_to_a_quarter() -> None:
    # the lecture writes width x height x depth; here it is (channels, height, width)
    maps = Convolution(filters=32, size=3, stride=1, padding=1).output((1, 480, 640))
    assert maps == (32, 480, 640)
    pooled = Pooling(size=2, stride=2).output(maps)
    assert pooled == (32, 240, 320)
    assert pooled[1] * pooled[2] == 0.25 * maps[1] * maps[2]


def test_l10_the_example_is_2x2_with_stride_2() -> None:
    assert Pooling().summary() == "max 2x2 stride 2"
    assert Pooling(size=(2, 3)).output((1, 4, 6)) == (1, 2, 2)


@pytest.mark.parametrize(
    ("size", "stride", "codes"), [(2, 2, []), (3, 2, []), (3, 3, ["pooling_stride"]), (4, 2, ["pooling_window"]), (5, 4, None)]
)
def test_l11_larger_windows_and_strides_above_2_are_advised_against(size: int, stride: int, codes: list[str] | None) -> None:
    network = spec.Network(input=(3, 32, 32), layers=(Pooling(name="squeeze", size=size, stride=stride), spec.Dense(units=10)))
    advice = spec.advise(spec.Experiment(name="try", data=spec.Data(source="cifar10"), network=network))
    pooling = [piece for piece in advice if piece.code.startswith("pooling")]
    assert [piece.code for piece in pooling] == (["pooling_window", "pooling_stride"] if codes is None else codes)
    assert all((piece.number, piece.layer, piece.source) == (1, "squeeze", "lecture L11") for piece in pooling)


def test_l11_average_pooling_is_an_alternative_to_be_tried_beside_max() -> None:
    network = spec.Network(input=(3, 32, 32), layers=(Pooling(mode="average"), spec.Dense(units=10)))
    advice = spec.advise(spec.Experiment(name="try", data=spec.Data(source="cifar10"), network=network))
    assert "pooling_average" in [piece.code for piece in advice]
