"""What is true of each character, by hand."""

import numpy as np
import pytest

from vitral.probe import properties
from vitral.probe.properties import PROPERTIES


def told(name, text):
    values = PROPERTIES[name].function(text)
    assert len(values) == len(text)
    return "".join("x" if value else "." for value in values) if values.dtype == bool else [float(value) for value in values]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("quotes", 'a "b" c', "..xx..."),
        ("quotes", "«a» “b”", "xx..xx."),
        ("quotes", '"a\n\nb "c"', "xxx...xx."),
        ("quotes", '"a\r\n\r\nb', "xxxxx.."),
        ("brackets", "a(b[c]d)e", ".xxxxxx.."),
        ("brackets", "(a\n\nb)", "xxx..."),
        ("upper", "aBÑ1", ".xx."),
        ("digit", "a1²", ".xx"),
        ("space", "a \n", ".xx"),
        ("word_end", "ab, c d", ".x..x.x"),
        ("line_start", "ab\n\nc", "x...x"),
        ("string", "x = 'a#' # 'b'\ny", "....xxx........."),
        ("string", "'a\\'b'c", "xxxxx.."),
        ("string", '"""a\n"b"""c', "xxxxxxxxx.."),
        ("string", "'a\nb", "xx.."),
        ("string", "'ab", "xxx"),
        ("string", "a''", ".x."),
        ("comment", "a # b\nc", "..xxx.."),
        ("comment", "'#' # b", "....xxx"),
    ],
)
def test_yes_or_no(name, text, expected):
    assert told(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("column", "ab\nc", [1, 2, 0, 1]),
        ("line", "abcd\nef\n", [0.25, 0.5, 0.75, 1, 0, 0.5, 1, 0]),
        ("word", "ab, cde", [1, 2, 0, 0, 1, 2, 3]),
        ("depth", "a(b[c]d))", [0, 1, 1, 2, 2, 1, 1, 0, 0]),
        ("indentation", "  a b\n\tc", [1, 2, 2, 2, 2, 0, 4, 4]),
    ],
)
def test_numbers(name, text, expected):
    assert told(name, text) == pytest.approx(expected)


# What is true of texts that are hardly any; all other properties are false or 0 there.
ODD = {
    "": {},
    "\n": {"space": "x"},
    '"': {"quotes": "x", "string": "x", "line_start": "x", "column": [1], "line": [1]},
    "(": {"brackets": "x", "depth": [1], "line_start": "x", "column": [1], "line": [1]},
    "'": {"string": "x", "line_start": "x", "column": [1], "line": [1]},
    "\\": {"line_start": "x", "column": [1], "line": [1]},
    '"""': {"quotes": "x.x", "string": "xxx", "line_start": "x..", "column": [1, 2, 3], "line": [1 / 3, 2 / 3, 1]},
    "#": {"comment": "x", "line_start": "x", "column": [1], "line": [1]},
    "a\u0301𝄞": {"word_end": "x..", "word": [1, 0, 0], "line_start": "x..", "column": [1, 2, 3], "line": [1 / 3, 2 / 3, 1]},
}


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("text", ODD)
def test_odd_texts(name, text):
    nothing = [0] * len(text) if PROPERTIES[name].number else "." * len(text)
    assert told(name, text) == pytest.approx(ODD[text].get(name, nothing))


def test_prose_does_not_read_like_python():
    assert properties.reads_like_python("import a\n\ndef b():\n    return a\n") is None
    assert "0.0 % of its lines begin with a keyword" in properties.reads_like_python("Well, Prince, so Genoa\nand Lucca are now\n")


def test_the_two_languages_say_something_each():
    assert all(one.english and one.spanish and one.english != one.spanish for one in PROPERTIES.values())
    assert np.unique([one.name for one in PROPERTIES.values()]).size == len(PROPERTIES)
