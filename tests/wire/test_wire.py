"""Frames: the golden ones of both sides, and that packing and unpacking are inverse for any header and numbers."""

import json
import math
import struct

import frames
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitral.wire import NUM_BYTES, Blob, WireError, dumps, pack, pack_text, unpack


@pytest.mark.parametrize("name", frames.FRAMES)
def test_a_golden_frame_is_made_to_the_byte_and_read(name: str) -> None:
    stem = frames.HERE / name.replace(" ", "-")
    golden = stem.with_suffix(".bin").read_bytes()
    expected = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    assert frames.frame(name) == golden
    header, blobs = unpack(golden)
    entries = header.pop("blobs")
    assert header == expected["header"]
    assert len(golden) % 8 == 0
    for entry, blob, wanted in zip(entries, blobs, expected["blobs"], strict=True):
        assert entry["offset"] % 8 == 0
        assert list(blob.shape) == wanted["shape"]
        assert np.frombuffer(blob.data, f"<{blob.dtype}").tolist() == wanted["values"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda key: key != "blobs"), JSON, max_size=5)
SHAPES = st.lists(st.integers(0, 6), max_size=3).map(tuple)


@settings(deadline=None)
@given(HEADERS, st.lists(st.tuples(SHAPES, st.sampled_from(sorted(NUM_BYTES))), max_size=12), st.randoms(use_true_random=False))
def test_what_is_packed_is_unpacked(header, shapes, random) -> None:
    blobs = [Blob(random.randbytes(math.prod(shape) * NUM_BYTES[dtype]), shape, dtype) for shape, dtype in shapes]
    frame = pack(header, blobs)
    found, read = unpack(frame)
    entries = found.pop("blobs")
    assert found == header
    assert [(bytes(b.data), b.shape, b.dtype) for b in read] == [(bytes(b.data), b.shape, b.dtype) for b in blobs]
    assert all(entry["offset"] % 8 == 0 for entry in entries)
    assert len(frame) % 8 == 0


def test_numbers_are_not_copied_when_they_are_read() -> None:
    frame = pack({"kind": "layers"}, [Blob(np.arange(6, dtype="<f4").data, (2, 3), "f4")])
    _, (blob,) = unpack(frame)
    assert memoryview(blob.data).obj is frame


def test_any_array_that_lies_whole_in_memory_can_be_sent() -> None:
    x = np.arange(12, dtype="<i4").reshape(3, 4)
    _, (blob,) = unpack(pack({}, [Blob(x.data, x.shape, "i4")]))
    assert np.frombuffer(blob.data, "<i4").reshape(blob.shape).tolist() == x.tolist()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_in_one_sentence(noise: bytes) -> None:
    try:
        unpack(noise)
    except WireError as cause:
        assert "\n" not in str(cause)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_or_cut_frame_never_reads_beyond_itself(place: int, value: int) -> None:
    golden = frames.frame("one of each")
    changed = bytearray(golden)
    changed[place % len(golden)] = value
    for damaged in (bytes(changed), golden[: place % len(golden)]):
        try:
            _, blobs = unpack(damaged)
        except WireError:
            continue
        for blob in blobs:
            assert memoryview(blob.data).nbytes == math.prod(blob.shape) * NUM_BYTES[blob.dtype]


def test_what_is_said_of_frames_that_are_none() -> None:
    with pytest.raises(WireError, match="at least 4 bytes, got 3"):
        unpack(b"abc")
    with pytest.raises(WireError, match="the header ends at byte 104, the frame at 8"):
        unpack(struct.pack("<I", 100) + b"abcd")
    with pytest.raises(WireError, match="does not lie in a frame"):
        unpack(pack_text('{"blobs":[{"offset":800,"shape":[3],"dtype":"u1"}]}'))
    with pytest.raises(WireError, match="one of f4, f2, u1, i4"):
        unpack(pack_text('{"blobs":[{"offset":8,"shape":[3],"dtype":"f8"}]}'))
    with pytest.raises(WireError, match="does not have 5 bytes"):
        Blob(b"abcde", (2,), "f2")
    with pytest.raises(WireError, match="the frame's own"):
        pack({"blobs": []})


def test_json_has_no_number_that_is_not_finite() -> None:
    assert dumps({"a": [math.nan, 1.5, (math.inf, {"b": -math.inf})]}) == '{"a":[null,1.5,[null,{"b":null}]]}'


def test_half_a_sign_does_not_stop_a_frame() -> None:
    header, _ = unpack(pack({"note": "a\ud800b"}))
    assert header["note"] == "a?b"
