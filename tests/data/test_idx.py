"""The IDX format by hand, and the real files."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from vitral.data import idx, places
from vitral.data.idx import parse
from vitral.data.source import File
from vitral.errors import DataError


def packed(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


def test_labels_by_hand() -> None:
    assert parse(bytes.fromhex("00000801 00000002 0703"), 1, "labels").tolist() == [7, 3]


def test_images_come_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4), dtype=np.uint8)
    assert np.array_equal(parse(packed(images), 3, "images"), images)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "it begins 00000803.*got nothing"),
        (bytes.fromhex("00000801"), "it begins 00000803"),
        (bytes.fromhex("00000803 00000001 00000002"), "it begins 00000803"),
        (bytes.fromhex("00000803 00000001 00000002 00000002 010203"), r"its head says 1 x 2 x 2 = 4 bytes, got 3"),
        (bytes.fromhex("00000803 00000001 00000002 00000002 0102030405"), r"its head says 1 x 2 x 2 = 4 bytes, got 5"),
        (bytes.fromhex("00000803 ffffffff ffffffff ffffffff 00"), r"got 1; replace it"),
        (b"\x1f\x8b" + bytes(20), "it begins 00000803"),
    ],
)
def test_other_bytes_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(raw, 3, "images")


def test_mnist_is_mnist(vitral_data: Path) -> None:
    arrays = idx.read(idx.MNIST, places.Place(vitral_data / "mnist", given=True))
    pixels, labels = arrays.train
    assert pixels.shape == (60000, 28, 28, 1)
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(arrays.test[1]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert round(pixels.mean() / 255, 4) == 0.1307


def test_fashion_mnist_is_what_it_is(vitral_data: Path) -> None:
    arrays = idx.read(idx.FASHION, places.Place(vitral_data / "fashion_mnist", given=True))
    assert np.bincount(arrays.train[1]).tolist() == [6000] * 10
    assert arrays.classes[arrays.train[1][0]] == "ankle boot"
    assert round(arrays.train[0].mean() / 255, 4) == 0.2860


def test_plain_and_gzipped_files_have_one_identity(vitral_data: Path, tmp_path: Path) -> None:
    for file in idx.MNIST.files:
        raw = gzip.decompress((vitral_data / "mnist" / f"{file.name}.gz").read_bytes())
        (tmp_path / file.name.replace("-idx", ".idx")).write_bytes(raw)
    ours = idx.read(idx.MNIST, places.Place(tmp_path, given=False))
    assert ours.sha256 == idx.read(idx.MNIST, places.Place(vitral_data / "mnist", given=True)).sha256


@pytest.mark.parametrize("damage", ["flip", "cut", "not gzip"])
def test_a_damaged_file_is_named(vitral_data: Path, tmp_path: Path, damage: str) -> None:
    for file in idx.MNIST.files:
        raw = (vitral_data / "mnist" / f"{file.name}.gz").read_bytes()
        if file.name.startswith("t10k-images"):
            plain = bytearray(gzip.decompress(raw))
            plain[1000] ^= 1
            raw = {"flip": gzip.compress(bytes(plain), 1), "cut": raw[:-1000], "not gzip": b"hello"}[damage]
        (tmp_path / f"{file.name}.gz").write_bytes(raw)
    place = places.Place(tmp_path, given=True)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.gz: .*; replace it, or unset VITRAL_DATA"):
        idx.read(idx.MNIST, place)
    assert [finding.ok for finding in places.inspect(place, idx.MNIST)] == [True, True, False, True]


def test_a_gzip_bomb_is_unpacked_no_further_than_it_should(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(DataError, match="expected 100 bytes, got more; cure"):
        places.content(tmp_path / "a.gz", File("a", 100, "0" * 64), "cure")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
