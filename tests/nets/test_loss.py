"""The three losses against numbers worked out by hand and against plain float64 loops."""

import math

import pytest
import torch

from vitral.nets.loss import criterion
from vitral.spec.network import Hinge, Regression, Softmax

G = torch.Generator().manual_seed(8)
SCORES = torch.randn(6, 5, dtype=torch.float64, generator=G)
TARGETS = torch.tensor([0, 4, 2, 2, 1, 3])


def by_loops(one):
    return sum(one(row, y) for row, y in zip(SCORES.tolist(), TARGETS.tolist(), strict=True)) / 6


def test_softmax_in_nats_with_and_without_smoothing():
    def one(s, y, e):
        logs = [v - math.log(sum(math.exp(w) for w in s)) for v in s]
        return -sum(((1 - e) * (k == y) + e / 5) * logs[k] for k in range(5))

    for e in (0.0, 0.2):
        assert criterion(Softmax(label_smoothing=e))(SCORES, TARGETS).item() == pytest.approx(
            by_loops(lambda s, y, e=e: one(s, y, e)), abs=1e-12
        )


def test_hinge_sums_over_the_wrong_classes():
    def one(s, y):
        return sum(max(0.0, s[j] - s[y] + 0.7) for j in range(5) if j != y)

    assert criterion(Hinge(margin=0.7))(SCORES, TARGETS).item() == pytest.approx(by_loops(one), abs=1e-12)
    assert criterion(Hinge())(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([1])).item() == 2
    x = SCORES.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: criterion(Hinge())(s, TARGETS), x)


def test_regression_is_half_the_mean_square():
    assert criterion(Regression())(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 0.0]])).item() == 2.5
