"""One sequence of a person's own, for a network that was trained: a word, a recording, a picture or a table of steps."""

# T time  F features  C channels  H height  W width

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitral.data import mel, picture, rows, spoken, steps, wav
from vitral.data.sequence import Values
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError

MAX_RECORDING = 2**27
BY_ROW = (rows.DIGITS.name, rows.MNIST.name)


def read(what: str, *, source: str, size: int, vocabulary: Vocabulary | None = None) -> Values:
    """Read what a person wants to be named, as the set that the network learned from was read; nothing is normalised or padded.

    Args:
        what: the text itself where there is a vocabulary; else a path: ``.wav`` for spoken digits, a picture (white on black) for
            digits by row, for all others a table of numbers, a line a step (columns series, label and split are passed over).
        source: the name of that set.
        size: the numbers that a step must have.
        vocabulary: of the network's tokens, None where it reads numbers.
    Returns:
        tokens int64 (T,), or numbers float32 (T, F).
    Raises:
        DataError: an empty text, letters that were never met, a file that cannot be read or has other numbers a step.
    Example:
        ``read("Kowalski", source="names", size=83, vocabulary=...)`` gives 8 tokens.
    """
    if vocabulary is not None:
        text = what.strip()
        if not text:
            raise DataError("expected a text to name, got nothing; write one")
        return vocabulary.encode(text)
    path = Path(what).expanduser()
    if source == spoken.SPOKEN.name:
        values = _sound(path)
    elif source in BY_ROW:
        pixels = picture.read(path, (1, size, size))  # (H, W, C)
        values = (pixels[..., 0] / 255).astype(np.float32)
    else:
        values = _table(path)
    if values.shape[1] != size:
        raise DataError(f"{path}: expected {size} numbers a step, got {values.shape[1]}; the network learned from {source}")
    return values


def _sound(path: Path) -> Values:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_RECORDING)
    except (OSError, ValueError) as cause:
        said = (getattr(cause, "strerror", None) or str(cause)).lower()
        raise DataError(f"{path}: cannot be read ({said}); name a .wav file of 16 bits") from None
    samples, rate = wav.parse(raw, str(path))
    return mel.log_mel(wav.resample(samples, rate, spoken.RATE), spoken.RATE)


def _table(path: Path) -> Values:
    table = steps.Table(path)
    names: set[str] = set()
    found: list[list[float]] = []
    for line, cells in table.rows():
        if table.series is not None:
            names.add(cells[table.series].strip())
        if len(names) > 1 or len(found) == steps.MAX_LENGTH:
            raise DataError(f"{path}, line {line}: expected one series of at most {steps.MAX_LENGTH:,} steps, got more; leave the rest out")
        found.append(table.numbers(line, cells, table.features))
    if not found or not table.features:
        raise DataError(f"{path}: expected a heading and lines of numbers, got none; add some")
    return np.array(found, np.float32)
