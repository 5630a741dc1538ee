"""Pictures from outside: what is cut, what is refused."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitral.data import picture
from vitral.errors import DataError

COLOURS = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def save(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG"])
def test_every_format_is_read(kind: str) -> None:
    image = Image.fromarray(np.full((8, 8, 3), (200, 100, 50), np.uint8))
    raw = save(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    got = picture.decode(raw, (3, 8, 8))
    assert got.dtype == np.uint8
    assert np.abs(got.astype(int) - [200, 100, 50]).max() <= (3 if kind == "JPEG" else 0)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    assert np.array_equal(picture.decode(save(Image.fromarray(COLOURS)), (3, 40, 60)), COLOURS)


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (61, 40)])
def test_the_middle_is_cut_out(size: tuple[int, int]) -> None:
    """A white square in the middle of a black picture, as large as its shorter side: only white remains."""
    w, h = size
    side = min(w, h)
    pixels = np.zeros((h, w, 3), np.uint8)
    left, top = (w - side) // 2, (h - side) // 2
    pixels[top : top + side, left : left + side] = 255
    assert (picture.decode(save(Image.fromarray(pixels)), (3, 10, 10)) == 255).all()


def test_shrinking_takes_weighted_means() -> None:
    """A triangle as wide as two blocks, normalised at the border: by hand in float64."""
    big = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    got = picture.decode(save(Image.fromarray(big)), (1, 4, 4))[..., 0]
    places, centres = np.arange(64) + 0.5, np.arange(4) * 16 + 8
    weights = np.maximum(0, 1 - np.abs(places[None] - centres[:, None]) / 16)
    weights /= weights.sum(1, keepdims=True)
    assert np.abs(weights @ big.astype(np.float64) @ weights.T - got).max() <= 1
    assert (picture.decode(save(Image.fromarray(np.full((64, 64), 77, np.uint8))), (1, 4, 4)) == 77).all()


def test_grey_is_luma_and_colour_is_three_times_grey() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    assert picture.decode(save(red), (1, 4, 4))[0, 0].tolist() == [76]  # 0.299 * 255
    assert picture.decode(save(Image.new("L", (4, 4), 9)), (3, 4, 4))[0, 0].tolist() == [9, 9, 9]


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert picture.decode(save(clear), (3, 4, 4))[0, 0].tolist() == [255, 255, 255]
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30] * 256)
    assert picture.decode(save(palette, transparency=0), (3, 4, 4))[0, 0].tolist() == [255, 255, 255]
    assert picture.decode(save(palette), (3, 4, 4))[0, 0].tolist() == [10, 20, 30]


def test_sixteen_bits_become_eight() -> None:
    deep = Image.fromarray(np.full((4, 4), 0x9ABC, np.uint16))
    assert (picture.decode(save(deep), (1, 4, 4)) == 0x9A).all()


def test_the_camera_s_note_turns_it_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    upright = picture.decode(save(Image.fromarray(COLOURS), "PNG", exif=exif), (3, 60, 40))
    assert np.array_equal(upright, np.rot90(COLOURS, -1))


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "expected a picture .PNG, JPEG"),
        (b"hello, I am a text", "got something else; replace it"),
        (bomb(8000, 6000), "expected at most 40 megapixels, got 8000x6000"),
        (bomb(12000, 9000), "expected at most 40 megapixels, got 12000x9000"),
        (bomb(30000, 30000), "expected at most 40 megapixels, got far more"),
        (bomb(5000, 2), "expected sides of similar length, got 5000x2"),
        (save(Image.fromarray(COLOURS))[:3000], "is damaged .*truncated"),
        (save(Image.fromarray(COLOURS), "JPEG")[:1000], "is damaged .*truncated"),
        (b"%PDF-1.4 " + bytes(100), "got something else"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "got something else"),
        (save(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "got floating-point pixels"),
        (save(Image.fromarray(np.ones((4, 4), np.int32)), "TIFF"), "got 32-bit pixels"),
        (bytes(picture.MAX_BYTES + 1), "expected at most 20 MB"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # read() silences it; decode() leaves that to whoever calls it
def test_what_cannot_be_used_says_why(raw: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        picture.decode(raw, (3, 8, 8))


def test_eps_and_other_formats_stay_out() -> None:
    """Formats beyond the list never reach their readers, whatever the file is called."""
    with pytest.raises(DataError, match="got something else"):
        picture.decode(save(Image.fromarray(COLOURS), "EPS"), (3, 8, 8))
    with pytest.raises(DataError, match="got something else"):
        picture.decode(save(Image.fromarray(COLOURS), "ICO"), (3, 8, 8))


def test_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(save(Image.fromarray(COLOURS)))
    assert picture.read(tmp_path / "a.png", (3, 8, 8)).shape == (8, 8, 3)
    (tmp_path / "b.png").write_bytes(bomb(12000, 9000))
    for name, message in {"b.png": "b.png: expected at most 40", "none.png": "none.png: .* got no such file", ".": "got a folder"}.items():
        with pytest.raises(DataError, match=message):
            picture.read(tmp_path / name, (3, 8, 8))


def test_other_channels_are_not_for_pictures() -> None:
    with pytest.raises(DataError, match=r"the network reads 4; set network.input = \[3, 8, 8\]"):
        picture.decode(save(Image.fromarray(COLOURS)), (4, 8, 8))
