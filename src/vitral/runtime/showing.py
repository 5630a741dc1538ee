"""What is to be seen of a run's network: its layers, unseen examples, and answers to a viewer's questions.

Everything is computed by a double, a second network that wears the weights of the moment in question: of now, of the picture that the viewer
has before him, or of any kept step. The network that learns is read and never run, so that its training goes the same way to the last bit.
An example is looked at as in an evaluation: without dropout, by the running statistics. Weight gradients are those that moved the weights in
the last step, of the whole batch; at a kept step, which has no batch any more, those of the example alone (``"of": "example"``).
"""

# B batch  C channels  H height  W width  K classes

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitral.data import picture
from vitral.data.augment import Augmenter
from vitral.data.dataset import Dataset, Examples, Statistics
from vitral.data.text import Text
from vitral.errors import DataError, SpecError, VitralError
from vitral.events import Evaluated, Event, RunStarted
from vitral.runtime.double import Double, Moment, Tensors, copy, weights_of
from vitral.runtime.easel import Easel
from vitral.runtime.frames import Sheet
from vitral.runtime.gallery import Images, gallery
from vitral.runtime.history import History
from vitral.runtime.looks import UNSEEN, Look
from vitral.runtime.question import Question, whole
from vitral.runtime.sitting import Dead, Sitting, Survey, answered, best
from vitral.runtime.subject import Subject
from vitral.wire import Blob

Answer: TypeAlias = dict[str, Any] | tuple[dict[str, Any], Sequence[Blob]]
"""What a command comes back with: JSON values, or JSON values with arrays."""

ANSWERS: frozenset[str] = frozenset({"explain", "history", "augmented", "predict", "confusion"})
"""The names of the commands that ``Showing.answer`` knows."""

NUM_UNSEEN = 8
NUM_SURVEYED = 64
"""A unit that is silent for so many test examples counts as dead."""

MAX_HELD = 64 * 2**20
MOST_HELD = 8
"""So many moments are held for questions about the pictures that were just sent, as far as their memory goes."""

MOST_IMAGES = 64
SECONDS_OF_INTEREST = 5.0
MOST_COMPARED = 2**22


