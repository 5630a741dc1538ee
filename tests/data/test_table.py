"""Tables of pixels and NumPy files."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from vitral.data import table
from vitral.errors import DataError

DRAW = np.random.default_rng(8)
LABELS = np.repeat([3, 5, 9], 10)
PIXELS = DRAW.integers(0, 256, (30, 4, 4), dtype=np.uint8)


def text(columns: np.ndarray, heading: str = "", separator: str = ",") -> str:
    lines = [separator.join(map(str, row)) for row in columns.tolist()]
    return "\n".join(([heading] if heading else []) + lines) + "\n"


def rows(label_last: bool = False) -> np.ndarray:
    flat = PIXELS.reshape(30, 16).astype(int)
    return np.column_stack([flat, LABELS] if label_last else [LABELS, flat])


def found(arrays: table.Arrays) -> dict[bytes, str]:
    both = [(x, y) for split in (arrays.train, arrays.test) for x, y in zip(*split, strict=True)]
    return {x.tobytes(): arrays.classes[y] for x, y in both}


WANTED = {PIXELS[i].tobytes(): str(LABELS[i]) for i in range(30)}
HEADING = ["label", *(f"pixel{i}" for i in range(16))]


@pytest.mark.parametrize(
    "written",
    [
        text(rows()),
        text(rows(), ",".join(HEADING)),
        text(rows(label_last=True), ",".join([*HEADING[1:], "Label"])),
        text(rows(), ";".join(HEADING), ";"),
        text(rows()).replace("\n", "\r\n"),
        text(rows(), "\ufeff" + ",".join(f'"{name}"' for name in HEADING)),
        text(rows(), separator=", "),
        "\n" + text(rows()) + "\n\n",
        text(rows(), ",".join(["what", *HEADING[1:]])),
    ],
)
def test_every_way_to_write_it(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.csv").write_text(written, encoding="utf-8", newline="")
    arrays = table.read_csv(tmp_path / "a.csv", None)
    assert arrays.classes == ("3", "5", "9")
    assert arrays.train[0].shape == (24, 4, 4, 1)
    assert found(arrays) == WANTED


def test_colours_are_three_planes(tmp_path: Path) -> None:
    pixels = DRAW.integers(0, 256, (4, 3, 2, 5), dtype=np.uint8)
    (tmp_path / "a.csv").write_text(text(np.column_stack([[0, 0, 1, 1], pixels.reshape(4, 30).astype(int)])))
    arrays = table.read_csv(tmp_path / "a.csv", (3, 2, 5))
    assert sorted(x.tobytes() for x in (*arrays.train[0], *arrays.test[0])) == sorted(p.transpose(1, 2, 0).tobytes() for p in pixels)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "got nothing|expected a whole number"),
        ("1,2,3\n4,5\n", r"a.csv, line 2: expected 3 columns as in line 1, got 2"),
        ("1,2,3\n4,x,6\n", r"a.csv, line 2: expected a whole number, got 'x'"),
        ("label,p\n1,2\n4,0.5\n", r"a.csv, line 3: expected a whole number, got '0.5'"),
        ("1,2\n1,\n", r"line 2: expected a whole number, got ''"),
        ("1,2\n1,-4\n", r"line 2: expected a whole number, got '-4'"),
        ("1,2\n1,12345678901\n", r"line 2: expected a whole number, got '12345678901'"),
        ("label,p\n1,2\n1,256\n", r"line 3: expected pixels from 0 to 255, got 256"),
        ("1\n2\n", "got one column"),
        ("label,p\n", "expected a whole number"),
        ("1,2,3\n1,2,3\n2,2,3\n2,1,1\n", "expected square images, got 2 pixels an image"),
        ("1,2\n1,3\n", r"expected 2 to 10,000 different labels, got 1"),
        ("1,2\n1,3\n2,3\n", r'class "2" has 1 example'),
        ("1,2\n1,\u00e9\n", r"line 2: expected a whole number, got '\u00e9'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(written, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        table.read_csv(tmp_path / "a.csv", None)


def test_the_network_s_size_must_fit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text(rows()))
    with pytest.raises(DataError, match="expected 1x28x28 = 784 pixels an image, got 16"):
        table.read_csv(tmp_path / "a.csv", (1, 28, 28))


class TestNumPy:
    def test_x_and_y(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x=PIXELS, y=LABELS)
        assert found(table.read_numpy(tmp_path / "a.npz", None)) == WANTED
        np.savez_compressed(tmp_path / "b.npz", X=PIXELS[..., None], Y=LABELS[:, None].astype(np.uint8))
        assert found(table.read_numpy(tmp_path / "b.npz", (1, 4, 4))) == WANTED

    def test_a_test_set_of_its_own(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x_train=PIXELS[:25], y_train=LABELS[:25], x_test=PIXELS[25:], y_test=LABELS[25:])
        arrays = table.read_numpy(tmp_path / "a.npz", None)
        assert (len(arrays.train[0]), len(arrays.test[0])) == (25, 5)
        assert found(arrays) == WANTED
        assert np.array_equal(arrays.train[0][..., 0], PIXELS[:25])

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_channels_first_and_fortran_order(self, tmp_path: Path, order: str) -> None:
        x = DRAW.integers(0, 256, (8, 3, 6, 5), dtype=np.uint8)
        np.savez(tmp_path / "a.npz", x_train=np.asarray(x, order=order), y_train=[0, 1] * 4, x_test=x[:2], y_test=[0, 1])
        for shape in (None, (3, 6, 5)):
            assert np.array_equal(table.read_numpy(tmp_path / "a.npz", shape).train[0], x.transpose(0, 2, 3, 1))

    def test_numbers_to_come_near_to(self, tmp_path: Path) -> None:
        targets = DRAW.normal(size=(30, 2))
        np.savez(tmp_path / "a.npz", x=PIXELS, y=targets)
        arrays = table.read_numpy(tmp_path / "a.npz", None)
        assert arrays.classes == ()
        assert arrays.train[1].dtype == np.float32
        assert np.array_equal(np.concatenate([arrays.train[1], arrays.test[1]]), targets.astype(np.float32))

    def test_two_files_side_by_side(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", PIXELS)
        with pytest.raises(DataError, match="y.npy: expected this file beside x.npy, got none"):
            table.read_numpy(tmp_path / "x.npy", None)
        np.save(tmp_path / "y.npy", LABELS)
        assert found(table.read_numpy(tmp_path / "x.npy", None)) == WANTED
        for name, part in {"train": slice(0, 25), "test": slice(25, 30)}.items():
            np.save(tmp_path / f"x_{name}.npy", PIXELS[part])
            np.save(tmp_path / f"y_{name}.npy", LABELS[part])
        arrays = table.read_numpy(tmp_path / "x_train.npy", None)
        assert (len(arrays.train[0]), len(arrays.test[0])) == (25, 5)
        with pytest.raises(DataError, match="expected a name that begins with x"):
            table.read_numpy(tmp_path / "y.npy", None)

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"a": PIXELS}, "expected arrays x and y .*, got a; rename them"),
            ({"x": PIXELS.astype(float), "y": LABELS}, "expected x of type uint8 .*, got float64"),
            ({"x": PIXELS[:3], "y": LABELS}, "expected one target for each of 3 images"),
            ({"x": PIXELS, "y": np.stack([LABELS, LABELS], 1)}, r"expected labels as \(N,\), got \(30, 2\)"),
            ({"x": PIXELS, "y": np.full(30, np.nan)}, "expected finite targets"),
            ({"x": PIXELS, "y": LABELS.astype("U1")}, "expected numbers, got <U1"),
            ({"x": PIXELS.reshape(30, 1, 1, 4, 4), "y": LABELS}, r"expected images as \(N, H, W\)"),
            ({"x_train": PIXELS, "y_train": LABELS, "x_test": PIXELS[:, :2], "y_test": LABELS}, "expected test arrays like"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(DataError, match=message):
            table.read_numpy(tmp_path / "a.npz", None)

    def test_a_pickle_is_never_read(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x=PIXELS, y=np.array([Trap()] * 30, dtype=object))
        with pytest.raises(DataError, match="pickled objects are never read"):
            table.read_numpy(tmp_path / "a.npz", None)
        assert not Trap.sprung

    def test_a_head_cannot_ask_for_memory(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", PIXELS)
        raw = (tmp_path / "x.npy").read_bytes()
        assert b"(30, 4, 4)" in raw
        (tmp_path / "x.npy").write_bytes(raw.replace(b"(30, 4, 4)", b"(10**9, 4)"))
        np.save(tmp_path / "y.npy", LABELS)
        with pytest.raises(DataError, match="its head is damaged"):
            table.read_numpy(tmp_path / "x.npy", None)
        (tmp_path / "x.npy").write_bytes(raw.replace(b"(30, 4, 4)", b"(99, 4, 4)"))
        with pytest.raises(DataError, match=r"its head says \(99, 4, 4\) of uint8, which is not the 480 bytes that follow"):
            table.read_numpy(tmp_path / "x.npy", None)

    def test_an_archive_of_too_much_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table, "MAX_BYTES", 100_000)
        with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", bytes(1_000_000))
        with pytest.raises(DataError, match="expected at most 64 arrays"):
            table.read_numpy(tmp_path / "a.npz", None)


class Trap:
    """Says so when a pickle builds it."""

    sprung = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _spring, ()


def _spring() -> Trap:
    Trap.sprung = True
    return Trap()
