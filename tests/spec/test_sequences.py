"""Networks that read sequences: shapes and parameters against torch's own modules, and what is refused, by name."""

import pytest
from torch import nn

from vitral import spec
from vitral.errors import ShapeError, SpecError

TEXT = {"kind": "tokens", "length": 100, "symbols": 87}
SERIES = {"kind": "series", "length": 29, "features": 12}
SCORES = {"kind": "dense", "units": "symbols"}
TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def network(layers, *, reads=TEXT, loss="softmax"):
    return spec.Network(input=reads, layers=layers, loss={"kind": loss})


@pytest.mark.parametrize("kind", TORCH)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("features", "hidden"), [(87, 128), (1, 1), (12, 5)])
def test_a_cell_has_the_parameters_that_torch_counts(kind, both, features, hidden):
    layer = {"kind": kind, "hidden_size": hidden, "bidirectional": both}
    report = network([layer, {"kind": "over_time"}], reads={"kind": "series", "length": 7, "features": features}).reports[0]
    torchs = TORCH[kind](features, hidden, bidirectional=both)
    assert report.parameters.value == sum(p.numel() for p in torchs.parameters())
    assert eval(report.parameters.text.replace("x", "*")) == report.parameters.value  # the arithmetic that is shown is the arithmetic
    assert report.output == (7, hidden * (1 + both))
    products = sum(p.numel() for name, p in torchs.named_parameters() if name.startswith("weight"))
    assert report.multiply_adds == 7 * products


def test_the_arithmetic_of_an_lstm_as_a_person_writes_it():
    lstm = network([{"kind": "lstm", "hidden_size": 128}, SCORES]).reports[0]
    assert str(lstm.parameters) == "4x(128x(87+128)+2x128) = 111104"


def test_a_dense_layer_works_at_every_step_by_the_same_weights():
    dense = network([{"kind": "lstm", "hidden_size": 128}, SCORES]).reports[1]
    assert (dense.output, str(dense.parameters), dense.multiply_adds) == ((100, 87), "87x128+87 = 11223", 100 * 87 * 128)


def test_convolutions_along_time_against_torch():
    layers = [
        {"kind": "convolution_1d", "filters": 16, "size": 5, "padding": 2},
        {"kind": "relu"},
        {"kind": "pooling_1d", "size": 2},
        {"kind": "convolution_1d", "filters": 8, "size": 4, "stride": 3, "padding": 1},
        {"kind": "over_time", "mode": "max"},
        {"kind": "dense", "units": 9},
    ]
    reports = network(layers, reads=SERIES).reports
    assert [report.output for report in reports] == [(29, 16), (29, 16), (14, 16), (5, 8), (8,), (9,)]
    assert reports[0].parameters.value == sum(p.numel() for p in nn.Conv1d(12, 16, 5).parameters())
    assert [report.seen((29, 12)) for report in reports[:4]] == [(5,), (5,), (6,), (12,)]


def test_symbols_that_the_data_will_count():
    open_ended = network([{"kind": "gru", "hidden_size": 8}, SCORES], reads={"kind": "tokens", "length": 10})
    assert open_ended.predicts_next
    assert open_ended.shape == (10, 100)
    assert open_ended.with_symbols(65).output == (10, 65)
    assert open_ended.output == (10, 100)


