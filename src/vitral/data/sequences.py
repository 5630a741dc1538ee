"""Every set of sequences by its name, and a person's own: the part of the catalogue that recurrent networks learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitral.data import names, places, rows, spoken, steps, texts, timeseries, vowels
from vitral.data.places import Finding, Place
from vitral.data.progress import Watcher
from vitral.data.sequence import SequenceSet
from vitral.data.source import Source
from vitral.errors import DataError

PATHS: Final = "a .csv with a column series or text, a .ts, a folder of .txt files"


@dataclass(frozen=True)
class Sequenced:
    """A set of sequences whose files come from outside."""

    source: Source
    layouts: tuple[str, ...]
    read: Callable[[Source, Place], SequenceSet]
    fetch: Callable[[Source, Path, Watcher | None], None]
    find: Callable[[Source, tuple[str, ...]], Place | None] = places.locate
    look: Callable[[Place, Source], list[Finding]] = places.inspect

    def locate(self) -> Place | None:
        """Find its files on this machine."""
        return self.find(self.source, self.layouts)

    def inspect(self, place: Place) -> list[Finding]:
        """Check its files."""
        return self.look(place, self.source)


SEQUENCES = {
    entry.source.name: entry
    for entry in (
        Sequenced(names.NAMES, names.LAYOUTS, names.read, names.fetch),
        Sequenced(spoken.SPOKEN, spoken.LAYOUTS, spoken.read, spoken.fetch, spoken.locate, spoken.inspect),
        Sequenced(vowels.VOWELS, vowels.LAYOUTS, vowels.read, vowels.fetch, vowels.locate, vowels.inspect),
        Sequenced(rows.MNIST, rows.LAYOUTS, rows.read_mnist, rows.fetch_mnist),
    )
}
EMBEDDED = {rows.DIGITS.name: rows.DIGITS}


def belongs(path: Path) -> bool:
    """Say whether a path of a person's own is one of sequences, by its name and its heading alone."""
    suffix = path.suffix.lower()
    return suffix == ".ts" or (suffix in {".csv", ".tsv"} and steps.belongs(path)) or texts.belongs(path)


def own(path: Path, source: Source) -> SequenceSet:
    """Read a person's own sequences.

    Raises:
        DataError: a file of another kind, or one that is not what it should be.
    """
    suffix = path.suffix.lower()
    if suffix == ".ts":
        return timeseries.read(path, source)
    if path.is_dir():
        if not texts.belongs(path):
            raise DataError(f"{path}: expected {PATHS}, got a folder without two of these; put one text file a class into it")
        return texts.read(path, source)
    if suffix in {".csv", ".tsv"}:
        return steps.read(path, source)
    raise DataError(f"{path}: expected {PATHS}, got a file of another kind; name one of these")
