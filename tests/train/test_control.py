"""What may be changed while a network learns, and what is refused."""

import json

import pytest

from vitral.errors import SpecError
from vitral.spec.experiment import Optimiser, Training
from vitral.train.control import NAMES, Controls

CONTROLS = Controls.of(Training(batch_size=64, l2_decay=1e-3, optimiser=Optimiser(kind="nesterov", learning_rate=0.1, momentum=0.8)))


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", 0.5), ("momentum", 0.0), ("batch_size", 7), ("decay", 0), ("optimiser", {"kind": "adam"})]
)
def test_one_control_changes_and_the_others_stay(name, value):
    changed = CONTROLS.set(name, value)
    assert changed.get(name) == value
    if name != "optimiser":
        assert all(changed.get(other) == CONTROLS.get(other) for other in NAMES if other not in (name, "optimiser"))
    assert Controls.from_json(json.loads(json.dumps(changed.to_json()))) == changed


def test_an_optimiser_is_a_kind_a_table_or_a_specification():
    assert CONTROLS.set("optimiser", "adadelta").optimiser.kind == "adadelta"
    spec = Optimiser(kind="adagrad", learning_rate=0.05)
    assert CONTROLS.set("optimiser", spec).optimiser == spec
    assert CONTROLS.set("optimiser", {"kind": "adagrad", "learning_rate": 0.05}).optimiser == spec


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dropout", 0.5, '"dropout" cannot be changed while a network learns; choose one of learning_rate, momentum'),
        ("learning_rate", -1, "learning_rate cannot be -1: input should be greater than 0"),
        ("learning_rate", "fast", "learning_rate cannot be 'fast'"),
        ("batch_size", 0, "batch_size cannot be 0: input should be greater than or equal to 1"),
        ("decay", float("nan"), "decay cannot be nan"),
        ("optimiser", "adm", "optimiser cannot be 'adm'"),
    ],
)
def test_refusals_say_what_was_wrong(name, value, message):
    with pytest.raises(SpecError, match=message.replace("(", r"\(")):
        CONTROLS.set(name, value)


def test_momentum_of_what_has_none():
    with pytest.raises(SpecError, match="adam has no momentum; use one of momentum, nesterov"):
        CONTROLS.set("optimiser", "adam").set("momentum", 0.5)
