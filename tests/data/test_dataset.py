"""Statistics and identity of a data set."""

import numpy as np
import pytest
import torch

from vitral.data.arrays import Arrays
from vitral.data.dataset import assemble, measure
from vitral.data.source import Source
from vitral.errors import DataError

SOURCE = Source("own", "own data", "the owner's", "here", "", 0)


def arrays(seed: int = 0, classes: tuple[str, ...] = ("a", "b")) -> Arrays:
    draw = np.random.default_rng(seed)
    return Arrays(
        classes,
        (draw.integers(0, 256, (30, 4, 5, 3), dtype=np.uint8), draw.integers(0, 2, 30)),
        (draw.integers(0, 256, (10, 4, 5, 3), dtype=np.uint8), draw.integers(0, 2, 10)),
    )


@pytest.mark.parametrize("shape", [(1000, 8, 8, 3), (7, 3, 3, 1), (300, 40, 40, 2), (2, 300, 300, 3)])
def test_statistics_are_those_of_float64(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    got = measure(torch.from_numpy(pixels))
    x = pixels.astype(np.float64) / 255
    np.testing.assert_allclose(got.mean, x.mean((0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(got.deviation, x.std((0, 1, 2)), rtol=1e-12)


def test_white_pixels_sum_without_rounding() -> None:
    """The largest sums that the float32 chunks meet."""
    got = measure(torch.full((2000, 4, 4, 3), 255, dtype=torch.uint8))
    assert got.mean == (1.0, 1.0, 1.0)
    assert got.deviation == (0.0, 0.0, 0.0)


def test_a_dataset_knows_its_shape_and_shares_the_reader_s_memory() -> None:
    given = arrays()
    dataset = assemble(given, SOURCE)
    assert dataset.shape == (3, 4, 5)
    assert (len(dataset.train), len(dataset.test)) == (30, 10)
    assert dataset.train.pixels.data_ptr() == given.train[0].ctypes.data


def test_identity_follows_every_pixel_target_and_name() -> None:
    identity = assemble(arrays(), SOURCE).sha256
    assert assemble(arrays(), SOURCE).sha256 == identity
    assert assemble(arrays(1), SOURCE).sha256 != identity
    assert assemble(arrays(classes=("a", "c")), SOURCE).sha256 != identity
    for split in ("train", "test"):
        for part, place in ((0, (3, 1, 1, 0)), (1, (3,))):
            changed = arrays()
            getattr(changed, split)[part][place] ^= 1
            assert assemble(changed, SOURCE).sha256 != identity


def test_a_smaller_part_has_an_identity_of_its_own() -> None:
    whole = assemble(arrays(), SOURCE)
    part = whole.first(20, None)
    assert (len(part.train), len(part.test)) == (20, 10)
    assert torch.equal(part.train.pixels, whole.train.pixels[:20])
    assert len({whole.sha256, part.sha256, whole.first(20, 5).sha256, whole.first(None, 5).sha256}) == 4
    assert whole.first(30, 100) is whole


def test_nothing_to_learn_from_is_said() -> None:
    empty = (np.empty((0, 4, 5, 3), np.uint8), np.empty(0, np.int64))
    with pytest.raises(DataError, match="expected some training examples, got none"):
        assemble(Arrays(("a",), empty, arrays().test), SOURCE)
