"""Images, varied each time they are met, to be named or to be turned into numbers."""

# B batch  C channels  H height  W width

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from vitral.data.augment import Augmenter, normaliser
from vitral.data.batches import order
from vitral.data.dataset import Dataset
from vitral.events import Evaluated
from vitral.nets.loss import criterion
from vitral.nets.net import Net
from vitral.spec.experiment import Experiment
from vitral.train.evaluate import Meanwhile, Views, evaluate, nothing
from vitral.train.lessons import Autocast, Batch, Lessons
from vitral.train.precision import Precision

NUM_WHITENING_IMAGES = 5000


class ImageLessons(Lessons):
    """The images of a data set in an order that is new in every epoch."""

    unit = "images"
    ways = ("one", "flip")

    def __init__(self, experiment: Experiment, dataset: Dataset, precision: Precision) -> None:
        self._experiment, self._dataset, self._precision = experiment, dataset, precision
        self._criterion = criterion(experiment.network.loss)
        self._regression = experiment.network.loss.kind == "regression"
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    @property
    def num_test(self) -> int:
        """Count the test images."""
        return len(self._dataset.test)

    def num_train(self, batch_size: int) -> int:
        """Count the training images."""
        return len(self._dataset.train)

    def batch(self, epoch: int, position: int, batch_size: int) -> Batch:
        """Give the next images, (B, C, H, W), varied as the experiment says."""
        if self._order[0] != epoch:
            self._order = (epoch, order(self._experiment.seed, epoch, len(self._dataset.train)))
        indices = self._order[1][position : position + batch_size]
        targets = self._shaped(self._dataset.train.targets[indices].to(self._precision.device))
        return Batch(self._augment(indices, epoch), targets, len(indices), position + len(indices))

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the mean loss over the batch."""
        return self._criterion(scores, targets)

    def count_correct(self, scores: Tensor, targets: Tensor) -> int | None:
        """Count the right answers; None for a regression."""
        return None if self._regression else int((scores.argmax(1) == targets).sum().item())

    def measurements(self, *, last: bool) -> tuple[str, ...]:
        """One look at each test image; at the end also the mean over image and mirror image, where training mirrors images."""
        flips = self._experiment.augmentation.flip != "none" and not self._regression
        return ("one", "flip") if last and flips else ("one",)

    def measure(self, net: Net, what: str, *, step: int, epoch: int, autocast: Autocast, meanwhile: Meanwhile = nothing) -> Evaluated:
        """Measure the network on the whole test split with "one" look at each image, or "flip".

        Raises:
            SpecError: "flip" for a regression.
        """
        views: Views = "flip" if what == "flip" else "one"
        targets = self._shaped(self._dataset.test.targets)
        loss = self._experiment.network.loss
        return evaluate(net, self._test_images, targets, loss, views=views, step=step, epoch=epoch, autocast=autocast, meanwhile=meanwhile)

    def prepare(self, net: Net) -> None:
        """Set a whitening layer to the training images' own patches."""
        if net.whitens:
            images = normaliser(self._dataset.train, self._dataset.statistics, normalise=self._experiment.data.normalise)
            net.prepare(images(torch.arange(min(NUM_WHITENING_IMAGES, len(self._dataset.train)))))

    @cached_property
    def _augment(self) -> Augmenter:
        return Augmenter(
            self._experiment.augmentation,
            self._dataset.train,
            self._dataset.statistics,
            normalise=self._experiment.data.normalise,
            seed=self._experiment.seed,
            dtype=self._precision.dtype,
            memory_format=self._precision.memory_format,
            device=self._precision.device,
        )

    @cached_property
    def _test_images(self) -> Callable[[Tensor], Tensor]:
        return normaliser(
            self._dataset.test,
            self._dataset.statistics,
            normalise=self._experiment.data.normalise,
            dtype=self._precision.dtype,
            memory_format=self._precision.memory_format,
            device=self._precision.device,
        )

    def _shaped(self, targets: Tensor) -> Tensor:
        return targets.view(len(targets), *self._experiment.network.output) if self._regression else targets
