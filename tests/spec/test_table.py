"""The rows of ``vitral describe``."""

import pytest

from vitral import spec
from vitral.nets import zoo


def test_the_first_layer_of_the_lecture_reads_as_on_the_slide() -> None:
    row = spec.describe(zoo.load("default")).rows[1]
    assert (row.number, row.name, row.settings, row.input, row.output) == (1, "conv1", "16@5x5 pad 2", "3x32x32", "16x32x32")
    assert (row.parameters, row.multiply_adds, row.field) == ("16x5x5x3+16 = 1216", 16 * 32 * 32 * 75, "5x5")


@pytest.mark.parametrize("name", zoo.names())
def test_shares_and_sums_agree(name: str) -> None:
    description = spec.describe(zoo.load(name))
    top = [row for row in description.rows if row.depth == 0]
    passing = description.memory.passing / description.memory.total
    assert sum(row.share for row in top) + passing == pytest.approx(1, abs=1e-9)
    assert sum(row.num_parameters for row in top) == description.num_parameters
    assert sum(row.multiply_adds for row in top) == description.multiply_adds
    assert [row.number for row in top] == list(range(len(top)))


def test_a_block_is_followed_by_its_own_layers() -> None:
    rows = spec.describe(zoo.load("cifar10-resnet")).rows
    at = next(i for i, row in enumerate(rows) if row.kind == "residual")
    assert [row.depth for row in rows[at : at + 7]] == [0, 1, 1, 1, 1, 1, 0]
    assert [row.number for row in rows[at + 1 : at + 6]] == [1, 2, 3, 4, 5]
    assert rows[at].num_bytes > 0
    assert rows[at + 1].num_bytes == 0


def test_the_field_is_cut_at_the_image() -> None:
    for name in zoo.names():
        experiment = zoo.load(name)
        *_, height, width = (1, *experiment.network.shape[:1], 1) if experiment.reads_sequences else experiment.network.shape
        for row in spec.describe(experiment).rows:
            h, w = map(int, (row.field if not experiment.reads_sequences else f"{row.field}x1").split("x"))
            assert h <= height
            assert w <= width
    assert spec.describe(zoo.load("digits")).rows[-1].field == "28x28"


def test_a_frozen_layer_is_marked() -> None:
    rows = spec.describe(zoo.load("default", ["network.layers.conv1.learning_rate_factor=0"])).rows
    assert [row.name for row in rows if row.frozen] == ["conv1"]
