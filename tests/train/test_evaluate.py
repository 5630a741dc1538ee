"""A whole split measured: counts by hand, intervals by table, views by definition."""

import pytest
import torch

from vitral.errors import SpecError
from vitral.nets import build
from vitral.spec.network import Network
from vitral.train.evaluate import evaluate, predict, wilson

G = torch.Generator().manual_seed(12)
X = torch.randn(23, 2, 4, 4, generator=G)
Y = torch.randint(0, 3, (23,), generator=G)


def network(loss):
    layers = [{"kind": "batch_norm"}, {"kind": "dropout"}, {"kind": "dense", "units": 3}]
    return Network.model_validate({"input": (2, 4, 4), "layers": layers, "loss": loss})


def measure(net, **options):
    return evaluate(net, lambda indices: X[indices], Y, net.network.loss, batch_size=10, **options)


def test_counts_and_loss_are_those_of_one_pass():
    net = build(network({"kind": "softmax", "label_smoothing": 0.3}), seed=3)
    found = measure(net, split="test", step=5, epoch=2)
    with torch.no_grad():
        scores = net.eval()(X)
    right = int((scores.argmax(1) == Y).sum())
    assert (found.num_correct, found.accuracy, found.num_examples) == (right, right / 23, 23)
    assert found.loss == pytest.approx(torch.nn.functional.cross_entropy(scores, Y).item(), abs=1e-6)  # not smoothed
    table = [[int(((scores.argmax(1) == j) & (i == Y)).sum()) for j in range(3)] for i in range(3)]
    assert found.confusion == tuple(map(tuple, table))
    assert (found.low, found.high) == wilson(right, 23)
    assert (found.step, found.epoch, found.split, found.views) == (5, 2, "test", "one")


def test_the_network_is_left_as_it_was():
    net = build(network({"kind": "softmax"}), seed=3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    generator = net.generator.get_state()
    for training in (True, False):
        net.train(training)
        measure(net, views="flip")
        assert net.training is net.dropout1.training is training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(net.generator.get_state(), generator)
    assert torch.is_grad_enabled()


def test_two_views_average_probabilities_for_softmax_and_scores_for_hinge():
    for kind in ("softmax", "hinge"):
        net = build(network({"kind": kind}), seed=3).eval()
        with torch.no_grad():
            one, two = net(X), net(X.flip(3))
        mean = (one.softmax(1) + two.softmax(1)) / 2 if kind == "softmax" else (one + two) / 2
        found = measure(net, views="flip")
        assert found.num_correct == int((mean.argmax(1) == Y).sum())
        if kind == "softmax":
            assert found.loss == pytest.approx(-mean[range(23), Y].log().mean().item(), abs=1e-6)
            torch.testing.assert_close(predict(net, X, views="flip"), mean)
        torch.testing.assert_close(predict(net, X), one.softmax(1))


def test_a_regression_has_a_loss_alone_and_no_mirror():
    net = build(network({"kind": "regression"}), seed=3)
    targets = torch.randn(23, 3, generator=G)
    found = evaluate(net, lambda i: X[i], targets, net.network.loss, batch_size=10)
    with torch.no_grad():
        expected = ((net.eval()(X) - targets) ** 2).mean().item() / 2
    assert found.loss == pytest.approx(expected, abs=1e-6)
    assert found.num_correct is found.accuracy is found.low is found.confusion is None
    with pytest.raises(SpecError, match='views = "flip" averages the scores of classes'):
        evaluate(net, lambda i: X[i], targets, net.network.loss, views="flip")


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1), (81, 263, 0.2553, 0.3662), (7800, 10000, 0.7718, 0.7880)],
)
def test_wilsons_interval_at_known_values(right, total, low, high):
    # 81 of 263 is the worked example of Newcombe 1998, Statistics in Medicine 17, 857-872, method 3
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_nothing_measured_bounds_nothing():
    assert wilson(0, 0) == (0, 1)
