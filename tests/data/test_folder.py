"""Own pictures in folders and zips, good ones and hostile ones."""

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitral.data import folder
from vitral.data.arrays import Arrays
from vitral.data.progress import Progress
from vitral.errors import DataError


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (6, 6), (value, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


FLAT = {f"cats/{i}.png": png(i) for i in range(10)} | {f"dogs/deep/{i}.png": png(100 + i) for i in range(5)}
SPLIT = {f"train/{name}": raw for name, raw in FLAT.items()} | {"val/cats/a.png": png(50), "val/dogs/b.png": png(150)}


def lay(target: Path, files: dict[str, bytes]) -> Path:
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for name, raw in files.items():
                archive.writestr(name, raw)
        return target
    for name, raw in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(raw)
    return target


def seen(arrays: Arrays) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Give (red, class) of every training and every test picture."""
    train, test = ([(int(x[0, 0, 0]), int(y)) for x, y in zip(*split, strict=True)] for split in (arrays.train, arrays.test))
    return train, test


@pytest.mark.parametrize("name", ["pile", "pile.zip"])
class TestLayouts:
    def test_a_folder_a_class(self, tmp_path: Path, name: str) -> None:
        told: list[Progress] = []
        arrays = folder.read(lay(tmp_path / name, FLAT), (3, 6, 6), told.append)
        train, test = seen(arrays)
        assert arrays.classes == ("cats", "dogs")
        assert (len(train), len(test)) == (12, 3)
        assert sorted(train + test) == [(i, 0) for i in range(10)] + [(100 + i, 1) for i in range(5)]
        assert told[-1].done == told[-1].total == 15
        assert seen(folder.read(tmp_path / name, (3, 6, 6))) == (train, test)

    @pytest.mark.parametrize("held", ["test", "val", "Validation"])
    def test_a_test_folder_of_their_own(self, tmp_path: Path, name: str, held: str) -> None:
        files = {path.replace("val/", f"{held}/"): raw for path, raw in SPLIT.items()}
        train, test = seen(folder.read(lay(tmp_path / name, files), (3, 6, 6)))
        assert len(train) == 15
        assert test == [(50, 0), (150, 1)]

    def test_train_alone_is_split(self, tmp_path: Path, name: str) -> None:
        files = {path: raw for path, raw in SPLIT.items() if path.startswith("train/")}
        arrays = folder.read(lay(tmp_path / name, files), (3, 6, 6))
        assert (arrays.classes, len(arrays.train[0]), len(arrays.test[0])) == (("cats", "dogs"), 12, 3)

    def test_a_folder_around_everything_and_what_systems_leave(self, tmp_path: Path, name: str) -> None:
        files = {f"my pets/{path}": raw for path, raw in SPLIT.items()}
        plain = seen(folder.read(lay(tmp_path / f"plain{name}", SPLIT), (3, 6, 6)))
        files |= {"my pets/train/cats/.DS_Store": b"x", "__MACOSX/my pets/._a": b"x", "my pets/train/cats/Thumbs.db": b"x"}
        assert seen(folder.read(lay(tmp_path / name, files), (3, 6, 6))) == plain

    def test_grey_networks_see_grey(self, tmp_path: Path, name: str) -> None:
        arrays = folder.read(lay(tmp_path / name, FLAT), (1, 4, 5))
        assert arrays.train[0].shape == (12, 4, 5, 1)

    def test_bad_pictures_are_named_and_counted(self, tmp_path: Path, name: str) -> None:
        bad = {f"cats/x{i}.png": b"no picture" for i in range(4)} | {"dogs/cut.png": png(1)[:40]}
        path = lay(tmp_path / name, FLAT | bad)
        with pytest.raises(DataError) as caught:
            folder.read(path, (3, 6, 6))
        message = str(caught.value)
        assert message.startswith(f"{path}: 5 of 20 pictures cannot be used: ")
        assert "x0.png expected a picture" in message
        assert message.endswith(f"; and 2 more (vitral data check {path} lists all)")
        assert "\n" not in message
        wrong = [finding for finding in folder.inspect(path) if not finding.ok]
        assert sorted(Path(finding.file).name for finding in wrong) == ["cut.png", *(f"x{i}.png" for i in range(4))]

    def test_classes_are_needed(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(DataError, match=r'at least 2 classes with pictures in it, got only "cats"'):
            folder.read(lay(tmp_path / name, {"cats/a.png": png(1), "readme.txt": b"x"}), (3, 6, 6))
        with pytest.raises(DataError, match="got none; sort the pictures into folders"):
            folder.read(lay(tmp_path / f"loose{name}", {"a.png": png(1), "b.png": png(1)}), (3, 6, 6))

    def test_a_test_class_must_be_learned(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(DataError, match='val/cows/c.png is of class "cows", expected one of the training classes'):
            folder.read(lay(tmp_path / name, SPLIT | {"val/cows/c.png": png(3)}), (3, 6, 6))


@pytest.mark.parametrize("name", ["../out.png", "/abs.png", "cats/../../out.png", "C:/x.png", "cats\\a.png"])
def test_a_zip_must_keep_to_itself(tmp_path: Path, name: str) -> None:
    path = lay(tmp_path / "pile.zip", FLAT)
    info = zipfile.ZipInfo("x")
    info.filename = name
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, png(1))
    with pytest.raises(DataError, match="would lie outside of the archive"):
        folder.read(path, (3, 6, 6))
    assert [file.name for file in tmp_path.iterdir()] == ["pile.zip"]


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    path = lay(tmp_path / "pile.zip", FLAT)
    info = zipfile.ZipInfo("cats/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="cats/link.png is a link"):
        folder.read(path, (3, 6, 6))


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pile.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cats/a.png", bytes(5_000_000))
    with pytest.raises(DataError, match="cats/a.png would unpack to over 200 times its size"):
        folder.read(tmp_path / "pile.zip", (3, 6, 6))


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 14)
    for name in ("pile", "pile.zip"):
        with pytest.raises(DataError, match="expected at most 14 files, got more"):
            folder.read(lay(tmp_path / name, FLAT), (3, 6, 6))


def test_a_zip_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "pile.zip").write_text("hello")
    with pytest.raises(DataError, match=r"pile.zip: is no readable zip \(file is not a zip file\); make it again"):
        folder.read(tmp_path / "pile.zip", (3, 6, 6))


def test_ants_and_bees(vitral_data: Path) -> None:
    arrays = folder.read(vitral_data / "hymenoptera", (3, 32, 32))
    assert arrays.classes == ("ants", "bees")
    assert np.bincount(arrays.train[1]).tolist() == [123, 121]
    assert np.bincount(arrays.test[1]).tolist() == [70, 83]
