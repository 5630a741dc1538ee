"""Texts and sequences are looked at as images are: every layer over time, the steps kept, and no bit of the training moved."""

import numpy as np
import pytest
import torch

from vitral import wire
from vitral.errors import DataError
from vitral.nets import zoo
from vitral.runtime.looks import Look
from vitral.runtime.material import gather
from vitral.runtime.showing import Showing
from vitral.runtime.subject import Subject
from vitral.train.loop import Trainer

SMALL = ("training.batch_size=8", "data.train_size=60", "data.test_size=40")


def material(name, tmp_path):
    if name == "text":
        path = tmp_path / "song.txt"
        path.write_text("de la mar el mero, y de la tierra el carnero\n" * 60, encoding="utf-8")
        sets = (
            f'data.source="{path}"',
            "network.input.length=20",
            "network.layers.lstm1.hidden_size=16",
            "training.batch_size=4",
            'training.samples.prompt="de "',
        )
        return gather(zoo.load("text-default", sets))
    return gather(zoo.load(name, (*SMALL, "network.layers.lstm1.hidden_size=12") if "lstm" in name else SMALL))


def lived(name, tmp_path, watch=lambda own, event: None, steps=8):
    found = material(name, tmp_path)
    trainer = Trainer(found.experiment, found.dataset, device="cpu")
    own = Showing(Subject("it", found.experiment, found.dataset, trainer, tmp_path / "run"))
    for event in trainer.events():
        watch(own, event)
        if trainer.step == steps:
            break
    return trainer, own


@pytest.mark.parametrize("name", ["text", "digits-by-row-lstm", "digits-by-row-cnn"])
def test_looking_moves_no_bit_of_the_weights_or_of_the_memory(name, tmp_path):
    expected, _ = lived(name, tmp_path)

    def look(own, event):
        own.seen(event)
        assert own.layers(Look()) is not None
        assert own.layers(Look(2, "train")) is not None
        own.unseen()
        assert own.problem == ""

    got, own = lived(name, tmp_path, look)
    one, other = expected.state().tensors, got.state().tensors
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert own.answer("history", {})["steps"] == [0, 1, 2, 4, 8]


def test_a_text_is_shown_as_words_and_its_layers_over_time(tmp_path):
    trainer, own = lived("text", tmp_path, Showing.seen)
    header, blobs = wire.unpack(own.layers(Look(3)))
    entered, lstm, dense = header["layers"]
    assert entered["text"] == own._gallery.words("test", 3)
    assert len(entered["text"]) == 20
    assert "image" not in entered
    assert (lstm["name"], lstm["kind"], lstm["shape"]) == ("lstm1", "lstm", [20, 16])
    assert dense["shape"][0] == 20
    x, y = own._gallery.example("test", 3)
    assert torch.equal(x[0, 1:], y[0, :-1])
    with trainer.net.aside(), torch.no_grad(), trainer.precision.autocast():
        trainer.net.eval()
        inner = trainer.net.lstm1(x)[0].float()
    shown = np.frombuffer(blobs[lstm["activation"]["blob"]].data, np.float16).reshape(20, 16) * lstm["activation"]["scale"]
    np.testing.assert_allclose(shown, inner.numpy(), atol=1e-3)
    assert lstm["weight_gradient"]["of"] == "batch"
    assert header["probabilities"] is None
    assert header["loss"] > 0
    assert own.unseen() is None
    for question in ("confusion", "augmented", "predict"):
        with pytest.raises(DataError):
            own.answer(question, {"true": 0, "said": 0})


def test_a_number_of_a_cell_is_explained(tmp_path):
    _, own = lived("text", tmp_path, Showing.seen)
    told = own.answer("explain", {"layer": "lstm1", "place": [5, 2], "example": 1})
    assert told["record"]["operation"] == "lstm"
    assert abs(told["record"]["engine"]["deviation"]) < 0.02
    told = own.answer("explain", {"layer": "dense1", "place": [5, 2], "example": 1})
    assert told["record"]["operation"] == "dense"


def test_sequences_are_named_and_the_table_of_classes_opens(tmp_path):
    _, own = lived("digits-by-row-lstm", tmp_path, Showing.seen)
    header, _ = wire.unpack(own.unseen())
    assert header["blob"] is None
    assert len(header["examples"]) == 8
    counts = [own.answer("confusion", {"true": 3, "said": said})[0]["count"] for said in range(10)]
    assert sum(counts) == int((own._gallery.targets("test") == 3).sum())
