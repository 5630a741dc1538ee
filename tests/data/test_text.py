"""Texts from files: every byte accounted for, every fault a sentence."""

import hashlib
import itertools
import os
import resource
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitral.data import manuscript
from vitral.data import text as texts
from vitral.data.codes import Mapped
from vitral.data.progress import Progress
from vitral.data.text import Streams, Text, cut, load_text
from vitral.errors import DataError
from vitral.spec.experiment import Data

SAMPLE = "Ni el pez de ñandú ni la 日 del 😀,\r\npero sí la a.\n" * 40
ROUNDS = 400 if os.environ.get("VITRAL_LONG") else 60


def load(path: Path, **words: Any) -> Text:
    return load_text(Data(source=str(path), **words))


def write(folder: Path, content: str | bytes, name: str = "book.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def whole(text: Text) -> str:
    return "".join(text.vocabulary.decode(np.asarray(part[:])) for part in (text.train, text.validation, text.test))


def test_the_parts_joined_are_the_text(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLE)
    text = load(path)
    assert whole(text) == SAMPLE
    n = len(SAMPLE)
    assert [len(part) for part in (text.train, text.validation, text.test)] == [8 * n // 10, 9 * n // 10 - 8 * n // 10, n - 9 * n // 10]
    assert text.vocabulary.symbols == tuple(sorted(set(SAMPLE)))
    assert text.train.dtype == np.uint8
    assert text.counts.tolist() == [SAMPLE[: 8 * n // 10].count(symbol) for symbol in text.vocabulary.symbols]
    assert (text.name, text.source.kind, text.source.licence) == ("book.txt", "text", "the owner's")
    raw = load(path, symbols="bytes")
    assert raw.vocabulary.to_bytes(np.concatenate([raw.train, raw.validation, raw.test])) == SAMPLE.encode()
    assert raw.vocabulary.symbols == bytes(sorted(set(SAMPLE.encode())))


@given(st.integers(0, 10**7), st.tuples(*[st.integers(0, 1000)] * 3).filter(lambda shares: shares[0] > 0))
def test_cuts_are_exact_and_leave_nothing_out(length: int, shares: tuple[int, int, int]) -> None:
    bounds = cut(length, [Fraction(share, sum(shares)) for share in shares])
    assert (bounds[0][0], bounds[-1][1]) == (0, length)
    assert all(one[1] == two[0] for one, two in itertools.pairwise(bounds))
    gone = 0
    for (_, end), share in zip(bounds, shares, strict=True):
        gone += share
        assert end == length * gone // sum(shares)


def test_a_decimal_share_is_taken_at_its_word(tmp_path: Path) -> None:
    text = load(write(tmp_path, "ab" * 500), split=(0.7, 0.2, 0.1))  # in binary 0.7 + 0.2 is a little less than 0.9
    assert [len(part) for part in (text.train, text.validation, text.test)] == [700, 200, 100]
    text = load(write(tmp_path, "ab" * 500), split=(1, 0, 0))
    assert [len(part) for part in (text.train, text.validation, text.test)] == [1000, 0, 0]


def test_files_of_one_s_own_take_the_place_of_a_share(tmp_path: Path) -> None:
    book, watched, held = write(tmp_path, "ab" * 90), write(tmp_path, "abz", "v.txt"), write(tmp_path, "xbaab", "t.txt")
    both = load(book, validation=str(watched), test=str(held))
    assert [both.vocabulary.decode(part) for part in (both.train, both.validation, both.test)] == ["ab" * 90, "abz", "xbaab"]
    assert both.notes == ("the training part never shows 2 of the 4 symbols: x z",)
    one = load(book, test=str(held))
    assert [len(part) for part in (one.train, one.validation, one.test)] == [160, 20, 5]  # 8 : 1
    assert len({both.sha256, one.sha256, load(book).sha256, load(book, validation=str(held), test=str(watched)).sha256}) == 4
    with pytest.raises(DataError, match=r"^data.test: no data set and no file is called .*nowhere"):
        load(book, test=str(tmp_path / "nowhere.txt"))
    with pytest.raises(DataError, match=r"its test part has 1 of 180 characters, expected at least 2"):
        load(book, test=str(write(tmp_path, "a", "one.txt")))


def test_only_the_first_symbols_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLE)
    text = load(path, train_size=100, test_size=50)
    assert text.vocabulary.decode(text.train) == SAMPLE[:100]
    assert (len(text.validation), len(text.test)) == (50, 50)
    assert text.sha256 != load(path).sha256


def test_a_byte_order_mark_is_left_out_and_said(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + SAMPLE)
    text = load(path)
    assert whole(text) == SAMPLE
    assert text.notes[0] == "book.txt: its byte order mark is left out"
    assert text.notes[1].startswith("line ends of CR LF are kept")
    assert whole(load(path, symbols="bytes")) == "\ufeff" + SAMPLE
    assert "\ufeff" in load(write(tmp_path, SAMPLE + "\ufeff" + SAMPLE)).vocabulary.symbols  # elsewhere it is a symbol


@pytest.mark.parametrize("block", [1, 2, 3, 4, 9])
def test_a_mark_at_the_edge_of_a_block_is_a_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(manuscript, "BLOCK", block)
    content = "abc\ufeff" * 20
    assert whole(load(write(tmp_path, "\ufeff" + content))) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "book.txt: expected some text, got an empty file"),
        ("\ufeff".encode(), "book.txt: expected some text, got an empty file"),
        (b"a", "book.txt: its training part has 0 of 1 characters, expected at least 2; use a longer text or another data.split"),
        (b"abcdefghij", "book.txt: its validation part has 1 of 10 characters"),
        (
            b"abc\xffdef" * 9,
            'expected UTF-8, got byte 0xff at offset 3; save it as UTF-8, or set data.symbols = "bytes" to take it as it is',
        ),
        (b"abcde\xc3", "byte 0xc3 at offset 5"),
        ("abc".encode("utf-16"), r"byte 0xff at offset 0 \(it looks like UTF-16\); save it as UTF-8"),
        ("ma\xf1ana".encode("latin-1"), "byte 0xf1 at offset 2"),
        (b"x" * (1 << 20) + b"\xe6\x97" + b"y" * 10, "byte 0xe6 at offset 1,048,576"),
        (b"x" * ((1 << 20) - 1) + b"\xe6\x97" + b"y" * 10, "byte 0xe6 at offset 1,048,575"),
    ],
)
def test_what_is_no_text_is_said_with_its_cure(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(write(tmp_path, content))


def test_strange_places_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected a text file, or a folder with .txt, .py, .md files in it, got none"):
        load(tmp_path / "empty")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no data set and no file is called"):
        load(tmp_path / "pipe")
    with pytest.raises(DataError, match='did you mean "war-and-peace"'):
        load_text(Data(source="war-and-piece"))
    with pytest.raises(DataError, match='data.source "mnist" has images, expected a text for a network of tokens; use python-source'):
        load_text(Data(source="mnist"))


def test_a_folder_is_its_files_in_order(tmp_path: Path) -> None:
    for name, content in {"b.txt": "two ", "a/z.py": "one ", "c.md": "three ", ".git/d.txt": "no", "e.png": "no"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path, "\ufeff" + content * 9, name)
    text = load(tmp_path)
    assert whole(text) == "one " * 9 + "two " * 9 + "three " * 9
    write(tmp_path, b"\xff", "f.txt")
    with pytest.raises(DataError, match=r"f.txt: expected UTF-8, got byte 0xff at offset 0"):
        load(tmp_path)


def test_identity_is_of_bytes_and_split(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLE)
    same = load(write(tmp_path, SAMPLE, "other.txt"))
    assert load(path).sha256 == same.sha256
    others = [load(path, symbols="bytes"), load(path, split=(0.7, 0.2, 0.1)), load(write(tmp_path, SAMPLE + "a", "more.txt"))]
    assert len({same.sha256, *(other.sha256 for other in others)}) == 4


def test_guessing_by_frequency_costs_the_entropy(tmp_path: Path) -> None:
    assert load(write(tmp_path, "ab" * 100)).entropy == pytest.approx(np.log(2))
    assert load(write(tmp_path, "a" * 100)).entropy == 0


@pytest.mark.parametrize("symbols", ["characters", "bytes"])
def test_a_large_text_stays_on_the_disk_and_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, symbols: str) -> None:
    path = write(tmp_path, SAMPLE)
    small = load(path, symbols=symbols)
    monkeypatch.setattr(texts, "LARGE", 100)
    monkeypatch.setattr(manuscript, "BLOCK", 7)  # every character beyond ASCII is cut somewhere
    told: list[Progress] = []
    for _ in range(2):  # the second time from the file that the first one made
        large = load_text(Data(source=str(path), symbols=symbols), progress=told.append)
        assert isinstance(large.train, Mapped if symbols == "bytes" else np.memmap)
        assert whole(large) == whole(small)
        assert (large.sha256, large.vocabulary, large.counts.tolist()) == (small.sha256, small.vocabulary, small.counts.tolist())
        for one, two in zip(Streams(large.train, 4, 9), Streams(small.train, 4, 9), strict=True):
            np.testing.assert_array_equal(one, two)
    assert told[0].what == "reading book.txt"
    assert told[0].done == 7
    assert told[-1].done == told[-1].total == len(SAMPLE.encode())


