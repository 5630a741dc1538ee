"""The .ts format by hand, and the Japanese vowels in both of their forms."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitral.data import places, timeseries, vowels
from vitral.data.sequence import SequenceSet, identify
from vitral.data.source import Source
from vitral.errors import DataError

SOURCE = Source("mine", "", "", "", "", 0)
HEAD = "#for people\n@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n"


def test_the_docstring_s_example() -> None:
    found = timeseries.parse((HEAD + "1,2,3:4,5,6:a\n\n7:8:b\n").encode(), "x")
    assert found.classes == ("a", "b")
    assert found.labels == ("a", "b")
    assert [values.tolist() for values in found.values] == [[[1, 4], [2, 5], [3, 6]], [[7, 8]]]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "x: expected a line @data, got none"),
        (HEAD, "x: expected some series after @data, got none"),
        ("1,2:a\n", "x, line 1: expected a line that begins with # or @ before @data, got '1,2:a'"),
        ("@data\n1:a\n", "x, line 1: expected @classLabel true and the labels before @data"),
        ("@classLabel false\n@data\n1\n", "x, line 2: expected @classLabel true"),
        ("@timestamps true\n" + HEAD, "x, line 1: expected @timestamps false, got 'true'"),
        ("@missing true\n" + HEAD, "x, line 1: expected @missing false, got 'true'"),
        (HEAD + "1,2:c\n", "x, line 6: expected channels and one of the labels a, b at the end, got 'c'"),
        (HEAD + "a\n", "x, line 6: expected channels and one of the labels"),
        (HEAD + "1,2:a\n1,?:b\n", "x, line 7, channel 1: expected numbers with commas between them, got '1,\\?'"),
        (HEAD + "1,2:3:a\n", "x, line 6, channel 2: expected 2 steps as in channel 1, got 1"),
        (HEAD + "1,2:3,4:a\n1:b\n", "x, line 7: expected 2 channels, got 1"),
        (HEAD + "1,NaN:a\n", "x, line 6, channel 1: expected finite numbers"),
        (HEAD + "1,1e39:a\n", "x, line 6, channel 1: expected finite numbers"),
        (HEAD + ":a\n", "x, line 6, channel 1: expected numbers"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(written: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        timeseries.parse(written.encode(), "x")


def test_other_bytes_are_refused() -> None:
    with pytest.raises(DataError, match="x, line 2: expected UTF-8, got the byte ff"):
        timeseries.parse(b"# a\n\xff\n", "x")


def test_own_files(tmp_path: Path) -> None:
    (tmp_path / "mine_TRAIN.ts").write_text(HEAD + "1,2:a\n3:b\n5:b\n")
    (tmp_path / "mine_TEST.ts").write_text(HEAD + "4:a\n")
    pair = timeseries.read(tmp_path / "mine_TRAIN.ts", SOURCE)
    assert (len(pair.train), len(pair.test)) == (3, 1)
    assert pair.test[0].tolist() == [[4]]
    (tmp_path / "alone.ts").write_text(HEAD + "".join(f"{n}:{'ab'[n % 2]}\n" for n in range(20)))
    alone = timeseries.read(tmp_path / "alone.ts", SOURCE)
    assert np.bincount(alone.test.targets).tolist() == [2, 2]
    assert sorted(float(x) for x in [*alone.train.values[:, 0], *alone.test.values[:, 0]]) == list(range(20))
    with pytest.raises(DataError, match=r"gone.ts: cannot be read \(no such file"):
        timeseries.read(tmp_path / "gone.ts", SOURCE)


@pytest.fixture(scope="module")
def found(vitral_data: Path) -> SequenceSet:
    return vowels.read(vowels.VOWELS, places.Place(vitral_data / "sequences", given=True))


def official(examples: Any, separator: str) -> bytes:
    """Write the official form: a line a step, something between the utterances."""
    parts = ["".join(" ".join(f"{x:.6f}" for x in step) + " \n" for step in examples[n]) for n in range(len(examples))]
    return (separator.join(parts) + separator).encode()


class TestVowels:
    def test_counts_are_the_published_ones(self, found: SequenceSet) -> None:
        assert np.bincount(found.train.targets).tolist() == [30] * 9
        assert np.bincount(found.test.targets).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
        lengths = np.concatenate([found.train.lengths, found.test.lengths])
        assert (lengths.min(), lengths.max(), found.size) == (7, 29, 12)

    def test_the_first_step_by_eye(self, found: SequenceSet) -> None:
        """As the official ae.train begins."""
        wanted = [1.860936, -0.207383, 0.261557, -0.214562, -0.171253, -0.118167, -0.277557, 0.025668, 0.126701, -0.306756, -0.213076]
        assert found.train[0][0, :11].tolist() == pytest.approx(wanted, abs=1e-6)

    @pytest.mark.parametrize("separator", ["\n", "1.0 " * 12 + "\n", "1.0 " * 12 + "\n\n"])
    def test_both_forms_have_one_identity(self, found: SequenceSet, tmp_path: Path, separator: str) -> None:
        for name, examples in zip(vowels.OFFICIAL, (found.train, found.test), strict=True):
            (tmp_path / name).write_bytes(official(examples, separator))
        again = vowels.read(vowels.VOWELS, places.Place(tmp_path, given=False))
        assert again.sha256 == found.sha256 == vowels.SHA256
        assert np.array_equal(again.test.values, found.test.values)

    def test_another_number_is_refused(self, found: SequenceSet, tmp_path: Path) -> None:
        for name, examples in zip(vowels.OFFICIAL, (found.train, found.test), strict=True):
            (tmp_path / name).write_bytes(official(examples, "\n").replace(b"1.860936", b"1.860937"))
        place = places.Place(tmp_path, given=True)
        with pytest.raises(DataError, match="ae.train: expected with ae.test numbers of SHA-256 .*; replace it, or unset VITRAL_DATA"):
            vowels.read(vowels.VOWELS, place)
        assert [finding.ok for finding in vowels.inspect(place, vowels.VOWELS)] == [False, False]

    def test_the_archive_is_fetched_and_read(self, found: SequenceSet, serving: Any, tmp_path: Path) -> None:
        def packed(**change: bytes) -> bytes:
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, examples in zip(vowels.OFFICIAL, (found.train, found.test), strict=True):
                    archive.writestr(name, change.get(name.replace(".", "_"), official(examples, "\n")))
            return stream.getvalue()

        for body, message in {
            b"<html>": "cannot be unpacked",
            packed(ae_test=b"1 2\n"): "ae.test, line 1: expected 12 numbers, got 2",
            packed(ae_test=b"a\n"): "ae.test, line 1: expected numbers, got 'a'",
            packed(ae_test=b""): "ae.test: expected 370 utterances, got 0",
            packed(ae_test=bytes(5 * 2**20)): "expected ae.test of at most 4,194,304 bytes",
            packed(ae_test=official(found.test, "\n").replace(b"0.", b"1.", 1)): "expected the numbers of japanese-vowels",
        }.items():
            with serving(body) as server, pytest.raises(DataError, match=message):
                vowels.fetch(vowels.VOWELS, tmp_path, None, url=server.url, schemes=("http",))
            assert not any(path.is_file() for path in tmp_path.rglob("*"))
        with serving(packed()) as server:
            vowels.fetch(vowels.VOWELS, tmp_path, None, url=server.url, schemes=("http",))
        again = vowels.read(vowels.VOWELS, places.Place(tmp_path / "japanese-vowels", given=False))
        assert identify(again.classes, again.train, again.test, None) == found.sha256
