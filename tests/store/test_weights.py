"""A checkpoint comes back as it was, bit for bit, or it is refused."""

import json
import math
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from vitral.errors import StoreError
from vitral.store import weights


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    kernel = torch.randn(16, 3, 5, 5, generator=draw)
    return {
        "conv1.weight": kernel.contiguous(memory_format=torch.channels_last),
        "one_by_one": torch.randn(8, 4, 1, 1, generator=draw).to(memory_format=torch.channels_last),
        "half": torch.randn(7, generator=draw).bfloat16(),
        "step": torch.tensor(3, dtype=torch.int64),
        "generator": draw.get_state(),
        "transposed": torch.randn(4, 6, generator=draw, dtype=torch.float64).t(),
        "slice": torch.randn(4, 6, generator=draw)[:, ::2],
        "empty": torch.empty(0, 3),
        "flag": torch.tensor([True, False]),
    }


VALUES = {
    "lr": 1e-3,
    "worst": math.inf,
    "loss": math.nan,
    "low": -math.inf,
    "epoch": 3,
    "names": ["a", None, True],
    "deep": {"x": [math.nan]},
}


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.contiguous().view(-1).tolist() == b.contiguous().view(-1).tolist()


def test_everything_comes_back(tmp_path):
    before = tensors()
    saved = weights.save(tmp_path, before, VALUES, 390)
    assert saved.path.name.startswith("000000390-")
    assert saved.num_bytes == saved.path.stat().st_size
    after = weights.load(saved.path)
    assert after.step == 390
    assert after.tensors.keys() == before.keys()
    for name, x in before.items():
        assert same(x, after.tensors[name]), name
    assert repr(after.values) == repr(VALUES)
    with safe_open(saved.path, "pt") as other:  # the format's own reader
        assert sorted(other.keys()) == sorted(before)


def test_equal_states_have_equal_names(tmp_path):
    names = {weights.save(tmp_path / str(i), tensors(), VALUES, 1).path.name for i in (0, 1) if not (tmp_path / str(i)).mkdir()}
    assert len(names) == 1
    (tmp_path / "2").mkdir()
    assert weights.save(tmp_path / "2", tensors(1), VALUES, 1).path.name not in names


def test_two_steps_are_kept_and_one_file_a_step(tmp_path):
    for step in (1, 2, 3):
        weights.save(tmp_path, tensors(step), {}, step)
    weights.save(tmp_path, tensors(9), {}, 3)
    assert [weights.step_of(path) for path in weights.generations(tmp_path)] == [3, 2]
    assert same(weights.load_newest(tmp_path).tensors["half"], tensors(9)["half"])


def test_a_damaged_newest_is_passed_over_and_said(tmp_path):
    weights.save(tmp_path, tensors(1), {}, 1)
    newest = weights.save(tmp_path, tensors(2), {}, 2).path
    newest.write_bytes(newest.read_bytes()[:-1])
    found = weights.load_newest(tmp_path)
    assert found.step == 1
    assert "000000002" in found.notes[0]
    assert "damaged: expected SHA-256" in found.notes[0]
    assert newest.exists(), "a reader without the lock changes nothing"
    weights.load_newest(tmp_path, repair=True)
    assert newest.with_name(newest.name + ".damaged").exists()
    weights.save(tmp_path, tensors(3), {}, 2)
    assert [weights.step_of(path) for path in weights.generations(tmp_path)] == [2, 1]


def test_all_damaged_is_an_error_and_none_is_none(tmp_path):
    assert weights.load_newest(tmp_path) is None
    assert weights.load_newest(tmp_path / "nowhere") is None
    for step in (1, 2):
        path = weights.save(tmp_path, tensors(), {}, step).path
        path.write_bytes(b"\0" + path.read_bytes()[1:])
    with pytest.raises(StoreError, match=r"no checkpoint in .* can be read: .*000000002.*000000001"):
        weights.load_newest(tmp_path)


def test_names_that_are_none_are_refused(tmp_path):
    path = weights.save(tmp_path, tensors(), {}, 1).path
    other = path.rename(tmp_path / "best.safetensors")
    with pytest.raises(StoreError, match="no checkpoint: expected a name such as"):
        weights.load(other)
    with pytest.raises(StoreError, match="could not be read"):
        weights.load(path)


def named(tmp_path, data: bytes):
    import hashlib

    path = tmp_path / f"000000001-{hashlib.sha256(data).hexdigest()[:32]}.safetensors"
    path.write_bytes(data)
    return path


def header(about: object, *, metadata: object | None = None) -> bytes:
    text = json.dumps(
        {
            "__metadata__": metadata if metadata is not None else {"vitral": json.dumps(about)},
            "x": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        }
    ).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not safetensors at all",
        header([1]),
        header({"a": {"$float": "none"}}),
        header({"a": {"$float": []}}),
        header(None, metadata={"other": "1"}),
        header(None, metadata={"vitral": "[" * 100_000}),
        header({})[:-4],
    ],
    ids=range(8),
)
def test_a_file_by_another_hand_is_refused_even_with_the_right_checksum(tmp_path, data):
    with pytest.raises(StoreError, match="not a checkpoint of Vitral"):
        weights.load(named(tmp_path, data))


@given(
    shape=st.lists(st.integers(0, 4), max_size=4),
    permutation=st.randoms(),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.uint8]),
)
@settings(max_examples=60, deadline=None)
def test_any_layout_comes_back(shape, permutation, dtype):
    axes = list(range(len(shape)))
    permutation.shuffle(axes)
    x = torch.randint(0, 100, shape).to(dtype).permute(axes)
    after, values = weights.decode(weights.encode({"x": x}, {"a": 1.5}))
    assert values == {"a": 1.5}
    assert same(x, after["x"])