class Showing:
    """Looks at a subject between two of its steps; the worker's main thread alone calls it, and waits for it."""

    def __init__(self, subject: Subject, easel: Easel | None = None) -> None:
        self._subject, self._easel = subject, easel
        trainer, dataset = subject.trainer, subject.dataset
        self._double = Double(subject.experiment, trainer.precision)
        self._gallery = gallery(subject.experiment, dataset, trainer.precision)
        self._history = History(subject.folder)
        self._held: OrderedDict[tuple[int, int], Moment] = OrderedDict()
        self._past: OrderedDict[int, Moment] = OrderedDict()
        self._measured: Moment | None = None
        self._last: tuple[tuple[str, int], tuple[Tensor, Tensor]] | None = None
        self._answers: dict[int, Tensor] = {}
        self._dead: Dead = {}
        self._steps: list[tuple[int, Tensors]] = []
        self._interest = -math.inf
        self._version = 0
        self._walk = torch.randperm(self._gallery.count("test"), generator=torch.Generator().manual_seed(0))
        self._at = 0
        self.problem = ""

    def seen(self, event: Event) -> None:
        """Take note of an event; called for every one, so it costs next to nothing. Nothing that fails here reaches the training."""
        try:
            self._note(event)
        except Exception as cause:
            self.problem = str(cause) if isinstance(cause, VitralError) else f"{type(cause).__name__}: {cause}"

    def layers(self, look: Look) -> bytes:
        """Encode the picture of all layers of a moment; nothing (b"") where it is painted elsewhere, and comes from there.

        Raises:
            DataError: there is no such example.
            StoreError: the weights of that step were not kept.
        """
        sitting = self._sit(look)
        if self._easel is not None and self._easel.paint(look.key, sitting):
            return b""
        return sitting.paint(self._double)

    def unseen(self) -> bytes | None:
        """Encode a few test examples with what the network says of them; None where there is nothing to show: a regression has no classes.

        The same look at many examples tells which units are dead.
        """
        if not self._classes or not len(self._walk):
            return None
        chosen = self._walk.roll(-self._at)[:NUM_SURVEYED]
        self._at = (self._at + NUM_UNSEEN) % len(self._walk)
        shown = chosen[:NUM_UNSEEN]
        survey = Survey(
            self._now(),
            self._gallery.batch("test", chosen),
            [self._told_of(int(number)) for number in shown],
            self._gallery.pixels("test", shown),
        )
        if self._easel is not None and self._easel.survey(UNSEEN, survey, self._bury):
            return b""
        frame, self._dead = survey.paint(self._double)
        return frame

    def answer(self, name: str, values: dict[str, Any]) -> Answer:
        """Answer a command of ``ANSWERS``.

        Raises:
            VitralError: it cannot be answered; the one line is what the viewer sees.
        """
        match name:
            case "explain":
                return self._explain(values)
            case "history":
                return {"steps": self._history.steps, "now": self._subject.trainer.step, "problem": self._history.problem}
            case "augmented":
                return self._augmented(values)
            case "predict":
                return self._predict(values)
            case "confusion":
                return self._confusion(values)
        raise SpecError(f'"{name}" is no question; expected one of {", ".join(sorted(ANSWERS))}')

    def knows(self, name: str, values: Mapping[str, Any]) -> bool:
        """Tell whether a question is about weights that are held here: it can be answered while the network measures itself, too."""
        return name == "explain" and (values.get("at") is not None or any(m.step == values.get("step") for m in self._held.values()))

    def close(self) -> None:
        """Let go of the subject; what waits to be kept is written."""
        self._history.flush()
        self._held.clear()
        self._past.clear()
        self._measured = None
        self._steps.clear()

    @property
    def _classes(self) -> tuple[str, ...]:
        """Name what one example can be; empty for a text and a regression."""
        dataset = self._subject.dataset
        return () if isinstance(dataset, Text) or self._subject.experiment.network.loss.kind == "regression" else dataset.classes

    def _example(self, split: str, number: int) -> tuple[Tensor, Tensor]:
        """Give an example and its target; the last one is at hand, since a viewer mostly looks at the same one."""
        if self._last is None or self._last[0] != (split, number):
            self._last = (split, number), self._gallery.example(split, number)
        return self._last[1]

    def _sit(self, look: Look) -> Sitting:
        """Gather what a picture is made of."""
        clock, now = time.time(), look.at is None
        if now:
            self._interest = time.monotonic()
        x, target = self._example(look.split, look.example)
        moment = self._now() if look.at is None else self._then(look.at)
        pixels = self._gallery.pixels(look.split, torch.tensor([look.example]))
        return Sitting(
            look,
            moment,
            x,
            target,
            gradients=self._gradients() if now and "weight_gradient" in look.what else None,
            before=next((tensors for step, tensors in self._steps if step == moment.step - 1), {}) if now else {},
            dead=self._dead,
            image=None if pixels is None else pixels[0],
            words=self._gallery.words(look.split, look.example),
            classes=bool(self._classes),
            clock=clock,
        )

    def _bury(self, dead: Dead) -> None:
        self._dead = dead

    def _note(self, event: Event) -> None:
        trainer, history = self._subject.trainer, self._history
        self._version += 1
        match event.kind:
            case "run_started":
                assert isinstance(event, RunStarted)
                history.forget_after(event.step)
                self._keep(event.step)
            case "batch_done":
                self._keep(event.step)
                history.work()
                if time.monotonic() - self._interest < SECONDS_OF_INTEREST:
                    self._remember()
            case "evaluated":
                assert isinstance(event, Evaluated)
                if event.views == "one":
                    self._measured = Moment(event.step, copy(weights_of(trainer), self._measured.tensors if self._measured else None))
                    self._answers = {}
            case "checkpointed":
                history.flush()
            case "run_ended":
                history.flush()

    def _keep(self, step: int) -> None:
        if self._history.wants(step):
            self._history.keep(step, weights_of(self._subject.trainer), {"run": self._subject.id})

    def _now(self) -> Moment:
        """Give the weights of this moment, copied once however many look; the moments of the last pictures stay for questions."""
        key = (self._version, self._subject.trainer.step)
        if key not in self._held:
            spare: Tensors | None = None
            if self._held:
                size = next(iter(self._held.values())).num_bytes
                if len(self._held) >= max(2, min(MOST_HELD, MAX_HELD // max(1, size))):
                    spare = self._held.popitem(last=False)[1].tensors
            self._held[key] = Moment(self._subject.trainer.step, copy(weights_of(self._subject.trainer), spare))
        return self._held[key]

    def _then(self, step: int) -> Moment:
        """Give the weights of a kept step."""
        if step not in self._past:
            self._past[step] = Moment(step, self._history.read(step))
            while len(self._past) > 2:
                self._past.popitem(last=False)
        self._past.move_to_end(step)
        return self._past[step]

    def _moment(self, values: dict[str, Any]) -> Moment:
        """Give the moment that a question is about: a kept step, the step of a picture, or now."""
        if values.get("at") is not None:
            return self._then(whole("at", values["at"]))
        step = values.get("step")
        for moment in reversed(self._held.values()):
            if step is None or moment.step == step:
                return moment
        return self._now()

    def _remember(self) -> None:
        """Copy the first weights of every layer, so that the next picture can say how far one step moves them."""
        weights = {name: p for name, p in self._subject.trainer.net.named_parameters() if p.requires_grad and p.ndim > 1}
        if sum(p.numel() for p in weights.values()) <= MOST_COMPARED:
            spare = self._steps.pop(0)[1] if len(self._steps) > 1 else None
            self._steps.append((self._subject.trainer.step, copy(weights, spare)))

    def _gradients(self) -> Tensors | None:
        """Give the gradients that moved the weights in the last step; None before the first."""
        found = {name: p.grad for name, p in self._subject.trainer.net.named_parameters() if p.grad is not None}
        return found or None

    def _explain(self, values: dict[str, Any]) -> Answer:
        """Answer a ``Question``."""
        question = Question.read(values)
        x, target = self._example(question.split, question.example)
        return question.answer(self._double, self._moment(values), x, target)

    def _augmented(self, values: dict[str, Any]) -> Answer:
        """Show a training image as the next epochs will meet it. ``{"number": of copies, "example"}`` -> images (N, H, W, C) in a blob."""
        count = min(MOST_IMAGES, max(1, whole("number", values.get("number", 16))))
        experiment, dataset = self._subject.experiment, self._subject.dataset
        if not isinstance(dataset, Dataset):
            raise DataError(f"{dataset.name} holds no images: there is nothing to be mirrored or moved; use another run")
        number = whole("example", values.get("example", 0))
        self._gallery.check("train", number)
        vary = Augmenter(
            experiment.augmentation, dataset.train, dataset.statistics, normalise=experiment.data.normalise, seed=experiment.seed
        )  # fmt: skip
        first = self._subject.trainer._progress.epoch
        images = torch.cat([vary(torch.tensor([number]), first + epoch) for epoch in range(count)])
        sheet = Sheet()
        blob = sheet.bytes(to_pixels(images, dataset.statistics, experiment.data.normalise))
        return {"example": number, "epoch": first + 1, "images": blob}, sheet.blobs()

    def _predict(self, values: dict[str, Any]) -> Answer:
        """Say what is on an uploaded picture. ``{"image": path, "top": 3}`` -> ``{"top": [[class, probability], ...], "image": blob}``."""
        if not self._classes or not isinstance(self._gallery, Images):
            raise DataError("this network names no pictures: expected one that learned classes of images; use another run")
        pixels = torch.from_numpy(
            np.ascontiguousarray(picture.read(Path(str(values.get("image"))), self._subject.experiment.network.image))
        )
        x = self._gallery.read(Examples(pixels[None], torch.zeros(1, dtype=torch.int64)))
        moment = self._moment(values)
        self._double.wear(moment, averaged=True)
        probabilities = self._double.probabilities(x)[0]
        sheet = Sheet()
        blob = sheet.bytes(pixels.numpy())
        return {"step": moment.step, "top": best(probabilities, whole("top", values.get("top", 3))), "image": blob}, sheet.blobs()

    def _confusion(self, values: dict[str, Any]) -> Answer:
        """Show the test examples of one class that were taken for another, with the weights that were measured."""
        classes = self._classes
        true, said = whole("true", values.get("true")), whole("said", values.get("said"))
        if max(true, said) >= len(classes):
            raise DataError(f"there are {len(classes)} classes: expected numbers from 0 to {len(classes) - 1}, got {true} and {said}")
        moment = self._measured or self._now()
        if values.get("at") is not None:
            moment, self._answers = self._then(whole("at", values["at"])), {}
        numbers = (self._gallery.targets("test") == true).nonzero().flatten()
        if true not in self._answers:
            self._double.wear(moment, averaged=True)
            parts = numbers.split(500)  # type: ignore[no-untyped-call]
            answers = [self._double.probabilities(self._gallery.batch("test", part)) for part in parts if len(part)]
            self._answers[true] = torch.cat(answers) if answers else torch.empty(0, len(classes))
        probabilities = self._answers[true]
        if values.get("at") is not None:
            self._answers = {}
        taken = (probabilities.argmax(1) == said).nonzero().flatten()
        order = taken[probabilities[taken, said].argsort(descending=True)][:MOST_IMAGES]
        sheet = Sheet()
        pixels = self._gallery.pixels("test", numbers[order])
        blob = None if pixels is None else sheet.bytes(pixels)
        found = [answered(*self._told_of(int(n)), p) for n, p in zip(numbers[order], probabilities[order], strict=True)]
        return {"step": moment.step, "true": true, "said": said, "count": len(taken), "examples": found, "images": blob}, sheet.blobs()

    def _told_of(self, number: int) -> tuple[int, int, str | None]:
        return number, int(self._gallery.targets("test")[number]), self._gallery.words("test", number)


def to_pixels(images: Tensor, statistics: Statistics, normalise: str) -> npt.NDArray[np.uint8]:
    """Turn normalised images (B, C, H, W) back to bytes (B, H, W, C)."""
    channels = images.shape[1]
    mean = {"centred": [0.5] * channels, "unit": [0.0] * channels}.get(normalise, list(statistics.mean))
    spread = [d or 1.0 for d in statistics.deviation] if normalise == "standard" else [1.0] * channels
    shape = (1, channels, 1, 1)
    shares = images.float() * torch.tensor(spread).view(shape) + torch.tensor(mean).view(shape)
    return np.asarray((shares * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())
