"""A curve of any length in a fixed amount of memory."""

import random

import pytest

from vitral.cli.curve import MOST, Curve


@pytest.mark.parametrize("count", [1, 255, 256, 257, 1000, 100_000])
def test_points_are_means_of_equal_stretches(count: int) -> None:
    draw = random.Random(3)
    values = [draw.uniform(-1, 1) for _ in range(count)]
    curve = Curve()
    for value in values:
        curve.add(value)
    assert len(curve.values) <= MOST
    size = curve.per_point
    stretches = [values[start : start + size] for start in range(0, count, size)]
    assert curve.values == pytest.approx([sum(stretch) / len(stretch) for stretch in stretches])


def test_an_empty_curve_has_no_values() -> None:
    assert Curve().values == []
