"""What temperature, top-k and top-p make of probabilities, and what is drawn from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vitral.data import draws
from vitral.errors import DataError, SpecError
from vitral.generate.choose import SAMPLE, Candidate, Choice, uniforms

THREE = np.log([0.5, 0.3, 0.2])
scores = arrays(np.float64, st.integers(1, 30), elements=st.floats(-50, 50))
choices = st.builds(
    Choice,
    st.one_of(st.sampled_from([0.0, 1.0, 1e-300, 1e-50]), st.floats(0.01, 100)),
    st.none() | st.integers(1, 40),
    st.none() | st.floats(1e-9, 1),
)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), [0.5, 0.3, 0.2]),
        (Choice(top_k=2), [0.625, 0.375, 0]),
        (Choice(top_k=1), [1, 0, 0]),
        (Choice(top_k=99), [0.5, 0.3, 0.2]),
        (Choice(top_p=0.5), [1, 0, 0]),
        (Choice(top_p=0.51), [0.625, 0.375, 0]),
        (Choice(top_p=0.81), [0.5, 0.3, 0.2]),
        (Choice(top_p=1), [0.5, 0.3, 0.2]),
        (Choice(temperature=0), [1, 0, 0]),
        (Choice(temperature=0.5), [25 / 38, 9 / 38, 4 / 38]),  # squares
        (Choice(temperature=2), np.sqrt([0.5, 0.3, 0.2]) / np.sqrt([0.5, 0.3, 0.2]).sum()),
        (Choice(temperature=0.5, top_p=0.9), [25 / 38, 9 / 38, 4 / 38]),  # (25 + 9) / 38 is less than 0.9
        (Choice(temperature=0.5, top_p=0.89), [25 / 34, 9 / 34, 0]),
        (Choice(top_k=2, top_p=0.62), [1, 0, 0]),  # of the two that are left the first has 0.625
    ],
)
def test_by_hand(choice, expected) -> None:
    np.testing.assert_allclose(choice.chances(THREE), expected, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(scores, choices, st.integers(0, 2**52 - 1))
def test_whatever_is_drawn_could_be_drawn(scores, choice, bits) -> None:
    chances = choice.chances(scores)
    own = Choice().chances(scores)
    written = choice.choose(scores, bits * 2.0**-52, 3)
    assert chances.sum() == pytest.approx(1)
    assert chances[written.symbol] > 0
    assert written.chance == pytest.approx(chances[written.symbol])
    assert written.probability == pytest.approx(own[written.symbol])
    if choice.top_k is not None:
        assert (chances > 0).sum() <= choice.top_k
    kept, left_out = own[chances > 0], own[chances == 0]
    assert not left_out.size or kept.min() >= left_out.max() - 1e-15, "what is left out is never likelier than what is kept"
    assert [candidate.probability for candidate in written.candidates] == pytest.approx(sorted(own, reverse=True)[:3])
    assert all(candidate.chance == pytest.approx(chances[candidate.symbol]) for candidate in written.candidates)


def test_the_draw_goes_through_the_symbols_in_order() -> None:
    edges = {0: 0, 0.4999: 0, 0.5001: 1, 0.7999: 1, 0.8001: 2, 1 - 2**-52: 2}
    assert {uniform: Choice().choose(THREE, uniform).symbol for uniform in edges} == edges
    assert Choice(top_k=2).choose(THREE, 1 - 2**-52).symbol == 1, "never one that was left out"
    assert Choice(top_k=1).choose(np.array([0.0, 1.0, 0.0]), 0).symbol == 1


def test_of_equal_scores_the_first_is_the_likeliest() -> None:
    equal = np.array([1.0, 3.0, 3.0])
    assert Choice(temperature=0).choose(equal, 0.99).symbol == 1
    assert Choice(top_k=1).choose(equal, 0.99).symbol == 1
    assert Choice(top_p=0.1).choose(equal, 0.99).symbol == 1


def test_candidates_show_the_networks_own_probability_and_the_chance_that_was_left() -> None:
    written = Choice(top_k=2).choose(THREE, 0.7, 3)
    assert written.symbol == 1
    assert written.candidates == (
        Candidate(0, pytest.approx(0.5), pytest.approx(0.625)),
        Candidate(1, pytest.approx(0.3), pytest.approx(0.375)),
        Candidate(2, pytest.approx(0.2), 0),
    )


def test_symbols_come_as_often_as_they_should() -> None:
    drawn = np.bincount([Choice().choose(THREE, u).symbol for _, u in zip(range(20_000), uniforms(9), strict=False)], minlength=3)
    expected = 20_000 * np.array([0.5, 0.3, 0.2])
    assert ((drawn - expected) ** 2 / expected).sum() < 20


def test_a_draw_belongs_to_its_seed_and_place() -> None:
    first = [u for _, u in zip(range(1000), uniforms(7), strict=False)]
    words = draws.words(draws.key(SAMPLE, 7), np.arange(1000))
    assert first == [(int(word) >> 12) / 2**52 for word in words]
    assert min(first) >= 0
    assert max(first) < 1
    assert first[0] != next(uniforms(8))


def test_scores_that_are_no_numbers_are_refused() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError, match=f"scores are not finite .{bad}"):
            Choice().choose(np.array([0.0, bad], np.float32), 0.5)
    assert Choice().choose(np.array([0.0, -np.inf], np.float32), 0.999).symbol == 0, "a symbol may be impossible"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": -0.1}, "temperature: expected a number from 0, got -0.1"),
        ({"temperature": float("nan")}, "temperature: expected a number from 0, got nan"),
        ({"temperature": float("inf")}, "temperature: expected a number from 0, got inf"),
        ({"top_k": 0}, "top_k: expected a whole number from 1, got 0"),
        ({"top_p": 0.0}, "top_p: expected a number above 0 and up to 1, got 0"),
        ({"top_p": 1.5}, "top_p: expected a number above 0 and up to 1, got 1.5"),
    ],
)
def test_numbers_out_of_range_are_named(values, message) -> None:
    with pytest.raises(SpecError, match=message):
        Choice(**values)
