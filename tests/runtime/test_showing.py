"""What a viewer is shown of a run is what the network computed at that step, and the training never notices that somebody looks."""

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image

from harness import tiny
from vitral import wire
from vitral.data.augment import Augmenter
from vitral.errors import DataError, ShapeError, SpecError, StoreError
from vitral.events import Evaluated
from vitral.nets.loss import criterion
from vitral.runtime.history import History, on_grid
from vitral.runtime.looks import Look
from vitral.runtime.showing import Showing, to_pixels
from vitral.runtime.subject import Subject
from vitral.train.evaluate import predict
from vitral.train.loop import Trainer


def of(run):
    return Showing(Subject(run.id, run.experiment, run.dataset, run.trainer, run.folder))


def read(frame):
    header, blobs = wire.unpack(frame)
    types = {"f2": np.float16, "f4": np.float32, "u1": np.uint8, "i4": np.int32}
    return header, [np.frombuffer(blob.data, types[blob.dtype]).reshape(blob.shape) for blob in blobs]


def answer(found):
    values, blobs = found if isinstance(found, tuple) else (found, ())
    return read(wire.pack(json.loads(json.dumps(values)), blobs))


def lived(place, watch=lambda run, event: None, *, epochs=3):
    with tiny.begin(place, epochs=epochs) as run:
        for event in run.events():
            watch(run, event)
    return tiny.signature(place, run.id)


def test_a_run_that_is_looked_at_all_the_time_learns_the_same_bits(tmp_path):
    expected = lived(tmp_path / "alone")
    showing = {}

    def look(run, event):
        own = showing.setdefault("it", None) or showing.update(it=of(run)) or showing["it"]
        own.seen(event)
        state = torch.get_rng_state()
        for look in (Look(), Look(3, "train"), Look(1, at=0), Look(2, layers=("conv1",), what=("weight",))):
            assert own.layers(look) is not None
        assert own.unseen() is not None
        own.answer("explain", {"layer": "conv1", "place": [0, 1, 2]})
        own.answer("explain", {"layer": "conv1", "place": [0, 1, 2], "backward": True})
        own.answer("explain", {"layer": "conv1", "place": [0, 1, 2, 0], "backward": True, "of": "kernels"})
        own.answer("augmented", {"number": 3})
        own.answer("confusion", {"true": 1, "said": 2})
        assert torch.equal(torch.get_rng_state(), state)
        net = run.trainer.net
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
        assert not net._in_order
        assert own.problem == ""

    got = lived(tmp_path / "watched", look)
    assert tiny.differences(got, expected) == ""


@pytest.fixture
def stage(tmp_path):
    """A run in the middle of its second epoch, a showing of it, and a function that takes further steps."""
    with tiny.begin(tmp_path) as run:
        own, stream = of(run), run.events()

        def go(count=1, kind="batch_done"):
            while count:
                event = next(stream)
                own.seen(event)
                count -= event.kind == kind
            return event

        go(9)
        yield run, own, go


def test_every_number_of_a_picture_is_the_networks_own(stage):
    run, own, go = stage
    own.layers(Look())
    go(2)
    net = copy.deepcopy(run.trainer.net).eval()
    net.run_in_order()
    header, blobs = read(own.layers(Look(example=5)))
    assert (header["kind"], header["step"], header["example"], header["split"], header["at"]) == ("layers", 11, 5, "test", None)
    assert [layer["name"] for layer in header["layers"]] == ["input", "conv1", "norm1", "relu1", "pool1", "dropout1", "dense1"]
    assert [layer["kind"] for layer in header["layers"]][1:4] == ["convolution", "batch_norm", "relu"]

    precision = run.trainer.precision
    pixels = run.dataset.test.pixels[5]
    image, *layers = header["layers"]
    np.testing.assert_array_equal(blobs[image["image"]], pixels.numpy())
    assert image["target"] == int(run.dataset.test.targets[5])
    x = own._gallery.example("test", 5)[0].detach().requires_grad_()
    outputs = {}
    hooks = [m.register_forward_hook(lambda _m, _i, y, name=name: outputs.update({name: y})) for name, m in net.layers()]
    with precision.autocast():
        scores = net(x).float()
    for hook in hooks:
        hook.remove()
    loss = criterion(run.experiment.network.loss)(scores, run.dataset.test.targets[5:6])
    wanted = [x, *outputs.values()]
    slopes = dict(zip(["input", *outputs], torch.autograd.grad(loss, wanted), strict=True))
    assert header["loss"] == pytest.approx(loss.item(), rel=1e-6)
    np.testing.assert_allclose(header["probabilities"], scores.softmax(1)[0].detach().numpy(), rtol=1e-5)
    for layer in header["layers"]:
        values = {"input": x, **outputs}[layer["name"]][0].detach().float()
        agree(layer["activation"], values, blobs)
        agree(layer["gradient"], slopes[layer["name"]][0].float(), blobs)
    weights = dict(run.trainer.net.named_parameters())
    for name in ("conv1", "norm1", "dense1"):
        layer = next(layer for layer in layers if layer["name"] == name)
        agree(layer["weight"], weights[f"{name}.weight"].detach(), blobs)
        agree(layer["weight_gradient"], weights[f"{name}.weight"].grad, blobs)
        assert layer["weight_gradient"]["of"] == "batch"


