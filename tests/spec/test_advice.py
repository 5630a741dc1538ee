"""Every piece of advice appears where it should, at the layer it is about, and goes away when it is followed."""

import string
from typing import Any

import pytest

from vitral import spec
from vitral.nets import zoo
from vitral.spec.advice import LIMITS, SENTENCES

CONV = {"kind": "convolution", "filters": 8, "size": 3, "padding": 1}
RELU, POOL, NORM, DENSE = {"kind": "relu"}, {"kind": "pooling"}, {"kind": "batch_norm"}, {"kind": "dense", "units": 10}
DEEP = [CONV, RELU, POOL, CONV, RELU, POOL, CONV, RELU, POOL, CONV, RELU]  # sees 38 pixels


def advise(layers: list[dict[str, Any]], *, side: int = 16, loss: str = "softmax", **training: Any) -> dict[str, str | None]:
    """Give the first layer that each code names."""
    values = {
        "name": "x",
        "data": {"source": "y"},
        "network": {"input": [3, side, side], "layers": layers, "loss": {"kind": loss}},
        "training": training,
    }
    return {piece.code: piece.layer for piece in reversed(spec.advise(spec.parse(values)))}


CASES: list[tuple[str, str | None, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("pooling_window", "pool1", [{**POOL, "size": 4, "stride": 2}], [{**POOL, "size": 3, "stride": 2}]),
    ("pooling_stride", "pool1", [{**POOL, "size": 3, "stride": 3}], [{**POOL, "size": 3, "stride": 2}]),
    ("pooling_average", "pool1", [{**POOL, "mode": "average"}], [POOL]),
    ("stride_skips", "conv1", [{**CONV, "size": 2, "stride": 3}], [{**CONV, "size": 3, "stride": 3}]),
    ("stride_skips", "pool1", [{**POOL, "size": 1, "stride": 2}], [{**POOL, "size": 2, "stride": 2}]),
    ("leftover", "pool1", [{**POOL, "size": 3, "stride": 2}], [{**POOL, "size": 3, "stride": 2, "padding": 1}]),
    ("leftover", "conv1", [{**CONV, "size": 2, "stride": 2, "padding": 0}, {**POOL, "size": 3}], []),
    ("padding_beyond", "conv1", [{**CONV, "padding": 3}], [{**CONV, "padding": 2}]),
    ("linear_pair", "conv2", [CONV, CONV, RELU], [CONV, RELU, CONV, RELU]),
    ("linear_pair", "conv2", [CONV, {**POOL, "mode": "average"}, CONV, RELU], [CONV, POOL, CONV, RELU]),
    ("linear_pair", "dense1", [CONV, {"kind": "flatten"}], [CONV, RELU, {"kind": "flatten"}]),
    ("linear_pair", "block1.conv2", [{"kind": "residual", "layers": [CONV, CONV], "shortcut": "projection"}],
     [{"kind": "residual", "layers": [CONV, RELU, CONV], "shortcut": "projection"}]),
    ("bias_before_norm", "conv1", [CONV, NORM], [{**CONV, "bias": False}, NORM]),
    ("bias_before_norm", "conv1", [CONV, POOL, NORM], [CONV, RELU, NORM]),
    ("dropout_before_norm", "dropout1", [{"kind": "dropout"}, NORM], [NORM, {"kind": "dropout"}]),
    ("small_field", "relu1", [CONV, RELU], DEEP),
    ("zero_start", "conv1", [{**CONV, "init": "zero"}, RELU], [CONV, RELU]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "layer", "wrong", "right"), CASES)
def test_advice_names_its_layer_and_goes_away(
    code: str, layer: str | None, wrong: list[dict[str, Any]], right: list[dict[str, Any]]
) -> None:
    if code == "leftover" and not right:
        assert advise([*wrong, DENSE], side=17)[code] == layer  # 17 in steps of 2: one row is left
        assert "leftover" not in advise([wrong[0], RELU, DENSE], side=16)
        return
    assert advise([*wrong, DENSE])[code] == layer
    assert code not in advise([*right, DENSE])


def test_heavy_dense() -> None:
    heavy = [CONV, RELU, {"kind": "dense", "units": 500}, RELU, DENSE]
    assert advise(heavy)["heavy_dense"] == "dense1"
    assert "heavy_dense" not in advise([*DEEP, DENSE])
    assert "heavy_dense" not in advise([{"kind": "dense", "units": 500}, RELU, DENSE])


def test_how_a_network_ends() -> None:
    assert advise([*DEEP, DENSE, RELU])["last_activation"] == "relu5"
    assert "last_activation" in advise([DENSE, {"kind": "sigmoid"}], loss="hinge")
    assert "last_activation" not in advise([DENSE, RELU], loss="regression")
    assert advise([DENSE, {"kind": "dropout"}])["last_dropout"] == "dropout1"


def test_sigmoids_in_a_row() -> None:
    sigmoid = {"kind": "sigmoid"}
    deep = [DENSE, sigmoid] * 3
    assert advise([*deep, DENSE])["vanishing"] == "sigmoid3"
    assert "vanishing" not in advise([*deep[:4], DENSE])
    assert "vanishing" not in advise([DENSE, NORM, sigmoid] * 3 + [DENSE])


def test_small_batches_under_batch_norm() -> None:
    layers = [{**CONV, "bias": False}, NORM, RELU, DENSE]
    assert advise(layers, batch_size=4)["small_batch_norm"] == "norm1"
    assert "small_batch_norm" not in advise(layers, batch_size=16)


@pytest.mark.parametrize("kind", LIMITS)
def test_a_learning_rate_above_the_usual(kind: str) -> None:
    limit, start = LIMITS[kind]
    assert "high_learning_rate" in advise([DENSE], optimiser={"kind": kind, "learning_rate": limit * 1.1})
    assert "high_learning_rate" not in advise([DENSE], optimiser={"kind": kind, "learning_rate": start})


def test_adadelta_with_adams_learning_rate() -> None:
    assert "low_learning_rate" in advise([DENSE], optimiser={"kind": "adadelta", "learning_rate": 1e-3})


def test_what_happens_on_the_way_back_through_time() -> None:
    def advice(kind: str, length: int, **training: Any) -> dict[str, str | None]:
        layers = [{"kind": kind, "hidden_size": 8}, {"kind": "over_time"}, {"kind": "dense", "units": 2}]
        network = {"input": {"kind": "series", "length": length, "features": 3}, "layers": layers}
        values = {"name": "x", "data": {"source": "y"}, "network": network, "training": training}
        return {piece.code: piece.layer for piece in spec.advise(spec.parse(values))}

    assert advice("rnn", 100)["long_memory"] == "rnn1"
    assert "long_memory" not in advice("rnn", 20)
    assert "long_memory" not in advice("lstm", 100)
    assert "no_clip" in advice("lstm", 100)
    assert "no_clip" not in advice("lstm", 100, clip=5.0)


def test_every_sentence_has_both_languages_and_the_same_blanks() -> None:
    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for code, (english, spanish) in SENTENCES.items():
        assert blanks(english) == blanks(spanish), code
        assert english != spanish


def test_every_piece_of_advice_is_tried_here() -> None:
    elsewhere = {
        "heavy_dense",
        "last_activation",
        "last_dropout",
        "vanishing",
        "small_batch_norm",
        "high_learning_rate",
        "low_learning_rate",
        "long_memory",
        "no_clip",
    }
    assert {code for code, *_ in CASES} | elsewhere == set(SENTENCES)


def test_the_lectures_own_network_gets_no_advice() -> None:
    assert spec.advise(zoo.load("cifar10-convnetjs")) == ()
    assert spec.advise(zoo.load("default")) == ()


def test_advice_gives_numbers_and_a_reason_in_both_languages() -> None:
    piece = spec.advise(zoo.load("default", ["network.layers.pool1={kind = 'pooling', size = 4, stride = 4}"]))[0]
    assert (piece.code, piece.number, piece.layer, piece.source) == ("pooling_window", 3, "pool1", "lecture L11")
    assert piece.text.en.startswith("a 4x4 pooling window throws away 94 % of its numbers at once")
    assert piece.text.es.startswith("una ventana de pooling de 4x4 descarta de golpe el 94 %")
