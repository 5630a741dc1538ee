"""A trained network measured again says what it said, and names what it is shown."""

import pytest
import torch
from PIL import Image

from harness import tiny
from vitral.errors import DataError, StoreError
from vitral.events import Evaluated
from vitral.runtime import workspace
from vitral.runtime.finished import finished


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("trained")
    return place, tiny.live(tiny.begin(place, epochs=10))


def test_measured_again_it_says_what_it_said(trained):
    place, run = trained
    said = {event.views: event for event in workspace.events(place, run) if isinstance(event, Evaluated)}
    with tiny.procedural():
        for views in ("one", "flip"):
            found = finished(run, workspace=place, device="cpu").evaluate(views)
            assert (found.loss, found.accuracy, found.confusion, found.step, found.epoch) == (
                said[views].loss,
                said[views].accuracy,
                said[views].confusion,
                said[views].step,
                said[views].epoch,
            )
    assert said["one"].accuracy > 0.5, "it has learned, so that equal numbers mean something"


def test_a_picture_gets_its_likeliest_classes(trained, tmp_path):
    place, _ = trained
    test = tiny.dataset().test
    paths = []
    for number in range(8):
        path = tmp_path / f"{number}.png"
        Image.fromarray(test.pixels[number].numpy()).save(path)
        paths.append(path)
    network = finished("last", workspace=place, device="cpu")
    found = network.predict(paths)
    assert network.classes == tiny.CLASSES
    images = network._images(test)(torch.arange(8))
    with network.precision.autocast(), torch.no_grad():
        expected = network.net(images).float().softmax(1)
    for row, prediction, path in zip(expected, found, paths, strict=True):
        assert prediction.what == str(path)
        assert [answer.name for answer in prediction.answers] == [tiny.CLASSES[i] for i in row.argsort(descending=True)[:3]]
        assert [answer.probability for answer in prediction.answers] == pytest.approx(
            row.sort(descending=True).values[:3].tolist(), abs=1e-6
        )
    assert len(network.predict(paths[:1], top=9)[0].answers) == 4
    assert network.predict([]) == []


def test_the_average_of_the_weights_is_what_is_used(trained):
    place, run = trained
    network = finished(run, workspace=place, device="cpu")
    tensors = tiny.signature(place, run)[1]
    weight = network.net.state_dict()["dense1.weight"]
    assert torch.equal(weight, tensors["average.dense1.weight"])
    assert not torch.equal(weight, tensors["net.dense1.weight"])


def test_what_is_no_picture_is_named(trained, tmp_path):
    place, run = trained
    network = finished(run, workspace=place, device="cpu")
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        network.predict([tmp_path / "a.png"])
    with pytest.raises(DataError, match=r"nowhere\.png"):
        network.predict([tmp_path / "nowhere.png"])
    with pytest.raises(DataError, match="at most 1,000 things"):
        network.predict([tmp_path / "a.png"] * 1001)


def test_other_data_are_refused(trained):
    place, run = trained
    with (
        tiny.procedural(seed=9),
        pytest.raises(DataError, match=r"procedural is not what run .* was trained with: expected SHA-256 00000000"),
    ):
        finished(run, workspace=place, device="cpu").evaluate()


def test_a_run_without_a_checkpoint_says_so(tmp_path):
    run = tiny.begin(tmp_path, epochs=1)
    with pytest.raises(StoreError, match=f"run {run.id} has no checkpoint yet"):
        finished(run.id, workspace=tmp_path, device="cpu")
    run.close()
    assert finished(run.id, workspace=tmp_path, device="cpu").step == 0
    with pytest.raises(StoreError, match="there is no run"):
        finished("nothing", workspace=tmp_path, device="cpu")
