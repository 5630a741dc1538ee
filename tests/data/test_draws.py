"""The counter-based hash against its published numbers, and against what chance would give."""

import numpy as np
import pytest

from vitral.data import draws


def chi_square(counts: np.ndarray, expected: float) -> float:
    return float(((counts - expected) ** 2 / expected).sum())


def test_splitmix_gives_its_published_numbers() -> None:
    """The first outputs of splitmix64 from seed 1234567, as Rosetta Code and many libraries' tests list them."""
    stream = draws.words(1234567, np.arange(1, 6))
    assert stream.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_python_and_numpy_agree() -> None:
    start = draws.key(5, 17)
    got = draws.words(start, np.arange(100))
    want = [draws.mix((start + i * draws.GOLDEN) & draws.MASK) for i in range(100)]
    assert got.tolist() == want


def test_keys_depend_on_the_order_and_on_every_counter() -> None:
    keys = {draws.key(*counters) for counters in [(0,), (0, 0), (0, 7), (7, 0), (7,), (7, 0, 0), (2**63, 1), (1, 2**63)]}
    assert len(keys) == 8


@pytest.mark.parametrize("bound", [2, 5, 9, 32])
@pytest.mark.parametrize("low", [0, 32])
def test_below_is_uniform(bound: int, low: int) -> None:
    drawn = draws.below(draws.words(draws.key(3, bound), np.arange(100_000)), bound, low=low)
    counts = np.bincount(drawn, minlength=bound)
    assert len(counts) == bound
    assert chi_square(counts, 100_000 / bound) < bound + 6 * (2 * bound) ** 0.5  # mean and 6 deviations of chi-square


def test_neighbours_are_independent() -> None:
    """Pairs of draws of one example, of neighbouring examples and of neighbouring epochs fill all 25 cells alike."""
    index = np.arange(100_000)
    now, later = draws.words(draws.key(1, 9, 0), index), draws.words(draws.key(1, 9, 1), index)
    for a, b in [
        (draws.below(now, 5), draws.below(now, 5, low=0)),
        (draws.below(now[:-1], 5), draws.below(now[1:], 5)),
        (draws.below(now, 5), draws.below(later, 5)),
    ]:
        counts = np.bincount(5 * a + b, minlength=25)
        assert chi_square(counts, len(a) / 25) < 24 + 6 * 48**0.5


def test_a_permutation_holds_everything_once() -> None:
    order = draws.permutation(draws.key(1), 1000)
    assert sorted(order.tolist()) == list(range(1000))
    assert order.tolist() != list(range(1000))
    assert draws.permutation(1, 0).tolist() == []
