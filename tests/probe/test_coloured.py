"""A coloured text says every character once, escapes everything, and tells its scale in numbers."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from readers import SYMBOLS, person

from vitral.errors import DataError, ShapeError, SpecError
from vitral.probe import coloured
from vitral.probe.coloured import Coloured
from vitral.probe.recurrent import unfold

WILD = '<script>alert("x")</script> & \'a\'\t]]>\r\n\x07 é 𝄞 "onload=1" --> </style><svg/onload=1>\u00a0'


def of(text, values=None, *, signed=True, part="c"):
    values = np.sin(np.arange(len(text))) if values is None else np.asarray(values)
    return Coloured(tuple(text), values, float(np.abs(values).max()) if signed else 1.0, signed, "lstm1", part, 3, 8)


class Reader(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.data, self.within = [], [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.within.append(tag)

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data):
        if "pre" in self.within:
            self.data += data


def test_a_page_shows_every_character_and_nothing_of_it_acts():
    page = coloured.page(of(WILD))
    read = Reader(page)
    assert read.data == "".join(coloured.visible(sign) for sign in WILD)
    assert not {"script", "svg", "img", "iframe", "link"} & set(read.tags)
    assert set(read.attributes) <= {"lang", "charset", "http-equiv", "content", "name", "class", "title"}
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("<br>") == 1
    assert all(f">{code}</span>" in page for code in ("&lt;", "&gt;", "&amp;", "&quot;"))
    whole = Coloured(("<script>", "&lt;"), np.ones(2), 1.0, True, "<b>", "c", 3, 8)  # symbols of several signs
    assert Reader(coloured.page(whole)).data == "<script>&lt;"
    assert "<b>" not in coloured.page(whole)


def test_both_themes_and_the_legends_numbers_are_there():
    page = coloured.page(of("abc", [-0.5, 0.0, 0.25]))
    assert "prefers-color-scheme:dark" in page
    assert "<span>−0.5</span><span>0</span><span>0.5</span>" in page
    assert '<span class="c-10" title="−0.5">a</span><span class="c0" title="0">b</span><span class="c5" title="0.25">c</span>' in page
    gate = coloured.page(of("ab", [0.0, 1.0], signed=False, part="f"), language="es")
    assert "<span>0</span><span>1</span>" in gate
    assert "lstm1, puerta de olvido f, unidad 3" in gate
    assert gate.count("<i class") == 11


def test_a_drawing_is_well_formed_and_says_the_same():
    drawn = coloured.draw(of(WILD.replace("\x07", "")), heading="a < b & c", language="es")
    root = ET.fromstring(drawn)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b & c" in texts
    assert '<script>alert("x")</script>&' in "".join(text for text in texts if len(text) == 1)
    assert "script" not in {element.tag.partition("}")[2] for element in root.iter()}
    assert "prefers-color-scheme:dark" in drawn


def test_lines_break_at_their_ends_and_at_the_width():
    own = of("ab\n" + "c" * 25, np.linspace(-1, 1, 28))
    lines = list(coloured.lines(own, 10))
    assert ["".join(signs for signs, _ in line) for line in lines] == ["ab↵", "c" * 10, "c" * 10, "c" * 5]
    assert [coloured.plainly(line) for line in lines] == ["iii", "hgffedccba", "a112334566", "78999"]


def test_values_stand_beside_the_symbols_they_belong_to():
    model = person()
    codes = np.random.default_rng(1).integers(SYMBOLS, size=400)
    layer = unfold(model, codes)["cell.l1"]
    symbols = ["abcdefghijkl"[code] for code in codes]
    own = coloured.coloured(layer, symbols, "c", 5)
    np.testing.assert_array_equal(own.values, layer.c[0, :, 5])
    assert own.largest == pytest.approx(np.quantile(np.abs(own.values), 0.99))
    assert 0 < own.clamped <= 0.0101
    assert "% beyond the scale" in own.legend()
    mean = coloured.coloured(layer, symbols, "f")
    np.testing.assert_allclose(mean.values, layer["f"][0].mean(axis=1))
    assert (mean.largest, mean.signed, mean.unit) == (1.0, False, None)
    assert mean.title() == "cell.l1, forget gate f, mean of 8 units"
    assert own.to_values()["symbols"] == symbols


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("abc", "q", 0), SpecError, 'cell.l1 has no part "q"; expected one of i, f, g, o, c, h'),
        (("abc", "h", 8), ShapeError, "cell.l1 has no unit 8; use 0 to 7"),
        (("ab", "h", 0), ShapeError, "the layer read 3 symbols but 2 are to be coloured; give the text that was read"),
    ],
)
def test_what_does_not_fit_is_said(arguments, kind, message):
    with pytest.raises(kind, match=message):
        coloured.coloured(unfold(person(), [1, 2, 3])["cell.l1"], *arguments)


def test_pages_and_drawings_have_a_size():
    with pytest.raises(DataError, match="a drawing holds at most 4,000 characters well, got 4,001; give a shorter text"):
        coloured.draw(of("a" * 4001))
    with pytest.raises(DataError, match="a page holds at most 50,000 characters well"):
        coloured.page(of("a" * 50_001))
