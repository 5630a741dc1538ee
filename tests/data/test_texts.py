"""Texts of classes, and the names by language: what is read, and that no test text is met while learning."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitral.data import download, names, places, texts
from vitral.data.sequence import SequenceExamples, SequenceSet
from vitral.data.source import DataUnavailable, File, Source
from vitral.errors import DataError

SOURCE = Source("mine", "", "", "", "", 0)


def written(found: SequenceSet, examples: SequenceExamples) -> list[tuple[str, str]]:
    """Every text and its class, as a person would write them."""
    assert found.vocabulary is not None
    return [(found.vocabulary.decode(examples[n]), found.classes[examples.targets[n]]) for n in range(len(examples))]


@pytest.fixture(scope="module")
def found(vitral_data: Path) -> SequenceSet:
    return names.read(names.NAMES, places.Place(vitral_data / "sequences" / "names", given=True))


class TestNames:
    def test_all_lines_of_all_files_are_there(self, found: SequenceSet, vitral_data: Path) -> None:
        lines = [
            (line.strip(), path.stem)
            for path in (vitral_data / "sequences" / "names").glob("*.txt")
            for line in path.read_text(encoding="utf-8").split("\n")
            if line.strip()
        ]
        assert len(lines) == 20_050
        assert Counter(written(found, found.train) + written(found, found.test)) == Counter(lines)
        assert (found.kind, found.size, len(found.classes), found.longest) == ("tokens", 83, 18, 20)

    def test_no_name_of_the_test_is_met_while_learning(self, found: SequenceSet) -> None:
        learned = {name for name, _ in written(found, found.train)}
        tested = {name for name, _ in written(found, found.test)}
        assert not learned & tested
        assert (len(learned), len(tested)) == (13958, 3492)
        assert len(learned | tested) == 17_450

    def test_a_fifth_of_every_language(self, found: SequenceSet) -> None:
        """Of its different names, give or take those that it shares with a smaller language."""
        learned, tested = (Counter(language for _, language in set(written(found, examples))) for examples in (found.train, found.test))
        for language in found.classes:
            assert 0.12 < tested[language] / (tested[language] + learned[language]) < 0.28, language

    def test_the_first_so_many_hold_something_of_the_large_languages(self, found: SequenceSet) -> None:
        few = found.first(500, 200)
        assert len(set(few.train.targets.tolist())) > 10
        assert (len(few.train), len(few.test)) == (500, 200)

    def test_the_docstring_s_numbers(self, found: SequenceSet) -> None:
        both = written(found, found.train) + written(found, found.test)
        languages: dict[str, set[str]] = {}
        for name, language in both:
            languages.setdefault(name, set()).add(language)
        assert sum(len(each) > 1 for each in languages.values()) == 469
        assert len({name for name, language in both if language == "Arabic"}) == 108
        scottish = {name for name, language in both if language == "Scottish"}
        assert (len(scottish), sum("English" in languages[name] for name in scottish)) == (100, 99)

    def test_another_file_is_refused_by_its_name(self, vitral_data: Path, tmp_path: Path) -> None:
        for path in (vitral_data / "sequences" / "names").glob("*.txt"):
            (tmp_path / path.name).write_bytes(path.read_bytes().replace(b"Adam", b"Adan"))
        with pytest.raises(DataError, match="English.txt: expected SHA-256 .*; replace it, or unset VITRAL_DATA"):
            names.read(names.NAMES, places.Place(tmp_path, given=True))


CONTENT = {"Basque.txt": b"Etxeberria\nAgirre\n", "Catalan.txt": "Puig\nGüell\n".encode()}


class TestFetching:
    @pytest.fixture
    def source(self) -> Source:
        import hashlib

        files = tuple(File(name, len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in CONTENT.items())
        return Source("names", "", "", "", "", 1, files)

    @pytest.fixture
    def server(self, serving: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        with serving(b"") as server:

            def fetch(url: str, target: Path, **rest: Any) -> Path:
                server.body = CONTENT[target.name] if not server.broken else b"<html>log in</html>"
                return download.download(url, target, sleep=lambda _: None, timeout_seconds=5, **rest)

            server.broken = False
            monkeypatch.setattr(names, "download", fetch)
            yield server

    def fetch(self, source: Source, server: Any, root: Path) -> None:
        names.fetch(source, root, None, url=server.url.removesuffix("file.bin"), schemes=("http",))

    def test_the_files_arrive_and_are_read(self, source: Source, server: Any, tmp_path: Path) -> None:
        self.fetch(source, server, tmp_path)
        found = names.read(source, places.Place(tmp_path / "names", given=False))
        assert sorted(written(found, found.train) + written(found, found.test)) == [
            ("Agirre", "Basque"), ("Etxeberria", "Basque"), ("Güell", "Catalan"), ("Puig", "Catalan"),
        ]  # fmt: skip
        assert [path for path, _ in server.asked] == ["/Basque.txt", "/Catalan.txt"]
        self.fetch(source, server, tmp_path)
        assert len(server.asked) == 2, "what is here is not fetched again"

    def test_other_files_are_refused(self, source: Source, server: Any, tmp_path: Path) -> None:
        server.broken = True
        with pytest.raises(DataUnavailable, match="expected at most 18 bytes, "):
            self.fetch(source, server, tmp_path)
        assert not list((tmp_path / "names").glob("*.txt"))


class TestOwn:
    def test_a_folder_of_lists(self, tmp_path: Path) -> None:
        (tmp_path / "es.txt").write_text("hola\nadiós\n\n buenas tardes \n", encoding="utf-8")
        (tmp_path / "en.txt").write_bytes("\ufeffhello\r\nbye\r\n".encode())
        (tmp_path / "notes.md").write_text("not a class")
        found = texts.read(tmp_path, SOURCE)
        assert found.classes == ("en", "es")
        assert sorted(written(found, found.train) + written(found, found.test)) == [
            ("adiós", "es"), ("buenas tardes", "es"), ("bye", "en"), ("hello", "en"), ("hola", "es"),
        ]  # fmt: skip

    def test_copies_stay_together(self) -> None:
        found = texts.classify(["a"] * 20 + list("bcdefghij") + ["x", "y"], [0] * 29 + [1, 1], ("p", "q"), SOURCE)
        sides = [{text for text, _ in written(found, examples)} for examples in (found.train, found.test)]
        assert not sides[0] & sides[1]
        assert len(found.train) + len(found.test) == 31

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"one\ntw\xff\n", "b.txt, line 2: expected UTF-8, got the byte ff; save it as UTF-8 text"),
            (b"", 'class "b" has no sequence to learn from'),
            (b"one\none\n", 'class "b" has 1 example; expected at least 2'),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, raw: bytes, message: str) -> None:
        (tmp_path / "a.txt").write_text("x\ny\nz\n")
        (tmp_path / "b.txt").write_bytes(raw)
        with pytest.raises(DataError, match=message):
            texts.read(tmp_path, SOURCE)

    def test_a_text_of_two_classes_counts_for_the_rarer(self) -> None:
        words = ["both", "a", "b", "c", "d", "both", "z"]
        train, test = texts.apart(words, np.array([0, 0, 0, 0, 0, 1, 1]), ("large", "small"), "mine")
        assert sorted([*train, *test]) == list(range(7))
        assert len({int(n) for n in (0, 5)} & set(test.tolist())) in {0, 2}
        assert len({words[n] for n in test} & {"both", "z"}) == 1
