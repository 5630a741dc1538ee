"""What is seen is what is there: every figure against the model's own numbers, and every way in which looking can go wrong."""

import copy
import io
import math
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vitral.errors import SpecError
from vitral.nets import build, zoo
from vitral.probe import instrument
from vitral.probe.maps import draw, measure, silent
from vitral.probe.pace import Pace
from vitral.probe.watch import Watch, watch


def hooks_on(model):
    tables = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, table)) for module in model.modules() for table in tables) + sum(
        len(p._post_accumulate_grad_hooks or ()) for p in model.parameters()
    )


@pytest.fixture
def model():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))


def step(model, x, rate=0.1):
    loss = F.cross_entropy(model(x), torch.arange(len(x)) % 5)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= rate * parameter.grad
            parameter.grad = None
    return loss.item()


def agree(figures, x):
    x = x.detach().double()
    for name, expected in {"min": x.min(), "max": x.max(), "mean": x.mean(), "std": x.std(correction=0)}.items():
        assert getattr(figures, name) == pytest.approx(expected.item(), rel=1e-5, abs=1e-6 * x.abs().max().item())


def test_every_figure_is_the_models_own_number(model):
    x = torch.randn(6, 3, 8, 8)
    twin = copy.deepcopy(model)
    outputs, weights = [], {name: p.detach().clone() for name, p in twin.named_parameters()}
    twin[1].inplace = False
    y = x
    for layer in twin:
        y = layer(y)
        y.retain_grad()
        outputs.append(y)
    F.cross_entropy(y, torch.arange(6) % 5).backward()

    with watch(model, limit=None, example=2) as seen:
        step(model, x)
        layers = list(seen.latest)
    assert [layer.name for layer in layers] == list("012345")
    assert [layer.kind for layer in layers] == ["Conv2d", "ReLU", "BatchNorm2d", "MaxPool2d", "Flatten", "Linear"]
    for layer, expected in zip(layers, outputs, strict=True):
        assert layer.shape == tuple(expected.shape[1:])
        agree(layer.activation.figures, expected)
        agree(layer.gradient.figures, expected.grad)
        np.testing.assert_array_equal(layer.activation.maps.values, expected[2].detach().numpy())
        np.testing.assert_allclose(layer.gradient.maps.values, expected.grad[2].numpy(), rtol=1e-5, atol=1e-9)
    for name, parameter in twin.named_parameters():
        layer, own = name.split(".")
        agree(seen[layer].weights[own].figures, weights[name])
        agree(seen[layer].weight_gradients[own].figures, parameter.grad)
        moved = 0.1 * parameter.grad.norm() / weights[name].norm()
        if weights[name].any():
            assert seen[layer].update_ratios[own] == pytest.approx(moved.item(), rel=1e-3)
        else:
            assert seen[layer].update_ratios[own] == math.inf  # biases of 0 that begin to move
    assert seen["0"].update_ratio == seen["0"].update_ratios["weight"]
    assert seen["1"].update_ratio is None
    assert seen.latest.num_examples == 6
    assert seen.problem == ""


def test_an_output_that_is_overwritten_next_is_seen_as_it_was(model):
    with torch.no_grad():
        model[0].bias.fill_(-0.3)
    with watch(model) as seen:
        step(model, torch.randn(4, 3, 8, 8))
    assert seen["0"].activation.figures.min < 0 == seen["1"].activation.figures.min
    assert (seen["0"].activation.maps.values < 0).any()


def test_units_that_never_speak_are_named(model):
    with torch.no_grad():
        model[0].weight[1].zero_()
        model[0].bias[1] = -1
        model[0].bias[2] = 5
    with watch(model) as seen:
        step(model, torch.randn(4, 3, 8, 8))
    assert seen["1"].silent == (1,)
    assert seen["1"].dead == 0.25
    assert seen["0"].silent == ()
    assert silent(torch.tensor([[0.0, math.nan], [0.0, 0.0]]), 1) == (0,)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_a_unit_that_speaks_late_is_not_silent(axis, memory):
    x = torch.zeros(40, 6, 5, 6).to(memory_format=memory)
    x[3, 1, 2, 2] = 1  # among the first examples
    x[39, 4, 0, 5] = -1  # in the last alone
    x[20, 2, 4, 3] = math.nan
    for numbers in (x, x + (torch.arange(40) == 0).view(-1, 1, 1, 1), torch.zeros_like(x)):  # some, none, all
        spoken = (numbers != 0).movedim(axis, 0).flatten(1).any(1)
        assert silent(numbers, axis) == tuple(number for number in range(numbers.shape[axis]) if not spoken[number])


