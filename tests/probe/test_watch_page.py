"""What the pages on watching tell people to type works as it stands, and both languages say the same."""

import contextlib
import inspect
import io
import re
from pathlib import Path

import pytest

import vitral
from vitral.probe.watch import watch

HOUSE = Path(__file__).resolve().parents[2]
PAGES = {"en": HOUSE / "docs" / "watch.md", "es": HOUSE / "docs" / "es" / "observar.md"}


def code(language):
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGES[language].read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return block


def test_the_example_runs_and_shows_every_layer():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code("en"), "watch.md", "exec"), {})
    *layers, figures, series = out.getvalue().splitlines()
    assert [line.split()[1] for line in layers] == ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]
    dead, *others = map(float, figures.split())
    assert 0 <= dead <= 1
    assert all(other > 0 for other in others)
    assert [step for step, _ in eval(series)] == [1, 6, 11, 16]


def test_both_languages_have_one_shape():
    assert code("en") == code("es")
    shapes = []
    for page in PAGES.values():
        text = page.read_text(encoding="utf-8")
        names = [sorted(re.findall(r"`([a-z_]+)`", line.split("|")[1])) for line in text.splitlines() if line.startswith("| `")]
        shapes.append((re.findall(r"^#+", text, re.MULTILINE), names, text.count("\n- ")))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("language", PAGES)
def test_every_setting_is_told_with_its_default(language):
    text = PAGES[language].read_text(encoding="utf-8")
    settings = [name for name in inspect.signature(watch).parameters if name != "model"]
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert [name for name in settings if name not in rows] == []
    digits = text.replace(",", "").replace(" ", "")
    for number in (2**16, 1000):
        assert f"|{number}|" in digits


def test_the_public_name_takes_the_same_settings():
    public, own = inspect.signature(vitral.watch).parameters, inspect.signature(watch).parameters
    named = [name for name, one in public.items() if one.kind is not one.VAR_KEYWORD and name != "live"]
    assert all(own[name].default == public[name].default for name in named)
    with pytest.raises(TypeError):
        vitral.watch(None, speed=3)
