"""A planted cell is found and scored as formulas say; luck on one half does not count on the other."""

import numpy as np
import pytest
from readers import SYMBOLS, own, person

from vitral.errors import DataError, ShapeError, SpecError
from vitral.probe import cells
from vitral.probe.cells import Activity, Place, listen, search
from vitral.probe.properties import PROPERTIES, column
from vitral.probe.recurrent import unfold

LINE = 'He said "well, my dear friend (and more)" to me 12\n'
TEXT = LINE * 120


def activity(*rows, start=0):
    values = np.stack(rows).astype(np.float32)
    return Activity(tuple(Place("lstm1", "c", n) for n in range(len(values))), values, start)


def noise(seed):
    return np.random.default_rng(seed).normal(size=len(TEXT))


def test_a_planted_cell_is_found_with_its_rule():
    truth = PROPERTIES["quotes"].function(TEXT)
    planted = np.where(truth, -1.0, 1.0) + 0.2 * noise(1)
    found = search(activity(*[noise(n) for n in range(2, 30)], planted), TEXT, best=3)
    best = found.findings["quotes"][0]
    assert best.place.unit == 28
    assert best.score > 0.99
    assert best.area > 0.999
    assert best.slope == -1
    assert -0.7 < best.threshold < 0.7
    rule = planted < best.threshold
    assert best.score == pytest.approx(balanced(rule[len(TEXT) // 2 :], truth[len(TEXT) // 2 :]), abs=0.005)
    assert all(finding.score < 0.56 for finding in found.findings["quotes"][1:])
    assert found.alone["quotes"] < 0.9


def balanced(said, truth):
    return (said[truth].mean() + (~said[~truth]).mean()) / 2


def test_a_number_is_fitted_by_a_line():
    wanted = column(TEXT)
    planted = 0.5 - 0.02 * wanted + 0.1 * noise(3)
    best = search(activity(noise(1), planted, noise(2)), TEXT, [PROPERTIES["column"]]).findings["column"][0]
    half = len(TEXT) // 2
    slope, offset = np.polyfit(planted[:half], wanted[:half], 1)
    assert (best.place.unit, best.area) == (1, None)
    assert (best.slope, best.threshold) == pytest.approx((slope, offset), rel=1e-4)
    assert best.score == pytest.approx(-np.corrcoef(planted[half:], wanted[half:])[0, 1], abs=1e-5)


def test_the_area_is_the_share_of_pairs_in_order():
    truth = PROPERTIES["upper"].function(TEXT)
    planted = truth + noise(4)
    best = search(activity(planted), TEXT, [PROPERTIES["upper"]]).findings["upper"][0]
    half = len(TEXT) // 2
    yes, no = planted[half:][truth[half:]], planted[half:][~truth[half:]]
    assert best.area == pytest.approx((yes[:, None] > no[None]).mean(), abs=0.005)


def test_what_luck_gains_on_the_first_half_is_gone_on_the_second():
    found = search(activity(*[noise(n) for n in range(400)]), TEXT, [PROPERTIES["digit"]], best=10).findings["digit"]
    assert np.mean([one.fit for one in found]) > 0.56
    assert abs(np.mean([one.score for one in found]) - 0.5) < 0.03


def test_what_is_too_rare_or_makes_no_sense_is_left_out_with_its_reason():
    found = search(activity(noise(1)), TEXT.replace("12", "no"))
    assert set(found.skipped) == {"digit", "string", "comment", "indentation"}
    assert found.skipped["digit"] == "too rare: true of 0 of the 3,060 characters of the first half, fewer than 50"
    assert found.skipped["string"].startswith("the text does not read like Python")
    assert found.skipped["indentation"].startswith("all but the same everywhere")
    assert list(found.findings) == [name for name in PROPERTIES if name not in found.skipped]


def test_the_current_character_alone_is_what_a_cell_has_to_beat():
    found = search(activity(noise(1)), TEXT)
    assert found.alone["upper"] == 1
    assert found.alone["space"] == 1
    assert found.alone["quotes"] < 0.8
    assert 0 < found.alone["line"] < 0.8


def test_a_constant_cell_scores_chance():
    found = search(activity(np.zeros(len(TEXT))), TEXT)
    assert found.findings["quotes"][0].score == pytest.approx(0.5)
    assert found.findings["line"][0].score == 0


def test_every_cell_is_heard_at_every_character():
    model = person()
    codes = np.random.default_rng(5).integers(SYMBOLS, size=900)
    heard = listen(model, codes, streams=4, lead=100)
    whole = unfold(model, codes)
    assert heard.start == 100
    assert heard.values.shape == (2 * 2 * 8, 800)
    assert [place for place in heard.places if place.unit == 0] == [Place(f"cell.l{n}", part, 0) for n in range(2) for part in "hc"]
    exact = listen(model, codes, streams=1, lead=0)
    for place, values in zip(exact.places, exact.values, strict=True):
        np.testing.assert_allclose(values, whole[place.layer][place.part][0, :, place.unit], atol=1e-5)
    assert len(listen(own("lstm"), codes, parts="c").places) == 8


def test_what_cannot_be_searched_is_said_in_one_line(monkeypatch):
    codes = np.zeros(300, np.int64)
    with pytest.raises(SpecError, match="a layer of both directions knows what follows"):
        listen(person(bidirectional=True), codes)
    with pytest.raises(ShapeError, match=r"the cells read 6,120 characters but the text has 3; give the text that was read"):
        search(activity(noise(1)), "abc")
    monkeypatch.setattr(cells, "MOST_VALUES", 1000)
    with pytest.raises(DataError, match="32 cells over 300 characters are too many to hold at once; give at most 31 characters"):
        listen(person(), codes)
