"""A person's own pictures: a folder or a zip with one folder a class."""

# N examples  H height  W width  C channels

from __future__ import annotations

import os
import stat
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from vitral.data import picture
from vitral.data.arrays import Arrays, Pixels, Split
from vitral.data.places import Finding
from vitral.data.progress import Progress, Watcher
from vitral.data.split import stratify
from vitral.errors import DataError

MAX_FILES: Final = 200_000
MAX_TOTAL: Final = 2**33
MAX_RATIO: Final = 200
SMALL: Final = 2**20  # so little may be packed however tightly
SPLITS = {"train": ("train", "training"), "test": ("test", "val", "valid", "validation")}
PASSED_OVER = ("__MACOSX", "Thumbs.db", "desktop.ini")
SHOWN = 3


@dataclass(frozen=True)
class Pile:
    """Pictures somewhere, by their path with slashes, and how to read one."""

    name: str
    paths: tuple[PurePosixPath, ...]
    read: Callable[[PurePosixPath], bytes]


def read(path: Path, shape: tuple[int, int, int], progress: Watcher | None = None) -> Arrays:
    """Read pictures of classes: ``cats/1.jpg``, ``dogs/2.png``, or the same below ``train/`` and ``test/`` (or ``val/``).

    Every picture is cut to its centre and resized to ``shape``; see ``vitral.data.picture``. Without a test folder a fifth of every
    class is set aside by a fixed hash. A single folder around everything, hidden files and files beside the class folders are passed over.

    Args:
        path: a folder or a ``.zip``.
        shape: (C, H, W) of the network.
        progress: is told of every picture.
    Raises:
        DataError: no classes, a zip that reaches out of itself or unpacks to too much, or pictures that cannot be used, by name.
    """
    with _Opened(path) as pile:
        layout = _layout(pile)
        results = _decode(pile, layout.every, shape, progress)
        bad = [(name, result) for name, result in results.items() if isinstance(result, str)]
        if bad:
            shown = "; ".join(f"{name} {problem}" for name, problem in bad[:SHOWN])
            rest = f"; and {len(bad) - SHOWN} more (vitral data check {path} lists all)" if len(bad) > SHOWN else ""
            raise DataError(f"{path}: {len(bad)} of {len(results)} pictures cannot be used: {shown}{rest}")
        return layout.arrays(results, shape)


def inspect(path: Path) -> list[Finding]:
    """Check every picture as it would be read.

    Raises:
        DataError: the folder or zip as a whole cannot be used.
    """
    with _Opened(path) as pile:
        results = _decode(pile, _layout(pile).every, (3, 8, 8), None)
    return [Finding(str(name), result if isinstance(result, str) else "") for name, result in results.items()]


@dataclass(frozen=True)
class _Layout:
    name: str
    classes: tuple[str, ...]
    train: tuple[tuple[PurePosixPath, int], ...]
    test: tuple[tuple[PurePosixPath, int], ...]

    @property
    def every(self) -> list[PurePosixPath]:
        return [path for path, _ in (*self.train, *self.test)]

    def arrays(self, results: dict[PurePosixPath, Pixels | str], shape: tuple[int, int, int]) -> Arrays:
        c, h, w = shape

        def stack(members: tuple[tuple[PurePosixPath, int], ...]) -> Split:
            pixels = np.empty((len(members), h, w, c), np.uint8)
            for row, (path, _) in enumerate(members):
                pixels[row] = results[path]
            return pixels, np.array([label for _, label in members], np.int64)

        train = stack(self.train)
        if self.test:
            return Arrays(self.classes, train, stack(self.test))
        learn, held = stratify(train[1], self.classes, self.name)
        return Arrays(self.classes, (train[0][learn], train[1][learn]), (train[0][held], train[1][held]))


