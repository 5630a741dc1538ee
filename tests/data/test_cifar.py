"""CIFAR-10's records by hand, its archive and its package with strange members, and the real files."""

import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitral.data import cifar, places
from vitral.data.source import File
from vitral.errors import DataError

DRAW = np.random.default_rng(6)
COUNT = 200  # images a file here; 10,000 in truth
IMAGES = DRAW.integers(0, 256, (6, COUNT, 32, 32, 3), dtype=np.uint8)
LABELS = DRAW.integers(0, 10, (6, COUNT), dtype=np.uint8)
NAMES = [file.name for file in cifar.CIFAR10.files]
BATCHES = {name: cifar.records(IMAGES[number], LABELS[number]) for number, name in enumerate(NAMES)}
SOURCE = dataclasses.replace(
    cifar.CIFAR10, files=tuple(File(name, len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in BATCHES.items())
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "RECORDS", COUNT)
    monkeypatch.setattr(cifar, "BATCH_BYTES", COUNT * cifar.RECORD)


def pack(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with gzip.open(path, "wb", compresslevel=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
        for name, raw in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return path


def official() -> dict[str, bytes]:
    return {f"cifar-10-batches-bin/{name}": raw for name, raw in BATCHES.items()}


def test_a_record_by_hand() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, 0, 1] = [10, 20, 30]
    raw = cifar.records(image, np.array([7], np.uint8))
    assert len(raw) == 3073
    assert (raw[0], raw[2], raw[1 + 1024 + 1], raw[1 + 2048 + 1]) == (7, 10, 20, 30)
    assert sum(raw) == 67


@pytest.mark.usefixtures("small")
def test_reading_is_the_inverse_of_writing(tmp_path: Path) -> None:
    for name, raw in BATCHES.items():
        (tmp_path / name).write_bytes(raw)
    arrays = cifar.read(SOURCE, places.Place(tmp_path, given=False))
    assert np.array_equal(arrays.train[0], IMAGES[:5].reshape(-1, 32, 32, 3))
    assert np.array_equal(arrays.test[0], IMAGES[5])
    assert np.array_equal(arrays.train[1], LABELS[:5].reshape(-1))
    assert np.array_equal(arrays.test[1], LABELS[5])


@pytest.mark.usefixtures("small")
def test_an_archive_gives_its_six_files_and_nothing_else(tmp_path: Path) -> None:
    strange = {"../outside.txt": b"x", "/absolute.txt": b"x", "cifar-10-batches-bin/readme.html": b"x"}
    archive = pack(tmp_path / "a.tar.gz", strange | official(), {"cifar-10-batches-bin/test_batch.bin": "/etc/passwd"})
    cifar.unpack(SOURCE, archive, tmp_path / "folder" / "out")
    assert sorted(path.name for path in (tmp_path / "folder" / "out").iterdir()) == sorted(NAMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "folder"]
    assert (tmp_path / "folder" / "out" / "test_batch.bin").read_bytes() == BATCHES["test_batch.bin"]


@pytest.mark.usefixtures("small")
def test_an_archive_with_another_file_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    members = official()
    members["cifar-10-batches-bin/data_batch_3.bin"] = bytes(COUNT * cifar.RECORD)
    with pytest.raises(DataError, match=r"data_batch_3.bin.part: expected SHA-256 .*a.tar.gz is not what it should be"):
        cifar.unpack(SOURCE, pack(tmp_path / "a.tar.gz", members), tmp_path / "out")
    assert not list((tmp_path / "out").glob("*batch_3*"))


@pytest.mark.usefixtures("small")
def test_bad_archives_are_named(tmp_path: Path) -> None:
    members = official()
    members["cifar-10-batches-bin/test_batch.bin"] += b"x"
    with pytest.raises(DataError, match="of at most 614,600 bytes, got 614,601"):
        cifar.unpack(SOURCE, pack(tmp_path / "long.tar.gz", members), tmp_path / "out")
    del members["cifar-10-batches-bin/test_batch.bin"]
    with pytest.raises(DataError, match=r"cifar-10-batches-bin/test_batch.bin is missing"):
        cifar.unpack(SOURCE, pack(tmp_path / "few.tar.gz", members), tmp_path / "out")
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "few.tar.gz").read_bytes()[:100_000])
    with pytest.raises(DataError, match="cut.tar.gz: cannot be unpacked"):
        cifar.unpack(SOURCE, tmp_path / "cut.tar.gz", tmp_path / "out")
    (tmp_path / "text.tar.gz").write_text("hello")
    with pytest.raises(DataError, match="text.tar.gz: cannot be unpacked"):
        cifar.unpack(SOURCE, tmp_path / "text.tar.gz", tmp_path / "out")


def package() -> dict[str, bytes]:
    members = {}
    for number, name in enumerate(NAMES):
        stream = io.BytesIO()
        Image.fromarray(IMAGES[number].reshape(COUNT, 1024, 3)).save(stream, "PNG", compress_level=0)
        members[f"package/{name.removesuffix('.bin')}.png"] = stream.getvalue()
    members["package/train_lables.json"] = json.dumps(LABELS[:5].reshape(-1).tolist(), separators=(",", ":")).encode()
    members["package/test_lables.json"] = json.dumps(LABELS[5].tolist(), separators=(",", ":")).encode()
    return members


@pytest.mark.usefixtures("small")
def test_the_package_s_sheets_become_the_official_files(tmp_path: Path) -> None:
    cifar.rebuild(SOURCE, pack(tmp_path / "p.tgz", package()), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == BATCHES


@pytest.mark.usefixtures("small")
def test_a_package_with_other_pixels_or_labels_is_refused(tmp_path: Path) -> None:
    members = package()
    good = members["package/test_lables.json"]
    members["package/test_lables.json"] = good[:1] + (b"1" if good[1:2] != b"1" else b"2") + good[2:]
    with pytest.raises(DataError, match=r"test_batch.bin.part: expected SHA-256"):
        cifar.rebuild(SOURCE, pack(tmp_path / "p.tgz", members), tmp_path / "out")
    members["package/test_lables.json"] = good[:-3] + b"]"
    with pytest.raises(DataError, match="expected 200 labels in package/test_lables.json, got 199"):
        cifar.rebuild(SOURCE, pack(tmp_path / "p.tgz", members), tmp_path / "out")
    members["package/test_lables.json"] = good
    members["package/data_batch_1.png"] = members["package/data_batch_1.png"][:5000]
    with pytest.raises(DataError, match=r"data_batch_1.png: is damaged"):
        cifar.rebuild(SOURCE, pack(tmp_path / "p.tgz", members), tmp_path / "out")


def test_the_real_files(vitral_data: Path) -> None:
    place = places.Place(vitral_data / "cifar-10-batches-bin", given=True)
    arrays = cifar.read(cifar.CIFAR10, place)
    assert np.bincount(arrays.train[1]).tolist() == [5000] * 10
    assert np.bincount(arrays.test[1]).tolist() == [1000] * 10
    assert [arrays.classes[label] for label in arrays.train[1][:5]] == ["frog", "truck", "truck", "deer", "automobile"]
    assert arrays.train[0][0, 0, 0].tolist() == [59, 62, 63]  # the frog's first pixel, as everybody who printed it knows
    assert all(finding.ok for finding in places.inspect(place, cifar.CIFAR10))
