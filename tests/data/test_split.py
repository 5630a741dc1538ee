"""A fifth of every class, the same for everybody."""

import numpy as np
import pytest

from vitral.data.split import stratify
from vitral.errors import DataError


def test_every_class_gives_a_fifth() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [100, 10, 2]))
    train, test = stratify(labels, ("a", "b", "c"), "pile")
    assert np.bincount(labels[test]).tolist() == [20, 2, 1]
    assert sorted([*train, *test]) == list(range(112))
    again = stratify(labels, ("a", "b", "c"), "pile")
    assert np.array_equal(again[1], test)


def test_a_class_of_one_cannot_be_split() -> None:
    with pytest.raises(DataError, match='pile: class "b" has 1 example; expected at least 2'):
        stratify(np.array([0, 0, 1]), ("a", "b"), "pile")