@pytest.mark.parametrize(
    ("layers", "reads", "words"),
    [
        (
            [{"kind": "lstm", "hidden_size": 4, "bidirectional": True}, SCORES],
            TEXT,
            'layer 1 "lstm1" is bidirectional: it would read the very',
        ),
        ([{"kind": "convolution_1d", "filters": 4, "size": 3, "padding": "same"}, SCORES], TEXT, 'layer 1 "conv1" looks ahead'),
        ([{"kind": "lstm", "hidden_size": 4}], TEXT, 'layer 1 "lstm1" ends the network with the sequence 100x4, expected 100x87'),
        ([{"kind": "lstm", "hidden_size": 4}], SERIES, "expected one vector; end with over_time and dense"),
        ([{"kind": "rnn", "hidden_size": 4}], [3, 8, 8], "expected a sequence .steps, features., got an image of 3x8x8"),
        ([{"kind": "convolution", "filters": 4, "size": 3}], SERIES, "got a sequence of 29 steps; use convolution_1d"),
        ([{"kind": "flatten"}], SERIES, "use over_time, which knows where a sequence ends"),
        ([{"kind": "batch_norm"}], SERIES, "put batch_norm behind over_time"),
        ([{"kind": "embedding", "size": 4}], SERIES, 'layer 1 "embed1": an embedding reads symbols'),
        ([{"kind": "gru", "hidden_size": 4}, {"kind": "embedding", "size": 4}], TEXT, 'layer 2 "embed1": an embedding reads symbols'),
        ([SCORES], [3, 8, 8], 'units = "symbols" needs network.input'),
        (
            [{"kind": "convolution_1d", "filters": 4, "size": 40}],
            SERIES,
            "a kernel of 40 steps does not fit a sequence of 29; use padding >= 6",
        ),
        ([{"kind": "repeat", "length": 4}], SERIES, "expected a vector, got 29x12"),
    ],
)
def test_what_cannot_be_is_refused_by_name(layers, reads, words):
    with pytest.raises(ShapeError, match=words):
        network(layers, reads=reads).reports  # noqa: B018


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("network.input={kind = 'tokens'}", "network.input.length is missing"),
        ("network.input={length = 4}", "network.input must say its kind"),
        ("network.input={kind = 'token', length = 4}", 'network.input: unknown kind "token"; did you mean "tokens"'),
        (
            "network.input={kind = 'tokens', length = 4, vocab_size = 3}",
            'unknown key "vocab_size" in network.input; did you mean "symbols"',
        ),
        ("network.input=7", "network.input must be a list, as .3, 32, 32., got 7"),
        ("data.split=[0.5, 0.1, 0.1]", "three shares with the sum 1"),
        ("augmentation.flip=random", "augmentation varies images, but the network reads sequences"),
        ("network.layers.lstm1.units=3", 'unknown key "units" in layer 1 "lstm1"; did you mean "hidden_size"'),
        ("training.samples.top_p=0.0", "training.samples.top_p must be more than 0"),
    ],
)
def test_words_about_what_was_typed(change, words):
    values = {
        "name": "x",
        "data": {"source": "y"},
        "network": {"input": TEXT, "layers": [{"kind": "lstm", "hidden_size": 4}, SCORES]},
    }
    with pytest.raises(SpecError, match=words):
        spec.parse(spec.override(values, [change]))


def test_one_to_many():
    layers = [{"kind": "over_time"}, {"kind": "repeat", "length": 6}, {"kind": "rnn", "hidden_size": 3}, {"kind": "over_time"}]
    assert [report.output for report in network(layers, reads=SERIES).reports] == [(12,), (6, 12), (6, 3), (3,)]


def test_memory_counts_every_gate_and_both_biases():
    values = {
        "name": "x",
        "data": {"source": "y"},
        "network": {"input": TEXT, "layers": [{"kind": "lstm", "hidden_size": 128}, SCORES]},
        "training": {"batch_size": 10, "precision": "float32", "optimiser": {"kind": "muon", "others": {"kind": "sgd"}}},
    }
    memory = spec.estimate(spec.parse(values))
    lstm = memory.layers[0]
    assert lstm.weights == 4 * 111104
    assert lstm.optimiser == 4 * (111104 - 8 * 128)  # muon remembers one number of every weight, sgd none of a bias
    assert lstm.activations == 10 * 100 * 6 * 128 * 4
    assert memory.batch == 10 * 100 * 8


def test_a_texts_samples_are_due_when_the_lecture_shows_them():
    assert [step for step in range(1, 5000) if spec.Samples().due(step)] == [100, 300, 700, 2000]
    assert [step for step in range(1, 50) if spec.Samples(at=(3,), every=20).due(step)] == [3, 20, 40]
