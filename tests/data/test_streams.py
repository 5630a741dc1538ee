"""Streams: nothing read twice, nothing scored twice, memory carried across."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitral.data.codes import Mapped
from vitral.data.streams import Scored, Streams
from vitral.errors import DataError


@given(st.integers(2, 400), st.integers(1, 9), st.integers(1, 12))
def test_a_stream_reads_its_part_in_order(num: int, batch: int, length: int) -> None:
    codes = np.arange(num, dtype=np.uint16)
    if num - 1 < batch * length:
        with pytest.raises(DataError, match=f"the training part has {num} symbols; {batch} streams of {length} need at least"):
            Streams(codes, batch, length)
        return
    streams = Streams(codes, batch, length)
    blocks = list(streams)
    assert len(blocks) == streams.num_steps
    x, y = (np.concatenate([block[side] for block in blocks], axis=1) for side in (0, 1))
    assert x.dtype == y.dtype == np.int64
    assert x.reshape(-1).tolist() == list(range(streams.used))  # rows one behind the other are the text itself
    np.testing.assert_array_equal(y, x + 1)
    assert 0 <= streams.unused == num - 1 - streams.used < batch * length
    for first, second in itertools.pairwise(blocks):
        np.testing.assert_array_equal(second[0][:, 0], first[1][:, -1])


@given(st.integers(2, 300), st.integers(1, 12), st.integers(1, 15), st.integers(0, 20))
def test_every_character_but_the_first_is_scored_once(num: int, batch: int, length: int, warm_up: int) -> None:
    codes = np.arange(num, dtype=np.uint16)
    scored = Scored(codes, batch, length, warm_up)
    seen = np.zeros(num, int)
    last = None
    read = np.zeros((scored.batch_size, 0), int)
    for x, y, counts in scored:
        assert x.shape == y.shape == counts.shape == (scored.batch_size, length)
        np.testing.assert_array_equal(y[counts], x[counts] + 1)
        np.add.at(seen, y[counts], 1)
        read = np.concatenate([read, x], axis=1)
        last = counts
    assert seen.tolist() == [0] + [1] * (num - 1)
    assert scored.num_scored == num - 1
    assert last is not None
    assert last.any()  # no block in vain
    for row in read:  # each stream reads on without a gap from where it began until it ends
        end = np.argmax(row[1:] == 0) if (row[1:] == 0).any() else len(row) - 1
        np.testing.assert_array_equal(np.diff(row[: end + 1]), 1)


def test_streams_warm_up_on_the_text_before_them() -> None:
    x, y, counts = Scored(np.arange(10), 3, 5, 2).at(0)
    assert x.tolist() == [[0, 1, 2, 0, 0], [1, 2, 3, 4, 5], [4, 5, 6, 7, 8]]
    assert y.tolist() == [[1, 2, 3, 0, 0], [2, 3, 4, 5, 6], [5, 6, 7, 8, 9]]
    assert counts.astype(int).tolist() == [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]


def test_one_character_cannot_be_scored() -> None:
    with pytest.raises(DataError, match="the test part has 1 symbols; expected at least 2"):
        Scored(np.arange(1), 3, 5, 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_file_seen_through_its_table_reads_the_same(seed: int) -> None:
    raw = np.random.default_rng(seed).integers(97, 110, 200, dtype=np.uint8)
    table = np.zeros(256, np.uint8)
    table[97:110] = np.arange(13)
    mapped = Mapped(raw, table)
    plain = table[raw]
    for one, two in zip(Streams(mapped, 3, 7), Streams(plain, 3, 7), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(Scored(mapped, 3, 7, 4), Scored(plain, 3, 7, 4), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(np.asarray(mapped), plain)
    np.testing.assert_array_equal(mapped.part(5, 9)[1:], plain[6:9])
    assert len(mapped.part(5, 9)) == 4
