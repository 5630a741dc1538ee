"""A text as data: its symbols as numbers, in the three parts that are learned from, watched and tested on."""

# N symbols of the text  V vocabulary

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from vitral import settings
from vitral.data import catalogue, manuscript
from vitral.data.codes import Codes, Mapped, part
from vitral.data.manuscript import Census, Manuscript
from vitral.data.progress import Watcher
from vitral.data.source import Source
from vitral.data.streams import Block, Scored, Streams
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError

if TYPE_CHECKING:
    from vitral.spec.experiment import Data

__all__ = ["Block", "Codes", "Scored", "Streams", "Text", "load_text"]

LARGE: Final = 64 * 2**20
"""From so many bytes on a text stays on the disk."""
PARTS: Final = ("training", "validation", "test")


@dataclass(frozen=True)
class Text:
    """One text in three parts, each an array of codes, (N,), of the vocabulary's type; a large one stays on the disk.

    ``counts`` says how often each symbol occurs in the training part, int64, (V,). ``sha256`` is the identity of the bytes and of how
    they were split: a checkpoint holds it. ``notes`` say what a person should know about this text, a sentence each.
    """

    name: str
    vocabulary: Vocabulary
    train: Codes
    validation: Codes
    test: Codes
    source: Source
    sha256: str
    counts: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def entropy(self) -> float:
        """The loss, in nats a symbol, of guessing by how often each symbol occurs in training: -sum p ln p.

        Example: War and Peace in characters has 3.1; a network that has learned anything is below it.
        """
        p = self.counts[self.counts > 0] / self.counts.sum()
        return float(-(p * np.log(p)).sum())


def load_text(data: Data, *, progress: Watcher | None = None, download: bool = True) -> Text:
    """Load the text that an experiment learns from.

    A name of the catalogue is looked for in VITRAL_DATA, then among the downloads, and fetched when it is in neither; anything else is
    the path of a file, or of a folder whose text files are read one behind the other. Characters are those of UTF-8, as they stand:
    a byte order mark at the beginning is left out, CR LF stays two symbols. Bytes are those of the file, all of them.

    The text is cut by position: the first part ends at floor(N * s1), the second at floor(N * (s1 + s2)), for ``data.split`` =
    (s1, s2, s3), whose decimal digits are taken at their word. A part that has a file of its own takes no share of the source; the other
    shares keep their proportion. All the files that are given make up the vocabulary.

    Args:
        data: the experiment's own words.
        progress: is told of downloads and of the reading of large files.
        download: False never touches the network.

    Raises:
        DataUnavailable: only the network is missing.
        DataError: no such text, not UTF-8, or too short to be split.
    Example:
        ``load_text(Data(source="war-and-peace", symbols="bytes"))`` has 87 symbols and 2,606,596 of them to learn from.
    """
    source, *texts = _originals(data, progress, download)
    given = dict(zip((name for name in PARTS[1:] if getattr(data, name)), texts[1:], strict=True))
    censuses = [manuscript.survey(text, data.symbols, progress) for text in texts]
    vocabulary = _vocabulary(data.symbols, censuses)
    whole, *others = [_codes(text, vocabulary, census, progress) for text, census in zip(texts, censuses, strict=True)]
    shares = tuple(Fraction(0) if name in given else Fraction(repr(share)) for name, share in zip(PARTS, data.split, strict=True))
    limits = (data.train_size, data.test_size, data.test_size)
    bounds = cut(len(whole), shares)
    parts = {name: part(whole, *bound) for name, bound in zip(PARTS, bounds, strict=True)} | dict(zip(given, others, strict=True))
    parts = {name: part(codes, 0, min(len(codes), limit or len(codes))) for (name, codes), limit in zip(parts.items(), limits, strict=True)}
    for name, codes in parts.items():
        expected = name == "training" or name in given or data.split[PARTS.index(name)] > 0
        if expected and len(codes) < 2:
            raise DataError(
                f"{source.name}: its {name} part has {len(codes)} of {len(whole):,} {data.symbols}, expected at least 2; "
                f"use a longer text or another data.split"
            )
    counts = _count(parts["training"], len(vocabulary))
    words = [
        data.symbols,
        *(census.sha256 for census in censuses),
        *given,
        *(f"{a} {b}" for a, b in bounds),
        *map(str, map(len, parts.values())),
    ]
    identity = hashlib.sha256("\n".join(words).encode()).hexdigest()
    notes = tuple(_notes(texts, censuses, vocabulary, counts))
    return Text(source.name, vocabulary, parts["training"], parts["validation"], parts["test"], source, identity, counts, notes)


