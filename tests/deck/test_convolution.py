"""The lecture's numbers on convolution: L3, L6 and L7."""

from vitral import spec
from vitral.spec.layers import Convolution, Dense


def test_l3_a_3x3_window_over_10x10_gives_64_neurons_of_9_shared_weights() -> None:
    layer = Convolution(filters=1, size=3)
    assert layer.output((1, 10, 10)) == (1, 8, 8)
    assert spec.Network(input=(1, 10, 10), layers=(layer,), loss=spec.Regression()).reports[0].parameters == ("1x3x3x1+1", 10)
    assert Convolution(filters=1, size=3, bias=False).parameters((1, 10, 10)) == ("1x3x3x1", 9)


def test_l3_without_sharing_there_would_be_64_times_9_weights() -> None:
    # each of the 64 neurons has its own 9: a layer of 64 groups, one for every window
    own = Convolution(filters=64, size=3, groups=64, bias=False)
    assert own.parameters((64, 3, 3)).value == 64 * 9 == 576
    # and one example costs as many multiplications either way
    assert Convolution(filters=1, size=3).multiply_adds((1, 10, 10)) == 576


def test_l3_fully_connected_there_would_be_64_times_100_weights() -> None:
    assert Dense(units=64, bias=False).parameters((1, 10, 10)) == ("64x100", 6400)


def test_l6_without_padding_the_layer_shrinks() -> None:
    assert Convolution(filters=1, size=3).output((1, 10, 10)) == (1, 8, 8)
    assert Convolution(filters=1, size=3, stride=2).output((1, 10, 10)) == (1, 4, 4)


def test_l7_zero_padding_1_keeps_6x6() -> None:
    assert Convolution(filters=1, size=3, padding=1).output((1, 6, 6)) == (1, 6, 6)
    assert Convolution(filters=1, size=3, padding="same").output((1, 6, 6)) == (1, 6, 6)