def test_a_module_that_runs_twice_is_seen_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(torch.relu(self.layer(x)))

    model = Twice()
    x = torch.randn(3, 4)
    first = model.layer(x)
    with watch(model, limit=None) as seen:
        step(model, x)
    agree(seen["layer", 0].activation.figures, first)
    assert [key for key in seen.latest.layers] == [("layer", 0), ("layer", 1)]
    assert seen["layer", 1].gradient is not None
    assert list(seen["layer", 0].weights) == ["weight", "bias"]
    assert not seen["layer", 1].weights


def test_a_cell_that_runs_often_fills_no_memory():
    class Long(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.RNNCell(2, 3)

        def forward(self, x):
            h = x.new_zeros(len(x), 3)
            for _ in range(200):
                h = self.cell(x, h)
            return h

    with watch(model := Long()) as seen:
        step(model, torch.randn(2, 2))
    assert len(seen.latest.layers) == instrument.MAX_CALLS


def test_the_layers_of_a_network_are_seen_as_they_are_named():
    net = build(zoo.load("cifar10-convnetjs").network, seed=1)
    x = torch.randn(4, 3, 32, 32)
    with watch(net, limit=None, passes="all") as seen:
        expected = x
        for _, layer in net.layers():
            expected = layer(expected)
        with torch.no_grad():
            y = net(x)
    assert torch.equal(y, expected)
    named = x
    for name, layer in net.layers():
        named = layer(named).detach()
        agree(seen[name].activation.figures, named)
        np.testing.assert_array_equal(seen[name].activation.maps.values, named[0].numpy())
    assert not net._in_order


def test_only_what_was_asked_for_is_looked_at(model):
    with watch(model, ["0", "5"], what=["activation"]) as seen:
        step(model, torch.randn(4, 3, 8, 8))
    assert [layer.name for layer in seen.latest] == ["0", "5"]
    assert all(layer.gradient is None and not layer.weights and not layer.weight_gradients for layer in seen.latest)
    with watch(model, what=["weight", "weight_gradient"]) as seen:
        step(model, torch.randn(4, 3, 8, 8))
    assert [layer.name for layer in seen.latest if layer.weights] == ["0", "2", "5"]
    assert all(layer.weight_gradients for layer in seen.latest if layer.weights)
    assert all(layer.activation is None for layer in seen.latest)
    with watch(zoo_net := build(zoo.load("cifar10-resnet").network, seed=0), "block1.*") as seen:
        zoo_net(torch.randn(2, 3, 32, 32)).sum().backward()
    assert {layer.name.split(".")[0] for layer in seen.latest} == {"block1"}


def test_a_model_that_is_one_layer_is_a_layer():
    with watch(layer := nn.Linear(3, 5)) as seen:
        step(layer, torch.randn(4, 3))
    assert [one.name for one in seen.latest] == ["model"]


def test_steps_are_looked_at_as_often_as_asked(model):
    x = torch.randn(4, 3, 8, 8)
    with watch(model, every=3) as seen:
        for _ in range(8):
            step(model, x)
    assert [look.step for look in seen] == [1, 4, 7]
    assert seen.num_steps == 8
    now = [0.0]
    looking = Watch(model, pace=Pace(rate=10, clock=lambda: now[0]))
    with looking as seen:
        for _ in range(100):
            now[0] += 0.03
            step(model, x)
    assert len(seen) == 25  # 3 seconds; a step is 30 ms, so each fourth is the first after 100 ms
    looking.ask()
    with looking:
        step(model, x)
    assert seen.latest.step == 101


def test_looking_keeps_to_its_share_of_the_time():
    now = [0.0]
    pace = Pace(share=0.1, clock=lambda: now[0])
    looks = []
    for n in range(1000):
        now[0] += 0.01
        if pace.due():
            looks.append(n)
            now[0] += 0.02
            pace.spent(0.02)
    assert len(looks) * 0.02 <= 0.1 * now[0] + 0.02
    assert len(looks) > 40


def test_evaluations_are_looked_at_when_asked(model):
    x = torch.randn(4, 3, 8, 8)
    with watch(model) as seen, torch.no_grad():
        model(x)
    assert seen.problem == 'all 1 passes ran without gradients: expected a training; use passes = "all" to look at these'
    with watch(model, passes="all") as seen, torch.inference_mode():
        model(x)
    assert seen["0"].activation is not None
    assert seen["0"].gradient is None


def test_the_newest_looks_alone_keep_their_maps(model):
    with watch(model, keep=5) as seen:
        for _ in range(9):
            step(model, torch.randn(4, 3, 8, 8))
    assert [look.step for look in seen] == [5, 6, 7, 8, 9]
    assert [look["0"].activation.maps is not None for look in seen] == [False, False, False, True, True]
    assert [look["0"].weight.maps is not None for look in seen] == [False, False, False, True, True]
    assert len(seen.series("0", "gradient", "std")) == 5
    assert len(seen.series("0", "update_ratio")) == 5


@pytest.mark.parametrize(
    ("shape", "drawn", "stride"),
    [
        ((7,), (7,), (1, 1)),
        ((100_000,), (4000,), (1, 25)),
        ((10, 320), (10, 320), (1, 1)),
        ((4096, 25088), (512, 512), (8, 49)),
        ((16, 32, 32), (16, 32, 32), (1, 1)),
        ((512, 112, 100), (64, 56, 50), (2, 2)),
        ((3, 5, 64, 64), (3, 5, 64, 64), (1, 1)),
        ((512, 512, 3, 3), (64, 64, 3, 3), (1, 1)),
        ((96, 96, 11, 11), (32, 48, 11, 11), (1, 1)),
        ((8, 4, 6, 6, 6), (8, 4, 36, 6), (1, 1)),
        ((), (1,), (1, 1)),
    ],
)
def test_pictures_are_bounded_and_made_of_the_tensors_own_numbers(shape, drawn, stride):
    x = torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)
    maps = draw(x)
    assert maps.values.size <= 64**3
    assert maps.stride == stride
    assert len(maps.channels) == maps.values.shape[0]
    if len(shape) < 5:
        assert maps.values.shape == drawn
    if len(shape) == 3:
        down, across = stride
        np.testing.assert_array_equal(maps.values, x.numpy()[list(maps.channels)][:, ::down, ::across])
    maps.values[...] = -1
    assert x.min() == 0, "a copy, never the tensor's own memory"


