"""What a network is asked to make small."""

# B batch  K classes

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from vitral.spec.network import Hinge, Loss, Network, Regression, Softmax

Criterion = Callable[[Tensor, Tensor], Tensor]


def criterion(loss: Loss) -> Criterion:
    """Give the function (scores, targets) -> mean loss over the batch that a specification names.

    softmax: -sum over k of q[k] * log softmax(s)[k], with q[k] = (1 - e) [k = y] + e / K for label smoothing e, in nats;
    hinge: sum over j != y of max(0, s[j] - s[y] + margin), Weston & Watkins 1999, as ConvNetJS's SVM layer;
    regression: 1/2 * mean over every number of (s - t)^2.

    Example:
        Scores (2, 1, 0) for class 1 under hinge with margin 1: max(0, 2 - 1 + 1) + max(0, 0 - 1 + 1) = 2.
    """
    match loss:
        case Softmax():
            return lambda scores, targets: F.cross_entropy(scores, targets, label_smoothing=loss.label_smoothing)
        case Hinge():
            return lambda scores, targets: hinge(scores, targets, loss.margin)
        case Regression():
            return lambda scores, targets: F.mse_loss(scores, targets) / 2


def comparison(network: Network) -> Criterion:
    """Give the function that a network is trained by; of one that answers at every step, (B, T, K) and (B, T), the mean over all steps."""
    measure = criterion(network.loss)
    if not network.predicts_next:
        return measure
    return lambda scores, targets: measure(scores.flatten(0, 1), targets.flatten())


def hinge(scores: Tensor, targets: Tensor, margin: float) -> Tensor:
    """Sum max(0, score of a wrong class - score of the right one + margin) over wrong classes, mean over the batch; scores are (B, K)."""
    own = targets[:, None]
    excess = (scores - scores.gather(1, own) + margin).clamp(min=0)
    return excess.scatter(1, own, 0.0).sum(1).mean()
