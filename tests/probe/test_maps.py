"""What is drawn and measured of many tensors together is what numpy says of each of them alone."""

import math

import numpy as np
import pytest
import torch

from vitral.probe.maps import MAX_NUMBERS, draw, pictures

torch.manual_seed(3)
BROKEN = torch.tensor([1.0, math.nan, 3.0, math.inf])
TENSORS = {
    "a row": torch.randn(7),
    "one number": torch.tensor(2.5),
    "nothing": torch.empty(0, 3),
    "weights": torch.randn(10, 33),
    "maps": torch.randn(16, 9, 9),
    "maps in another order": torch.randn(9, 9, 16).permute(2, 0, 1),
    "kernels": torch.randn(16, 3, 5, 5).contiguous(memory_format=torch.channels_last),
    "kernels of more axes": torch.randn(2, 3, 3, 3, 3),
    "bfloat16": torch.randn(4, 6, 6).bfloat16(),
    "float64": torch.randn(4, 6).double(),
    "far from zero": 1e4 + torch.randn(8, 30, 30),
    "too many to draw": torch.randn(512, 60, 60),
    "a broken number": BROKEN,
    "nothing finite": torch.full((5,), math.nan),
    "squares too large": torch.tensor([3e38, -3e38, 1.0]),
    "learned": torch.nn.Parameter(torch.randn(3, 4)),
}
MADE = dict(zip(TENSORS, pictures(list(TENSORS.values())), strict=True))


@pytest.mark.parametrize("name", TENSORS)
def test_each_is_measured_as_alone(name):
    made, values = MADE[name], TENSORS[name].detach().double().numpy().ravel()
    finite = values[np.isfinite(values)]
    if not finite.size:
        assert made is None
        return
    figures = made.figures
    found = [figures.min, figures.max, figures.mean, figures.std]
    np.testing.assert_allclose(found, [finite.min(), finite.max(), finite.mean(), finite.std()], rtol=2e-5, atol=2e-7)
    assert (figures.count, figures.total) == (values.size, values.size)
    assert figures.broken == values.size - finite.size


@pytest.mark.parametrize("name", [name for name in TENSORS if MADE[name]])
def test_each_is_drawn_as_alone_and_owns_its_numbers(name):
    maps, alone = MADE[name].maps, draw(TENSORS[name])
    np.testing.assert_array_equal(maps.values, alone.values)
    assert (maps.shape, maps.channels, maps.stride) == (alone.shape, alone.channels, alone.stride)
    assert maps.values.dtype == np.float32
    assert maps.values.size <= MAX_NUMBERS
    assert not np.shares_memory(maps.values, TENSORS[name].detach().float().numpy())


def test_a_later_change_in_place_does_not_reach_what_was_drawn():
    weights = torch.ones(4, 4)
    (made,) = pictures([weights])
    weights.zero_()
    assert made.maps.values.min() == 1


def test_no_tensors_give_no_pictures():
    assert pictures([]) == []
    assert pictures([torch.empty(0)]) == [None]
