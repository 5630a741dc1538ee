"""Short texts of classes, as sequences of their characters: the vocabulary, and a split that shows no test text while training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vitral.data.sequence import SequenceSet, assemble, pack, pick
from vitral.data.source import Source
from vitral.data.split import mixed, stratify
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError

MAX_FILE: Final = 2**26
SUFFIX: Final = ".txt"


def classify(
    texts: Sequence[str],
    labels: Sequence[int],
    classes: tuple[str, ...],
    source: Source,
    *,
    split: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None,
    sha256: str | None = None,
) -> SequenceSet:
    """Make a set of texts: tokens over all their characters.

    Args:
        texts: at least one character each.
        labels: class numbers, one a text.
        classes: their names.
        source: where they come from.
        split: positions of the training and of the test texts; None sets a fifth aside (``apart``).
        sha256: the identity, where it follows from checksums that were verified.
    Raises:
        DataError: nothing to split or not enough of a class.
    """
    if not texts:
        raise DataError(f"{source.name}: expected some texts, got none; add some")
    vocabulary = Vocabulary.of("".join(texts))
    every = pack([vocabulary.encode(text) for text in texts], labels)
    train, test = split or apart(texts, every.targets, classes, source.name)
    return assemble(classes, pick(every, train), pick(every, test), source, vocabulary=vocabulary, sha256=sha256)


def apart(
    texts: Sequence[str], labels: npt.NDArray[np.int64], classes: tuple[str, ...], name: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Set a fifth of every class's different texts aside, with all their copies: no text of the test is met in training.

    A text of several classes counts for the one that has the fewest different texts, and goes with all its copies to one side.

    Returns:
        Positions of the training and of the test texts, each in a fixed random order.
    Example:
        "Abbas" stands 20 times in a list: all 20 are learned from, or all 20 are tested on.
    """
    of: dict[str, set[int]] = {}
    for text, label in zip(texts, labels.tolist(), strict=True):
        of.setdefault(text, set()).add(label)
    sizes = np.bincount([label for found in of.values() for label in found], minlength=len(classes))
    rarest = np.array([min(found, key=lambda label: (sizes[label], label)) for found in of.values()])
    strata, members = np.unique(rarest, return_inverse=True)
    _, held = stratify(members.reshape(-1), tuple(classes[label] for label in strata), name)
    every = list(of)
    tested = {every[place] for place in held}
    side = np.array([text in tested for text in texts])
    return mixed(np.flatnonzero(~side)), mixed(np.flatnonzero(side))


def lines(raw: bytes, what: str) -> list[str]:
    """Read one text a line: UTF-8, blanks at both ends and empty lines left out.

    Raises:
        DataError: not UTF-8; names the line.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = raw[: cause.start].count(b"\n") + 1
        raise DataError(f"{what}, line {line}: expected UTF-8, got the byte {raw[cause.start]:02x}; save it as UTF-8 text") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def belongs(path: Path) -> bool:
    """Say whether a path is a folder of text files, one a class."""
    return path.is_dir() and len(_files(path)) > 1


def read(path: Path, source: Source) -> SequenceSet:
    """Read a folder of text files: ``Basque.txt``, ``Catalan.txt``, ...; one text a line, the file's name is the class.

    Raises:
        DataError: a file that cannot be read, is too large or is not UTF-8; names file and line.
    """
    files = _files(path)
    texts: list[str] = []
    labels: list[int] = []
    for number, file in enumerate(files):
        try:
            if file.stat().st_size > MAX_FILE:
                raise DataError(f"{file}: expected at most {MAX_FILE // 2**20} MiB, got more; split it")
            found = lines(file.read_bytes(), str(file))
        except OSError as cause:
            raise DataError(f"{file}: cannot be read ({(cause.strerror or str(cause)).lower()}); check its permissions") from None
        texts += found
        labels += [number] * len(found)
    return classify(texts, labels, tuple(file.stem for file in files), source)


def _files(path: Path) -> list[Path]:
    try:
        return sorted(file for file in path.iterdir() if file.suffix.lower() == SUFFIX and file.is_file() and file.name[0] != ".")
    except OSError as cause:
        raise DataError(f"{path}: cannot be read ({(cause.strerror or str(cause)).lower()}); check its permissions") from None
