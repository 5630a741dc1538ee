"""Pixels in a table (CSV) and in NumPy files."""

# N examples  H height  W width  C channels

from __future__ import annotations

import csv
import io
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from math import isqrt, prod
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from vitral.data.arrays import Arrays, Pixels, Split
from vitral.data.split import stratify
from vitral.errors import DataError

MAX_BYTES: Final = 2**32
MAX_DIGITS: Final = 9
LABELS = ("label", "labels", "class", "target", "y")
COMMA, NEWLINE, ZERO, NINE = b",\n09"
Shape = tuple[int, int, int]

HEAD_ERRORS = (
    ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, KeyError, IndexError, AttributeError, tokenize.TokenError,
)  # fmt: skip
"""What NumPy's reader of heads raises on damaged ones, by experience."""


def read_csv(path: Path, shape: Shape | None) -> Arrays:
    """Read a table of pixels: a line an image, one number from 0 to 255 a column, and a column of labels.

    The label stands in the column headed ``label`` (or class, target, y), without a heading in the first. Colour images are three
    planes one after the other, red first. A fifth of every class is set aside for the test.

    Args:
        path: the file, UTF-8, comma or semicolon between numbers.
        shape: (C, H, W) of the network; None takes square images, grey if that is possible.
    Raises:
        DataError: unreadable, no whole numbers, uneven lines, or not as many pixels as the images need; names the line.
    Example:
        A heading ``label,pixel0,...,pixel783`` and lines such as ``7,0,0,...,0`` make 28x28 grey images.
    """
    raw = _bounded(path).replace(b"\r\n", b"\n").replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf")
    head, _, _ = raw.partition(b"\n")
    separator = b";" if head.count(b";") > head.count(b",") else b","
    column, first = 0, 1
    if any(byte not in b'0123456789,;" -.+eE\t' for byte in head):
        names = _heading(head, separator.decode(), path)
        column = next((names.index(name) for name in LABELS if name in names), 0)
        raw, first = raw[len(head) + 1 :], 2
    table = numbers(raw.replace(b";", b",") if separator == b";" else raw, str(path), first)
    labels, values = table[:, column], np.delete(table, column, axis=1)
    if (bad := np.argwhere(values > 255)).size:
        line, place = bad[0]
        raise DataError(f"{path}, line {line + first}: expected pixels from 0 to 255, got {values[line, place]}; rescale them")
    pixels = _planes(values.astype(np.uint8), shape, path)
    return _classified(pixels, labels, str(path))


def numbers(raw: bytes, what: str, first: int = 1) -> npt.NDArray[np.int32]:
    """Read lines of whole numbers with commas between them: (lines, columns).

    All characters are looked at together, once for each digit of a number, which is tens of times as fast as line by line.

    Args:
        raw: the lines, without a heading.
        what: the file's name, for errors.
        first: the number of the first line, for errors.
    Raises:
        DataError: anything else than 1 to 9 digits between commas, lines of different length, nothing at all.
    """
    raw = b"\n".join(line for line in raw.split(b"\n") if line.strip()) if b"\n\n" in raw or b" " in raw else raw
    raw = raw.replace(b" ", b"").rstrip(b"\n") + b"\n"
    text = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero((text == COMMA) | (text == NEWLINE))
    lengths = np.diff(ends, prepend=-1) - 1
    strange = np.flatnonzero(((text < ZERO) | (text > NINE)) & (text != COMMA) & (text != NEWLINE))
    wrong = np.flatnonzero((lengths < 1) | (lengths > MAX_DIGITS))
    if strange.size or wrong.size:
        place = min(int(strange[0]) if strange.size else len(text), int(ends[wrong[0]]) if wrong.size else len(text))
        before = raw[:place]
        start, stop = max(before.rfind(b","), before.rfind(b"\n")) + 1, int(ends[np.searchsorted(ends, place)])
        cell = raw[start:stop][:20].decode("utf-8", "replace")
        line = before.count(b"\n") + first
        raise DataError(f"{what}, line {line}: expected a whole number, got {cell!r}; write pixels as 0 to 255")
    lines = np.flatnonzero(text[ends] == NEWLINE)
    columns = np.diff(lines, prepend=-1)
    if (uneven := np.flatnonzero(columns != columns[0])).size:
        line = int(uneven[0])
        raise DataError(f"{what}, line {line + first}: expected {columns[0]} columns as in line {first}, got {columns[line]}; complete it")
    if columns[0] < 2:
        raise DataError(f"{what}: expected a label and pixels in every line, got one column; separate them by commas")
    values = np.zeros(len(ends), np.int32)
    for digit in range(int(lengths.max())):
        long = lengths > digit
        values += np.where(long, text[np.where(long, ends - 1 - digit, 0)].astype(np.int32) - ZERO, 0) * 10**digit
    return values.reshape(len(lines), int(columns[0]))


