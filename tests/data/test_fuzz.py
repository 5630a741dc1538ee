"""Damaged files of every kind: an answer or a DataError, never anything else."""

import gzip
import io
import os
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitral.data import folder, idx, picture, places, steps, table, texts, timeseries, vowels, wav
from vitral.data.source import File, Source
from vitral.errors import DataError

ROUNDS = 1000 if os.environ.get("VITRAL_LONG") else 60
DRAW = np.random.default_rng(12)
COLOURS = DRAW.integers(0, 256, (24, 24, 3), dtype=np.uint8)


def encoded(kind: str, **settings: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(COLOURS).save(stream, kind, **settings)
    return stream.getvalue()


def zipped(members: dict[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return stream.getvalue()


def npz(*, small: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if small else np.savez)(stream, x=COLOURS, y=np.arange(24) % 3)
    return stream.getvalue()


def npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, COLOURS)
    return stream.getvalue()


def csv() -> bytes:
    lines = "\n".join(",".join(map(str, [i % 3, *row])) for i, row in enumerate(COLOURS.reshape(24, -1)[:, :64].tolist()))
    return f"label,{','.join(f'p{i}' for i in range(64))}\n{lines}\n".encode()


def read_npy(path: Path) -> None:
    np.save(path.with_name("y.npy"), np.arange(24) % 3)
    table.read_numpy(path, None)


def wave_file() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(COLOURS.tobytes())
    return stream.getvalue()


def series() -> bytes:
    lines = [f"{i // 3},{'ab'[i // 3 % 2]},{','.join(map(str, row))}" for i, row in enumerate(COLOURS[:, :4, 0].tolist())]
    return ("series,label,p,q,r,s\n" + "\n".join(lines) + "\n").encode()


def archive_series() -> bytes:
    lines = [":".join([*(",".join(map(str, channel)) for channel in row), "ab"[i % 2]]) for i, row in enumerate(COLOURS[:, :3, :].tolist())]
    return ("@classLabel true a b\n@data\n" + "\n".join(lines) + "\n").encode()


def utterances() -> bytes:
    return ("\n".join(" ".join(f"{x / 100:.6f}" for x in row) + " \n" for row in COLOURS[:, :4, :].reshape(24, 12).tolist())).encode()


def read_lists(path: Path) -> None:
    path.with_name("other.txt").write_text("hello\nbye\n")
    texts.read(path.parent, OWN)


def read_idx(path: Path) -> None:
    raw = places.content(path, File("a", 1024 * 8, "0" * 64), "cure")
    raise AssertionError(f"believed {len(raw)} bytes without their checksum")


OWN = Source("mine", "", "", "", "", 0)
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 24, 0, 0, 0, 18]) + COLOURS.tobytes()
PICTURES = {f"{kind}/{i}.png": encoded("PNG") for kind in "ab" for i in range(3)}

CASES: dict[str, tuple[bytes, str, Callable[[Path], object]]] = {
    "idx": (IDX, "a", lambda path: idx.parse(path.read_bytes(), 3, "a")),
    "gz": (gzip.compress(IDX), "a.gz", read_idx),
    "csv": (csv(), "a.csv", lambda path: table.read_csv(path, None)),
    "npz": (npz(small=False), "a.npz", lambda path: table.read_numpy(path, None)),
    "npz, compressed": (npz(small=True), "a.npz", lambda path: table.read_numpy(path, None)),
    "npy": (npy(), "x.npy", read_npy),
    "wav": (wave_file(), "a.wav", lambda path: wav.parse(path.read_bytes(), "a")),
    "csv of series": (series(), "a.csv", lambda path: steps.read(path, OWN)),
    "csv of texts": ('text,label\nhola,a\nadiós,a\nhello,b\n"bye, ""you""",b\n'.encode(), "a.csv", lambda path: steps.read(path, OWN)),
    "ts": (archive_series(), "a.ts", lambda path: timeseries.read(path, OWN)),
    "utterances": (utterances(), "ae.train", lambda path: vowels.utterances(path.read_bytes(), (12, 12), "ae.train")),
    "lists": ("hola\nadiós\nbuenas\n".encode(), "one.txt", read_lists),
    "zip": (zipped(PICTURES, zipfile.ZIP_STORED), "a.zip", lambda path: folder.read(path, (3, 8, 8))),
    "zip, compressed": (zipped(PICTURES, zipfile.ZIP_DEFLATED), "a.zip", lambda path: folder.read(path, (3, 8, 8))),
    **{
        kind: (encoded(kind, **settings), "a.png", lambda path: picture.read(path, (3, 8, 8)))
        for kind, settings in {"PNG": {}, "JPEG": {}, "WEBP": {"lossless": True}, "BMP": {}, "GIF": {}, "PPM": {}, "TIFF": {}}.items()
    },
    "TIFF, LZW": (encoded("TIFF", compression="tiff_lzw"), "a.png", lambda path: picture.read(path, (3, 8, 8))),
    "JPEG, progressive": (encoded("JPEG", progressive=True), "a.png", lambda path: picture.read(path, (3, 8, 8))),
}


def damage(raw: bytes, draw: np.random.Generator) -> bytes:
    """Flip bytes (mostly near the head, where formats keep their sizes), cut, repeat or insert."""
    raw = bytearray(raw)
    for _ in range(draw.integers(1, 5)):
        if not raw:
            break
        near = draw.random() < 0.5
        place = int(draw.integers(0, min(len(raw), 64) if near else len(raw)))
        what = draw.integers(0, 6)
        if what < 3:
            raw[place] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, raw[place] ^ (1 << int(draw.integers(0, 8)))])
        elif what == 3:
            del raw[place:]
        elif what == 4:
            raw[place:place] = draw.bytes(int(draw.integers(1, 9)))
        else:
            del raw[place : place + int(draw.integers(1, 9))]
    return bytes(raw)


@pytest.mark.parametrize("case", CASES)
def test_damage_is_refused_or_harmless(case: str, tmp_path: Path) -> None:
    raw, name, read = CASES[case]
    draw = np.random.default_rng([5, *case.encode()])
    path = tmp_path / name
    messages: list[str] = []
    for number in range(ROUNDS):
        path.write_bytes(damage(raw, draw))
        try:
            read(path)
        except DataError as cause:
            messages.append(str(cause))
        except BaseException as cause:
            cause.add_note(f"round {number} of {case}: {path.read_bytes()[:200]!r}")
            raise
    assert len(messages) > ROUNDS / 20
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("case", [case for case in CASES if case != "gz"])
def test_the_undamaged_file_is_read(case: str, tmp_path: Path) -> None:
    raw, name, read = CASES[case]
    (tmp_path / name).write_bytes(raw)
    read(tmp_path / name)
