"""Every data set by its name: where it is, how it comes here, what it holds."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from vitral import settings
from vitral.data import books, cifar, digits, edges, folder, idx, manuscript, places, rows, sequences, table
from vitral.data.arrays import Arrays
from vitral.data.manuscript import Manuscript, Piece
from vitral.data.places import Finding, Place
from vitral.data.progress import Progress, Watcher
from vitral.data.sequence import SequenceSet
from vitral.data.sequences import SEQUENCES, Sequenced
from vitral.data.source import DataUnavailable, Source
from vitral.errors import DataError

if TYPE_CHECKING:
    from vitral.data.dataset import Dataset
    from vitral.spec.experiment import Data

__all__ = ["DataUnavailable", "Finding", "Listed", "Progress", "check", "get", "known", "listing", "load", "load_sequences"]

Shape = tuple[int, int, int]
DEFAULT_SHAPE: Shape = (3, 32, 32)


@dataclass(frozen=True)
class _Published:
    """A data set whose files come from outside: the same three verbs for each. ``read`` is None for a text."""

    source: Source
    layouts: tuple[str, ...]
    read: Callable[[Source, Place], Arrays] | None
    fetch: Callable[[Source, Path, Watcher | None], None]

    def locate(self) -> Place | None:
        """Find its files on this machine."""
        return places.locate(self.source, self.layouts)

    def inspect(self, place: Place) -> list[Finding]:
        """Check its files."""
        return places.inspect(place, self.source)


PUBLISHED = {
    entry.source.name: entry
    for entry in (
        _Published(cifar.CIFAR10, cifar.LAYOUTS, cifar.read, cifar.fetch),
        _Published(idx.MNIST, idx.LAYOUTS["mnist"], idx.read, idx.fetch),
        _Published(idx.FASHION, idx.LAYOUTS["fashion-mnist"], idx.read, idx.fetch),
        *(_Published(book, books.LAYOUTS, None, books.fetch) for book in books.PUBLISHED),
    )
}
EMBEDDED = {source.name: source for source in (digits.DIGITS, edges.EDGES, *books.EMBEDDED)} | sequences.EMBEDDED
ALIASES = {"digits": "mnist-5k", "cifar-10": "cifar10", "fashionmnist": "fashion-mnist", "fmnist": "fashion-mnist"}
WORDS = {"images": "pictures", "text": "a text", "sequences": "sequences"}
PATHS = "a folder or zip of pictures, a .csv, a .npz, or a text"


@dataclass(frozen=True)
class Listed:
    """A data set and where it stands: "embedded", "in VITRAL_DATA", "downloaded" or "to download"."""

    source: Source
    state: str
    folder: Path | None = None


def fetched() -> dict[str, _Published | Sequenced]:
    """Give every data set whose files come from outside: pictures, then sequences."""
    return {**PUBLISHED, **SEQUENCES}


def listing() -> list[Listed]:
    """List every data set that has a name; nothing is read or checked."""
    listed = []
    for entry in fetched().values():
        place = entry.locate()
        state = "to download" if place is None else "in VITRAL_DATA" if place.given else "downloaded"
        listed.append(Listed(entry.source, state, place.folder if place else None))
    return [*listed, *(Listed(source, "embedded") for source in EMBEDDED.values())]


def load(data: Data, *, shape: Shape | None = None, progress: Watcher | None = None, download: bool = True) -> Dataset:
    """Load what an experiment learns from.

    A name of the catalogue is looked for in VITRAL_DATA, then among the downloads, and fetched when it is in neither. Its content is
    verified at every load (0.2 s for CIFAR-10). Anything else is the path of a person's own data.

    Args:
        data: the experiment's own words.
        shape: (C, H, W) of the network, to which own pictures are resized and of which size ``edges`` are drawn.
        progress: is told of downloads and of the reading of many pictures.
        download: False never touches the network.

    Raises:
        DataUnavailable: only the network is missing; says what was tried and the cure.
        DataError: no such data, or not what they should be.
    Example:
        ``load(Data(source="cifar10")).shape`` is ``(3, 32, 32)``.
    """
    from vitral.data.dataset import assemble  # torch is loaded here

    name = known(data.source)
    if name and _described(name).kind != "images":
        raise _other(name, "images")
    if name in PUBLISHED:
        entry = PUBLISHED[name]
        assert entry.read is not None
        source, arrays = entry.source, entry.read(entry.source, _here(entry, progress, download=download))
    elif name == edges.EDGES.name:
        source, arrays = edges.EDGES, edges.read(*(shape or (1, 12, 12))[1:])
    elif name == digits.DIGITS.name:
        source, arrays = digits.DIGITS, digits.read()
    else:
        path, source = _own(data.source)
        arrays = _read(path, shape, progress)
    return assemble(arrays, source).first(data.train_size, data.test_size)


def writing(name: str, progress: Watcher | None = None, *, download: bool = True) -> tuple[Source, Manuscript]:
    """Find a text by its name or its path; a published one is verified.

    Raises:
        DataUnavailable: only the network is missing.
        DataError: no such text.
    """
    found = known(name)
    if found is None:
        path, source = _own(name)
        return replace(source, title="own text", kind="text"), manuscript.find(path)
    source = _described(found)
    if source.kind != "text":
        raise _other(found, "text")
    raw = books.embedded(source) if found in EMBEDDED else books.read(source, _here(PUBLISHED[found], progress, download=download))
    return source, Manuscript(found, (Piece(found, raw=raw),))


def load_sequences(data: Data, *, progress: Watcher | None = None, download: bool = True) -> SequenceSet:
    """Load the sequences that an experiment learns to classify; torch is not needed for it.

    Names and own files are found as in ``load``.

    Args:
        data: the experiment's own words.
        progress: is told of downloads.
        download: False never touches the network.

    Raises:
        DataUnavailable: only the network is missing; says what was tried and the cure.
        DataError: no such data, pictures, or not what they should be.
    Example:
        ``load_sequences(Data(source="digits-by-row")).longest`` is 28.
    """
    name = known(data.source)
    if name in SEQUENCES:
        entry = SEQUENCES[name]
        found = entry.read(entry.source, _here(entry, progress, download=download))
    elif name == rows.DIGITS.name:
        found = rows.read_digits()
    elif name is not None:
        raise _other(name, "sequences")
    else:
        found = sequences.own(*_own(data.source))
    return found.first(data.train_size, data.test_size)


def _here(entry: _Published | Sequenced, progress: Watcher | None, *, download: bool) -> Place:
    """Find a data set's files, or bring them."""
    place = entry.locate()
    if place is None:
        if not download:
            raise DataUnavailable(f"{entry.source.name} is not on this machine; {_cure(entry.source.name)}")
        place = get(entry.source.name, progress)
    assert place is not None
    return place


