"""MNIST and Fashion-MNIST: the IDX format, from bytes to arrays."""

# N examples  H height  W width

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vitral.data import places
from vitral.data.arrays import Arrays
from vitral.data.download import download
from vitral.data.progress import Watcher
from vitral.data.source import DataUnavailable, File, Source
from vitral.errors import DataError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SIZES = (47_040_016, 60_008, 7_840_016, 10_008)
LAYOUTS = {
    "mnist": ("mnist", "MNIST/raw", "MNIST"),
    "fashion-mnist": ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
}

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip

MIRRORS = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    "fashion-mnist": (
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
}

GZIPPED_MD5 = {  # as torchvision lists them
    "mnist": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion-mnist": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}  # fmt: skip

MNIST = Source(
    name="mnist",
    title="MNIST: 70,000 handwritten digits, 28x28 grey",
    licence="CC BY-SA 3.0",
    origin="yann.lecun.com/exdb/mnist",
    citation="Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998",
    num_bytes=11_594_722,
    files=tuple(
        File(name, size, sha256)
        for name, size, sha256 in zip(
            NAMES,
            SIZES,
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            strict=True,
        )
    ),
)

FASHION = Source(
    name="fashion-mnist",
    title="Fashion-MNIST: 70,000 pieces of clothing, 28x28 grey",
    licence="MIT",
    origin="github.com/zalandoresearch/fashion-mnist",
    citation="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747",
    num_bytes=30_878_645,
    files=tuple(
        File(name, size, sha256)
        for name, size, sha256 in zip(
            NAMES,
            SIZES,
            (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            strict=True,
        )
    ),
)


def parse(raw: bytes, dimensions: int, what: str) -> npt.NDArray[np.uint8]:
    """Read IDX bytes: two zeros, 8 for unsigned bytes, the number of axes, their lengths as big-endian 32-bit words, then the data.

    Args:
        raw: the whole file, unpacked.
        dimensions: 3 for images (N, H, W), 1 for labels (N,).
        what: the file's name, for errors.
    Raises:
        DataError: another format, or more or fewer bytes than the head says.
    Example:
        ``00 00 08 01 00 00 00 02 07 03`` holds the labels 7 and 3.
    Source: yann.lecun.com/exdb/mnist
    """
    head = 4 + 4 * dimensions
    magic = bytes([0, 0, 8, dimensions])
    if raw[:4] != magic or len(raw) < head:
        raise DataError(
            f"{what}: expected an IDX file of bytes with {dimensions} axes (it begins {magic.hex()}), got {raw[:4].hex() or 'nothing'}; replace it"
        )
    shape = [int.from_bytes(raw[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(dimensions)]
    expected = functools.reduce(lambda a, b: a * b, shape)
    if len(raw) - head != expected:
        sides = " x ".join(map(str, shape))
        raise DataError(f"{what}: its head says {sides} = {expected:,} bytes, got {len(raw) - head:,}; replace it")
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)


def read(source: Source, place: places.Place) -> Arrays:
    """Read the four files of MNIST or Fashion-MNIST.

    Raises:
        DataError: a file is not the published one.
    """
    parts = []
    for file, dimensions in zip(source.files, (3, 1, 3, 1), strict=True):
        path = places.find(place.folder, file.name)
        if path is None:
            raise DataError(f"{place.folder / file.name}: is missing; {place.cure(source.name)}")
        parts.append(parse(places.content(path, file, place.cure(source.name)), dimensions, str(path)))
    train, train_labels, test, test_labels = parts
    return Arrays(
        CLASSES[source.name],
        (writable(train)[..., None], train_labels.astype(np.int64)),
        (writable(test)[..., None], test_labels.astype(np.int64)),
        places.identity(source),
    )


def writable(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Copy what lies in immutable bytes: torch warns of tensors that cannot be written."""
    return array if array.flags.writeable else array.copy()


def fetch(source: Source, root: Path, progress: Watcher | None) -> None:
    """Download the four files, each from the first mirror that gives it.

    Raises:
        DataUnavailable: no mirror does.
        DataError: they cannot be written here.
    """
    folder = root / LAYOUTS[source.name][0]
    for file, md5 in zip(source.files, GZIPPED_MD5[source.name], strict=True):
        if places.find(folder, file.name) is None:
            _first(MIRRORS[source.name], folder / f"{file.name}.gz", md5, progress)


def _first(mirrors: Sequence[str], target: Path, md5: str, progress: Watcher | None) -> None:
    failures = []
    for mirror in mirrors:
        try:
            download(mirror + target.name, target, md5=md5, max_bytes=64 * 2**20, progress=progress)
        except DataUnavailable as cause:
            failures.append(str(cause))
        else:
            return
    raise DataUnavailable("; ".join(failures))
