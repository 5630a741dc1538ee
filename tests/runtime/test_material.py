"""An experiment gets data that fit it, a substitute where there is no network, or a sentence."""

import dataclasses
from unittest.mock import patch

import pytest
import torch

from harness import tiny
from vitral.data.dataset import Examples
from vitral.data.source import DataUnavailable
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError, ShapeError
from vitral.nets import zoo
from vitral.runtime import material
from vitral.runtime.run import resume, start
from vitral.spec import codec


def changed(**network):
    values = tiny.experiment().model_dump(mode="json")
    values["network"] |= network
    return codec.parse(values)


def with_units(units):
    layers = tiny.experiment().network.model_dump(mode="json")["layers"]
    return changed(layers=[*layers[:-1], {"kind": "dense", "units": units}])


def test_what_fits_fits():
    material.check(tiny.experiment(), tiny.dataset())


def test_other_images_are_refused_with_the_line_to_change():
    with pytest.raises(
        ShapeError, match=r"network\.input = \[3, 10, 10\] does not fit procedural: its images are 3x8x8; set input = \[3, 8, 8\]"
    ):
        material.check(changed(input=[3, 10, 10]), tiny.dataset())


def test_gathering_checks():
    with tiny.procedural(), pytest.raises(ShapeError, match="does not fit procedural"):
        material.gather(changed(input=[3, 10, 10]))


def test_another_number_of_classes_is_refused_naming_the_layer():
    with pytest.raises(ShapeError, match='layer 6 "dense1" gives 5 scores, but procedural has 4 classes; change the last layer to give 4'):
        material.check(with_units(5), tiny.dataset())


def regression(targets):
    data = tiny.dataset()
    return dataclasses.replace(data, classes=(), train=Examples(data.train.pixels, targets))


def test_a_regression_needs_as_many_numbers_as_the_targets_have():
    numbers = regression(torch.zeros(96, 4))
    with pytest.raises(
        ShapeError, match='procedural has numbers to come near to, not classes: expected loss = "regression", got "softmax"'
    ):
        material.check(tiny.experiment(), numbers)
    material.check(changed(loss={"kind": "regression"}), numbers)
    material.check(changed(loss={"kind": "regression"}), regression(torch.zeros(96, 1, 2, 2)))
    with pytest.raises(
        ShapeError, match='"dense1" gives 4 = 4 numbers, but every target of procedural has 3; change the last layer to give 3'
    ):
        material.check(changed(loss={"kind": "regression"}), regression(torch.zeros(96, 3)))


def offline(data, **_):
    if data.source == "procedural":
        return tiny.dataset()
    raise DataUnavailable(f"{data.source} could not be downloaded: no network; try again later")


def far(otherwise):
    values = tiny.experiment(epochs=5).model_dump(mode="json")
    return codec.parse(values | {"name": "far", "data": {"source": "cifar10", "otherwise": otherwise}})


def test_without_a_network_the_substitute_runs_and_says_so(tmp_path):
    def adapt(experiment):
        return experiment.model_copy(update={"seed": 11})

    with patch.object(material.catalogue, "load", offline), patch.object(zoo, "load", lambda name: tiny.experiment(epochs=1, name=name)):
        with start(far("digits"), workspace=tmp_path, device="cpu", adapt=adapt) as run:
            first = next(run.events())
        assert run.experiment.name == "digits"
        assert run.experiment.seed == 11
        assert run.id.startswith("digits-")
        assert first.notes[0] == "digits runs instead of far: cifar10 could not be downloaded: no network; try again later"
        again = resume(run.id, workspace=tmp_path, device="cpu")
        assert again.experiment == run.experiment
        again.close()


