"""The edge pictures against torch's own convolution with the lecture's kernel."""

import numpy as np
import pytest
import torch

from vitral.data import edges
from vitral.errors import DataError


@pytest.mark.parametrize(("height", "width"), [(28, 28), (12, 12), (9, 17), (3, 3), (1, 1)])
def test_targets_are_the_lecture_s_convolution(height: int, width: int) -> None:
    arrays = edges.read(height, width, 100, 20)
    kernel = torch.full((1, 1, 3, 3), -1.0, dtype=torch.float64)
    kernel[0, 0, 1, 1] = 8
    for pixels, targets in (arrays.train, arrays.test):
        assert pixels.shape[1:] == (height, width, 1)
        assert targets.shape[1:] == (1, height, width)
        assert targets.dtype == np.float32
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).double() / 255
        want = torch.nn.functional.conv2d(x, kernel, padding=1).relu()
        assert np.array_equal(targets, want.numpy())


def test_a_square_by_hand() -> None:
    image = np.zeros((1, 5, 5), bool)
    image[0, 1:4, 1:4] = True
    assert edges.edges(image)[0].astype(int).tolist() == [[0] * 5, [0, 5, 3, 5, 0], [0, 3, 0, 3, 0], [0, 5, 3, 5, 0], [0] * 5]


def test_pictures_vary_and_are_never_of_one_colour_only_by_rule() -> None:
    train, test = edges.read(28, 28).train, edges.read(28, 28).test
    assert set(np.unique(train[0])) == {0, 255}
    white = (train[0] > 0).mean((1, 2, 3))
    assert 0.1 < white.mean() < 0.5
    assert len({image.tobytes() for image in train[0]}) > 2000
    assert not {image.tobytes() for image in train[0] if image.any()} & {
        image.tobytes() for image in test[0] if 0.05 < (image > 0).mean() < 0.9
    }


def test_a_picture_depends_on_its_number_alone() -> None:
    few, many = edges.read(12, 12, 10, 5), edges.read(12, 12, 50, 20)
    assert np.array_equal(few.train[0], many.train[0][:10])
    assert np.array_equal(few.test[1], many.test[1][:5])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = edges.read(12, 9, 40, 5)
    monkeypatch.setattr(edges, "BLOCK", 12 * 9 * 7)
    assert np.array_equal(edges.read(12, 9, 40, 5).train[0], whole.train[0])


def test_huge_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="expected sides of at most 256, got 4096x12"):
        edges.read(4096, 12)
