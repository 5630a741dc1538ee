"""Official layouts on this machine: where a data set's files lie, and whether each is what its authors published."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vitral import settings
from vitral.data.source import File, Source
from vitral.errors import DataError


@dataclass(frozen=True)
class Finding:
    """What a check says of one file; ``problem`` is empty when all is well."""

    file: str
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Say whether the file is what it should be."""
        return not self.problem


@dataclass(frozen=True)
class Place:
    """A folder that holds every file of a data set; ``given`` when it was found in VITRAL_DATA."""

    folder: Path
    given: bool

    def cure(self, name: str) -> str:
        """Say what to do about a wrong file here."""
        return "replace it, or unset VITRAL_DATA" if self.given else f"run: vitral data get {name}"


def roots() -> Iterator[tuple[Path, bool]]:
    """Give the folders to look in, in order: VITRAL_DATA (True), then the downloads (False)."""
    given = settings.given_data()
    if given is not None:
        yield given, True
    yield settings.downloads(), False


def locate(source: Source, layouts: tuple[str, ...]) -> Place | None:
    """Find the first place that holds all files of ``source`` under one of ``layouts``."""
    for root, given in roots():
        for layout in layouts:
            folder = root / layout
            if all(find(folder, file.name) for file in source.files):
                return Place(folder, given)
    return None


def find(folder: Path, name: str) -> Path | None:
    """Find a file by its official name, plain or gzipped; old tools write a dot before ``idx``."""
    for candidate in (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz"):
        try:
            if (folder / candidate).is_file():
                return folder / candidate
        except OSError:  # no permission to look
            return None
    return None


def content(path: Path, file: File, cure: str) -> bytes:
    """Read a file, unpacked where it is gzipped, and insist on its size and SHA-256.

    Raises:
        DataError: unreadable, damaged, or other content than published.
    Example:
        A file with one byte changed gives ``data_batch_1.bin: expected SHA-256 cee916563c9f..., got 11fd0a...; replace it, ...``.
    """
    try:
        raw = _read(path, file.num_bytes)
    except (OSError, EOFError, zlib.error) as cause:
        raise DataError(f"{path}: cannot be read ({_said(cause)}); {cure}") from None
    if not file.sha256 and len(raw) <= file.num_bytes:
        return raw
    if len(raw) != file.num_bytes:
        got = f"{len(raw):,}" if len(raw) < file.num_bytes else "more"
        raise DataError(f"{path}: expected {file.num_bytes:,} bytes, got {got}; {cure}")
    got = hashlib.sha256(raw).hexdigest()
    if got != file.sha256:
        raise DataError(f"{path}: expected SHA-256 {file.sha256[:16]}..., got {got[:16]}...; {cure}")
    return raw


def inspect(place: Place, source: Source) -> list[Finding]:
    """Check every file of a data set."""
    findings = []
    for file in source.files:
        path = find(place.folder, file.name)
        if path is None:
            findings.append(Finding(file.name, f"is missing in {place.folder}; {place.cure(source.name)}"))
            continue
        try:
            content(path, file, place.cure(source.name))
            findings.append(Finding(path.name))
        except DataError as cause:
            findings.append(Finding(path.name, str(cause).removeprefix(f"{path}: ")))
    return findings


def identity(source: Source) -> str:
    """Give the SHA-256 of a data set whose files were verified: it follows from theirs, whatever they were packed in."""
    lines = [source.name, *(f"{file.sha256}  {file.name}" for file in source.files)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(path: Path, num_bytes: int) -> bytes:
    if path.suffix == ".gz":
        with gzip.open(path) as packed:
            return packed.read(num_bytes + 1)
    with path.open("rb") as file:
        return file.read(num_bytes + 1)


def _said(cause: BaseException) -> str:
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).lower()