def _described(name: str) -> Source:
    entry = fetched().get(name)
    return entry.source if entry else EMBEDDED[name]


def _other(name: str, wanted: str) -> DataError:
    """Say that a data set of the catalogue is of another kind than the network reads."""
    source = _described(name)
    images = sorted(known.name for known in _sources() if known.kind == wanted)
    return DataError(f"{name} has {WORDS[source.kind]}, but the network reads {WORDS[wanted]}; use one of {', '.join(images)}, or your own")


def _sources() -> list[Source]:
    return [*(entry.source for entry in fetched().values()), *EMBEDDED.values()]


def get(name: str, progress: Watcher | None = None) -> Place | None:
    """Bring a data set here and verify it, if it is not here already.

    Returns:
        Where it lies; None for what needs no files.
    Raises:
        DataUnavailable: it cannot be fetched; says what was tried and the cure.
        DataError: no such data set, wrong files in VITRAL_DATA, or nothing can be written here.
    """
    found = known(name)
    if found is None:
        raise DataError(_unknown(name))
    name = found
    if name in EMBEDDED:
        return None
    entry, root = fetched()[name], settings.downloads()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{name}.lock"):  # a second process waits, then finds it here
            place = entry.locate()
            if place and not place.given and _discard(place, entry):
                place = None
            if place is None:
                entry.fetch(entry.source, root, progress)
                place = entry.locate()
    except DataUnavailable as cause:
        raise DataUnavailable(f"{name} cannot be fetched ({cause}); {_cure(name)}") from None
    except OSError as cause:
        raise DataError(
            f"{root}: cannot be written ({(cause.strerror or str(cause)).lower()}); set VITRAL_CACHE to another folder"
        ) from cause
    assert place is not None
    for finding in entry.inspect(place):
        if not finding.ok:
            raise DataError(f"{place.folder / finding.file}: {finding.problem}")
    return place