def test_a_large_folder_is_encoded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "b.txt"):
        write(tmp_path, f"{name} {SAMPLE}", name)
    small = load(tmp_path, symbols="bytes")
    monkeypatch.setattr(texts, "LARGE", 100)
    large = load(tmp_path, symbols="bytes")
    assert isinstance(large.train, np.memmap)
    assert (whole(large), large.sha256) == (whole(small), small.sha256)


def test_small_texts_tell_of_no_progress(tmp_path: Path) -> None:
    told: list[Progress] = []
    load_text(Data(source=str(write(tmp_path, SAMPLE))), progress=told.append)
    assert told == []


def test_a_damaged_cache_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, SAMPLE)
    monkeypatch.setattr(texts, "LARGE", 100)
    load(path)
    folder = Path(os.environ["VITRAL_CACHE"]) / "texts"
    (kept,) = folder.glob("*.uint8")
    good = kept.read_bytes()
    assert len(good) == len(SAMPLE) + 32
    for damage in (good[:-1], good[:5] + bytes([good[5] ^ 1]) + good[6:], b"", good + b"a"):
        kept.unlink()
        kept.write_bytes(damage)
        assert whole(load(path)) == SAMPLE
        assert kept.read_bytes() == good
    assert [found.name for found in folder.iterdir() if found.suffix == ".part"] == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, SAMPLE)
    monkeypatch.setattr(texts, "LARGE", 100)
    monkeypatch.setenv("VITRAL_CACHE", str(path / "below"))
    with pytest.raises(DataError, match="cannot be written .*; free some space or set VITRAL_CACHE to another folder"):
        load(path)


