"""Sequences in the catalogue: listed, found, checked and refused where pictures are wanted."""

from pathlib import Path

import pytest

from vitral.data import catalogue, sequences
from vitral.data.catalogue import DataUnavailable
from vitral.errors import DataError
from vitral.spec.experiment import Data


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITRAL_DATA", raising=False)


@pytest.mark.usefixtures("nothing")
class TestNothingHere:
    def test_digits_by_row_need_nothing(self) -> None:
        found = catalogue.load_sequences(Data(source="digits-by-row", train_size=10), download=False)
        assert (found.name, len(found.train), len(found.test)) == ("digits-by-row", 10, 1000)
        assert catalogue.get("digits_by_row") is None
        assert all(finding.ok for finding in catalogue.check("digits-by-row"))

    @pytest.mark.parametrize("name", sequences.SEQUENCES)
    def test_the_others_say_how_to_get_them(self, name: str) -> None:
        for ask in (lambda: catalogue.load_sequences(Data(source=name), download=False), lambda: catalogue.check(name)):
            with pytest.raises(DataUnavailable, match=f"{name} is not on this machine; run: vitral data get {name}"):
                ask()


@pytest.mark.parametrize("name", ["names", "spoken-digits", "japanese-vowels", "mnist-by-row"])
def test_given_data_are_found_and_checked(name: str, vitral_data: Path) -> None:
    (listed,) = [entry for entry in catalogue.listing() if entry.source.name == name]
    assert listed.state == "in VITRAL_DATA"
    assert vitral_data in [listed.folder, *(listed.folder or Path()).parents]
    assert all(finding.ok for finding in catalogue.check(name))


def test_pictures_and_sequences_are_not_taken_for_one_another() -> None:
    with pytest.raises(DataError, match="names has sequences, but the network reads pictures; use one of cifar10, "):
        catalogue.load(Data(source="names"))
    with pytest.raises(DataError, match="mnist has pictures, but the network reads sequences; use one of digits-by-row, "):
        catalogue.load_sequences(Data(source="mnist"))


class TestOwn:
    def test_each_kind_is_read_and_checked(self, tmp_path: Path) -> None:
        folder = tmp_path / "lists"
        folder.mkdir()
        (folder / "a.txt").write_text("one\ntwo\n")
        (folder / "b.txt").write_text("three\nfour\n")
        table = tmp_path / "steps.csv"
        table.write_text("series,label,x\n1,a,1\n2,a,2\n3,b,3\n4,b,4\n")
        series = tmp_path / "mine.ts"
        series.write_text("@classLabel true a b\n@data\n1:a\n2:a\n3:b\n4:b\n")
        for path in (folder, table, series):
            found = catalogue.load_sequences(Data(source=str(path)))
            assert (len(found.train), len(found.test), len(found.classes)) == (2, 2, 2)
            assert {finding.ok for finding in catalogue.check(str(path))} == {True}

    def test_a_wrong_line_is_told_by_the_check(self, tmp_path: Path) -> None:
        (tmp_path / "steps.csv").write_text("series,label,x\n1,a,one\n")
        with pytest.raises(DataError, match='line 2, column "x"'):
            catalogue.check(str(tmp_path / "steps.csv"))

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"")
        with pytest.raises(DataError, match="a.png: expected a .csv with a column series or text, a .ts, a folder of .txt files"):
            catalogue.load_sequences(Data(source=str(tmp_path / "a.png")))
        with pytest.raises(DataError, match="got a folder without two of these"):
            catalogue.load_sequences(Data(source=str(tmp_path)))
        with pytest.raises(DataError, match="no data set and no file is called 'nmes'.*did you mean \"names\""):
            catalogue.load_sequences(Data(source="nmes"))
