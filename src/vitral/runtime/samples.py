"""Texts that a network writes while it learns, at the steps that the experiment names."""

from __future__ import annotations

import time

from vitral.data.text import Text
from vitral.errors import DataError, ShapeError
from vitral.events import BatchDone, Event, SampleWritten
from vitral.generate.stepper import Stepper
from vitral.generate.write import write
from vitral.nets.net import Net
from vitral.spec.experiment import Samples

MOST_PROMPT = 80
"""How many symbols of the text's first line are the prompt where none is given."""


class Sampler:
    """Lets a network write after certain steps: always from the same prompt and by the same draws.

    Args:
        settings: when, how much, and how daringly.
        text: what the network learns from.
    Raises:
        ShapeError: the prompt has characters that the text has not.
    """

    def __init__(self, settings: Samples, text: Text) -> None:
        self._settings, self._vocabulary = settings, text.vocabulary
        self.prompt = settings.prompt or first_line(text)
        try:
            self._codes = self._vocabulary.encode(self.prompt)
        except DataError as cause:
            unknown = str(cause).partition(";")[0]
            raise ShapeError(
                f'training.samples.prompt does not fit {text.name}: {unknown}; set it to "" to begin with the text\'s first line'
            ) from None

    def after(self, event: Event, net: Net) -> tuple[SampleWritten, ...]:
        """Give the text that is due after an event of the training, if one is; the network is read and not changed."""
        if not isinstance(event, BatchDone) or not self._settings.due(event.step):
            return ()
        try:
            return (self._write(event.step, net),)
        except DataError:  # scores that are not finite: training itself says so at its next step
            return ()

    def _write(self, step: int, net: Net) -> SampleWritten:
        began, settings = time.perf_counter(), self._settings
        written = write(
            Stepper.of(net),
            self._codes.tolist(),
            settings.length,
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            seed=settings.seed,
        )
        text = self._vocabulary.decode([symbol.symbol for symbol in written])
        return SampleWritten(
            step=step,
            prompt=self.prompt,
            text=text,
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            seed=settings.seed,
            seconds=time.perf_counter() - began,
        )


def first_line(text: Text) -> str:
    """Give the first line of a text that is not empty, or as much of it as 80 symbols are."""
    beginning = text.vocabulary.decode(text.train[:MOST_PROMPT])
    return next((line for line in beginning.splitlines(keepends=True) if line.strip()), beginning)