def read_numpy(path: Path, shape: Shape | None) -> Arrays:
    """Read arrays: ``x`` and ``y`` in one ``.npz`` (or ``x_train``, ``y_train``, ``x_test``, ``y_test``), or ``x.npy`` beside ``y.npy``.

    ``x`` is uint8, (N, H, W), (N, H, W, C), (N, C, H, W) or (N, pixels). ``y`` holds whole numbers, (N,) or (N, 1), or floating-point
    targets of any shape for a regression. Without a test set a fifth of every class is set aside. Pickled objects are never read.

    Raises:
        DataError: missing or damaged arrays, other types, different lengths; names the array.
    """
    arrays = _npz(path) if path.suffix.lower() == ".npz" else _npy_pair(path)
    names = {key.lower().removesuffix(".npy"): key for key in arrays}

    def split(suffix: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
        x, y = names.get(f"x{suffix}"), names.get(f"y{suffix}")
        return (arrays[x], arrays[y]) if x is not None and y is not None else None

    train, test = split("_train") or split(""), split("_test")
    if train is None:
        raise DataError(
            f"{path}: expected arrays x and y (or x_train, y_train, x_test, y_test), got {', '.join(arrays) or 'none'}; rename them"
        )
    x, y = _images(train[0], shape, path), _targets(train[1], len(train[0]), path)
    if y.dtype == np.float32:
        if test is None:
            held = max(1, len(x) // 5)
            return Arrays((), (x[:-held], y[:-held]), (x[-held:], y[-held:]))
        return Arrays((), (x, y), _checked(_images(test[0], shape, path), _targets(test[1], len(test[0]), path), x, y, path))
    if test is None:
        return _classified(x, y, str(path))
    also = _checked(_images(test[0], shape, path), _targets(test[1], len(test[0]), path), x, y, path)
    found = np.unique(np.concatenate([y, also[1]]))
    return Arrays(tuple(map(str, found)), (x, np.searchsorted(found, y)), (also[0], np.searchsorted(found, also[1])))


def _checked(pixels: Pixels, targets: npt.NDArray[Any], x: Pixels, y: npt.NDArray[Any], path: Path) -> Split:
    if pixels.shape[1:] != x.shape[1:] or targets.shape[1:] != y.shape[1:] or targets.dtype != y.dtype:
        raise DataError(
            f"{path}: expected test arrays like the training arrays, got {pixels.shape[1:]} {targets.dtype} and {x.shape[1:]} {y.dtype}; make them alike"
        )
    return pixels, targets


def _classified(pixels: Pixels, labels: npt.NDArray[Any], what: str) -> Arrays:
    found, targets = np.unique(labels, return_inverse=True)
    if len(found) > 10_000 or len(found) < 2:
        raise DataError(f"{what}: expected 2 to 10,000 different labels, got {len(found)}; check which column or array holds them")
    classes = tuple(map(str, found))
    targets = targets.reshape(-1).astype(np.int64)
    train, test = stratify(targets, classes, what)
    return Arrays(classes, (pixels[train], targets[train]), (pixels[test], targets[test]))


def _planes(values: npt.NDArray[np.uint8], shape: Shape | None, path: Path) -> Pixels:
    """Read rows of numbers as images, plane after plane: (N, C*H*W) to (N, H, W, C)."""
    count = values.shape[1]
    grey, colour = isqrt(count), isqrt(count // 3)
    if shape is None and count not in {grey * grey, 3 * colour * colour}:
        raise DataError(f"{path}: expected square images, got {count} pixels an image; set network.input to the images' size")
    if shape is None:
        shape = (1, grey, grey) if grey * grey == count else (3, colour, colour)
    if prod(shape) != count:
        sides = "x".join(map(str, shape))
        raise DataError(f"{path}: expected {sides} = {prod(shape)} pixels an image, got {count}; set network.input to the images' size")
    return np.ascontiguousarray(values.reshape(-1, *shape).transpose(0, 2, 3, 1))


def _images(x: npt.NDArray[Any], shape: Shape | None, path: Path) -> Pixels:
    if x.dtype != np.uint8:
        raise DataError(f"{path}: expected x of type uint8 (0 to 255), got {x.dtype}; save (255 * x).astype('uint8')")
    if x.ndim == 2:
        return _planes(x, shape, path)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or not x.size:
        raise DataError(f"{path}: expected images as (N, H, W), (N, H, W, C) or (N, C, H, W), got {x.shape}; reshape them")
    wanted = (shape[1], shape[2], shape[0]) if shape else None
    if x.shape[1:] != wanted and (x.shape[1:] == shape or (x.shape[1] in {1, 3} and x.shape[3] not in {1, 3})):
        x = x.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(x)


def _targets(y: npt.NDArray[Any], count: int, path: Path) -> npt.NDArray[Any]:
    if not y.ndim or len(y) != count:
        raise DataError(f"{path}: expected one target for each of {count} images, got an array {y.shape}; make them equally long")
    if y.dtype.kind in "iub":
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1:
            raise DataError(f"{path}: expected labels as (N,), got {y.shape}; save the class numbers")
        return y.astype(np.int64)
    if y.dtype.kind != "f":
        raise DataError(f"{path}: expected y of whole or floating-point numbers, got {y.dtype}; save class numbers")
    y = y.astype(np.float32)
    if not np.isfinite(y).all():
        raise DataError(f"{path}: expected finite targets, got NaN or infinity; take those examples out")
    return y[:, None] if y.ndim == 1 else y


def _npz(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if len(members) > 64 or sum(info.file_size for info in members) > MAX_BYTES:
                raise DataError(f"{path}: expected at most 64 arrays and {MAX_BYTES // 2**30} GiB, got more; save fewer")
            for info in members:
                with archive.open(info) as file:
                    arrays[info.filename.removesuffix(".npy")] = _array(file, info.file_size, f"{path}: {info.filename}")
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        KeyError,
        MemoryError,
    ) as cause:
        raise DataError(f"{path}: is no readable .npz ({_said(cause)}); save it again with numpy.savez") from None
    return arrays


def _npy_pair(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    stem = path.stem.lower()
    if not stem.startswith("x"):
        raise DataError(f"{path}: expected a name that begins with x, with its y beside it, as x.npy and y.npy; rename it")
    arrays = {}
    for suffix in {path.stem[1:], "_test" if stem == "x_train" else path.stem[1:]}:
        for letter in "xy":
            file = path.with_name(f"{letter if path.stem[0] == 'x' else letter.upper()}{suffix}{path.suffix}")
            if file.is_file():
                arrays[f"{letter}{suffix}"] = _npy(file)
            elif suffix == path.stem[1:]:
                raise DataError(f"{file}: expected this file beside {path.name}, got none; save it with numpy.save")
    if set(arrays) == {f"x{path.stem[1:]}", f"y{path.stem[1:]}"}:
        return {"x": arrays[f"x{path.stem[1:]}"], "y": arrays[f"y{path.stem[1:]}"]}
    return arrays


def _npy(path: Path) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as file:
            return _array(file, path.stat().st_size, str(path))
    except (OSError, EOFError, ValueError, MemoryError) as cause:
        raise DataError(f"{path}: is no readable .npy ({_said(cause)}); save it again with numpy.save") from None


def _array(file: IO[bytes], size: int, what: str) -> npt.NDArray[Any]:
    """Read one array whose head and body agree on its size, so that a head cannot ask for more memory than the file has."""
    body = file.read(size)
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise DataError(f"{what}: expected NumPy's format 1.0 or 2.0, got {version}; save it again")
        shape, fortran, dtype = read(stream)
    except HEAD_ERRORS as cause:
        raise DataError(f"{what}: its head is damaged ({_said(cause)}); save it again") from None
    if dtype.hasobject or dtype.kind not in "iubf" or dtype.itemsize > 8:
        raise DataError(f"{what}: expected numbers, got {dtype}; save them as uint8 or int64 (pickled objects are never read)")
    rest = len(body) - stream.tell()
    if any(side < 0 for side in shape) or prod(shape) * dtype.itemsize != rest:
        raise DataError(f"{what}: its head says {shape} of {dtype}, which is not the {rest:,} bytes that follow; save it again")
    array = np.frombuffer(bytearray(body)[stream.tell() :], dtype)
    array = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _bounded(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: expected at most {MAX_BYTES // 2**30} GiB, got more; split it")
        return path.read_bytes()
    except (OSError, MemoryError) as cause:
        raise DataError(f"{path}: cannot be read ({_said(cause)}); check its permissions") from None


def _heading(head: bytes, separator: str, path: Path) -> list[str]:
    try:
        row = next(csv.reader([head.decode("utf-8")], delimiter=separator), [])
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}, line 1: expected a heading or numbers in UTF-8, got other bytes; save it as UTF-8 text") from None
    return [name.strip().lower() for name in row]


def _said(cause: BaseException) -> str:
    return " ".join((getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).split()).lower()[:100]
