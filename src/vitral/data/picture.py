"""Pictures from outside: decoded within bounds, then cut and shrunk to what a network reads."""

# H height  W width  C channels

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from vitral.errors import DataError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff"})
MAX_PIXELS: Final = 40_000_000
MAX_BYTES: Final = 20_000_000
MAX_STRETCH: Final = 100

Pixels = npt.NDArray[np.uint8]

BROKEN = (OSError, EOFError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError,
          ZeroDivisionError, RuntimeError, AssertionError, NotImplementedError, struct.error, zlib.error, Image.DecompressionBombError)  # fmt: skip
"""What Pillow's readers raise on damaged files, by experience: each is the file's fault."""


def read(path: str | Path, shape: tuple[int, int, int]) -> Pixels:
    """Read a picture from a file as a network of input ``shape`` (C, H, W) sees it: uint8, (H, W, C).

    Raises:
        DataError: no file, larger than 20 MB, no picture, damaged, or over 40 megapixels.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise DataError(f"{path}: expected a picture, got {'a folder' if path.is_dir() else 'no such file'}; check the name")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as cause:
        raise DataError(f"{path}: cannot be read ({(cause.strerror or str(cause)).lower()}); check its permissions") from None
    try:
        with quiet():
            return decode(raw, shape)
    except DataError as cause:
        raise DataError(f"{path}: {cause}") from None


def decode(raw: bytes, shape: tuple[int, int, int]) -> Pixels:
    """Decode a picture, turn it upright, cut the largest centred part of the wanted proportions, and resize it (bilinear, antialiased).

    Args:
        raw: the file's bytes.
        shape: (C, H, W) with C = 1 for grey (ITU-R 601 luma) or 3 for colour; transparency lies on white.
    Returns:
        uint8, (H, W, C).
    Raises:
        DataError: the reason alone; whoever knows the file's name puts it in front.
    Example:
        A 640x480 photograph for (3, 32, 32): the middle 480x480, then 32x32.
    """
    channels, height, width = shape
    if channels not in {1, 3}:
        raise DataError(f"a picture has 1 or 3 channels, the network reads {channels}; set network.input = [3, {height}, {width}]")
    if len(raw) > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES // 1_000_000} MB, got more; shrink it")
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            w, h = image.size
            if w * h > MAX_PIXELS:
                raise DataError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels, got {w}x{h}; shrink it")
            if max(w, h) > MAX_STRETCH * min(w, h):
                raise DataError(f"expected sides of similar length, got {w}x{h}; cut it")
            image.draft("RGB" if channels == 3 else "L", (2 * width, 2 * height))  # a JPEG decodes at 1/2, 1/4 or 1/8 where that is enough
            image.load()
            return _fit(_flat(image, "RGB" if channels == 3 else "L"), height, width)
    except UnidentifiedImageError:
        raise DataError(f"expected a picture ({', '.join(FORMATS)}), got something else; replace it") from None
    except Image.DecompressionBombError:
        raise DataError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels, got far more; shrink it") from None
    except BROKEN as cause:
        raise DataError(f"is damaged ({_said(cause)}); replace it") from None


def reencode(raw: bytes, side: int) -> tuple[bytes, tuple[int, int]]:
    """Decode a whole picture and write it anew as an upright RGB PNG of at most ``side`` pixels a side: nothing else of the file is left.

    Returns:
        The PNG, and its (width, height).
    Raises:
        DataError: as ``decode``.
    """
    if len(raw) > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES // 1_000_000} MB, got more; shrink it")
    try:
        with quiet(), Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            w, h = image.size
            if w * h > MAX_PIXELS:
                raise DataError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels, got {w}x{h}; shrink it")
            image.draft("RGB", (side, side))
            image.load()
            flat = _flat(image, "RGB")
            flat.thumbnail((side, side))
            out = io.BytesIO()
            Image.fromarray(np.asarray(flat)).save(out, "PNG")  # from the pixels alone: no profile, comment or place comes along
            return out.getvalue(), flat.size
    except UnidentifiedImageError:
        raise DataError(f"expected a picture ({', '.join(FORMATS)}), got something else; replace it") from None
    except Image.DecompressionBombError:
        raise DataError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels, got far more; shrink it") from None
    except BROKEN as cause:
        raise DataError(f"is damaged ({_said(cause)}); replace it") from None


def sheet(raw: bytes, size: tuple[int, int], what: str) -> Pixels:
    """Decode an RGB sheet of exactly ``size`` (width, height) from PNG: uint8, (H, W, 3).

    Raises:
        DataError: anything else.
    """
    try:
        with quiet(), Image.open(io.BytesIO(raw), formats=("PNG",)) as image:
            if image.size != size or image.mode != "RGB":
                raise DataError(
                    f"{what}: expected an RGB sheet of {size[0]}x{size[1]}, got {image.mode} {image.size[0]}x{image.size[1]}; try again later"
                )
            return np.asarray(image)
    except BROKEN as cause:
        raise DataError(f"{what}: is damaged ({_said(cause)}); try again later") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings of odd files: what matters is refused, the rest is none of a person's business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """Turn upright by the camera's note, put transparency on white, and give 8 bits a channel."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert(mode)
    if image.mode in {"I", "F"}:
        raise DataError(f"expected 8 or 16 bits a channel, got {'32-bit' if image.mode == 'I' else 'floating-point'} pixels; convert it")
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert(mode)
    return upright.convert(mode)


def _fit(image: Image.Image, height: int, width: int) -> Pixels:
    w, h = image.size
    scale = min(w / width, h / height)
    cut_w, cut_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (w - cut_w) // 2, (h - cut_h) // 2
    if (cut_w, cut_h) != (w, h):  # cut before resizing: the filter would look beyond a box
        image = image.crop((left, top, left + cut_w, top + cut_h))
    if (cut_w, cut_h) != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, -1).copy()


def _said(cause: BaseException) -> str:
    text = " ".join(str(cause).split()).lower()
    return text[:80] if text else type(cause).__name__