def agree(seen, x, blobs):
    """A picture's figures and its numbers, which keep 11 bits of those of the largest size."""
    assert seen["min"] == pytest.approx(x.min().item(), rel=1e-6)
    assert seen["max"] == pytest.approx(x.max().item(), rel=1e-6)
    assert seen["mean"] == pytest.approx(x.mean().item(), rel=1e-4, abs=1e-6)
    assert seen["std"] == pytest.approx(x.std(correction=0).item(), rel=1e-4, abs=1e-9)
    assert np.log2(seen["scale"]) == int(np.log2(seen["scale"]))
    values = blobs[seen["blob"]].astype(np.float64) * seen["scale"]
    largest = x.abs().max().item()
    np.testing.assert_allclose(values, x.numpy(), rtol=2**-10, atol=largest * 2**-24)
    if largest:
        assert 2**14 <= np.abs(blobs[seen["blob"]].astype(np.float64)).max() <= 2**15


def test_the_move_of_a_step_is_told_relative_to_the_weights(stage):
    run, own, go = stage
    own.layers(Look())
    go(1)
    before = {name: p.detach().clone() for name, p in run.trainer.net.named_parameters()}
    go(1)
    header, _ = read(own.layers(Look()))
    for name in ("conv1", "dense1"):
        now = run.trainer.net.get_parameter(f"{name}.weight").detach()
        expected = (now - before[f"{name}.weight"]).norm() / before[f"{name}.weight"].norm()
        told = next(layer["update_ratio"] for layer in header["layers"] if layer["name"] == name)
        assert told == pytest.approx(expected.item(), rel=1e-4)


def test_only_what_is_wished_for_is_sent(stage):
    _, own, _ = stage
    header, blobs = read(own.layers(Look(layers=("conv1", "dense1"), what=("activation", "weight"))))
    assert [layer["name"] for layer in header["layers"]] == ["input", "conv1", "dense1"]
    assert all("gradient" not in layer and "weight_gradient" not in layer for layer in header["layers"])
    assert len(blobs) == 2 + 2 * 2


def test_a_kept_step_is_seen_again_as_it_was(stage):
    run, own, go = stage
    assert own.answer("history", {})["steps"] == [0, 1, 2, 4, 8, 9]
    then, pictures = read(own.layers(Look(4)))
    assert then["step"] == 9
    go(20)
    again, later = read(own.layers(Look(4, at=9)))
    assert (again["step"], again["at"]) == (9, 9)
    for one, other in zip(then["layers"], again["layers"], strict=True):
        for what in ("activation", "gradient", "weight"):
            if what in one:
                np.testing.assert_array_equal(pictures[one[what]["blob"]], later[other[what]["blob"]])
    assert {layer["weight_gradient"]["of"] for layer in again["layers"] if "weight_gradient" in layer} == {"example"}
    now, _ = read(own.layers(Look(4)))
    assert now["step"] == 29
    assert now["layers"][1]["activation"]["mean"] != again["layers"][1]["activation"]["mean"]


