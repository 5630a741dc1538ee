"""A text as it lies in files: its bytes in order, its symbols, and which of them there are. Read in blocks, so that size costs no memory."""

# N symbols of the text

from __future__ import annotations

import codecs
import hashlib
import io
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from vitral.data.places import Finding
from vitral.data.progress import Progress, Watcher
from vitral.data.vocabulary import POINTS, Kind, Vocabulary
from vitral.errors import DataError

BLOCK: Final = 1 << 20
MARK: Final = "\ufeff"
SUFFIXES: Final = (".txt", ".py", ".md")
MAX_FILES: Final = 100_000

Points = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Piece:
    """One file of a text, or bytes that are in memory already."""

    name: str
    path: Path | None = None
    raw: bytes = b""

    @property
    def num_bytes(self) -> int:
        """How many bytes it has."""
        return self.path.stat().st_size if self.path else len(self.raw)

    def blocks(self) -> Iterator[bytes]:
        """Give its bytes in order."""
        with self._open() as file:
            while block := file.read(BLOCK):
                yield block

    def _open(self) -> IO[bytes]:
        return self.path.open("rb") if self.path else io.BytesIO(self.raw)


@dataclass(frozen=True)
class Manuscript:
    """A whole text: pieces one behind the other, with nothing in between."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def num_bytes(self) -> int:
        """How many bytes all pieces have."""
        return sum(piece.num_bytes for piece in self.pieces)

    @property
    def in_memory(self) -> bool:
        """Say whether it needs no file any more."""
        return all(piece.path is None for piece in self.pieces)

    def held(self) -> Manuscript:
        """Read it into memory, so that it cannot change any more."""
        return Manuscript(self.name, tuple(Piece(piece.name, raw=b"".join(piece.blocks())) for piece in self.pieces))


@dataclass(frozen=True)
class Census:
    """What one reading of a text found.

    Args:
        present: which code points or bytes occur, bool.
        length: how many symbols there are, N.
        sha256: of the file's bytes; of several files, of the list of theirs.
        marks: how many byte order marks were left out.
    """

    present: npt.NDArray[np.bool_]
    length: int
    sha256: str
    marks: int


def find(path: Path) -> Manuscript:
    """Describe a person's own text: a file of any name, or the .txt, .py and .md files below a folder, in the order of their paths.

    Raises:
        DataError: nothing of the kind is there.
    """
    try:
        if path.is_file():
            return Manuscript(path.name, (Piece(str(path), path),))
        paths = sorted(
            (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()), key=lambda p: p.relative_to(path).parts
        )
    except OSError as cause:
        raise DataError(f"{path}: cannot be looked into ({(cause.strerror or str(cause)).lower()}); check its permissions") from None
    paths = [found for found in paths if not any(part.startswith(".") for part in found.relative_to(path).parts)]
    if not paths:
        raise DataError(f"{path}: expected a text file, or a folder with {', '.join(SUFFIXES)} files in it, got none; name one")
    if len(paths) > MAX_FILES:
        raise DataError(f"{path}: expected at most {MAX_FILES:,} files, got {len(paths):,}; use fewer")
    return Manuscript(path.name, tuple(Piece(str(found), found) for found in paths))


def survey(text: Manuscript, kind: Kind, progress: Watcher | None = None) -> Census:
    """Read a text once: which symbols it has, how many, and its checksum.

    Raises:
        DataError: it is empty, cannot be read, or is no UTF-8 where its characters are asked for; names the byte.
    """
    reading = Reading(text, kind, None if text.in_memory else progress)
    present = np.zeros(256 if kind == "bytes" else POINTS, np.bool_)
    for points in reading:
        present[points] = True
    if not reading.length:
        raise DataError(f"{text.name}: expected some text, got an empty file; give one with at least a few thousand characters")
    return Census(present, reading.length, reading.sha256, reading.marks)


class Reading:
    """One pass through a text, block by block, as code points or bytes; afterwards it knows how many there were and their checksum."""

    def __init__(self, text: Manuscript, kind: Kind, progress: Watcher | None = None) -> None:
        self.length = self.marks = 0
        self.sha256 = ""
        self._text, self._kind, self._progress = text, kind, progress
        self._started, self._done = time.monotonic(), 0
        self._total = text.num_bytes if progress else None

    def __iter__(self) -> Iterator[Points]:
        read = self._bytes if self._kind == "bytes" else self._characters
        sums = []
        for piece in self._text.pieces:
            digest = hashlib.sha256()
            try:
                for points in read(self._blocks(piece, digest), piece.name):
                    self.length += len(points)
                    yield points
            except OSError as cause:
                raise DataError(f"{piece.name}: cannot be read ({(cause.strerror or str(cause)).lower()}); check the file") from None
            sums.append(digest.hexdigest())
        self.sha256 = sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()

    def _blocks(self, piece: Piece, digest: Any) -> Iterator[bytes]:
        for block in piece.blocks():
            digest.update(block)
            yield block
            self._done += len(block)
            if self._progress:
                self._progress(Progress(f"reading {self._text.name}", self._done, self._total, time.monotonic() - self._started))

    def _bytes(self, blocks: Iterator[bytes], name: str) -> Iterator[Points]:
        return (np.frombuffer(block, np.uint8) for block in blocks)

    def _characters(self, blocks: Iterator[bytes], name: str) -> Iterator[Points]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        offset, first = 0, True
        for block in itertools.chain(blocks, [b""]):
            kept = len(decoder.getstate()[0])  # the beginning of a character that the last block ended in
            try:
                part = decoder.decode(block, final=not block)
            except UnicodeDecodeError as cause:
                raise DataError(_broken(name, offset - kept + cause.start, cause.object[cause.start], first, cause.object)) from None
            offset += len(block)
            if first and part:
                first = False
                if part.startswith(MARK):
                    self.marks += 1
                    part = part[1:]
            if part:
                yield np.frombuffer(part.encode("utf-32-le"), "<u4")


def encode(text: Manuscript, vocabulary: Vocabulary, census: Census, progress: Watcher | None = None) -> Iterator[npt.NDArray[Any]]:
    """Give the codes of a text that was surveyed, block by block, in the vocabulary's own type.

    Raises:
        DataError: the text has changed since it was surveyed.
    """
    reading = Reading(text, vocabulary.kind, progress)
    dtype, table = vocabulary.dtype, vocabulary.table
    for points in reading:
        codes = table[np.minimum(points, len(table) - 1)]
        if codes.min(initial=0) < 0 or points.max(initial=0) >= len(table):
            break
        yield codes.astype(dtype)
    if reading.sha256 != census.sha256:
        raise DataError(f"{text.name}: changed while it was read; start again when nothing writes to it")


def inspect(path: Path) -> list[Finding]:
    """Check that a person's own text is UTF-8.

    Raises:
        DataError: there is no text at all.
    """
    findings = []
    for piece in find(path).pieces:
        try:
            survey(Manuscript(piece.name, (piece,)), "characters")
            findings.append(Finding(Path(piece.name).name))
        except DataError as cause:
            findings.append(Finding(Path(piece.name).name, str(cause).removeprefix(f"{piece.name}: ")))
    return findings


def _broken(name: str, offset: int, byte: int, first: bool, block: bytes) -> str:
    looks = " (it looks like UTF-16)" if first and block[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
    return (
        f"{name}: expected UTF-8, got byte {byte:#04x} at offset {offset:,}{looks}; "
        f'save it as UTF-8, or set data.symbols = "bytes" to take it as it is'
    )