def _discard(place: Place, entry: _Published | Sequenced) -> bool:
    """Delete downloaded files that are not what they should be; say whether there were any."""
    wrong = [place.folder / finding.file for finding in entry.inspect(place) if not finding.ok]
    for path in wrong:
        path.unlink(missing_ok=True)
    return bool(wrong)


def check(name: str) -> list[Finding]:
    """Check every file of a data set, or every picture of one's own folder or zip.

    Raises:
        DataUnavailable: it is not on this machine.
        DataError: no such data set, or own data that cannot be read as a whole.
    """
    found = known(name)
    if found is not None and (entry := fetched().get(found)):
        place = entry.locate()
        if place is None:
            raise DataUnavailable(f"{found} is not on this machine; {_cure(found)}")
        return entry.inspect(place)
    if found in {digits.DIGITS.name, rows.DIGITS.name}:
        return digits.inspect()
    if found == edges.EDGES.name:
        return [Finding("computed, no file")]
    if found is not None and _described(found).kind == "text":
        books.embedded(_described(found))
        return [Finding("of this Python, no file of its own")]
    path, source = _own(name)
    if sequences.belongs(path) and not _writings(path):
        sequences.own(path, source)
        return [Finding(path.name)]
    return _check_own(path)


def _check_own(path: Path) -> list[Finding]:
    """Check a person's own data, as a text where they can be nothing else."""
    if path.suffix.lower() == ".zip" or (path.is_dir() and not _writings(path)):
        return folder.inspect(path)
    if path.suffix.lower() in {".csv", ".tsv", ".npz", ".npy"}:
        _read(path, None, None)
        return [Finding(path.name)]
    return manuscript.inspect(path)


def known(name: str) -> str | None:
    """Find the catalogue's own spelling of a name; None for what is not in it."""
    plain = name.lower().replace("_", "-")
    plain = ALIASES.get(plain, plain)
    return plain if plain in fetched() or plain in EMBEDDED else None


def _unknown(name: str) -> str:
    names = [*fetched(), *EMBEDDED]
    close = difflib.get_close_matches(name.lower(), names, n=1)
    guess = f'; did you mean "{close[0]}"?' if close else ""
    return f"no data set and no file is called {name[:80]!r}: expected one of {', '.join(names)}, or the path of {PATHS}{guess}"


def _own(name: str) -> tuple[Path, Source]:
    """Find and describe a person's own data, or say that there is nothing of that name."""
    try:
        path = Path(name).expanduser()
        there = bool(name) and (path.is_dir() or path.is_file())
        size = path.stat().st_size if there and path.is_file() else 0
    except (OSError, ValueError, RuntimeError) as cause:
        raise DataError(f"{name[:80]!r}: cannot be looked at ({str(cause).lower()[:80]}); check the name") from None
    if not there:
        raise DataError(_unknown(name))
    return path, Source(path.name or str(path), "own data", "the owner's", str(path), "", size)


def _pictures(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".zip"


def _writings(path: Path) -> bool:
    """Say whether a folder holds texts and no pictures of classes."""
    try:
        return any(found.suffix.lower() in manuscript.SUFFIXES for found in path.iterdir())
    except OSError:
        return False


def _read(path: Path, shape: Shape | None, progress: Watcher | None) -> Arrays:
    if _pictures(path):
        return folder.read(path, shape or DEFAULT_SHAPE, progress)
    suffix = path.suffix.lower()
    if suffix in {".csv", ".tsv", ".txt"}:
        return table.read_csv(path, shape)
    if suffix in {".npz", ".npy"}:
        return table.read_numpy(path, shape)
    raise DataError(f"{path}: expected {PATHS}, got a file of another kind; name one of these")


def _cure(name: str) -> str:
    return f"run: vitral data get {name}, where there is a network, or set VITRAL_DATA to a folder that holds it"
