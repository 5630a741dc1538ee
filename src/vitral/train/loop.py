"""Training, as a stream of events: pausing is not asking for the next one, one batch is one ``next()``."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vitral import events
from vitral.errors import DataError, SpecError, StoreError
from vitral.events import BatchDone, ControlChanged, Diverged, EpochDone, Evaluated, Event, RunEnded, RunStarted
from vitral.nets.builders import build
from vitral.nets.initialise import generator
from vitral.spec.experiment import Experiment
from vitral.train import divergence, precision, schedule
from vitral.train.average import Average
from vitral.train.control import Controls
from vitral.train.evaluate import Meanwhile, nothing
from vitral.train.lessons import Batch
from vitral.train.memory import keep_freed
from vitral.train.optimise import Optimiser
from vitral.train.progress import Progress
from vitral.train.state import AVERAGE, DROPOUT, MEMORY, NET, State, fits, keep, part, put_back
from vitral.train.subjects import Taught, lessons


class Trainer:
    """An experiment on its way: the network, and everything that decides its next step.

    Between two events all of it is consistent: ``state()`` may be taken, and a trainer that loads it goes on to the same bits. Nothing is
    drawn from torch's global generator: an epoch's order and every augmentation are functions of (seed, epoch, example), first weights of
    (seed, layer), and dropout has a generator of its own. What a recurrent network remembers of a text belongs to the state.

    Args:
        experiment: what to train, fitting the data.
        dataset: images, a text or sequences: the training split is learned from, the test split measured.
        device: "auto", "cpu" or "cuda".
        run: the name of the run, for the record.
    Raises:
        SpecError: no such device; nothing that learns.
    Example:
        ``for event in Trainer(zoo.load("default"), dataset).events(): print(event)``
    """

    def __init__(self, experiment: Experiment, dataset: Taught, *, device: str = "auto", run: str = "") -> None:
        self.experiment = experiment
        self.dataset = dataset
        self.run = run
        self.controls = Controls.of(experiment.training)
        self.precision = precision.choose(device, experiment.training)
        self.meanwhile: Meanwhile = nothing
        """Is called between two batches of a measurement, when the network may wear the average of its weights: it is not to be looked at."""
        self._progress = Progress()
        self._changes: deque[ControlChanged] = deque()
        self._exact = True
        self._notes: tuple[str, ...] = (self.precision.reason,)
        self._diverged = False

        place = self.precision.device
        if place.type == "cpu":
            keep_freed()
        self._lessons = lessons(experiment, dataset, self.precision)
        self.net = build(experiment.network, seed=experiment.seed)
        self._lessons.prepare(self.net)
        self.net.to(device=place)
        self.net.to(memory_format=self.precision.memory_format)  # type: ignore[call-overload]
        self.net.draw_from(generator(experiment.seed, "dropout", place))
        self.net.carry(self._lessons.carries)
        self._numbers = divergence.numbers(self.net)
        self._optimiser = self._new_optimiser()
        self._average = Average(self.net, experiment.training.average) if experiment.training.average else None

    @property
    def step(self) -> int:
        """Count the optimiser steps done."""
        return self._progress.step

    @property
    def num_steps(self) -> int:
        """Count the steps of the whole training at the present batch size."""
        per_step = self._lessons.per_step(self.controls.batch_size)
        return self._progress.num_steps(self.experiment.training, self._num_train, per_step)

    def events(self) -> Iterator[Event]:
        """Train, and tell what happens: RunStarted; BatchDone after each step; EpochDone and Evaluated; at last RunEnded.

        A change of a control is told when it begins to hold. A loss or weight that is not finite ends the run: Diverged, RunEnded("diverged").
        """
        began = time.perf_counter()
        yield self._started()
        while not self._diverged:
            if self._changes:
                yield self._changes.popleft()
            elif self._progress.due:
                yield self._summary() if self._progress.due[0] == "epoch" else self._measurement()
            elif self._progress.over(self.experiment.training):
                break
            else:
                yield self._learn()
        yield RunEnded(step=self.step, outcome="diverged" if self._diverged else "finished", seconds=time.perf_counter() - began)

    def change(self, name: str, value: object) -> ControlChanged:
        """Change a control from the next step on.

        Args:
            name: learning_rate, momentum, batch_size, decay (L2) or optimiser.
            value: what ``Controls.set`` takes. Another optimiser begins without memory; another number keeps what has been accumulated.
        Returns:
            The event that ``events()`` will give next.
        Raises:
            SpecError: no such control, a value out of its range, or a text too short for such batches; nothing has changed then.
        """
        before = self.controls
        after = before.set(name, value)
        try:
            self._lessons.num_train(after.batch_size)
        except DataError as cause:
            raise SpecError(f"{name} cannot be {value!r}: {cause}") from None
        self.controls = after
        if name == "optimiser":
            self._optimiser = self._new_optimiser()
        else:
            self._optimiser.set(self.controls.optimiser, self.controls.decay)
        self._changes.append(ControlChanged(step=self.step, name=name, before=before.get(name), after=self.controls.get(name)))
        return self._changes[-1]

    def wear(self, weights: Mapping[str, Tensor], origin: str) -> ControlChanged:
        """Go on with other weights, such as those of a snapshot: the optimiser begins without memory, and a moving average begins here.

        Args:
            weights: by name, as ``net.state_dict()`` has them, of any number format.
            origin: where they come from, for the record.
        Returns:
            The event that ``events()`` will give next.
        Raises:
            StoreError: they belong to another network; nothing has changed then.
        """
        fits(weights, self.net.state_dict())
        put_back("", self.net.state_dict(), weights)
        self.net.forget()
        self._optimiser = self._new_optimiser()
        self._average = Average(self.net, self.experiment.training.average) if self.experiment.training.average else None
        self._changes.append(ControlChanged(step=self.step, name="weights", before=None, after=origin))
        return self._changes[-1]

    def state(self) -> State:
        """Copy everything that decides how training goes on; call it between two events.

        Raises:
            StoreError: training has diverged; its weights are worth nothing.
        """
        if self._diverged:
            raise StoreError(f"the run diverged after step {self.step}: its weights are not saved; go back to its last checkpoint")
        tensors = keep(NET, self.net.state_dict().items()) | self._optimiser.tensors()
        if self._average:
            tensors |= keep(AVERAGE, self._average.tensors.items())
        tensors |= keep(MEMORY, self.net.memories().items())
        tensors[DROPOUT] = self.net.generator.get_state()
        return State(
            tensors,
            {
                "progress": self._progress.to_json(),
                "controls": self.controls.to_json(),
                "changes": [events.to_json(change) for change in self._changes],
                "machine": precision.machine(self.precision),
            },
        )

    def load(self, state: State) -> tuple[bool, tuple[str, ...]]:
        """Go on from a state that a trainer of the same experiment and data gave.

        Returns:
            Whether the next steps will have the same bits as without the interruption, and if not, why.
        Raises:
            StoreError: the state belongs to another network.
        """
        values = state.values
        self.controls = Controls.from_json(values["controls"])
        self._progress = Progress.from_json(values["progress"])
        self._changes = deque(_control_changed(text) for text in values["changes"])
        put_back(NET, self.net.state_dict(), state.tensors)
        self._optimiser = self._new_optimiser()
        self._optimiser.load(state.tensors)
        if self._average:
            put_back(AVERAGE, self._average.tensors, state.tensors)
        self.net.remember(part(state.tensors, MEMORY))
        now = precision.machine(self.precision)
        reasons = [f"{name} was {was}, is {now.get(name)}" for name, was in values["machine"].items() if now.get(name) != was]
        if now["device"].split(":")[0] == values["machine"]["device"].split(":")[0]:
            self.net.generator.set_state(state.tensors[DROPOUT])
        self._exact, self._diverged = not reasons, False
        self._notes = (self.precision.reason, *reasons)
        return self._exact, tuple(reasons)

    def _learn(self) -> BatchDone | Diverged:
        """Take one step: look at a batch, compare the answers with what is true, correct the weights."""
        began = time.perf_counter()
        training, now = self.experiment.training, self._progress
        rate = schedule.factor(training.schedule, now.share(training, self._num_train), now.epoch)
        self.net.train()
        self._optimiser.clear_gradients()
        with _recording(), precision.repeatable(self.precision.device):
            batch = self._lessons.batch(now.epoch, now.position, self.controls.batch_size)
            if batch.fresh:
                self.net.forget()
            remembered = self.net.memories()
            scores = self._forward(batch.x)
            loss = self._lessons.loss(scores, batch.targets)
            loss.backward()  # type: ignore[no-untyped-call]
            mean, num_correct = loss.item(), self._lessons.count_correct(scores, batch.targets)
            if not math.isfinite(mean):
                self._optimiser.clear_gradients()  # all of them are spoiled; the cause lies before
                return self._break_off(batch, remembered)
            penalty = self._optimiser.penalty()
            self._optimiser.step(rate, training.clip)
            if not divergence.are_finite(self._numbers):
                return self._break_off(batch, remembered)
            if self._average:
                self._average.follow(now.step)
        seconds = time.perf_counter() - began
        self._progress = now.after(
            training,
            num_train=self._num_train,
            ends_at=batch.ends_at,
            num_examples=batch.num_examples,
            loss=mean,
            num_correct=num_correct or 0,
            seconds=seconds,
            measurements=lambda last: self._lessons.measurements(last=last),
        )
        return BatchDone(
            step=self.step,
            epoch=now.epoch + 1,
            loss=mean,
            penalty=penalty,
            num_correct=num_correct,
            num_examples=batch.num_examples,
            learning_rate=self.controls.optimiser.learning_rate * rate,
            seconds=seconds,
        )

    def _forward(self, x: Any) -> Tensor:
        """Give the scores in float32, computed in the run's precision."""
        with self.precision.autocast():
            scores: Tensor = self.net(x)
        return scores.float()

    @property
    def _num_train(self) -> int:
        """Count the examples of an epoch at the present batch size."""
        return self._lessons.num_train(self.controls.batch_size)

    def _break_off(self, batch: Batch, remembered: dict[str, Tensor]) -> Diverged:
        """End a run that has lost its numbers: the step just taken does not count, and its weights will not be given out."""
        self._diverged = True

        def again() -> None:
            self.net.remember(remembered)
            self._forward(batch.x)

        finding = divergence.locate(self.net, again)
        return Diverged(step=self.step, layer=finding.layer, what=finding.what)

    def _summary(self) -> EpochDone:
        now = self._progress
        self._progress = now.next_epoch()
        regression = self.experiment.network.loss.kind == "regression"
        return EpochDone(
            step=now.step,
            epoch=now.epoch + 1,
            loss=now.loss_sum / now.num_examples,
            accuracy=None if regression else now.num_correct / now.num_examples,
            num_examples=now.num_examples,
            seconds=now.seconds,
        )

    def _measurement(self) -> Evaluated:
        """Measure the weights, or their moving average, on a whole split."""
        now = self._progress
        with self._average.worn() if self._average else contextlib.nullcontext():
            found = self._lessons.measure(
                self.net,
                now.due[0],
                step=now.step,
                epoch=now.epoch + (now.position > 0),
                autocast=self.precision.autocast,
                meanwhile=self.meanwhile,
            )
        self._progress = replace(now, due=now.due[1:])
        return found

    def _started(self) -> RunStarted:
        place = self.precision.device
        return RunStarted(
            step=self.step,
            run=self.run,
            experiment=self.experiment.name,
            seed=self.experiment.seed,
            device=str(place) if place.type == "cpu" else f"{place} ({torch.cuda.get_device_name(place)})",
            precision=self.precision.name,
            memory_format=self.precision.layout,
            num_threads=self.precision.num_threads,
            num_parameters=self.net.num_parameters,
            unit=self._lessons.unit,
            num_train=self._num_train,
            num_test=self._lessons.num_test,
            num_steps=self.num_steps,
            steps_per_epoch=-(-self._num_train // self._lessons.per_step(self.controls.batch_size)),
            batch_size=self.controls.batch_size,
            data=self.dataset.name,
            data_sha256=self.dataset.sha256,
            versions=precision.versions(),
            exact=self._exact,
            notes=self._notes,
        )

    def _new_optimiser(self) -> Optimiser:
        l1_decay = self.experiment.training.l1_decay
        return Optimiser(self.net.learned, self.controls.optimiser, l1_decay=l1_decay, l2_decay=self.controls.decay)


@contextlib.contextmanager
def _recording() -> Iterator[None]:
    """Record gradients even where the caller asked for the next event under ``no_grad`` or ``inference_mode``."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def _control_changed(text: str) -> ControlChanged:
    event: Any = events.from_json(text)
    assert isinstance(event, ControlChanged)
    return event