def test_a_click_is_answered_with_the_numbers_of_the_picture_that_was_clicked(stage):
    _, own, go = stage
    header, blobs = read(own.layers(Look(2)))
    go(3)
    own.layers(Look(2))
    conv = next(layer for layer in header["layers"] if layer["name"] == "conv1")
    shown = blobs[conv["activation"]["blob"]][1, 4, 5] * conv["activation"]["scale"]
    told, _ = answer(own.answer("explain", {"layer": "conv1", "place": [1, 4, 5], "example": 2, "step": header["step"]}))
    assert told["step"] == header["step"]
    assert told["record"]["engine"]["value"] == pytest.approx(float(shown), rel=2**-10)
    assert "image" not in told["record"]["arguments"], "a click brings the window, not the whole picture"
    values = [step["value"]["values"] for step in told["record"]["moment"]["steps"]]
    assert values[-1] == pytest.approx(told["record"]["engine"]["value"], rel=0.02, abs=0.02)
    shown = blobs[conv["gradient"]["blob"]][1, 4, 5] * conv["gradient"]["scale"]
    back = {"layer": "conv1", "place": [1, 4, 5], "example": 2, "step": header["step"], "backward": True}
    told, _ = answer(own.answer("explain", back))
    assert told["record"]["engine"]["value"] == pytest.approx(float(shown), rel=2**-9, abs=1e-12)
    assert told["record"]["through"] == "norm1"
    newest, _ = answer(own.answer("explain", {"layer": "conv1", "place": [1, 4, 5], "example": 2}))
    assert newest["step"] == header["step"] + 3


def test_weights_are_explained_backwards(stage):
    _, own, _ = stage
    told, _ = answer(own.answer("explain", {"layer": "dense1", "place": [2, 7], "backward": True, "of": "weights", "at": 8}))
    assert told["step"] == 8
    assert told["record"]["gradient"]["value"] == pytest.approx(told["record"]["engine"]["value"], rel=1e-2, abs=1e-6)


def test_unseen_examples_are_named_by_what_is_evaluated(stage):
    run, own, go = stage
    header, blobs = read(own.unseen())
    assert len(header["examples"]) == 8
    average = copy.deepcopy(run.trainer.net)
    average.load_state_dict(run.trainer._average.tensors)
    for image, said in zip(blobs[header["blob"]], header["examples"], strict=True):
        np.testing.assert_array_equal(image, run.dataset.test.pixels[said["number"]].numpy())
        assert said["target"] == int(run.dataset.test.targets[said["number"]])
        x, _ = own._gallery.example("test", said["number"])
        expected = predict(average, x, autocast=run.trainer.precision.autocast)[0]
        classes, shares = zip(*said["top"], strict=True)
        assert list(shares) == sorted(shares, reverse=True)
        np.testing.assert_allclose(shares, expected[list(classes)], atol=0.02)
    assert {one["number"] for one in read(own.unseen())[0]["examples"]} != {one["number"] for one in header["examples"]}


def test_dead_units_are_those_that_are_silent_for_many(stage):
    run, own, go = stage
    own.unseen()
    header, _ = read(own.layers(Look()))
    relu = next(layer for layer in header["layers"] if layer["name"] == "relu1")
    assert relu["activation"]["dead"] == 0
    with torch.no_grad():
        for tensors in (run.trainer.net.state_dict(), run.trainer._average.tensors):
            tensors["norm1.bias"][2] = -100
    go(1)
    own.unseen()
    relu = next(layer for layer in read(own.layers(Look()))[0]["layers"] if layer["name"] == "relu1")
    assert (relu["activation"]["dead"], relu["activation"]["silent"]) == (0.25, [2])


def test_the_images_behind_a_cell_are_those_that_were_counted(stage):
    run, own, go = stage
    measured = go(1, kind="evaluated")
    assert isinstance(measured, Evaluated)
    go(5)  # the weights have moved on; the table has not
    for true in range(4):
        for said in range(4):
            values, blobs = answer(own.answer("confusion", {"true": true, "said": said}))
            assert values["count"] == measured.confusion[true][said]
            assert values["step"] == measured.step
            assert len(values["examples"]) == len(blobs[values["images"]]) == values["count"]
            assert all(one["target"] == true and one["top"][0][0] == said for one in values["examples"])


