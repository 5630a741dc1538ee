"""Examples without a test set of their own: a fifth of every class is set aside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vitral.data.draws import key, permutation
from vitral.errors import DataError

SEED = 2012
"""The split is part of what a data set is, so it does not move with an experiment's seed."""


def stratify(labels: npt.NDArray[np.integer], classes: tuple[str, ...], name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose 80 % of every class for training and 20 % (at least one example) for the test, by a fixed hash.

    Args:
        labels: class numbers, (N,).
        classes: their names, for errors.
        name: of the data, for errors.
    Returns:
        Positions of the training and of the test examples, each in ascending order.
    Raises:
        DataError: a class has fewer than two examples.
    Example:
        500 examples of each of 10 digits become 4,000 and 1,000.
    """
    train, test = [], []
    for number, title in enumerate(classes):
        members = np.flatnonzero(labels == number)
        if len(members) < 2:
            raise DataError(
                f'{name}: class "{title}" has {len(members)} example; expected at least 2, one to learn and one to test; add some'
            )
        members = members[permutation(key(SEED, number), len(members))]
        held = max(1, round(len(members) / 5))
        test.append(members[:held])
        train.append(members[held:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def mixed(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Put positions into a fixed random order, so that the first so many of them hold something of every class."""
    return positions[permutation(key(SEED, len(positions)), len(positions))]
