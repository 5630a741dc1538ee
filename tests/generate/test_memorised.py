"""The longest copied stretch against the plainest search there is."""

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vitral.data.codes import Mapped
from vitral.generate import memorised
from vitral.generate.memorised import Stretch, longest_copied

TYPES = [np.uint8, np.uint16, np.int32, np.int64]


def plainly(written: bytes, training: bytes) -> Stretch:
    """Try every stretch, the longest first."""
    for length in range(min(len(written), len(training)), 0, -1):
        offsets = [training.find(written[start : start + length]) for start in range(len(written) - length + 1)]
        if found := [offset for offset in offsets if offset >= 0]:
            first = min(found)
            return Stretch(length, written.find(training[first : first + length]), first)
    return Stretch(0, 0, 0)


texts = st.integers(1, 4).flatmap(lambda count: st.lists(st.integers(0, count - 1), max_size=90))


@settings(max_examples=300, deadline=None)
@given(
    own=texts, training=texts, cut=st.tuples(st.integers(0, 80), st.integers(0, 80)), kind=st.sampled_from(TYPES), part=st.integers(1, 40)
)
@example(own=[], training=[], cut=(0, 0), kind=np.uint8, part=40)
@example(own=[0] * 40, training=[0] * 80, cut=(0, 0), kind=np.uint8, part=7)
def test_it_finds_what_trying_everything_finds(own, training, cut, kind, part) -> None:
    written = own + training[min(cut) : max(cut)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memorised, "AT_ONCE", part)  # so that stretches lie across the parts
        found = longest_copied(np.array(written, kind), np.array(training, kind))
    assert found == plainly(bytes(written), bytes(training))


def test_the_example_of_its_documentation() -> None:
    written, training = (np.frombuffer(text, np.uint8) for text in (b"the hat", b"a cat; that hat"))
    assert longest_copied(written, training) == Stretch(length=4, start=3, offset=11)


def test_large_codes_and_other_types_are_compared_as_they_are() -> None:
    training = np.array([70_000, 5, 70_001, 9, 70_002], np.int32)
    assert longest_copied(np.array([1, 70_001, 9, 70_002]), training) == Stretch(3, 1, 2)


def test_a_memory_mapped_text_is_read_in_parts(tmp_path) -> None:
    draw = np.random.default_rng(4)
    training = draw.integers(0, 90, 100_000).astype(np.uint8)
    training.tofile(tmp_path / "codes")
    mapped = np.memmap(tmp_path / "codes", np.uint8, "r")
    written = np.concatenate([draw.integers(0, 90, 200), training[77_000:77_321], draw.integers(0, 90, 200)])
    assert longest_copied(written, mapped) == Stretch(321, 200, 77_000)
    seen_through_a_table = Mapped(mapped, np.arange(256, dtype=np.int16)[::-1])
    assert longest_copied(255 - written, seen_through_a_table) == Stretch(321, 200, 77_000)


def test_ten_thousand_symbols_against_three_million_take_a_moment() -> None:
    draw = np.random.default_rng(4)
    words = draw.integers(0, 60, (5000, 9)).astype(np.uint8)  # a text of 5,000 words of 9 letters, the written one of the same words
    training = words[draw.zipf(1.3, 3_000_000 // 9) % 5000].reshape(-1)
    written = words[draw.zipf(1.3, 10_000 // 9) % 5000].reshape(-1)
    began = time.perf_counter()
    found = longest_copied(written, training)
    assert time.perf_counter() - began < 10, "0.2 s on a quiet machine"
    assert training[found.offset : found.offset + found.length].tobytes() in written.tobytes()
    assert found.length >= 18
