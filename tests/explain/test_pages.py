"""The illustrated pages, their pictures and the schema are what the code writes today."""

import importlib.util
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def operations():
    spec = importlib.util.spec_from_file_location("operations", HOUSE / "docs" / "operations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(operations):
    return operations.files()


DIGITS = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def test_no_file_is_stale(files):
    """Words and shapes to the letter, numbers to what another processor's last bit may change."""
    for path, told in files.items():
        written = path.read_text(encoding="utf-8")
        assert DIGITS.sub("#", written) == DIGITS.sub("#", told), f"{path.name} is stale: run python docs/operations.py"
        pairs = zip(DIGITS.findall(written), DIGITS.findall(told), strict=True)
        assert all(abs(float(a) - float(b)) <= 0.011 * max(1.0, abs(float(b))) for a, b in pairs), path.name


def test_nothing_else_lies_in_the_folder_of_pictures(files):
    assert {path for path in files if path.suffix == ".svg"} == set((HOUSE / "docs" / "pictures").iterdir())


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_picture_of_a_page_is_there_and_every_row_of_the_lecture(operations, language):
    page = operations.PAGES[language]
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 30
    for link in links:
        assert (page.parent / link).is_file(), link
    for row in [*range(1, 12), *range(20, 29)]:
        assert f"## L{row} " in text