def test_augmented_copies_are_those_that_the_next_epochs_will_meet(stage):
    run, own, _ = stage
    values, blobs = answer(own.answer("augmented", {"number": 5, "example": 12}))
    assert values["epoch"] == 2
    vary = Augmenter(
        run.experiment.augmentation,
        run.dataset.train,
        run.dataset.statistics,
        normalise=run.experiment.data.normalise,
        seed=run.experiment.seed,
    )
    plain = run.dataset.train.pixels[12].numpy()
    for epoch, copy_ in enumerate(blobs[values["images"]], start=1):
        exact = vary(torch.tensor([12]), epoch)[0].permute(1, 2, 0).numpy()
        mean, spread = np.array(run.dataset.statistics.mean), np.array(run.dataset.statistics.deviation)
        np.testing.assert_allclose(copy_, 255 * (exact * spread + mean), atol=0.5)
        inside = copy_[1:-1, 1:-1]
        moved = [
            np.roll(flipped, (dy, dx), (0, 1))[1:-1, 1:-1] for flipped in (plain, plain[:, ::-1]) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
        ]
        assert any((inside == one).all() for one in moved)


@pytest.mark.parametrize("normalise", ["centred", "unit", "standard"])
def test_normalised_images_come_back_byte_for_byte(normalise):
    data = tiny.dataset()
    vary = Augmenter(tiny.experiment().augmentation.model_copy(update={"flip": "none", "shift": 0}), data.train, data.statistics,
                     normalise=normalise, seed=0)  # fmt: skip
    back = to_pixels(vary(torch.arange(96), 0), data.statistics, normalise)
    np.testing.assert_array_equal(back, data.train.pixels.numpy())


def test_ones_own_picture_is_named(stage, tmp_path):
    run, own, _ = stage
    path = tmp_path / "mine.png"
    Image.fromarray(run.dataset.test.pixels[3].numpy()).save(path)
    values, blobs = answer(own.answer("predict", {"image": str(path), "top": 4}))
    np.testing.assert_array_equal(blobs[values["image"]], run.dataset.test.pixels[3].numpy())
    average = copy.deepcopy(run.trainer.net)
    average.load_state_dict(run.trainer._average.tensors)
    expected = predict(average, own._gallery.example("test", 3)[0], autocast=run.trainer.precision.autocast)[0]
    for kind, share in values["top"]:
        assert share == pytest.approx(expected[kind].item(), abs=0.01)
    earlier, _ = answer(own.answer("predict", {"image": str(path), "at": 0}))
    assert earlier["step"] == 0


def test_a_run_at_rest_can_be_looked_at_and_writes_nothing(tmp_path):
    place = tmp_path / "w"
    with tiny.begin(place, epochs=2) as run:
        own = of(run)
        for event in run.events():
            own.seen(event)
    own.close()
    from vitral.runtime.subject import opened

    before = sorted((path, path.stat().st_mtime_ns) for path in place.rglob("*.safetensors"))
    with tiny.procedural():
        own = Showing(opened(run.id, workspace=place, device="cpu"))
    header, _ = read(own.layers(Look()))
    assert header["step"] == 12
    assert own.answer("history", {})["steps"] == [0, 1, 2, 4, 8, 9, 10, 11, 12]
    assert read(own.layers(Look(at=4)))[0]["step"] == 4
    own.close()
    assert sorted((path, path.stat().st_mtime_ns) for path in place.rglob("*.safetensors")) == before


def test_a_fault_in_taking_note_never_reaches_the_training(stage, monkeypatch):
    _, own, go = stage

    def broken(*_):
        raise OSError("no more disk")

    monkeypatch.setattr(own._history, "wants", broken)
    go(3)
    assert own.problem == "OSError: no more disk"


