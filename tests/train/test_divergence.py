"""A number that is not finite is found and named, and the run's last good state is not overwritten."""

import math

import pytest
import torch

from vitral.errors import StoreError
from vitral.nets import build
from vitral.spec.network import Network
from vitral.train.divergence import are_finite, locate, numbers
from vitral.train.loop import Trainer

LAYERS = [
    {"kind": "convolution", "filters": 4, "size": 3},
    {"kind": "relu"},
    {"kind": "residual", "layers": [{"kind": "convolution", "filters": 4, "size": 3, "padding": 1}, {"kind": "elu"}]},
    {"kind": "dense", "units": 2},
]


def make():
    net = build(Network.model_validate({"input": (2, 6, 6), "layers": LAYERS}), seed=0)
    return net, torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_not_finite(bad):
    net, x = make()
    assert are_finite(numbers(net))
    with torch.no_grad():
        net.block1.conv1.weight[0, 0, 0, 0] = bad
    assert not are_finite(numbers(net))
    assert locate(net, lambda: net(x)) == ("block1.conv1", "weight")


def test_an_activation_that_overflows():
    net, x = make()
    with torch.no_grad():
        net.block1.conv1.weight.fill_(1e36)
    assert are_finite(numbers(net))
    assert locate(net, lambda: net(x * 1000)) == ("block1.conv1", "activation")


def test_a_gradient_that_is_not_finite_comes_before_the_weight_it_spoils():
    net, x = make()
    net(x).sum().backward()
    net.dense1.bias.grad[0] = math.nan
    with torch.no_grad():
        net.conv1.weight.fill_(math.nan)
    assert locate(net, lambda: net(x)) == ("dense1", "gradient")


def test_all_layers_sound_blames_the_loss_and_no_hook_stays():
    net, x = make()
    assert locate(net, lambda: net(x)) == ("loss", "value")

    def fail():
        raise RuntimeError("broke")

    with pytest.raises(RuntimeError, match="broke"):
        locate(net, fail)
    assert not any(module._forward_hooks for module in net.modules())


def test_a_run_that_explodes_says_where_and_gives_out_no_weights(experiment, dataset):
    trainer = Trainer(experiment(steps=30, optimiser={"kind": "sgd", "learning_rate": 1e30}), dataset)
    seen = list(trainer.events())
    assert [event.kind for event in seen[-2:]] == ["diverged", "run_ended"]
    assert seen[-1].outcome == "diverged"
    assert seen[-2].step == trainer.step == seen[-3].step
    assert seen[-2].layer in trainer.net.layer_names
    with pytest.raises(StoreError, match=f"the run diverged after step {trainer.step}: its weights are not saved"):
        trainer.state()


def test_a_step_that_spoils_the_weights_is_not_reported_as_done(experiment, dataset):
    trainer = Trainer(experiment(steps=9, optimiser={"kind": "sgd", "learning_rate": 0.1}), dataset)
    stream = trainer.events()
    for _ in range(4):
        next(stream)
    trainer.net.dense1.weight.register_hook(lambda gradient: gradient * math.inf)
    rest = list(stream)
    assert [event.kind for event in rest] == ["diverged", "run_ended"]
    assert (rest[0].step, rest[0].layer, rest[0].what) == (3, "dense1", "gradient")


def test_a_poisoned_batch_ends_the_run_before_the_weights_move(experiment, dataset, monkeypatch):
    trainer = Trainer(experiment(steps=9), dataset)
    stream = trainer.events()
    for _ in range(4):
        next(stream)
    before = {name: p.detach().clone() for name, p in trainer.net.named_parameters()}
    monkeypatch.setattr(trainer._lessons, "_augment", lambda indices, epoch: torch.full((len(indices), 3, 8, 8), math.nan))
    found = next(stream)
    assert (found.kind, found.layer, found.what) == ("diverged", "conv1", "activation")
    assert all(torch.equal(p, before[name]) for name, p in trainer.net.named_parameters())
