"""Texts that have a name: three books, and two that every Python brings along."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Final

from vitral.data import places
from vitral.data.download import download
from vitral.data.progress import Watcher
from vitral.data.source import DataUnavailable, File, Source
from vitral.errors import DataError

LAYOUTS = ("text", "texts", ".")
SOURCE_BYTES: Final = 4_000_000
"""How much of Python's standard library a network reads at most."""

WAR_AND_PEACE = Source(
    name="war-and-peace",
    title="War and Peace, in English: 3,258,246 bytes, 87 different ones",
    licence="public domain",
    origin="cs.stanford.edu/people/karpathy/char-rnn",
    citation="A. Karpathy, J. Johnson and L. Fei-Fei, Visualizing and Understanding Recurrent Networks, 2015, arXiv:1506.02078",
    num_bytes=3_258_246,
    files=(File("warpeace_input.txt", 3_258_246, "fb66ba999dafe24017cdd59e04c56d385a9c8466993d374fd4c6f08b2142985e"),),
    kind="text",
    notes="read as bytes, byte order mark and CR LF count, as published",
)

DON_QUIJOTE = Source(
    name="don-quijote",
    title="Don Quijote, both parts, in Spanish: 2,097,953 characters",
    licence="public domain",
    origin="github.com/david-sterling/DonQuijote-RNN",
    citation="M. de Cervantes, El ingenioso hidalgo don Quijote de la Mancha, 1605 and 1615",
    num_bytes=2_141_519,
    files=(File("quijote_es.txt", 2_141_519, "6b6980190ef34f73b2496bcbf530596a16cdc7ebc39d03f20c9a53a93d73f3f2"),),
    kind="text",
    notes="Project Gutenberg 2000 without its head; not compared with it",
)

GUTENBERG = Source(
    name="quijote-pg2000",
    title="Don Quijote as Project Gutenberg gives it today, in Spanish",
    licence="public domain",
    origin="www.gutenberg.org/ebooks/2000",
    citation=DON_QUIJOTE.citation,
    num_bytes=2_226_000,
    files=(File("quijote_gutenberg.txt", 4 * 2**20, ""),),
    kind="text",
    notes="no checksum is known: its text may change with the edition",
)

SHAKESPEARE = Source(
    name="tiny-shakespeare",
    title="Shakespeare's plays, in English: 1,115,394 characters",
    licence="public domain",
    origin="github.com/karpathy/char-rnn",
    citation="A. Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015",
    num_bytes=1_115_394,
    files=(File("tinyshakespeare_input.txt", 1_115_394, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),),
    kind="text",
)

PYTHON_SOURCE = Source(
    name="python-source",
    title="Python's standard library: 4 MB of Python to learn to write",
    licence="PSF",
    origin=f"this Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
    citation="The Python Software Foundation, docs.python.org/3/library",
    num_bytes=0,
    kind="text",
    notes="another version of Python has another text",
)

PYTHON_TOPICS = Source(
    name="python-topics",
    title="Python's help on its own language: 0.5 MB of English",
    licence="PSF",
    origin=PYTHON_SOURCE.origin,
    citation="The Python Software Foundation, docs.python.org/3/reference",
    num_bytes=0,
    kind="text",
    notes=PYTHON_SOURCE.notes,
)

PUBLISHED = (WAR_AND_PEACE, DON_QUIJOTE, GUTENBERG, SHAKESPEARE)
EMBEDDED = (PYTHON_SOURCE, PYTHON_TOPICS)

MIRRORS = {
    "war-and-peace": ("https://cs.stanford.edu/people/karpathy/char-rnn/warpeace_input.txt",),
    "don-quijote": (
        "https://raw.githubusercontent.com/david-sterling/DonQuijote-RNN/189691e131931f5a6e773b9ada4a22f33f82a8ed/quijote.txt",
    ),
    "quijote-pg2000": ("https://www.gutenberg.org/cache/epub/2000/pg2000.txt", "https://www.gutenberg.org/files/2000/2000-0.txt"),
    "tiny-shakespeare": ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
}


