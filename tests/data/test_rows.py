"""Digits read row by row: the same pixels as the pictures, and ready without a network."""

import numpy as np
import pytest

from vitral.data import digits, rows
from vitral.data.arrays import Arrays
from vitral.data.source import Source


def test_a_digit_is_its_rows_from_the_top() -> None:
    found, pictures = rows.read_digits(), digits.read()
    assert (found.kind, found.size, found.longest, found.classes) == ("series", 28, 28, tuple("0123456789"))
    wanted = {pixels.tobytes(): int(label) for pixels, label in zip(*pictures.test, strict=True)}
    got = {np.rint(found.test[n] * 255).astype(np.uint8).tobytes(): int(found.test.targets[n]) for n in range(len(found.test))}
    assert got == wanted
    assert (len(found.train), len(found.test)) == (4000, 1000)


def test_all_pixels_share_one_scale() -> None:
    found = rows.read_digits()
    assert found.statistics is not None
    assert len(set(found.statistics.mean)) == len(set(found.statistics.deviation)) == 1
    values = found.train.values.astype(np.float64)
    assert found.statistics.mean[0] == pytest.approx(values.mean(), abs=1e-12)
    assert found.statistics.deviation[0] == pytest.approx(values.std(), abs=1e-12)


def test_the_first_so_many_hold_every_digit() -> None:
    assert np.bincount(rows.read_digits().first(200, None).train.targets, minlength=10).min() > 5


def test_a_picture_by_hand() -> None:
    pixels = np.array([[[0, 255], [51, 0]], [[255, 255], [0, 0]]], np.uint8)[..., None]
    split = (pixels, np.array([0, 1]))
    found = rows.by_row(Arrays(("a", "b"), split, split), Source("mine", "", "", "", "", 0))
    one = found.train[found.train.targets.tolist().index(0)]
    assert one.tolist() == [[0, 1], [pytest.approx(0.2), 0]]