def cut(length: int, shares: Sequence[Fraction]) -> list[tuple[int, int]]:
    """Cut 0 .. length into neighbouring stretches in proportion to ``shares``: each ends at the floor of where it should.

    Example: ``cut(3258246, (Fraction(8, 10), Fraction(1, 10), Fraction(1, 10)))`` ends at 2,606,596, 2,932,421 and 3,258,246.
    """
    total, gone, bounds = sum(shares), Fraction(0), [0]
    for share in shares:
        gone += share
        bounds.append(int(length * gone / total))  # a fraction: exact; int() of it rounds down
    return list(itertools.pairwise(bounds))


def _originals(data: Data, progress: Watcher | None, download: bool) -> Iterator[Any]:
    source, text = catalogue.writing(data.source, progress, download=download)
    yield source
    yield _steady(text)
    for name in PARTS[1:]:
        if path := getattr(data, name):
            try:
                yield _steady(catalogue.writing(path, progress, download=download)[1])
            except DataError as cause:
                raise type(cause)(f"data.{name}: {cause}") from None


def _steady(text: Manuscript) -> Manuscript:
    """Hold in memory what is small; what is large is read from the disk again and again."""
    try:
        return text if text.num_bytes >= LARGE else text.held()
    except OSError as cause:
        raise DataError(
            f"{cause.filename or text.name}: cannot be read ({(cause.strerror or str(cause)).lower()}); check the file"
        ) from None


def _vocabulary(kind: Any, censuses: Sequence[Census]) -> Vocabulary:
    points = np.flatnonzero(np.logical_or.reduce([census.present for census in censuses])).tolist()
    return Vocabulary(kind, bytes(points) if kind == "bytes" else tuple(map(chr, points)))


def _codes(text: Manuscript, vocabulary: Vocabulary, census: Census, progress: Watcher | None) -> Codes:
    """Turn a text into codes: in memory when it is small, else on the disk."""
    if text.in_memory:
        codes, end = np.empty(census.length, vocabulary.dtype), 0
        for block in manuscript.encode(text, vocabulary, census):
            codes[end : end + len(block)] = block
            end += len(block)
        return codes
    (first, *more) = text.pieces
    if vocabulary.kind == "bytes" and not more and first.path:
        try:
            raw: npt.NDArray[np.uint8] = np.memmap(first.path, np.uint8, "r")
        except (OSError, ValueError):  # it is gone, or empty by now
            raw = np.empty(0, np.uint8)
        if len(raw) != census.length:
            raise DataError(f"{first.path}: changed while it was read; start again when nothing writes to it")
        return Mapped(raw, vocabulary.table)
    return _cached(text, vocabulary, census, progress)


def _cached(text: Manuscript, vocabulary: Vocabulary, census: Census, progress: Watcher | None) -> Codes:
    """Encode a large text once into a file among the downloads; the next run finds it there.

    The file holds the codes and behind them their SHA-256; one that does not end in it is made again.
    """
    name = hashlib.sha256(f"{census.sha256} {json.dumps(vocabulary.to_json())}".encode()).hexdigest()[:32]
    folder = settings.downloads() / "texts"
    target = folder / f"{name}.{vocabulary.dtype.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{name}.lock"):  # a second process waits, then finds it here
            if not _whole(target, census.length * vocabulary.dtype.itemsize):
                _write(target, manuscript.encode(text, vocabulary, census, progress))
        return np.memmap(target, vocabulary.dtype, "r", shape=(census.length,))
    except OSError as cause:
        raise DataError(
            f"{target}: cannot be written ({(cause.strerror or str(cause)).lower()}); free some space or set VITRAL_CACHE to another folder"
        ) from cause


def _whole(path: Path, num_bytes: int) -> bool:
    if not path.is_file() or path.stat().st_size != num_bytes + hashlib.sha256().digest_size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while num_bytes:
            block = file.read(min(manuscript.BLOCK, num_bytes))
            num_bytes -= len(block)
            digest.update(block)
        return file.read() == digest.digest()


def _write(target: Path, blocks: Iterator[npt.NDArray[Any]]) -> None:
    temporary = target.with_name(f"{target.name}.part")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as out:
            for block in blocks:
                digest.update(block.data)
                out.write(block.data)
            out.write(digest.digest())
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _count(codes: Codes, size: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    for start in range(0, len(codes), manuscript.BLOCK):
        counts += np.bincount(codes[start : start + manuscript.BLOCK], minlength=size)
    return counts


def _notes(texts: Sequence[Manuscript], censuses: Sequence[Census], vocabulary: Vocabulary, counts: npt.NDArray[np.int64]) -> Iterator[str]:
    for text, census in zip(texts, censuses, strict=True):
        if census.marks:
            yield f"{text.name}: its byte order mark is left out"
    if ord("\r") in vocabulary.points.tolist():
        yield "line ends of CR LF are kept: both are symbols that the network learns to write"
    if never := np.flatnonzero(counts == 0).tolist():
        shown = " ".join(vocabulary.show(code) for code in never[:8]) + (" ..." if len(never) > 8 else "")
        yield f"the training part never shows {len(never)} of the {len(vocabulary)} symbols: {shown}"
