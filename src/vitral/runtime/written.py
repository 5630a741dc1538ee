"""A trained network that writes: the run's own symbols, its weights as a stepper, and the text that it may have copied from."""

# V vocabulary

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitral.data.progress import Watcher
from vitral.data.text import Text
from vitral.data.vocabulary import Vocabulary
from vitral.errors import SpecError
from vitral.generate.choose import Choice, Written
from vitral.generate.memorised import longest_copied
from vitral.generate.stepper import Stepper
from vitral.generate.write import write
from vitral.runtime import workspace as place
from vitral.runtime.finished import Finished, finished
from vitral.spec.experiment import Experiment

LINE_END = "\n"


@dataclass(frozen=True)
class Copied:
    """The longest stretch of a written text that stands in the training text as well."""

    length: int
    """In symbols; 0 when not one of them occurs there."""
    text: str
    start: int
    """Where it begins in the written text, in symbols."""
    offset: int
    """Where it stands in the training text for the first time, in symbols."""


class Author:
    """A network that has learned from a text, ready to write."""

    def __init__(self, trained: Finished) -> None:
        self.id = trained.id
        self.step = trained.step
        self.experiment: Experiment = trained.experiment
        self.vocabulary: Vocabulary = trained.vocabulary
        self._trained = trained
        self._stepper = Stepper.of(trained.net, alone=True)

    def beginning(self, prime: str | None = None) -> str:
        """Give what the network reads first: ``prime``, or where it is left out the prompt of the run's own samples, or a line end.

        A network says what comes next only after something. Where the text that it learned from has no line ends, its first symbol in
        order of code serves.
        """
        text = self.experiment.training.samples.prompt if prime is None else prime
        if text:
            return text
        points = self.vocabulary.points
        return LINE_END if ord(LINE_END) in points else self.vocabulary.decode([0])

    def write(self, prime: str, length: int, choice: Choice, *, seed: int = 0, candidates: int = 0) -> Iterator[Written]:
        """Let the network read ``prime`` and go on from there; symbols come as they are asked for.

        Raises:
            DataError: the prime has symbols that the network never met.
            SpecError: a number out of range.
        """
        codes = self.vocabulary.encode(prime).tolist()
        how = {"temperature": choice.temperature, "top_k": choice.top_k, "top_p": choice.top_p}
        return write(self._stepper, codes, length, **how, seed=seed, candidates=candidates)  # type: ignore[arg-type]

    def copied(self, codes: list[int], progress: Watcher | None = None) -> Copied:
        """Find the longest stretch that stands in the text that the network learned from.

        Raises:
            DataError: that text cannot be had, or is not the same any more.
        """
        text = self._trained.gather(progress)
        assert isinstance(text, Text)
        found = longest_copied(np.array(codes), text.train)
        stretch = self.vocabulary.decode(codes[found.start : found.start + found.length])
        return Copied(found.length, stretch, found.start, found.offset)


def author_of(run: str, *, workspace: Path) -> Author:
    """Make a run's network ready to write.

    Args:
        run: the id, its beginning, or ``last``; it may be training at this moment.
        workspace: the folder of all runs.

    Raises:
        StoreError: no such run, or no checkpoint yet.
        SpecError: its network writes no text.
    Example:
        ``author = author_of("last", workspace=settings.workspace())``, then
        ``"".join(spell(author.vocabulary, (w.symbol for w in author.write("To be", 200, Choice(0.8)))))``
    """
    row = place.row_of(workspace, run)
    if not place.read_experiment(row).network.predicts_next:
        raise SpecError(f"run {row.id} writes no text: expected a network that says which symbol comes next; choose another run")
    return Author(finished(row.id, workspace=workspace, device="cpu"))


def spell(vocabulary: Vocabulary, codes: Iterable[int]) -> Iterator[str]:
    """Give the text of symbols while they come: one piece a symbol, empty until the last byte of a character is there; then the rest."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    bytes_of = [vocabulary.to_bytes([code]) for code in range(len(vocabulary))]
    for code in codes:
        yield decoder.decode(bytes_of[code])
    yield decoder.decode(b"", final=True)
