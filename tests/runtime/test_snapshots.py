"""Weights go out as one file and come in again, here and from ConvNetJS, and the run records it."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load, save

from harness import tiny
from vitral.errors import DataError, StoreError
from vitral.events import ControlChanged
from vitral.nets import build, zoo
from vitral.nets.interchange import write_convnetjs
from vitral.runtime import snapshots, workspace
from vitral.runtime.commands import COMMANDS
from vitral.runtime.finished import finished
from vitral.runtime.run import start
from vitral.runtime.subject import Subject
from vitral.server.room import LEARNERS
from vitral.spec import codec
from vitral.train.loop import Trainer


@pytest.fixture
def trainer():
    return Trainer(tiny.experiment(), tiny.dataset(), device="cpu")


def without_norm(**data):
    """Give the tiny experiment as ConvNetJS can have it."""
    values = tiny.experiment(epochs=1).model_dump(mode="json")
    values["network"]["layers"] = [layer for layer in values["network"]["layers"] if layer["kind"] != "batch_norm"]
    return codec.parse(values | {"data": values["data"] | data})


def subject(trainer, tmp_path):
    return Subject("a-run", trainer.experiment, trainer.dataset, trainer, tmp_path)


def test_a_snapshot_holds_the_layers_under_their_names_and_what_belongs_to_them(trainer, tmp_path):
    for _, event in zip(range(5), trainer.events(), strict=False):
        del event
    data = snapshots.snapshot(subject(trainer, tmp_path), averaged=False)
    assert load(data).keys() == trainer.net.state_dict().keys()
    from vitral.store.weights import decode

    _, values = decode(data)
    assert (values["kind"], values["step"], values["classes"]) == ("snapshot", trainer.step, ["a", "b", "c", "d"])
    assert values["experiment"]["name"] == "tiny"
    assert values["mean"] == list(trainer.dataset.statistics.mean)
    averaged = load(snapshots.snapshot(subject(trainer, tmp_path)))
    assert torch.equal(averaged["conv1.weight"], trainer._average.tensors["conv1.weight"])
    assert not torch.equal(averaged["conv1.weight"], trainer.net.conv1.weight)


def test_a_run_goes_on_with_the_weights_of_a_file_and_records_it(tmp_path):
    other = Trainer(tiny.experiment().model_copy(update={"seed": 99}), tiny.dataset(), device="cpu")
    path = tmp_path / "other.safetensors"
    path.write_bytes(snapshots.snapshot(subject(other, tmp_path), averaged=False))
    place = tmp_path / "w"
    with tiny.begin(place) as run:
        told = []
        for event in run.events():
            told.append(event)
            if len(told) == 4:
                change, _ = snapshots.load(run.trainer, path)
                assert all(
                    torch.equal(a, b) for a, b in zip(run.trainer.net.state_dict().values(), other.net.state_dict().values(), strict=True)
                )
                assert all(torch.equal(run.trainer._average.tensors[name], value) for name, value in other.net.state_dict().items())
    changes = [event for event in told if isinstance(event, ControlChanged)]
    assert changes == [change]
    assert (change.name, change.before, change.step) == ("weights", None, 3)
    assert change.after.startswith("other.safetensors (")
    assert [event for event in workspace.events(place, run.id) if isinstance(event, ControlChanged)] == [change]


def test_what_a_page_may_ask_of_a_run_that_goes_on_can_be_done():
    assert COMMANDS.keys() >= LEARNERS


def test_the_note_on_centred_pixels_comes_where_it_is_needed(tmp_path):
    path = tmp_path / "theirs.json"
    notes = {}
    for normalise in ("centred", "standard"):
        own = Trainer(without_norm(normalise=normalise), tiny.dataset(), device="cpu")
        path.write_text(json.dumps(write_convnetjs(own.net)))
        change, notes[normalise] = snapshots.load(own, path, "a\nname")
        assert change.after.startswith("aname (")
    assert notes == {"centred": (), "standard": (snapshots.CENTRED,)}


def test_a_network_is_written_for_convnetjs_in_a_process_of_its_own(tmp_path):
    with tiny.procedural(), start(without_norm(), workspace=tmp_path, device="cpu") as run:
        list(run.events())
    command = [sys.executable, "-P", "-m", "vitral.runtime.exported", str(tmp_path)]
    told = subprocess.run([*command, run.id], capture_output=True, text=True, check=True)
    net = finished(run.id, workspace=tmp_path, device="cpu").net
    assert json.loads(told.stdout) == json.loads(json.dumps(write_convnetjs(net)))
    refused = subprocess.run([*command, "nobody"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "nobody" in refused.stderr


def test_a_checkpoint_is_read_as_well(tmp_path, trainer):
    place = tmp_path / "w"
    with tiny.begin(place, epochs=1) as run:
        list(run.events())
    (path, *_) = (workspace.folder_of(place, run.id) / workspace.CHECKPOINTS).glob("*.safetensors")
    found = snapshots.read_weights(path, trainer.net)
    assert torch.equal(found.tensors["conv1.weight"], run.trainer._average.tensors["conv1.weight"])


def test_convnetjs_weights_are_taken_in_order_whatever_the_layers_are_called(tmp_path):
    first, second = (build(zoo.load("cifar10-convnetjs").network, seed=seed) for seed in (1, 2))
    path = tmp_path / "net.json"
    path.write_text(json.dumps(write_convnetjs(first)))
    found = snapshots.read_weights(path, second)
    assert "normalise" in found.notes[0]
    second.load_state_dict(found.tensors)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(first(x), second(x))


def test_the_demonstrations_own_snapshot_names_its_images(vitral_data):
    experiment = zoo.load("cifar10-convnetjs", ["data.test_size=200", "data.train_size=100"])
    net = build(experiment.network, seed=0).double()
    found = snapshots.read_weights(vitral_data / "convnetjs" / "cifar10_snapshot.json", net)
    net.load_state_dict(found.tensors)
    folder = vitral_data / "convnetjs"
    x = torch.tensor(json.loads((folder / "in4.json").read_text())["x"], dtype=torch.float64).view(4, 32, 32, 3).permute(0, 3, 1, 2)
    answers = json.loads((folder / "fixture_pretrained4.json").read_text())
    torch.testing.assert_close(net(x).softmax(1), torch.tensor([a["probs"] for a in answers], dtype=torch.float64), atol=2e-15, rtol=0)


@pytest.mark.parametrize(
    ("write", "kind", "message"),
    [
        (lambda net: b"nothing of use", DataError, "x: expected safetensors or ConvNetJS's JSON, got neither"),
        (lambda net: b'{"layers": 3}', DataError, r'x: expected {"layers": \[...\]}'),
        (lambda net: b'{"layers": [NaN', DataError, "x is not JSON"),
        (lambda net: save({"a": torch.ones(2)}), StoreError, "does not fit this network: \"a\" stands in only one of them"),
        (lambda net: save({n: t[..., :1].contiguous() if t.ndim == 4 else t for n, t in net.state_dict().items()}), StoreError,
         '"conv1.weight" should be 4x3x3x3, is 4x3x3x1'),
        (lambda net: save({n: (t * float("nan")).contiguous() if t.ndim == 4 else t for n, t in net.state_dict().items()}), DataError,
         '"conv1.weight" holds numbers that are not finite'),
        (lambda net: json.dumps(write_convnetjs(build(zoo.load("cifar10-convnetjs").network, seed=0))).encode(), StoreError,
         "x has 4 layers with weights, this network 2"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(trainer, tmp_path, write, kind, message):
    path = tmp_path / "x"
    path.write_bytes(write(trainer.net))
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    with pytest.raises(kind, match=message):
        snapshots.load(trainer, path)
    assert all(torch.equal(value, before[name]) for name, value in trainer.net.state_dict().items())
    assert not trainer._changes
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        snapshots.load(trainer, tmp_path / "nowhere")
