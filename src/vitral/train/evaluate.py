"""A network measured on a whole split."""

# B batch  C channels  H height  W width  K classes

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vitral.errors import SpecError
from vitral.events import Evaluated
from vitral.nets.loss import criterion
from vitral.nets.net import Net
from vitral.spec.network import Loss, Softmax

Views = Literal["one", "flip"]
Meanwhile = Callable[[], None]
"""What is done between two batches of a measurement, which of a large network takes long. It must leave the network and torch's modes as they are."""


def nothing() -> None:
    """Do nothing meanwhile."""


def evaluate(
    net: Net,
    images: Callable[[Tensor], Any],
    targets: Tensor,
    loss: Loss,
    *,
    views: Views = "one",
    split: str = "test",
    step: int = 0,
    epoch: int = 0,
    batch_size: int = 500,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    meanwhile: Meanwhile = nothing,
) -> Evaluated:
    """Measure ``net`` on every example of a split; its training mode and the gradients' mode are as before afterwards.

    Args:
        net: on the device where ``images`` puts its batches.
        images: gives the normalised images (B, C, H, W), or the sequences, of the examples with the given numbers, without any variation.
        targets: class numbers (N,), or the targets of a regression (N, ...).
        loss: what is measured. Softmax is measured without label smoothing: the mean negative log-likelihood in nats.
        views: "one", or "flip" for the mean answer to an image and its mirror image (of probabilities for softmax, of scores for hinge).
        split: for the record, as are step and epoch.
        step: optimiser steps done.
        epoch: epochs done.
        batch_size: examples looked at together; it changes nothing but speed and memory.
        autocast: makes the precision's own context, such as ``Precision.autocast``.
        meanwhile: is called before each batch.
    Returns:
        Loss, number and share of right answers with Wilson's 95 % interval, and the confusion matrix; None for what a regression lacks.
    Raises:
        SpecError: "flip" for a regression, whose answer would have to be mirrored back.
    Example:
        7,800 right of 10,000: accuracy 0.78, low 0.7718, high 0.7880.
    """
    regression = loss.kind == "regression"
    if regression and views == "flip":
        raise SpecError('views = "flip" averages the scores of classes, but the loss is a regression; use views = "one"')
    measure = criterion(Softmax() if isinstance(loss, Softmax) else loss)
    began = time.perf_counter()
    classes = net.network.output[0]
    confusion = torch.zeros(classes * classes, dtype=torch.int64)
    total = 0.0
    for batch in torch.arange(len(targets)).split(batch_size):  # type: ignore[no-untyped-call]
        meanwhile()
        wanted = targets[batch]
        answers = _answer(net, images(batch), loss, views, autocast)
        wanted = wanted.to(answers.device)
        if isinstance(loss, Softmax) and views == "flip":  # the answers are logarithms of mean probabilities
            total += F.nll_loss(answers, wanted).item() * len(batch)
        else:
            total += measure(answers, wanted).item() * len(batch)
        if not regression:
            confusion += torch.bincount((wanted * classes + answers.argmax(1)).cpu(), minlength=classes * classes)
    table = confusion.view(classes, classes)
    right = int(table.diagonal().sum())
    low, high = wilson(right, len(targets))
    return Evaluated(
        step=step,
        epoch=epoch,
        split=split,
        views=views,
        num_examples=len(targets),
        loss=total / len(targets),
        num_correct=None if regression else right,
        accuracy=None if regression else right / len(targets),
        low=None if regression else low,
        high=None if regression else high,
        confusion=None if regression else tuple(tuple(row) for row in table.tolist()),
        seconds=time.perf_counter() - began,
    )


def predict(net: Net, x: Tensor, *, views: Views = "one", autocast: Callable[[], AbstractContextManager[object]] = nullcontext) -> Tensor:
    """Give the probability of each class, (B, K), for normalised images (B, C, H, W): the softmax of the scores, or its mean over two views.

    After a hinge loss the numbers rank the classes but are no calibrated probabilities; a regression's output is given as it is.
    """
    loss = net.network.loss
    if loss.kind == "regression":
        return _answer(net, x, loss, "one", autocast)
    return _answer(net, x, Softmax(), views, autocast).softmax(1)  # after "flip" they are logarithms of means already: softmax undoes them


@torch.no_grad()
def _answer(net: Net, x: Any, loss: Loss, views: Views, autocast: Callable[[], AbstractContextManager[object]]) -> Tensor:
    """Give scores in float32 (B, K); for the mean of two views under softmax, the logarithm of the mean probabilities."""
    was_training = net.training
    net.eval()
    try:
        with autocast():
            scores: Tensor = net(x).float()
            if views == "one":
                return scores
            mirrored: Tensor = net(x.flip(3)).float()
    finally:
        net.train(was_training)
    if isinstance(loss, Softmax):
        return torch.logaddexp(scores.log_softmax(1), mirrored.log_softmax(1)) - math.log(2)
    return (scores + mirrored) / 2


def wilson(right: int, total: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Bound a share with 95 % confidence: Wilson's score interval, which stays within [0, 1] and is right for few examples too.

    (p + z^2/2n +- z * sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with p = right / n.

    Example: 0 of 10 gives (0, 0.2775), 5 of 10 (0.2366, 0.7634), 10 of 10 (0.7225, 1).
    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212.
    """
    if total == 0:
        return 0.0, 1.0
    share = right / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
