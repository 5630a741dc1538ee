"""The one sentence that a wrong experiment gets: what, expected, got, cure."""

import copy
import re
from typing import Any

import pytest

from vitral import spec
from vitral.errors import ShapeError, SpecError, VitralError

LECTURE: dict[str, Any] = {
    "name": "lecture",
    "data": {"source": "cifar10"},
    "network": {
        "input": [3, 32, 32],
        "layers": [
            {"kind": "convolution", "filters": 16, "size": 5, "padding": 2},
            {"kind": "relu"},
            {"kind": "convolution", "name": "second", "filters": 20, "size": 5, "padding": 2},
            {"kind": "residual", "layers": [{"kind": "relu"}, {"kind": "convolution", "filters": 20, "size": 3, "padding": 1}]},
            {"kind": "dense", "units": 10},
        ],
    },
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("network.layers.second.filters=-1", 'layer 3 "second": filters must be at least 1, got -1'),
        ("network.layers.second.filter=3", 'unknown key "filter" in layer 3 "second"; did you mean "filters"?'),
        ("network.layers.conv1.filters=", 'layer 1 "conv1": filters is missing; add it'),
        ("network.layers.conv1.kernel_size=5", 'unknown key "kernel_size" in layer 1 "conv1"; did you mean "size"?'),
        ("network.layers.conv1.lr=5", 'unknown key "lr" in layer 1 "conv1"; expected one of kind, name, learning_rate_factor'),
        ("network.layers.conv1.size=[1, 2, 3]", 'layer 1 "conv1": size must be one or two whole numbers from 1 to 1048576'),
        ("network.layers.conv1.padding=sane", 'or "same", got "sane"'),
        ("network.layers.2.kind=rellu", 'layer 2 "rellu1": unknown kind "rellu"; did you mean "relu"?'),
        ("network.layers.2.kind=maxpool", 'unknown kind "maxpool"; did you mean "pooling"?'),
        ("network.layers.2.kind=", 'layer 2 must say its kind; write kind = "..." as its first key'),
        ("network.layers.2=7", "layer 2 must be a table of keys, got 7"),
        ("network.layers.block1.layers.conv1.filter=3", 'unknown key "filter" in layer 4 "block1": layer 2 "conv1"; did you mean'),
        ("network.layers.block1.layers.conv1.size=0", 'layer 4 "block1": layer 2 "conv1": size must be'),
        ("network.layers.block1.layers.conv1.filters=21", 'layer 4 "block1": an identity shortcut adds 20x32x32 to 21x32x32; use shortcut'),
        ("network.layers.second.size=99", 'layer 3 "second": a 99x99 kernel does not fit a 32x32 image; use padding >= 34'),
        ("network.layers.second.groups=3", 'layer 3 "second": groups = 3 must divide both the 16 input channels and the 20 filters'),
        ("network.layers.second.whitening=true", 'layer 3 "second": whitening reads the images\' own patches, so it must be layer 1'),
        ("network.layers.2.name=second", 'layer 3 "second" has the name of layer 2'),
        ("network.layers.second.name=forward", 'layer 3 "forward" has a name that torch\'s modules use themselves'),
        ("network.layers.second.name=a b", 'layer 3 "a b": name must be at most 64 letters'),
        ("network.layers=[]", "network.layers must be a list of at least 1"),
        ("network.input=[3, 32]", "network.input.3 is missing"),
        ("network.input.2=0", "network.input.2 must be at least 1, got 0"),
        ("network.loss.kind=sofmax", 'network.loss: unknown kind "sofmax"; did you mean "softmax"?'),
        ("network.loss={margin = 1.0}", "network.loss must say its kind"),
        ("network.layers.dense1=", 'layer 4 "block1" ends the network with 20x32x32, but softmax loss needs one score a class'),
        ("training.epoch=3", 'unknown key "epoch" in training; did you mean "epochs"?'),
        ("traning.epochs=3", 'unknown key "traning" at the top; did you mean "training"?'),
        ("training={epochs = 3, steps = 5}", "training has both epochs and steps; give one of them"),
        ("training.batch_size=64.5", "training.batch_size must be a whole number, got 64.5"),
        ("training.batch_size=true", "training.batch_size must be a whole number, got true"),
        ("training.clip=0", "training.clip must be more than 0"),
        ("training.optimiser.learning_rate=nan", "training.optimiser.learning_rate must be a finite number, got nan"),
        ("training.optimiser.betas=[0.9, 1.5]", "training.optimiser.betas.2 must be less than 1"),
        ("training.optimiser.kind=adamm", 'training.optimiser.kind must be one of sgd, momentum, .*, got "adamm"; did you mean "adam"?'),
        ("training.optimiser={kind = 'sgd', momentum = 0.8}",
         'training.optimiser with kind "sgd" has no use for momentum = 0.8 (only momentum, nesterov, rmsprop, muon has); leave momentum out'),
        ("training.optimiser={kind = 'muon', others = {kind = 'muon'}}", 'got others.kind = "muon"; use adamw or nesterov there'),
        ("training.schedule={kind = 'cosine', gamma = 0.5}", 'training.schedule with kind "cosine" has no use for gamma = 0.5'),
        ("augmentation.shift=32", "augmentation.shift = 32 leaves nothing of a 32x32 image; use less than 32"),
        ("seed=-1", "seed must be at least 0, got -1"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(change: str, message: str) -> None:
    pattern = re.escape(message).replace(re.escape(".*"), ".*")
    with pytest.raises(VitralError, match=pattern) as caught:
        spec.parse(spec.override(LECTURE, [change]))
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_an_unknown_key_is_told_before_the_key_that_it_stands_for() -> None:
    values = copy.deepcopy(LECTURE)
    values["network"]["layers"][0]["filter"] = values["network"]["layers"][0].pop("filters")
    with pytest.raises(SpecError, match=r'^unknown key "filter" in layer 1 "conv1"; did you mean "filters"\?$'):
        spec.parse(values)


def test_several_mistakes_are_counted() -> None:
    with pytest.raises(SpecError, match=r"\(and 1 more\)$"):
        spec.parse({**LECTURE, "seed": -1, "name": ""})


def test_a_name_of_a_layer_is_found_although_the_layer_is_wrong() -> None:
    values = copy.deepcopy(LECTURE)
    values["network"]["layers"][4] = {"kind": "convolution", "filters": 0, "size": 1}
    with pytest.raises(SpecError, match='layer 5 "conv2": filters'):
        spec.parse(values)


def test_too_many_layers_are_refused() -> None:
    wide = {"kind": "residual", "layers": [{"kind": "relu"}] * 64}
    with pytest.raises(ShapeError, match=r"the network has at least \d+ layers, expected at most 1000"):
        spec.parse({**LECTURE, "network": {"input": [1, 4, 4], "layers": [wide] * 16}})
    with pytest.raises(SpecError, match=r"network.layers must be a list of at most 1000 \(got 1001\)"):
        spec.parse({**LECTURE, "network": {"input": [1, 4, 4], "layers": [{"kind": "relu"}] * 1001}})
