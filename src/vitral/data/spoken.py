"""Spoken digits: 3,000 short recordings, read as rows of what a person hears in them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from vitral.data import mel, places, wav
from vitral.data.download import download
from vitral.data.places import Finding, Place
from vitral.data.progress import Watcher
from vitral.data.sequence import SequenceSet, assemble, pack, pick
from vitral.data.source import Source
from vitral.data.split import mixed
from vitral.errors import DataError

RATE: Final = 8000
SPEAKERS: Final = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TAKES: Final = 50
TESTED: Final = 5  # takes 0 to 4 are the test set, as the data set's own README says
LAYOUTS = ("sequences/recordings", "spoken-digits/recordings", "free-spoken-digit-dataset/recordings", "recordings")
EVERY = tuple(sorted(f"{digit}_{speaker}_{take}.wav" for digit in range(10) for speaker in SPEAKERS for take in range(TAKES)))

SHA256 = "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"
"""Of the lines "SHA-256 of a recording, two blanks, its name", in the order of the names: one number for all 3,000."""
URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip"
MAX_ARCHIVE: Final = 64 * 2**20
MAX_RECORDING: Final = 2**20

SPOKEN = Source(
    name="spoken-digits",
    title="Free Spoken Digit Dataset: 3,000 digits from 6 speakers",
    licence="CC BY-SA 4.0",
    origin="github.com/Jakobovski/free-spoken-digit-dataset",
    citation="Z. Jackson et al., Free Spoken Digit Dataset, 2018, doi:10.5281/zenodo.1342401",
    num_bytes=21_128_848,
    kind="sequences",
)


def locate(source: Source, layouts: tuple[str, ...]) -> Place | None:
    """Find the first folder that holds all 3,000 recordings by name; others beside them (the set grows) are passed over."""
    del source
    for root, given in places.roots():
        for layout in layouts:
            try:
                names = {path.name for path in (root / layout).iterdir()}
            except OSError:
                continue
            if names.issuperset(EVERY):
                return Place(root / layout, given)
    return None


def read(source: Source, place: Place) -> SequenceSet:
    """Read all recordings as sequences of 32 numbers a hundredth of a second (``vitral.data.mel``).

    The test set is the official one: the first 5 of the 50 times that a speaker says a digit; 2,700 to learn from, 300 to test on,
    the same 6 speakers in both. About 2 seconds on one core, so nothing is kept for the next time.

    Raises:
        DataError: a recording is not the published one.
    """
    recordings = _content(place, source)
    rows, digits, tested = [], [], []
    for name, raw in recordings.items():
        samples, rate = wav.parse(raw, str(place.folder / name))
        rows.append(mel.log_mel(samples, rate))
        digit, _, take = name.removesuffix(".wav").split("_")
        digits.append(int(digit))
        tested.append(int(take) < TESTED)
    every, side = pack(rows, digits), np.array(tested)
    train, test = (pick(every, mixed(np.flatnonzero(which))) for which in (~side, side))
    # the last digits of a logarithm are the machine's own, so the identity is that of the recordings and of the way they are read
    how = f"{SHA256} log mel {mel.WINDOW_SECONDS} {mel.HOP_SECONDS} {mel.NUM_BANDS} {mel.LOWEST} {mel.FLOOR}"
    return assemble(tuple("0123456789"), train, test, source, sha256=hashlib.sha256(how.encode()).hexdigest())


def inspect(place: Place, source: Source) -> list[Finding]:
    """Check that every recording can be read, and that all together are the published ones."""
    findings, whole = [], {}
    for name in EVERY:
        try:
            whole[name] = _bytes(place.folder / name)
            _, rate = wav.parse(whole[name], name)
            findings.append(Finding(name, "" if rate == RATE else f"expected {RATE:,} samples a second, got {rate:,}; replace it"))
        except (DataError, OSError) as cause:
            findings.append(Finding(name, f"{str(cause).removeprefix(f'{name}: ')}; {place.cure(source.name)}"))
    if all(finding.ok for finding in findings) and identity(whole) != SHA256:
        findings.append(Finding(place.folder.name, _other(place, source)))
    return findings


def identity(recordings: Mapping[str, bytes]) -> str:
    """Give one SHA-256 of all recordings and their names."""
    lines = [f"{hashlib.sha256(recordings[name]).hexdigest()}  {name}\n" for name in sorted(recordings)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def fetch(source: Source, root: Path, progress: Watcher | None, *, url: str = URL, schemes: tuple[str, ...] = ("https",)) -> None:
    """Download the archive that the project offers, and keep its 3,000 recordings when they are the known ones.

    The archive's own bytes are not the same every time; what counts is what is in it.

    Raises:
        DataUnavailable: the server cannot be reached.
        DataError: the archive holds other recordings, or nothing can be written here.
    """
    folder, archive = root / LAYOUTS[1], root / "free-spoken-digit-dataset.zip"
    download(url, archive, max_bytes=MAX_ARCHIVE, progress=progress, schemes=schemes)
    try:
        recordings = _unzip(archive)
    finally:
        archive.unlink()
    if identity(recordings) != SHA256:
        raise DataError(f"{url}: expected the 3,000 recordings of {source.name} with SHA-256 {SHA256[:16]}..., got others; try again later")
    with tempfile.TemporaryDirectory(dir=root, prefix=".spoken-") as scratch:
        for name, raw in recordings.items():
            (Path(scratch) / name).write_bytes(raw)
        folder.mkdir(parents=True, exist_ok=True)
        for name in recordings:
            shutil.move(Path(scratch) / name, folder / name)


def _unzip(archive: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    wanted = set(EVERY)
    try:
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                folder, _, name = info.filename.rpartition("/")
                if name not in wanted or not folder.endswith("recordings"):
                    continue
                if info.file_size > MAX_RECORDING:
                    raise DataError(f"{archive.name}: expected {name} of at most 1 MiB, got {info.file_size:,} bytes; try again later")
                found[name] = packed.read(info)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as cause:
        raise DataError(f"{archive.name}: cannot be unpacked ({str(cause).lower()}); try again later") from None
    if missing := sorted(wanted - set(found)):
        raise DataError(f"{archive.name}: expected 3,000 recordings, {missing[0]} and {len(missing) - 1} more are missing; try again later")
    return found


def _content(place: Place, source: Source) -> dict[str, bytes]:
    """Read all recordings and insist on their identity; a single wrong one is named where its form gives it away."""
    try:
        recordings = {name: _bytes(place.folder / name) for name in EVERY}
    except OSError as cause:
        raise DataError(f"{place.folder}: cannot be read ({(cause.strerror or str(cause)).lower()}); {place.cure(source.name)}") from None
    if identity(recordings) != SHA256:
        for name, raw in recordings.items():
            wav.parse(raw, str(place.folder / name))
        raise DataError(f"{place.folder}: {_other(place, source)}")
    return recordings


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_RECORDING)


def _other(place: Place, source: Source) -> str:
    return f"expected the published recordings, SHA-256 {SHA256[:16]}... together, got others; {place.cure(source.name)}"
