"""What pages bring: looked at in a process that can do no harm, published whole or not at all."""

import asyncio
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import house
import numpy as np
import pytest
from PIL import Image

from vitral.store.durable import MARK


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 40), **more: object) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind, **more)
    return file.getvalue()


async def send(found, path: str, body: bytes) -> house.Answer:
    return await house.ask(found.app, "POST", path, house.let_in(found), body)


def files(workspace: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (workspace / "laboratory" / kind).iterdir())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF"])
def test_a_picture_is_written_anew(kind: str, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        answer = await send(found, "/api/images", picture(kind))
        assert (answer.status, answer.json["width"], answer.json["height"]) == (201, 60, 40)
        shown = await house.ask(found.app, "GET", f"/api/images/{answer.json['image']}", house.let_in(found))
        assert shown.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(shown.body)) as image:
            assert (image.format, image.size, image.mode) == ("PNG", (60, 40), "RGB")
        assert files(tmp_path, "image") == [f"{answer.json['image']}.png"]

    house.run(scene())


def test_nothing_but_pixels_is_left_of_it(tmp_path: Path) -> None:
    async def scene() -> None:
        exif = Image.Exif()
        exif[0x010E] = "<script>alert(1)</script>"
        exif[0x0112] = 6  # turned by the camera
        found = house.parts(tmp_path)
        answer = await send(found, "/api/images", picture("JPEG", exif=exif, comment=b"a secret place"))
        assert (answer.json["width"], answer.json["height"]) == (40, 60), "upright"
        raw = (tmp_path / "laboratory" / "image" / f"{answer.json['image']}.png").read_bytes()
        assert b"script" not in raw
        assert b"secret" not in raw
        chunks, place = [], 8
        while place < len(raw):
            size = int.from_bytes(raw[place : place + 4], "big")
            chunks.append(raw[place + 4 : place + 8])
            place += size + 12
        assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}

    house.run(scene())


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "expected a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "expected a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "expected a picture"),
        (b"GIF89a", "expected a picture"),
        (picture()[:-40], "is damaged"),
        (bomb(30_000, 30_000), "megapixels"),
        (bomb(100_000, 100_000), "megapixels"),
        (bomb(7000, 5715), "megapixels"),
        (b"\x00" * 1000, "expected a picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_line(body: bytes, sentence: str, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        answer = await send(found, "/api/images", body)
        assert answer.status == 422
        assert sentence in answer.json["error"]
        assert "\n" not in answer.json["error"]
        assert str(tmp_path) not in answer.json["error"]
        assert files(tmp_path, "image") == []

    house.run(scene())


def test_more_than_20_megabytes_are_not_even_kept(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for headers in ({}, {"content-length": "20000001"}):
            answer = await house.ask(found.app, "POST", "/api/images", house.let_in(found, **headers), bytes(20_000_001))
            assert answer.status == 413
        assert files(tmp_path, "image") == []

    house.run(scene())


def zipped(entries: dict[str, bytes], *, link: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return file.getvalue()


GOOD = {f"{name}/{n}.png": picture(size=(20 + n, 20)) for name in ("cats", "dogs") for n in range(5)}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"PK\x03\x04 no zip", "zip"),
        (zipped({**GOOD, "../evil.png": picture()}), "outside"),
        (zipped({**GOOD, "/etc/evil.png": picture()}), "outside"),
        (zipped({**GOOD, "C:/evil.png": picture()}), "outside"),
        (zipped(GOOD, link="cats/link.png"), "is a link"),
        (zipped({**GOOD, "cats/bomb.png": bytes(500_000_000)}), "times its size"),
        (zipped({**GOOD, "cats/broken.png": b"no picture"}), "cannot be used"),
    ],
)
def test_a_zip_that_could_do_harm_is_refused(body: bytes, sentence: str, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        answer = await send(found, "/api/data", body)
        assert answer.status == 422
        assert sentence in answer.json["error"], answer.json
        assert files(tmp_path, "zip") == []

    house.run(scene())


def test_a_good_zip_is_kept(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        answer = await send(found, "/api/data", zipped(GOOD))
        assert (answer.status, answer.json["pictures"]) == (201, 10)
        assert files(tmp_path, "zip") == [f"{answer.json['data']}.zip"]

    house.run(scene())


def tensors(**more: object) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, **more}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(24)


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (tensors(), {"format": "safetensors", "tensors": 1}),
        (b'{"layers":[{"layer_type":"input"},{"layer_type":"softmax"}]}', {"format": "convnetjs", "layers": 2}),
        (b"\x80\x04\x95 a pickle", None),
        (b"PK\x03\x04 what torch.save writes", None),
        (b"", None),
        (b"{}", None),
        (b"[" * 100_000, None),
        (b'{"layers":' + b"[" * 100_000, None),
        (struct.pack("<Q", 2**60) + b"{}", None),
        (tensors(x={"dtype": "F32", "shape": [2], "data_offsets": [20, 28]}), None),
        (tensors(x={"dtype": "F32", "shape": [2], "data_offsets": [0, 24]}), None),
        (tensors(x={"dtype": "object", "shape": [2], "data_offsets": [0, 8]}), None),
    ],
)
def test_weights_are_safetensors_or_convnetjs(body: bytes, facts: dict[str, object] | None, tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        answer = await send(found, "/api/weights", body)
        assert answer.status == (201 if facts else 422), answer.body
        if facts:
            name = answer.json.pop("weights")
            assert {key: value for key, value in answer.json.items() if key != "weights"} == facts
            assert found.lab.resolve("load", {"weights": name})["weights"].startswith(str(tmp_path))

    house.run(scene())


def test_a_page_names_uploads_and_never_paths(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)
        for wrong in ("../../etc/passwd", "/etc/passwd", "*", "a" * 32, "", 7, None, "A" * 32, "é" * 32, {"a": 1}):
            answer = await house.ask(found.app, "GET", f"/api/images/{wrong}", house.let_in(found))
            assert answer.status in (404, 401)
            with pytest.raises(Exception, match="there is no image"):
                found.lab.resolve("predict", {"image": wrong})

    house.run(scene())


def test_what_a_killed_server_left_half_is_swept_away(tmp_path: Path) -> None:
    folder = tmp_path / "laboratory" / "image"
    folder.mkdir(parents=True)
    (folder / f".half{MARK}").write_bytes(b"half")
    (folder / f"{'a' * 32}.png").write_bytes(b"whole")

    async def scene() -> None:
        house.parts(tmp_path)
        assert files(tmp_path, "image") == [f"{'a' * 32}.png"]

    house.run(scene())


def test_a_page_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        found = house.parts(tmp_path)

        async def half():
            yield b"half"
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await found.lab.uploads.take("image", half())
        assert files(tmp_path, "image") == []

    house.run(scene())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit less")
def test_the_decoding_process_is_confined(tmp_path: Path) -> None:
    program = (
        "import sys, resource\nfrom vitral.server.decoding import confine\nconfine(1)\n"
        "for name, harm in {'memory': lambda: bytearray(3 << 30), 'file': lambda: open(sys.argv[1], 'wb', 0).write(b'x')}.items():\n"
        "    try: harm()\n    except (MemoryError, OSError) as cause: print(name, type(cause).__name__)\n"
        "while True: pass\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path / "x")], capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout.splitlines() in (["memory MemoryError", "file OSError"], ["memory MemoryError"])
    assert ended.returncode < 0, "its processor time is over"


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vitral.server import uploads

    monkeypatch.setitem(uploads.KEPT, "weights", 2)

    async def scene() -> None:
        found = house.parts(tmp_path)
        for n in range(4):
            answer = await send(found, "/api/weights", tensors(__metadata__={"n": str(n)}))
            assert answer.status == 201
            os.utime(found.lab.uploads.path("weights", answer.json["weights"]), (1000 + n, 1000 + n))
            await asyncio.sleep(0)
        assert len(files(tmp_path, "weights")) == 2

    house.run(scene())
