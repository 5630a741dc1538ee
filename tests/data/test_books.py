"""Texts by name: fetched, believed by their checksum, and those that need no network."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitral.data import books, catalogue, download
from vitral.data.source import DataUnavailable, File
from vitral.data.text import load_text
from vitral.errors import DataError
from vitral.spec.experiment import Data

BODY = ("It was a dark and stormy night.\r\n" * 100).encode()
PAGE = (
    "\ufeffThe Project Gutenberg eBook\r\n\r\n*** START OF THE PROJECT GUTENBERG EBOOK DON QUIJOTE ***\r\n\r\n\r\n"
    "En un lugar de la Mancha\r\n\r\n*** de cuyo nombre ***\r\n\r\n*** END OF THE PROJECT GUTENBERG EBOOK DON QUIJOTE ***\r\nlicence\r\n"
).encode()
QUIJOTE = "En un lugar de la Mancha\n\n*** de cuyo nombre ***\n"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data of the person who runs this, and nobody to fetch from."""
    monkeypatch.delenv("VITRAL_DATA", raising=False)

    def refuse(url: str, target: Path, **rest: Any) -> Path:
        raise DataUnavailable("no network in this test")

    monkeypatch.setattr(books, "download", refuse)


@pytest.fixture
def mirror(serving: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server of ours gives every book; War and Peace is a short one."""
    with serving(BODY) as server:

        def fetch(url: str, target: Path, **rest: Any) -> Path:
            assert url.startswith("https://")
            return download.download(server.url, target, schemes=("http",), sleep=lambda _: None, **rest)

        monkeypatch.setattr(books, "download", fetch)
        file = File("warpeace_input.txt", len(BODY), hashlib.sha256(BODY).hexdigest())
        source = books.Source("war-and-peace", "a book", "none", "here", "us", len(BODY), (file,), "text")
        monkeypatch.setitem(catalogue.PUBLISHED, "war-and-peace", catalogue._Published(source, books.LAYOUTS, None, books.fetch))
        yield server


def cache() -> Path:
    return Path(os.environ["VITRAL_CACHE"]) / "text"


def test_a_book_is_fetched_once_and_kept(mirror: Any) -> None:
    mirror.cuts = [1000]
    told: list[catalogue.Progress] = []
    text = load_text(Data(source="War_and_Peace"), progress=told.append)
    assert (cache() / "warpeace_input.txt").read_bytes() == BODY
    assert (text.name, text.source.licence, len(text.train)) == ("war-and-peace", "none", 8 * len(BODY) // 10)
    assert told[0].what == "warpeace_input.txt"
    assert [asked for _, asked in mirror.asked] == [None, "bytes=1000-"]
    assert load_text(Data(source="war-and-peace"), download=False).sha256 == text.sha256
    assert len(mirror.asked) == 2
    assert {entry.source.name: entry.state for entry in catalogue.listing()}["war-and-peace"] == "downloaded"
    assert [finding.file for finding in catalogue.check("war-and-peace")] == ["warpeace_input.txt"]


def test_another_book_is_not_believed(mirror: Any) -> None:
    mirror.body = BODY[:-1] + b"!"
    with pytest.raises(
        DataUnavailable, match=r"war-and-peace cannot be fetched \(.*expected sha256 .*\); run: vitral data get war-and-peace"
    ):
        load_text(Data(source="war-and-peace"))
    assert list(cache().iterdir()) == []


@pytest.mark.usefixtures("mirror")
def test_a_changed_book_is_found_and_fetched_again() -> None:
    catalogue.get("war-and-peace")
    (cache() / "warpeace_input.txt").write_bytes(BODY.replace(b"dark", b"Dark"))
    with pytest.raises(DataError, match=r"warpeace_input.txt: expected SHA-256 .*; run: vitral data get war-and-peace"):
        load_text(Data(source="war-and-peace"))
    assert not catalogue.check("war-and-peace")[0].ok
    catalogue.get("war-and-peace")
    assert catalogue.check("war-and-peace")[0].ok


def test_project_gutenberg_s_page_becomes_the_book(mirror: Any) -> None:
    mirror.body = PAGE
    text = load_text(Data(source="quijote-pg2000"))
    assert (cache() / "quijote_gutenberg.txt").read_bytes() == QUIJOTE.encode()
    assert text.vocabulary.decode(text.train) == QUIJOTE[: 8 * len(QUIJOTE) // 10]
    assert [path.name for path in cache().iterdir()] == ["quijote_gutenberg.txt"]
    assert "no checksum is known" in text.source.notes


@pytest.mark.parametrize(
    "page",
    [b"", b"<html>log in</html>", b"\xff\xfe", PAGE.partition(b"*** END")[0], b"*** START OF THE PROJECT GUTENBERG EBOOK A ***\n\n*** END OF THE PROJECT GUTENBERG EBOOK A ***"],
)  # fmt: skip
def test_another_page_is_no_book(mirror: Any, page: bytes) -> None:
    with pytest.raises(DataUnavailable, match="expected a book between Project Gutenberg's marks, got another page"):
        books.body(page)
    mirror.body = page or b" "
    with pytest.raises(DataUnavailable, match="quijote-pg2000 cannot be fetched"):
        catalogue.get("quijote-pg2000")
    assert list(cache().iterdir()) == []


def test_without_a_network_the_cure_is_said() -> None:
    for name in catalogue.PUBLISHED:
        if catalogue.PUBLISHED[name].source.kind == "text":
            with pytest.raises(DataUnavailable, match=f"{name} cannot be fetched .no network.*VITRAL_DATA to a folder that holds it"):
                load_text(Data(source=name))
            with pytest.raises(DataUnavailable, match=f"{name} is not on this machine"):
                load_text(Data(source=name), download=False)


def test_a_text_is_no_set_of_pictures() -> None:
    with pytest.raises(DataError, match='data.source "python-topics" is a text, expected pictures for a network whose input is'):
        catalogue.load(Data(source="python-topics"))


@pytest.mark.parametrize("name", ["python-source", "python-topics"])
def test_python_brings_its_own_texts(name: str) -> None:
    text = load_text(Data(source=name), download=False)
    assert 80 < len(text.vocabulary) < 200
    assert len(text.train) > 250_000
    assert "another version of Python" in text.source.notes
    assert catalogue.get(name) is None
    assert catalogue.check(name)[0].ok


def test_the_standard_library_is_whole_lines_of_ascii_and_no_more_than_4_mb() -> None:
    raw = books.library()
    assert 3_000_000 < len(raw) <= 4_000_000
    assert raw.isascii()
    assert raw.endswith(b"\n")
    assert b"class OrderedDict" not in raw  # packages are left out
    assert b"def dedent(" in raw


def test_the_library_is_the_same_in_another_process() -> None:
    code = "import hashlib; from vitral.data import books; print(hashlib.sha256(books.library() + books.topics()).hexdigest())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert done.stdout.strip() == hashlib.sha256(books.library() + books.topics()).hexdigest()


def test_a_python_without_its_sources_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books.sysconfig, "get_path", lambda _: str(tmp_path / "python311.zip"))
    with pytest.raises(DataError, match="expected Python's own modules as .py files, got none; name a text of your own"):
        books.library.__wrapped__()


def test_own_texts_can_be_checked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a story, with a comma")
    (tmp_path / "b.md").write_bytes(b"not \xff so")
    assert catalogue.check(str(tmp_path / "a.txt"))[0].ok
    (bad,) = catalogue.check(str(tmp_path / "b.md"))
    assert (bad.file, bad.problem[:51]) == ("b.md", "expected UTF-8, got byte 0xff at offset 4; save it ")
    assert [finding.ok for finding in catalogue.check(str(tmp_path))] == [True, False]


@pytest.mark.parametrize(
    ("name", "symbols", "size", "parts", "entropy"),
    [
        ("war-and-peace", "bytes", 87, (2_606_596, 325_825, 325_825), 3.1300),
        ("war-and-peace", "characters", 83, (2_606_580, 325_823, 325_823), 3.1299),
        ("don-quijote", "characters", 91, (1_678_362, 209_795, 209_796), 3.0324),
        ("tiny-shakespeare", "characters", 65, (892_315, 111_539, 111_540), 3.3094),
    ],
)
def test_the_books_are_what_was_published(
    vitral_data: Path, name: str, symbols: Any, size: int, parts: tuple[int, ...], entropy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRAL_DATA", str(vitral_data))
    text = load_text(Data(source=name, symbols=symbols), download=False)
    assert len(text.vocabulary) == size
    assert (len(text.train), len(text.validation), len(text.test)) == parts
    assert text.entropy == pytest.approx(entropy, abs=5e-5)


def test_the_exact_corpus_keeps_its_mark_and_its_line_ends(vitral_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRAL_DATA", str(vitral_data))
    text = load_text(Data(source="war-and-peace", symbols="bytes"), download=False)
    assert text.vocabulary.to_bytes(text.train[:60]) == b'\xef\xbb\xbf"Well, Prince, so Genoa and Lucca are now just family est'
    assert b"\r\n" in text.vocabulary.to_bytes(text.train[:100])
