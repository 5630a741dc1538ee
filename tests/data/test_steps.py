"""One's own tables of sequences: every way to write them, and every mistake by its line and column."""

from pathlib import Path

import numpy as np
import pytest

from vitral.data import steps
from vitral.data.sequence import SequenceSet
from vitral.data.source import Source
from vitral.errors import DataError

SOURCE = Source("mine", "", "", "", "", 0)
HOUSE = Path(__file__).resolve().parents[2]
SERIES = """series,label,x,y
a,circle,0.5,1
a,circle,0.7,-2e-1
b,square,0,0
c,circle,1,1
b,square,3,4
d,square,5,6
"""
WANTED = {
    ("circle", ((0.5, 1.0), (0.7, -0.2))),
    ("square", ((0.0, 0.0), (3.0, 4.0))),
    ("circle", ((1.0, 1.0),)),
    ("square", ((5.0, 6.0),)),
}


def table(folder: Path, written: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(written.encode() if isinstance(written, str) else written)
    return path


def read(folder: Path, written: str | bytes) -> SequenceSet:
    return steps.read(table(folder, written), SOURCE)


def content(found: SequenceSet) -> set[tuple[str, tuple[tuple[float, ...], ...]]]:
    return {
        (found.classes[examples.targets[n]], tuple(tuple(round(x, 6) for x in step) for step in examples[n].tolist()))
        for examples in (found.train, found.test)
        for n in range(len(examples))
    }


@pytest.mark.parametrize(
    "written",
    [
        SERIES,
        SERIES.replace("\n", "\r\n"),
        "\ufeff" + SERIES,
        SERIES.replace(",", ";"),
        SERIES.replace(",", ";").replace(".", ","),
        SERIES.replace(",", "\t"),
        SERIES.replace("series,label", " Series , Class "),
        SERIES.replace("a,circle", '"a","circle"'),
        SERIES.replace("\n", "\n\n"),
        SERIES.rstrip("\n"),
    ],
)
def test_every_way_to_write_series(tmp_path: Path, written: str) -> None:
    found = read(tmp_path, written)
    assert found.classes == ("circle", "square")
    assert content(found) == WANTED
    assert (len(found.train), len(found.test)) == (2, 2)
    assert found.kind == "series"


def test_the_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    turned = "\n".join(",".join(line.split(",")[place] for place in (2, 1, 3, 0)) for line in SERIES.splitlines())
    assert content(read(tmp_path, turned)) == WANTED


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    lines = SERIES.splitlines()
    written = [f"{lines[0]},split", *(f"{line},{'Test' if line[0] in 'ad' else 'train'}" for line in lines[1:])]
    found = read(tmp_path, "\n".join(written))
    assert sorted(found.test.lengths.tolist()) == [1, 2]
    assert content(found) == WANTED


def test_whole_numbers_are_classes_in_their_order(tmp_path: Path) -> None:
    found = read(tmp_path, "series,label,x\n" + "".join(f"{n},{n % 3 * 5},1\n" for n in range(12)))
    assert found.classes == ("0", "5", "10")


class TestTexts:
    WRITTEN = "text,label\nhola,es\nadiós,es\nhello,en\nbye,en\n"

    def test_characters_are_the_steps(self, tmp_path: Path) -> None:
        found = read(tmp_path, self.WRITTEN)
        assert found.vocabulary is not None
        assert found.vocabulary.symbols == tuple("abdehilosyó")
        texts = {
            (found.vocabulary.decode(examples[n]), found.classes[examples.targets[n]])
            for examples in (found.train, found.test)
            for n in range(len(examples))
        }
        assert texts == {("hola", "es"), ("adiós", "es"), ("hello", "en"), ("bye", "en")}

    def test_a_quoted_text_may_hold_anything(self, tmp_path: Path) -> None:
        found = read(tmp_path, 'label,text\na,"one, ""two""\nthree"\na,x\nb,y\nb,z\n')
        assert found.longest == len('one, "two"\nthree')

    def test_a_given_split_is_kept(self, tmp_path: Path) -> None:
        found = read(tmp_path, "text,label,split\na,x,train\nb,y,train\na,x,test\n")
        assert (len(found.train), len(found.test)) == (2, 1)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "a.csv, line 1: expected a column label, got nothing"),
        ("series,x\n", "a.csv, line 1: expected a column label, got series, x"),
        ("label,x\na,1\n", r"a.csv, line 1: expected a column series \(a line a step\) or text \(a line a text\), got label, x"),
        ("series,label,x,x\n", "a.csv, line 1: expected each column once, got 'x' twice"),
        ("series,label\na,b\n", "a.csv, line 1: expected 1 to 1,000 columns of numbers beside series and label, got 0"),
        ("series,label,x\n", "a.csv: expected some lines behind the heading"),
        ("series,label,x\na,b\n", "a.csv, line 2: expected 3 columns as in line 1, got 2"),
        ("series,label,x\na,b,1\na,b,one\n", "a.csv, line 3, column \"x\": expected a finite number, got 'one'"),
        ("series,label,x\na,b,1\n\na,b,\n", "a.csv, line 4, column \"x\": expected a finite number, got ''"),
        ("series,label,x\na,b,nan\n", "got 'nan'"),
        ("series,label,x\na,b,1e39\n", "got '1e39'"),
        ("series,label,x\na,b,1_0\n", "got '1_0'"),
        ("series,label,x\na,,1\n", 'a.csv, line 2, column "label": expected a class, got nothing'),
        ("series,label,x\n ,a,1\n", 'a.csv, line 2, column "series": expected which series the line belongs to, got nothing'),
        ("series,class,x\na,,1\n", 'a.csv, line 2, column "class": expected a class'),
        ("series,label,x\na,b,1\na,c,1\n", "a.csv, line 3, column \"label\": expected 'b' as in the first line of series 'a', got 'c'"),
        (
            "series,label,x,split\na,b,1,train\na,b,1,test\n",
            "a.csv, line 3, column \"split\": expected 'train' as in the first line of series 'a', got 'test'",
        ),
        ("series,label,x,split\na,b,1,half\n", "a.csv, line 2, column \"split\": expected train or test, got 'half'"),
        ("series,label,x,split\na,b,1,test\nc,d,1,test\n", 'a.csv, column "split": expected lines of train and of test, got only one kind'),
        ("series,label,x\na,b,1\nc,b,2\n", "mine: expected 2 to 10,000 classes, got 1"),
        ("series,label,x\na,b,1\nc,d,2\n", 'mine: class "b" has 1 example; expected at least 2'),
        ('series,label,x\na,b,"1\n', r"a.csv, line 2: cannot be read \(unexpected end of data\); check its quotation marks"),
        ("text,label,more\na,b,c\n", "a.csv, line 1: expected the columns text, label and split, got 'more' too"),
        ("text,label\n,b\n", 'a.csv, line 2, column "text": expected 1 to 100,000 characters, got 0'),
        ("text,label\n", "mine: expected some texts, got none"),
        (b"series,label,x\na,b,\xff\n", "a.csv, line 2: expected UTF-8, got the byte ff"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, written: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, written)


