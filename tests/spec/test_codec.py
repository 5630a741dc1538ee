"""Experiments to and from text, and what is said of files that hold none."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from vitral import spec
from vitral.errors import ShapeError, SpecError
from vitral.nets import zoo
from vitral.spec.codec import MAX_BYTES

SMALL: dict[str, Any] = {
    "name": "small",
    "data": {"source": "cifar10"},
    "network": {"input": [3, 8, 8], "layers": [{"kind": "convolution", "filters": 2, "size": 3}, {"kind": "dense", "units": 10}]},
}


def file(folder: Path, text: str | bytes, name: str = "small.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", zoo.names())
def test_every_experiment_of_the_zoo_survives_the_round_trip(name: str, tmp_path: Path) -> None:
    experiment = zoo.load(name)
    assert spec.from_toml(spec.to_toml(experiment)) == experiment
    assert spec.from_json(spec.to_json(experiment)) == experiment
    assert spec.read(file(tmp_path, spec.to_toml(experiment))) == experiment
    assert spec.read(file(tmp_path, spec.to_json(experiment), "small.json")) == experiment
    assert spec.read(file(tmp_path, spec.to_json(experiment), "small.experiment")) == experiment


def test_toml_says_only_what_differs_from_the_defaults() -> None:
    text = spec.to_toml(spec.parse(SMALL))
    assert '{ kind = "convolution", filters = 2, size = 3 }' in text
    assert "augmentation" not in text
    assert "l2_decay" not in text


def test_json_says_everything_so_that_a_later_default_changes_nothing() -> None:
    values = json.loads(spec.to_json(spec.parse(SMALL)))
    assert values["training"]["batch_size"] == 128
    assert values["network"]["layers"][0]["stride"] == 1


def test_equal_experiments_share_a_fingerprint_and_others_do_not() -> None:
    first, same, other = spec.parse(SMALL), spec.parse({**SMALL, "seed": 0}), spec.parse({**SMALL, "seed": 1})
    assert spec.fingerprint(first) == spec.fingerprint(same) != spec.fingerprint(other)
    assert len(spec.fingerprint(first)) == 64


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = spec.to_toml(spec.parse(SMALL)).replace("\n", "\r\n")
    assert spec.read(file(tmp_path, b"\xef\xbb\xbf" + text.encode())) == spec.parse(SMALL)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (b'name = "x\n', "a.toml", r"a\.toml, line 1: broken TOML: "),
        (b'name = "x"\n\n[data\n', "a.toml", r"a\.toml, line 3: broken TOML: "),
        (b'name = "x"\nname = "y"\n', "a.toml", r"a\.toml, line 2: broken TOML: cannot overwrite"),
        (b"a = " + b"[" * 5000, "a.toml", r"broken TOML: "),
        (b"a = " + b"9" * 5000, "a.toml", r"broken TOML: .*4300 digits"),
        (b'{"name": "x",\n}', "a.json", r"a\.json, line [12]: broken JSON: "),
        (b'{"name": "x", "name": "y"}', "a.json", r'broken JSON: the key "name" stands twice'),
        (b'{"seed": NaN}', "a.json", r"broken JSON: JSON knows no number NaN"),
        (b'{"a":' * 20000, "a.json", r"broken JSON: "),
        (b"[1]", "a.json", r"expected an object with the keys of an experiment, got list"),
        (b'name = "\xff"', "a.toml", r"a\.toml, line 1: expected UTF-8 text, got byte 0xff"),
        (b"#" * (MAX_BYTES + 1), "a.toml", r"expected an experiment file of at most 1 MiB"),
        (b"", "a.toml", r"name is missing; add it \(and 2 more\)"),
    ],
)
def test_a_broken_file_is_named_with_its_line(text: bytes, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        spec.read(file(tmp_path, text, name))
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nothing\.toml: cannot be read \(no such file"):
        spec.read(tmp_path / "nothing.toml")
    with pytest.raises(SpecError, match="got a folder or a device"):
        spec.read(tmp_path)
    with pytest.raises(SpecError, match="got a folder or a device"):
        spec.read("/dev/zero")
    with pytest.raises(SpecError, match="cannot be read"):
        spec.read(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(SpecError, match="got a folder or a device"):
        spec.read(tmp_path / "pipe.toml")


def test_a_refusal_from_a_file_keeps_its_kind_and_names_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, spec.to_toml(spec.parse(SMALL)))
    with pytest.raises(ShapeError, match=r'small\.toml: layer 1 "conv1": a 9x9 kernel does not fit a 8x8 image'):
        spec.read(path, ["network.layers.conv1.size=9"])


def test_the_memory_limit_names_the_layer_that_costs_most() -> None:
    with pytest.raises(SpecError, match=r'layer 2 "dense1" takes 1.8 GB to train, most of it weights'):
        spec.parse(SMALL | {"network": SMALL["network"] | {"layers": [SMALL["network"]["layers"][0], {"kind": "dense", "units": 2**20}]}},
                   memory_limit=10**9)  # fmt: skip
    with pytest.raises(SpecError, match=r'layer 1 "conv1" .* most of it activations.*expected at most 100 kB; use a smaller'):
        spec.parse(SMALL, memory_limit=100_000)
    assert spec.parse(SMALL, memory_limit=10**7)


def test_sizes_that_would_overflow_any_machine_are_refused() -> None:
    wide = {"kind": "convolution", "filters": 2**20, "size": 2**10, "padding": 2**20}
    with pytest.raises(SpecError, match=r'layer 1 "conv1" takes \d+ EB to train'):
        spec.parse({**SMALL, "network": {"input": [2**20, 64, 64], "layers": [wide], "loss": {"kind": "regression"}}})


def test_every_field_has_a_description() -> None:
    schema = spec.schema()
    missing = [
        f"{name}.{field}"
        for name, part in {"Experiment": schema, **schema["$defs"]}.items()
        for field, value in part.get("properties", {}).items()
        if not value.get("description", "").strip()
    ]
    assert missing == []
    assert schema["$defs"]["Convolution"]["properties"]["kind"]["description"].startswith("Slides")
    json.dumps(schema, allow_nan=False)
