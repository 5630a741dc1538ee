"""``--set key=value``."""

from typing import Any

import pytest

from vitral import spec
from vitral.errors import SpecError
from vitral.nets import zoo

VALUES: dict[str, Any] = {
    "name": "x",
    "seed": 1,
    "training": {"epochs": 3},
    "network": {"input": [3, 32, 32], "layers": [{"kind": "convolution"}, {"kind": "relu"}, {"kind": "convolution", "name": "last"}]},
}


def layer(values: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = values["network"]["layers"][number - 1]
    return found


def test_paths_reach_tables_lists_and_layers_by_name() -> None:
    changed = spec.override(
        VALUES,
        [
            "seed=7",
            "network.input.2=28",
            "network.layers.conv1.filters=32",
            "network.layers.3.size=[3, 5]",
            "network.layers.last.bias=false",
        ],
    )
    assert changed["seed"] == 7
    assert changed["network"]["input"] == [3, 28, 32]
    assert layer(changed, 1) == {"kind": "convolution", "filters": 32}
    assert layer(changed, 3) == {"kind": "convolution", "name": "last", "size": [3, 5], "bias": False}
    assert VALUES["seed"] == 1, "what was given stays as it was"
    assert "filters" not in layer(VALUES, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64), ("1e-3", 0.001), (".5", 0.5), ("-.5e1", -5.0), ("3.", 3.0), ("true", True), ("random", "random"), ('"64"', "64"),
        ("'a b'", "a b"), ("a b", "a b"), ("[1, 2]", [1, 2]), ('{kind = "sgd"}', {"kind": "sgd"}), ("2026-01-01", "2026-01-01"),
        ("a=b", "a=b"), ("~/data/x.zip", "~/data/x.zip"), ("1\nseed=2", "1\nseed=2"), ("007", "007"), ("#", "#"),
    ],
)  # fmt: skip
def test_a_value_is_toml_or_a_bare_word(text: str, value: object) -> None:
    assert spec.override(VALUES, [f"data.source={text}"])["data"] == {"source": value}


def test_missing_tables_are_made() -> None:
    assert spec.override({}, ["training.schedule.kind=cosine"]) == {"training": {"schedule": {"kind": "cosine"}}}


def test_nothing_after_the_sign_takes_a_key_away() -> None:
    changed = spec.override(VALUES, ["seed=", "network.layers.relu1="])
    assert "seed" not in changed
    assert [entry["kind"] for entry in changed["network"]["layers"]] == ["convolution", "convolution"]


def test_steps_take_the_place_of_epochs() -> None:
    assert spec.override(VALUES, ["training.steps=10"])["training"] == {"steps": 10}
    assert zoo.load("default", ["training.steps=10"]).training.epochs is None


def test_the_last_of_two_changes_holds() -> None:
    assert spec.override(VALUES, ["seed=2", "seed=3"])["seed"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed", r"--set expects key=value, got \"seed\"; write for instance training\.batch_size=64"),
        ("=3", "expects key=value"),
        ("a..b=3", "expects key=value"),
        ("seed.deep=3", "seed is 1 and holds no keys"),
        ("seed.deeper.still=3", "seed is 1 and holds no keys"),
        ("network.layers.conv9.size=3", r'network\.layers has no "conv9"; did you mean "conv1"\?'),
        ("network.layers.0.size=3", "has 3 entries, counted from 1, got 0"),
        ("network.layers.4.size=3", "has 3 entries, counted from 1, got 4"),
        ("network.layers.99999999999999999999.size=3", "counted from 1"),
        ("seed=[1, 2", "is broken TOML"),
        ('seed="x', "is broken TOML"),
    ],
)
def test_what_cannot_be_set_says_why(change: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec.override(VALUES, [change])
