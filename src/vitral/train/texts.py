"""A text, read in parallel streams from its beginning to its end: at every step the next symbol is to be said."""

# B batch  T time  V vocabulary

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from vitral.data.streams import Scored, Streams
from vitral.data.text import Text
from vitral.events import Evaluated
from vitral.nets.loss import comparison, criterion
from vitral.nets.net import Net
from vitral.spec.experiment import Experiment
from vitral.spec.network import Softmax, Tokens
from vitral.train.evaluate import Meanwhile, nothing, wilson
from vitral.train.lessons import Autocast, Batch, Lessons
from vitral.train.precision import Precision

NUM_STREAMS = 100
WARM_UP = 200
"""How many symbols each stream of a measurement reads before it is scored."""


class TextLessons(Lessons):
    """Truncated backpropagation through time: B stretches of the text are read in step, T symbols at a time.

    The memory goes on from one step to the next, the gradient does not; at the beginning of an epoch the memory is blank.
    """

    unit = "characters"
    ways = ("test", "validation", "train")
    carries = True

    def __init__(self, experiment: Experiment, text: Text, precision: Precision) -> None:
        assert isinstance(experiment.network.input, Tokens)
        self._text, self._precision = text, precision
        self._length = experiment.network.input.length
        self._criterion = comparison(experiment.network)
        self._streams: Streams | None = None

    @property
    def num_test(self) -> int:
        """Count the symbols that are tested on."""
        return len(self._text.test)

    def num_train(self, batch_size: int) -> int:
        """Count the symbols that are predicted in one epoch; fewer than B * T at the end of the text are left out."""
        return self._cut(batch_size).used

    def per_step(self, batch_size: int) -> int:
        """Count the symbols of one step: B * T."""
        return batch_size * self._length

    def batch(self, epoch: int, position: int, batch_size: int) -> Batch:
        """Give what is read next and what follows it, each (B, T).

        After a change of the batch size the text is cut anew, and reading goes on at the nearest step, with a blank memory.
        """
        streams, size = self._cut(batch_size), self.per_step(batch_size)
        step = min(position // size, streams.num_steps - 1)
        x, y = (torch.from_numpy(codes).to(self._precision.device) for codes in streams.at(step))
        return Batch(x, y, size, (step + 1) * size, fresh=step == 0 or position % size != 0)

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the mean loss of a symbol, in nats, for scores (B, T, V)."""
        return self._criterion(scores, targets)

    def count_correct(self, scores: Tensor, targets: Tensor) -> int:
        """Count the symbols whose likeliest prediction came true."""
        return int((scores.argmax(2) == targets).sum().item())

    def measurements(self, *, last: bool) -> tuple[str, ...]:
        """Measure on the part that is only watched, where there is one; at the end on the part that was never looked at."""
        watched = ("validation",) if len(self._text.validation) > 1 else ()
        tested = ("test",) if len(self._text.test) > 1 else ()
        return watched + tested if last else watched

    def measure(self, net: Net, what: str, *, step: int, epoch: int, autocast: Autocast, meanwhile: Meanwhile = nothing) -> Evaluated:
        """Measure every symbol of a split but its first, once: nats per symbol, and how often the likeliest one came."""
        codes = self._text.test if what == "test" else self._text.train if what == "train" else self._text.validation
        began = time.perf_counter()
        blocks = Scored(codes, NUM_STREAMS, self._length, WARM_UP, what=what)
        score = score_text(net, blocks, self._precision.device, autocast, meanwhile)
        low, high = wilson(score.num_correct, score.num_scored)
        return Evaluated(
            step=step,
            epoch=epoch,
            split=what,
            views="one",
            num_examples=score.num_scored,
            loss=score.nats,
            num_correct=score.num_correct,
            accuracy=score.num_correct / score.num_scored,
            low=low,
            high=high,
            confusion=None,
            seconds=time.perf_counter() - began,
        )

    def _cut(self, batch_size: int) -> Streams:
        if self._streams is None or self._streams.batch_size != batch_size:
            self._streams = Streams(self._text.train, batch_size, self._length)
        return self._streams


@dataclass(frozen=True)
class Score:
    """How well a text was predicted: the mean loss in nats a symbol, and how many symbols were the likeliest ones."""

    nats: float
    num_correct: int
    num_scored: int


@torch.no_grad()
def score_text(net: Net, blocks: Scored, device: torch.device, autocast: Autocast, meanwhile: Meanwhile = nothing) -> Score:
    """Let a network read a text and score each answer that counts; its mode and its memory are as before afterwards.

    Example:
        A network that knows nothing scores ln V nats: 4.47 of War and Peace's 87 bytes.
    """
    was_training = net.training
    net.eval()
    total = torch.zeros((), dtype=torch.float64)
    num_correct = num_scored = 0
    measure = criterion(Softmax())
    try:
        with net.aside():
            net.carry()  # from block to block, in a network that was taken from its run too
            for block in blocks:
                meanwhile()
                x, y, counts = (torch.from_numpy(array).to(device) for array in block)
                with autocast():
                    scores: Tensor = net(x)
                scores, y = scores[counts].float(), y[counts]
                if len(y):
                    total += measure(scores, y).double().cpu() * len(y)
                    num_correct += int((scores.argmax(1) == y).sum())
                    num_scored += len(y)
    finally:
        net.train(was_training)
    return Score(float(total) / num_scored, num_correct, num_scored)