@pytest.mark.parametrize(
    ("name", "values", "kind", "message"),
    [
        ("explain", {"layer": "conv9", "place": [0]}, SpecError, 'no layer "conv9"; did you mean "conv1"'),
        ("explain", {"layer": "conv1", "place": [9, 9, 9]}, ShapeError, "there is no window"),
        ("explain", {"layer": "conv1", "place": "0,0,0"}, SpecError, r"place is a list of whole numbers, as \[3, 10, 12\], got '0,0,0'"),
        ("explain", {"layer": "conv1", "place": [0, 0, -1]}, SpecError, "each number of place is a whole number from 0 on, got -1"),
        (
            "explain",
            {"layer": "conv1", "place": [0, 0, 0], "example": 32},
            DataError,
            "no example 32: the test split has 32 images; use 0 to 31",
        ),
        (
            "explain",
            {"layer": "conv1", "place": [0, 0, 0], "split": "all"},
            SpecError,
            "there is no split 'all'; expected one of test, train",
        ),
        (
            "explain",
            {"layer": "conv1", "place": [0, 0, 0], "at": 3},
            StoreError,
            "step 3 were not kept: the nearest one is [24]; choose a step",
        ),
        ("confusion", {"true": 4, "said": 0}, DataError, "there are 4 classes: expected numbers from 0 to 3, got 4 and 0"),
        ("confusion", {"true": 1}, SpecError, "said is a whole number from 0 on, got None"),
        ("predict", {"image": "nowhere.png"}, DataError, "nowhere.png: expected a picture, got no such file"),
        ("augmented", {"example": 96}, DataError, "there is no example 96: the train split has 96 images"),
        ("dream", {}, SpecError, '"dream" is no question; expected one of augmented, confusion'),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(stage, name, values, kind, message):
    with pytest.raises(kind, match=message):
        stage[1].answer(name, values)
    with pytest.raises(DataError, match="there is no example 99"):
        stage[1].layers(Look(99))


def test_the_grid_of_kept_steps_is_logarithmic():
    assert [step for step in range(70) if on_grid(step)] == [0, 1, 2, 4, *range(8, 16), *range(16, 32, 2), *range(32, 64, 4), 64]
    assert [step for step in range(300) if on_grid(step, 1)] == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert sum(on_grid(step) for step in range(100_000)) < 120


def test_a_history_is_bounded_on_disk_and_stays_logarithmic(tmp_path):
    now = [0.0]
    tensors = {"net.w": torch.zeros(1000)}
    history = History(tmp_path, max_bytes=80_000, clock=lambda: now[0])
    for step in range(2000):
        now[0] += 0.1
        if history.wants(step):
            history.keep(step, tensors, {})
        history.work()
    history.flush()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) <= 80_000
    steps = history.steps
    assert steps[0] == 0
    assert len(steps) >= 9
    assert steps[-1] >= 1024
    assert all(later <= 4 * earlier for earlier, later in zip(steps[1:], steps[2:], strict=False))
    assert History(tmp_path).steps == steps


def test_a_history_lives_through_a_resume(tmp_path):
    place = tmp_path / "w"
    with tiny.begin(place, pace=0.0) as run:
        own = of(run)
        for event in run.events():
            own.seen(event)
            if getattr(event, "step", 0) == 10:
                break
    own._history.flush()
    assert own._history.steps[-1] == 10
    kept = own._history.read(9)
    own._history.keep(11, kept, {})  # as after a kill: the checkpoint lies before it
    own._history.flush()
    with tiny.begin(place, run.id) as run:
        own = of(run)
        stream = run.events()
        own.seen(next(stream))
        assert 11 not in own._history.steps
        for event in stream:
            own.seen(event)
        assert own._history.steps[:12] == [0, 1, 2, 4, 8, 9, 10, 11, 12, 13, 14, 15]
    assert all(torch.equal(value, kept[name]) for name, value in own._history.read(9).items())


def test_a_damaged_kept_step_is_told(tmp_path):
    history = History(tmp_path)
    history.keep(4, {"net.w": torch.ones(3)}, {})
    history.flush()
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="is damaged"):
        History(tmp_path).read(4)
    with pytest.raises(StoreError, match="the weights of step 7 were not kept: the nearest one is 4"):
        history.read(7)
    with pytest.raises(StoreError, match="none is kept yet"):
        History(tmp_path / "other").read(7)


def test_a_history_that_cannot_be_written_says_so_and_goes_on(tmp_path, monkeypatch):
    from vitral.store import durable

    history = History(tmp_path)

    def full(*_, **__):
        raise StoreError("disk full")

    monkeypatch.setattr(durable, "write", full)
    history.keep(1, {"net.w": torch.ones(3)}, {})
    history.flush()
    assert history.problem == "disk full"
    assert history.steps == []


def test_a_large_network_holds_fewer_moments():
    data = tiny.dataset()
    own = Showing(Subject("x", tiny.experiment(), data, Trainer(tiny.experiment(), data, device="cpu"), tiny.Path("/nowhere")))
    for _ in range(20):
        own._version += 1
        own._now()
    assert len(own._held) == 8
