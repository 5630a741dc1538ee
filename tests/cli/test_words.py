"""Numbers as a person reads them, checked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitral.cli import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98213, "0.982"),
        (12417.0, "12,400"),
        (0.000123, "0.000123"),
        (0.0000000123, "1.23e-08"),
        (2.0, "2.00"),
        (99.96, "100"),
        (0, "0"),
        (-0.5, "-0.500"),
        (math.nan, "not finite"),
        (math.inf, "not finite"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (4.2, "4 s"), (59.6, "1 min 0 s"), (72, "1 min 12 s"), (3599.7, "1 h 0 min"), (7400, "2 h 3 min"), (-1, "0 s")],
)
def test_a_time_to_two_units(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (182_333, "182 kB"), (1_500_000_000, "1.50 GB")])
def test_an_amount_of_bytes(count: int, text: str) -> None:
    assert words.size(count) == text


def test_an_accuracy_with_its_interval() -> None:
    # 7,800 right of 10,000: Wilson gives 0.7718 to 0.7880, half of which is 0.81 points
    assert words.interval(0.78, 0.7718, 0.7880) == "78.0 % ± 0.8"


@given(st.floats(0, 1), st.integers(1, 200))
def test_a_bar_is_as_long_as_its_share(share: float, width: int) -> None:
    drawn = words.bar(share, width)
    assert len(drawn) == width
    eighths = sum(words.EIGHTHS.index(sign) for sign in drawn)
    assert abs(eighths - share * width * 8) <= 0.5 + 1e-9


def test_a_bar_stays_within_its_box() -> None:
    assert words.bar(1.7, 4) == "████"
    assert words.bar(-1, 4) == "    "


def test_a_sparkline_rises_with_its_values() -> None:
    assert words.spark([0, 1, 2, 3], 4) == "▁▃▆█"
    assert words.spark([5, 5, 5], 3) == "▁▁▁"
    assert words.spark([], 10) == ""
    assert words.spark([0, math.nan, 7], 3) == "▁·█"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 120))
def test_a_sparkline_fits_and_shows_its_extremes(values: list[float], width: int) -> None:
    drawn = words.spark(values, width)
    assert len(drawn) == min(width, len(values))
    if len(values) <= width and max(values) > min(values):
        assert drawn[values.index(max(values))] == "█"
        assert drawn[values.index(min(values))] == "▁"