@pytest.mark.parametrize(
    ("limit", "written", "message"),
    [
        (
            "MAX_LENGTH",
            SERIES.replace("\nb", "\na").replace("square", "circle"),
            "line 4: expected at most 1,000,000 series of at most 2 steps",
        ),
        ("MAX_SERIES", SERIES, "line 5: expected at most 2 series of at most"),
        ("MAX_FEATURES", "series,label,x,y,z\n", "line 1: expected 1 to 2 columns of numbers"),
        ("MAX_LENGTH", "text,label\nlong,a\n", 'line 2, column "text": expected 1 to 2 characters, got 4'),
        ("MAX_SERIES", "text,label\nk,a\nl,a\nm,b\n", "line 4: expected at most 2 texts"),
    ],
)
def test_limits_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, written: str, message: str) -> None:
    monkeypatch.setattr(steps, limit, 2)
    with pytest.raises(DataError, match=message):
        read(tmp_path, written)


def test_a_heading_says_what_a_table_is(tmp_path: Path) -> None:
    assert steps.belongs(table(tmp_path, SERIES))
    assert steps.belongs(table(tmp_path, "\ufefftext;label\n"))
    assert not steps.belongs(table(tmp_path, "label,pixel0,pixel1\n1,2,3\n"))
    assert not steps.belongs(table(tmp_path, b"\xff\xff"))
    assert not steps.belongs(tmp_path / "gone.csv")


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    lines = [f"{n // 2},{n // 2 % 2},{','.join(repr(float(x)) for x in row)}" for n, row in enumerate(draw)]
    found = read(tmp_path, "series,label,p,q,r\n" + "\n".join(lines))
    got = np.concatenate([found.train.values, found.test.values])
    assert sorted(map(tuple, got.tolist())) == sorted(map(tuple, draw.tolist()))