def test_without_a_substitute_the_reason_is_handed_on(tmp_path):
    with patch.object(material.catalogue, "load", offline), pytest.raises(DataError, match="no network"):
        material.gather(far(None))
    with patch.object(material.catalogue, "load", offline), pytest.raises(DataError, match="no network"):
        with start(tiny.experiment(epochs=1), workspace=tmp_path, device="cpu") as run:
            pass
        with patch.object(tiny, "dataset", lambda: (_ for _ in ()).throw(DataUnavailable("no network"))):
            resume(run.id, workspace=tmp_path, device="cpu")


def test_edges_are_drawn_in_the_size_that_the_network_reads():
    small = zoo.load("edges", ["network.input=[1, 9, 14]"])
    assert material.gather(small).dataset.shape == (1, 9, 14)


def sequences(learned="sequences", **network):
    values = tiny.experiment(learned=learned).model_dump(mode="json")
    values["network"] |= network
    return codec.parse(values)


def units(count):
    return {"layers": [{"kind": "lstm", "hidden_size": 4}, {"kind": "over_time"}, {"kind": "dense", "units": count}]}


def words():
    return dataclasses.replace(tiny.series(), vocabulary=Vocabulary("characters", tuple("abcdef")))


def test_what_fits_a_text_or_sequences_fits():
    material.check(sequences(), tiny.series())
    material.check(sequences(input={"kind": "series", "length": 100, "features": 2}), tiny.series())
    tokens = {"kind": "tokens", "length": 9}
    material.check(sequences(input={**tokens, "symbols": 6}, **units(4)), words())
    material.check(material.counted(sequences("text"), tiny.text()), tiny.text())


WRONG = [
    (
        sequences(input={"kind": "series", "length": 9, "features": 3}),
        tiny.series(),
        "network.input does not fit procedural: each of its steps has 2 numbers; "
        'set input = { kind = "series", length = 11, features = 2 }',
    ),
    (
        sequences(input={"kind": "tokens", "length": 9, "symbols": 2}, **units(4)),
        tiny.series(),
        "network.input does not fit procedural: each of its steps has 2 numbers; "
        'set input = { kind = "series", length = 11, features = 2 }',
    ),
    (
        sequences(),
        words(),
        'network.input does not fit procedural: it has symbols, not numbers; set input = { kind = "tokens", length = 9 }',
    ),
    (
        sequences(input={"kind": "tokens", "length": 9, "symbols": 7}, **units(4)),
        words(),
        "network.input.symbols = 7 does not fit procedural: it has 6 different symbols; set symbols = 6, or leave it out",
    ),
    (
        sequences("text", input={"kind": "tokens", "length": 9, "symbols": 10}),
        tiny.text(),
        "network.input.symbols = 10 does not fit procedural: it has 9 different symbols; set symbols = 9, or leave it out",
    ),
    (
        sequences(**units(5)),
        tiny.series(),
        'layer 3 "dense1" gives 5 scores, but procedural has 4 classes; change the last layer to give 4',
    ),
    (
        sequences(loss={"kind": "regression"}),
        tiny.series(),
        'procedural has classes, expected loss = "softmax" or "hinge", got "regression"; change network.loss',
    ),
]


@pytest.mark.parametrize(("experiment", "data", "sentence"), WRONG)
def test_what_does_not_fit_is_refused_in_these_words(experiment, data, sentence):
    with pytest.raises(ShapeError) as refused:
        material.check(experiment, data)
    assert str(refused.value) == sentence


def test_symbols_are_counted_where_the_experiment_leaves_them_out():
    assert material.counted(sequences("text"), tiny.text()).network.num_symbols == 9
    named = sequences("text", input={"kind": "tokens", "length": 9, "symbols": 10})
    assert material.counted(named, tiny.text()) is named
    with tiny.procedural():
        found = material.gather(sequences("text"))
    assert found.experiment.network.output == (12, 9)
    assert found.sampler is not None


def test_a_longest_sequence_beyond_the_network_is_cut_and_not_refused():
    material.check(sequences(input={"kind": "series", "length": 2, "features": 2}), tiny.series())