def read(source: Source, place: places.Place) -> bytes:
    """Read a published text and insist on its checksum.

    Raises:
        DataError: the file is not the published one.
    """
    (file,) = source.files
    path = places.find(place.folder, file.name)
    if path is None:
        raise DataError(f"{place.folder / file.name}: is missing; {place.cure(source.name)}")
    return places.content(path, file, place.cure(source.name))


def fetch(source: Source, root: Path, progress: Watcher | None) -> None:
    """Download a text from the first address that gives it with the right checksum.

    Raises:
        DataUnavailable: no address does.
        DataError: it cannot be written here.
    """
    (file,) = source.files
    target = root / LAYOUTS[0] / file.name
    failures = []
    for address in MIRRORS[source.name]:
        try:
            if file.sha256:
                download(address, target, num_bytes=file.num_bytes, sha256=file.sha256, progress=progress)
            else:
                _book(download(address, target.with_suffix(".page"), max_bytes=file.num_bytes, progress=progress), target)
        except DataUnavailable as cause:
            failures.append(str(cause))
        else:
            return
    raise DataUnavailable("; ".join(failures))


def _book(page: Path, target: Path) -> None:
    """Keep of a page of Project Gutenberg the book alone."""
    try:
        raw = body(page.read_bytes())
        part = target.with_name(f"{target.name}.part")
        with part.open("wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    finally:
        page.unlink()


def body(page: bytes) -> bytes:
    """Give what stands between Project Gutenberg's two marks, in UTF-8, with line ends of LF and no blank lines around it.

    Raises:
        DataUnavailable: the page has no such marks.
    Example:
        ``*** START OF THE PROJECT GUTENBERG EBOOK DON QUIJOTE ***``, the book, ``*** END OF THE PROJECT GUTENBERG EBOOK ...``.
    """
    try:
        text = page.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        text = ""
    mark = r"^\*\*\* ?{} OF TH(?:E|IS) PROJECT GUTENBERG EBOOK.*$"
    begin, end = re.search(mark.format("START"), text, re.MULTILINE), re.search(mark.format("END"), text, re.MULTILINE)
    if not begin or not end or not (inside := text[begin.end() : end.start()].strip()):
        raise DataUnavailable("www.gutenberg.org: expected a book between Project Gutenberg's marks, got another page")
    return f"{inside}\n".encode()


def embedded(source: Source) -> bytes:
    """Give the text that this Python brings along.

    Raises:
        DataError: this Python came without it.
    """
    return library() if source is PYTHON_SOURCE else topics()


@cache
def library() -> bytes:
    """Join the standard library's modules in the order of their names, up to ``SOURCE_BYTES`` and a whole line.

    Packages are left out, and so are what differs between installations of one version and the few modules with letters beyond ASCII,
    which would bring dozens of symbols that occur once.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    parts: list[bytes] = []
    size = 0
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else []:
        if path.stem not in sys.stdlib_module_names or size >= SOURCE_BYTES:
            continue
        try:
            raw = path.read_bytes()
        except OSError:
            continue
        if raw.isascii():
            parts.append(raw)
            size += len(raw)
    if not parts:
        raise DataError(f"{folder}: expected Python's own modules as .py files, got none; name a text of your own")
    whole = b"".join(parts)
    return whole if len(whole) <= SOURCE_BYTES else whole[: whole.rindex(b"\n", 0, SOURCE_BYTES) + 1]


@cache
def topics() -> bytes:
    """Join the topics of Python's ``help()`` in the order of their names."""
    try:
        from pydoc_data.topics import topics as texts
    except ImportError:
        raise DataError("python-topics: expected pydoc_data in this Python, got none; use python-source or a text of your own") from None
    return "\n\n".join(texts[name].strip("\n") for name in sorted(texts)).encode() + b"\n"