def test_numbers_that_are_not_finite_are_counted_and_spoil_nothing():
    found = measure(torch.tensor([1.0, math.nan, 3.0, math.inf]))
    assert (found.min, found.max, found.mean, found.std, found.broken) == (1, 3, 2, 1, 2)
    assert measure(torch.tensor([math.nan])) is None
    assert measure(torch.empty(0, 3)) is None
    huge = measure(torch.tensor([3e38, -3e38, 3e38]))
    assert huge.max == pytest.approx(3e38)
    assert huge.broken == 0
    agree(measure(torch.tensor([0.5, -2.0], dtype=torch.bfloat16)), torch.tensor([0.5, -2.0]))


def test_a_limit_reads_whole_examples_and_says_how_many():
    with watch(layer := nn.Linear(10, 50), limit=120) as seen:
        step(layer, torch.randn(8, 10))
    figures = seen["model"].activation.figures
    assert (figures.count, figures.total) == (100, 400)


def test_a_probe_that_breaks_lets_the_training_go_on(model, monkeypatch):
    x = torch.randn(4, 3, 8, 8)
    unwatched = copy.deepcopy(model)
    losses = [step(unwatched, x) for _ in range(4)]
    for place in ("draw", "measure", "silent", "first_tensor"):
        watched = copy.deepcopy(model)
        with monkeypatch.context() as patch, watch(watched) as seen:

            def broken(*_, **__):
                raise RuntimeError("a fault\nof ours")

            told = [step(watched, x)]
            patch.setattr(instrument, place, broken)
            told += [step(watched, x) for _ in range(3)]
        assert told == losses
        assert seen.problem == "the probe broke and was taken away after step 2: RuntimeError: a fault of ours"
        assert hooks_on(watched) == 0


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_no_hook_is_left_behind_whatever_ends_the_training(model, kind):
    class Breaks(nn.Module):
        def forward(self, x):
            if x.shape[0] == 2:
                raise kind("in the middle")
            return x

    model.insert(3, Breaks())
    with pytest.raises(kind, match="in the middle"), watch(model):
        step(model, torch.randn(4, 3, 8, 8))
        step(model, torch.randn(2, 3, 8, 8))
    assert hooks_on(model) == 0
    with watch(model) as seen:
        with pytest.raises(kind):
            step(model, torch.randn(2, 3, 8, 8))
        step(model, torch.randn(4, 3, 8, 8))
    assert seen.latest.step == 2
    assert seen["6"].activation is not None
    assert seen.problem == ""
    assert hooks_on(model) == 0