def _layout(pile: Pile) -> _Layout:
    """Find splits and classes in the paths alone."""
    paths = {path: path.parts for path in pile.paths}
    while paths and len({parts[0] for parts in paths.values()}) == 1 and min(map(len, paths.values())) > 2:
        if next(iter(paths.values()))[0].lower() in SPLITS["train"]:
            break  # train/ alone: peeled below
        paths = {path: parts[1:] for path, parts in paths.items()}
    tops = {parts[0].lower(): parts[0] for parts in paths.values() if len(parts) > 2}
    train = next((tops[name] for name in SPLITS["train"] if name in tops), None)
    test = next((tops[name] for name in SPLITS["test"] if name in tops), None) if train else None
    splits = {
        name: {path: parts[1:] for path, parts in paths.items() if len(parts) > 2 and parts[0] == top}
        for name, top in (("train", train), ("test", test))
        if top
    } or {"train": paths}
    classed = {name: {path: parts[0] for path, parts in split.items() if len(parts) > 1} for name, split in splits.items()}
    classes = tuple(sorted(set(classed["train"].values())))
    if len(classes) < 2:
        found = f'only "{classes[0]}"' if classes else "none"
        raise DataError(
            f"{pile.name}: expected a folder for each of at least 2 classes with pictures in it, got {found}; sort the pictures into folders"
        )
    for path, name in classed.get("test", {}).items():
        if name not in classes:
            raise DataError(
                f'{pile.name}: {path} is of class "{name}", expected one of the training classes; add some to train or take it out'
            )
    numbers = {name: number for number, name in enumerate(classes)}
    listed = {split: tuple((path, numbers[name]) for path, name in sorted(members.items())) for split, members in classed.items()}
    return _Layout(pile.name, classes, listed["train"], listed.get("test", ()))


def _decode(
    pile: Pile, paths: list[PurePosixPath], shape: tuple[int, int, int], progress: Watcher | None
) -> dict[PurePosixPath, Pixels | str]:
    """Decode on as many threads as there are cores; a picture that cannot be used leaves its reason."""
    started = time.monotonic()

    def one(path: PurePosixPath) -> Pixels | str:
        try:
            return picture.decode(pile.read(path), shape)
        except DataError as cause:
            return str(cause)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as cause:
            return f"cannot be read ({str(cause).lower()[:80]}); replace it"

    results: dict[PurePosixPath, Pixels | str] = {}
    with picture.quiet(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for path, result in zip(paths, pool.map(one, paths), strict=True):
            results[path] = result
            if progress:
                progress(Progress(f"reading {pile.name}", len(results), len(paths), time.monotonic() - started, "files"))
    return results


class _Opened:
    """A folder or a zip as a pile; the zip stays open while it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> Pile:
        if self._path.is_dir():
            return _from_folder(self._path)
        try:
            self._archive = zipfile.ZipFile(self._path)
            return _from_zip(self._path, self._archive)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, EOFError, KeyError, IndexError, OverflowError) as cause:
            self.__exit__()
            raise DataError(f"{self._path}: is no readable zip ({str(cause).lower()[:100]}); make it again") from None
        except DataError:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._archive:
            self._archive.close()


def _from_folder(folder: Path) -> Pile:
    def read(path: PurePosixPath) -> bytes:
        with (folder / path).open("rb") as file:
            return file.read(picture.MAX_BYTES + 1)

    def refuse(cause: OSError) -> None:
        raise DataError(f"{cause.filename}: cannot be looked into ({(cause.strerror or '').lower()}); check its permissions") from None

    paths = []
    for place, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            path = Path(place, name)
            if path.is_file():
                paths.append(PurePosixPath(path.relative_to(folder).as_posix()))
        _count(len(paths), folder)
    return Pile(str(folder), _shown(paths), read)


def _from_zip(path: Path, archive: zipfile.ZipFile) -> Pile:
    infos = {PurePosixPath(info.filename): info for info in archive.infolist() if not info.is_dir()}
    _count(len(infos), path)
    for name, info in infos.items():
        if name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in name.parts[0] or "\0" in info.filename:
            raise DataError(f"{path}: {info.filename!r} would lie outside of the archive; make the zip again")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(f"{path}: {info.filename} is a link; put the picture itself into the zip")
        if info.flag_bits & 1:
            raise DataError(f"{path}: {info.filename} is encrypted; make the zip without a password")
        if info.file_size > SMALL and info.file_size > MAX_RATIO * max(1, info.compress_size):
            raise DataError(f"{path}: {info.filename} would unpack to over {MAX_RATIO} times its size; make the zip again")
    if sum(info.file_size for info in infos.values()) > MAX_TOTAL:
        raise DataError(f"{path}: expected at most {MAX_TOTAL // 2**30} GiB unpacked, got more; use fewer pictures")

    def read(name: PurePosixPath) -> bytes:
        with archive.open(infos[name]) as file:
            return file.read(picture.MAX_BYTES + 1)

    return Pile(str(path), _shown(list(infos)), read)


def _count(files: int, path: Path) -> None:
    if files > MAX_FILES:
        raise DataError(f"{path}: expected at most {MAX_FILES:,} files, got more; use fewer pictures")


def _shown(paths: list[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    """Leave out what systems add on their own."""
    return tuple(
        sorted(
            path for path in paths if not any(part.startswith(".") or part in PASSED_OVER for part in path.parts) and len(path.parts) > 1
        )
    )
