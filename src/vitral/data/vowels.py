"""Japanese vowels: who of nine men says "ae", from 12 numbers a step that describe the sound."""

# T time  F features

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from vitral.data import places, timeseries
from vitral.data.download import download
from vitral.data.places import Finding, Place
from vitral.data.progress import Watcher
from vitral.data.sequence import SequenceExamples, SequenceSet, assemble, identify, pack
from vitral.data.source import Source
from vitral.errors import DataError

CLASSES = tuple("123456789")
FEATURES: Final = 12
COUNTS: Final = ((30,) * 9, (31, 35, 88, 44, 29, 24, 40, 50, 29))
"""How many utterances of each speaker the training and the test file hold, in this order: the official size_ae.train and size_ae.test."""
ARCHIVED = ("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts")
OFFICIAL = ("ae.train", "ae.test")
LAYOUTS = ("sequences", "japanese-vowels", "JapaneseVowels", "sequences/JapaneseVowels", "japanese+vowels")
URL = "https://archive.ics.uci.edu/static/public/128/japanese+vowels.zip"
MAX_FILE: Final = 4 * 2**20

SHA256 = "571b4abd8a679f2e333fdfb6774c4291927800f8a61ee85e1e699809ab36347f"
"""Of the numbers themselves, so that it is the same whichever of the two forms they were read from."""

VOWELS = Source(
    name="japanese-vowels",
    title="Japanese Vowels: 640 utterances of 9 speakers, 12 numbers",
    licence="CC BY 4.0",
    origin="archive.ics.uci.edu/dataset/128/japanese+vowels",
    citation="M. Kudo, J. Toyama and M. Shimbo, Japanese Vowels, UCI Machine Learning Repository, 1999, doi:10.24432/C5NS47",
    num_bytes=1_137_103,
    kind="sequences",
)


def locate(source: Source, layouts: tuple[str, ...]) -> Place | None:
    """Find the first folder that holds both files, as .ts or in the official form."""
    del source
    for root, given in places.roots():
        for layout in layouts:
            if _form(root / layout):
                return Place(root / layout, given)
    return None


def read(source: Source, place: Place) -> SequenceSet:
    """Read the official split: 270 utterances to learn from, 370 to test on, 7 to 29 steps each.

    Raises:
        DataError: the numbers are not the published ones.
    """
    form = _form(place.folder)
    if not form:
        raise DataError(f"{place.folder}: {ARCHIVED[0]} is missing; {place.cure(source.name)}")
    train, test = (_split(place.folder / name, split) for split, name in enumerate(form))
    got = identify(CLASSES, train, test, None)
    if got != SHA256:
        raise DataError(
            f"{place.folder / form[0]}: expected with {form[1]} numbers of SHA-256 {SHA256[:16]}..., got {got[:16]}...; "
            f"{place.cure(source.name)}"
        )
    return assemble(CLASSES, train, test, source, sha256=got)


def inspect(place: Place, source: Source) -> list[Finding]:
    """Check both files together: their numbers have one checksum."""
    form = _form(place.folder) or ARCHIVED
    try:
        read(source, place)
    except DataError as cause:
        return [Finding(name, str(cause).removeprefix(f"{place.folder / name}: ")) for name in form]
    return [Finding(name) for name in form]


def fetch(source: Source, root: Path, progress: Watcher | None, *, url: str = URL, schemes: tuple[str, ...] = ("https",)) -> None:
    """Download the archive of the UCI repository and keep its two files of numbers; they are verified when they are read.

    Raises:
        DataUnavailable: the server cannot be reached.
        DataError: the archive does not hold them, or nothing can be written here.
    """
    archive, folder = root / "japanese-vowels.zip", root / LAYOUTS[1]
    download(url, archive, max_bytes=MAX_FILE, progress=progress, schemes=schemes)
    try:
        with zipfile.ZipFile(archive) as packed:
            raws = {}
            for name in OFFICIAL:
                if packed.getinfo(name).file_size > MAX_FILE:
                    raise DataError(f"{archive.name}: expected {name} of at most {MAX_FILE:,} bytes, got more; try again later")
                raws[name] = packed.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, ValueError) as cause:
        raise DataError(f"{archive.name}: cannot be unpacked ({str(cause).lower()}); try again later") from None
    finally:
        archive.unlink()
    train, test = (utterances(raws[name], COUNTS[number], name) for number, name in enumerate(OFFICIAL))
    if identify(CLASSES, train, test, None) != SHA256:
        raise DataError(f"{url}: expected the numbers of {source.name} with SHA-256 {SHA256[:16]}..., got others; try again later")
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in raws.items():
        (folder / f"{name}.part").write_bytes(raw)
        (folder / f"{name}.part").replace(folder / name)


def utterances(raw: bytes, counts: tuple[int, ...], what: str) -> SequenceExamples:
    """Read the official form: a line a step, 12 numbers with blanks between them, and an empty line behind each utterance.

    Some copies have a line of twelve ones in place of the empty one; both are understood.

    Args:
        raw: the whole file.
        counts: how many utterances of each speaker follow one another.
        what: its name, for errors.
    Raises:
        DataError: other lines than these, or another number of utterances; names the line.
    Source: archive.ics.uci.edu/dataset/128/japanese+vowels, JapaneseVowels.data.html
    """
    parts: list[list[list[float]]] = [[]]
    for number, line in enumerate(raw.decode("ascii", "replace").splitlines(), 1):
        try:
            row = [float(cell) for cell in line.split()]
        except ValueError:
            raise DataError(f"{what}, line {number}: expected numbers, got {line[:20]!r}; download it again") from None
        if not row or set(row) == {1.0}:
            parts.append([])
        elif len(row) == FEATURES:
            parts[-1].append(row)
        else:
            raise DataError(f"{what}, line {number}: expected {FEATURES} numbers, got {len(row)}; download it again")
    arrays = [np.array(part, np.float32) for part in parts if part]
    if len(arrays) != sum(counts):
        raise DataError(f"{what}: expected {sum(counts)} utterances, got {len(arrays)}; download it again")
    return pack(arrays, np.repeat(np.arange(len(counts)), counts))


def _form(folder: Path) -> tuple[str, str] | None:
    return next((form for form in (ARCHIVED, OFFICIAL) if all(places.find(folder, name) for name in form)), None)


def _split(path: Path, split: int) -> SequenceExamples:
    if path.name in OFFICIAL:
        return utterances(timeseries.content(path), COUNTS[split], str(path))
    series = timeseries.parse(timeseries.content(path), str(path))
    return timeseries.packed(series, CLASSES)