def test_copies_and_pickles_of_the_model_are_not_watched(model):
    x = torch.randn(4, 3, 8, 8)
    with watch(model) as seen:
        step(model, x)
        twin, sent = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        file = io.BytesIO()
        torch.save(model, file)
        count = seen.num_steps
        assert torch.equal(twin(x), sent(x))
        assert seen.num_steps == count
        assert b"vitral" not in file.getvalue()
        assert b"vitral" not in pickle.dumps(model)
    step(twin, x)
    step(sent, x)


@pytest.mark.filterwarnings("ignore:.*jit.*:DeprecationWarning", "ignore:.*jit.*:FutureWarning")
def test_nothing_is_looked_at_while_a_graph_is_traced_or_transformed(model):
    model.eval()
    x = torch.randn(2, 3, 8, 8)
    with watch(model, passes="all") as seen:
        torch.jit.trace(model, x, check_trace=False)
        torch.func.vmap(lambda one: model(one[None])[0])(x)
        assert len(seen) == 0
        model(x)
    assert seen.problem == ""
    assert len(seen) == 1


def test_a_compiled_model_is_left_alone(model):
    model.compile(backend="eager")
    with watch(model) as seen:
        assert hooks_on(model) == 0
    assert seen.problem == "the model is compiled and its layers have become one: watch it before torch.compile"


def test_two_can_watch_at_once(model):
    x = torch.randn(4, 3, 8, 8)
    with watch(model, every=2) as one, watch(model, every=3) as other:
        for _ in range(6):
            step(model, x)
    assert [look.step for look in one] == [1, 3, 5]
    assert [look.step for look in other] == [1, 4]
    assert one.looks[0]["0"].gradient.figures == other.looks[0]["0"].gradient.figures
    assert hooks_on(model) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": ["conv"]}, 'the model has no layer "conv"; expected some of model, 0, 1, 2'),
        ({"layers": "model.0"}, 'the model has no layer "model.0"; did you mean "model"?'),
        ({"every": 0}, "every is a number of steps, at least 1, got 0; use every = 1"),
        ({"rate": -1}, "rate is a number of looks a second above 0, got -1; leave it out"),
        ({"share": 2}, "share is a part of the time, above 0 and at most 1, got 2; use share = 0.02"),
        ({"what": ["weights"]}, 'what can be seen is activation, gradient, weight, weight_gradient, got "weights"; choose among these'),
        ({"keep": 0}, "keep is a whole number from 1 on, got 0"),
        ({"limit": 1.5}, "limit is a whole number from 1 on, got 1.5"),
        ({"passes": "test"}, 'passes is "training" or "all", got \'test\''),
    ],
)
def test_mistakes_are_told_at_once(model, settings, message):
    with pytest.raises(SpecError, match=message.replace("(", r"\(")):
        watch(model, **settings)


def test_what_was_not_seen_is_told(model):
    with watch(model) as seen:
        with pytest.raises(SpecError, match="nothing was seen yet: the model has not run; ask again after a step"):
            _ = seen["0"]
        step(model, torch.randn(4, 3, 8, 8))
        with pytest.raises(SpecError, match="step 1 saw no layer '00'; did you mean \"0\""):
            _ = seen["00"]
        with pytest.raises(SpecError, match='there is no quantity "weights"'):
            seen.series("0", "weights")
        with pytest.raises(SpecError, match='there is no figure "median"'):
            seen.series("0", "activation", "median")
    with pytest.raises(SpecError, match="a torch.nn.Module can be watched, got int"):
        watch(3)