def test_a_full_disk_leaves_no_half_of_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, SAMPLE)
    monkeypatch.setattr(texts, "LARGE", 100)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(texts.os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot be written \(no space left on device\)"):
        load(path)
    folder = Path(os.environ["VITRAL_CACHE"]) / "texts"
    assert [found for found in folder.iterdir() if found.suffix != ".lock"] == []


def test_a_text_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, SAMPLE)
    monkeypatch.setattr(texts, "LARGE", 100)
    survey = manuscript.survey

    def change(*words: Any) -> manuscript.Census:
        found = survey(*words)
        write(tmp_path, SAMPLE.replace("pez", other))
        return found

    monkeypatch.setattr(manuscript, "survey", change)
    other = ""
    for other, symbols in (("paz", "characters"), ("pXz", "characters"), ("pe", "characters"), ("pe", "bytes")):  # noqa: B007
        write(tmp_path, SAMPLE)
        with pytest.raises(DataError, match="changed while it was read; start again"):
            load(path, symbols=symbols)
    monkeypatch.setattr(manuscript, "survey", survey)
    text = load(path, symbols="bytes")
    with path.open("r+b") as file:
        file.write(b"X")
    with pytest.raises(DataError, match="has changed while it is in use"):
        Streams(text.train, 2, 3).at(0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=ROUNDS, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))), st.booleans())
def test_any_bytes_are_a_text_or_a_data_error(tmp_path: Path, raw: bytes, large: bool) -> None:
    path = write(tmp_path, raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "LARGE", 0 if large else 10**9)
        for symbols in ("characters", "bytes"):
            try:
                text = load(path, symbols=symbols)
            except DataError as cause:
                said = str(cause)
                if symbols == "bytes":
                    assert ("empty file" in said) == (not raw)
                    assert not raw or len(raw) < 20
                continue
            codes = np.concatenate([np.asarray(part[:]) for part in (text.train, text.validation, text.test)])
            expected = raw.decode().removeprefix("\ufeff").encode() if symbols == "characters" else raw
            assert text.vocabulary.to_bytes(codes) == expected


def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as out:
        for _ in range(70):
            out.write(("ñ" + "abcdefghij klmnop\n" * 60_000).encode())  # 1.1 MB
    assert path.stat().st_size > texts.LARGE
    for symbols in ("characters", "bytes"):
        tracemalloc.start()
        try:
            text = load(path, symbols=symbols)
            Streams(text.train, 50, 100).at(1000)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 40e6, f"{symbols}: {peak / 1e6:.0f} MB"


@pytest.mark.long
def test_a_file_larger_than_the_memory_allowed(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as out:
        for _ in range(1000):
            out.write(("ñ" + "abcdefghij klmnop\n" * 60_000).encode())  # 1.08 GB in all
    code = (
        "import resource, sys; from vitral.data.text import *; from vitral.spec.experiment import Data\n"
        "before = resource.getrlimit(resource.RLIMIT_DATA); resource.setrlimit(resource.RLIMIT_DATA, (700 * 2**20, before[1]))\n"
        "for kind in ('characters', 'bytes'):\n"
        "    text = load_text(Data(source=sys.argv[1], symbols=kind)); streams = Streams(text.train, 50, 100)\n"
        "    print(kind, len(text.train), streams.at(streams.num_steps - 1)[0].shape)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 2
    assert resource.getrlimit(resource.RLIMIT_DATA)


def test_reading_a_text_loads_no_torch(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLE)
    code = (
        "import sys; from vitral.data.text import load_text; from vitral.spec.experiment import Data; "
        "load_text(Data(source=sys.argv[1])); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLE)
    census = manuscript.survey(manuscript.find(path), "characters")
    assert census.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert census.length == len(SAMPLE)
