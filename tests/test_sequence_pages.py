"""The pages on sequences say what the program does, in both languages, and the examples that they name can be read."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest

from vitral import spec
from vitral.data.catalogue import load_sequences
from vitral.data.sequence import SequenceSet
from vitral.nets import zoo
from vitral.spec.experiment import Data
from vitral.spec.table import describe

HOUSE = Path(__file__).resolve().parents[1]
PAGES = {"en": HOUSE / "docs" / "sequences.md", "es": HOUSE / "docs" / "es" / "secuencias.md"}
SETS = ["digits-by-row", "mnist-by-row", "names", "spoken-digits", "japanese-vowels"]


@functools.cache
def read(name: str) -> SequenceSet:
    return load_sequences(Data(source=name), download=False)


def rows(page: Path, name: str) -> list[list[str]]:
    """The cells of every table row that begins with a name."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(f"| `{name}` |")]


def counts(cell: str) -> list[int]:
    """The numbers of a cell, whatever stands between their thousands."""
    return [int(re.sub(r"[ ,]", "", number)) for number in re.findall(r"\d{1,3}(?:[ ,]\d{3})+|\d+", cell)]


@pytest.mark.parametrize("language", PAGES)
def test_links_lead_somewhere(language: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGES[language].read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (PAGES[language].parent / target).exists(), target


def test_both_pages_have_one_shape() -> None:
    shapes = []
    for page in PAGES.values():
        lines = page.read_text(encoding="utf-8").splitlines()
        shapes.append([(line.split(" ")[0], line.count("|")) for line in lines if line.startswith(("#", "|", "```"))])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("language", PAGES)
@pytest.mark.parametrize("name", SETS)
def test_the_numbers_of_the_sets(language: str, name: str, vitral_data: Path) -> None:
    found = read(name)
    row = rows(PAGES[language], name)[0]
    lengths = np.concatenate([found.train.lengths, found.test.lengths])
    steps = [int(lengths.min()), int(lengths.max())] if lengths.min() < lengths.max() else [int(lengths.min())]
    assert counts(row[2])[: len(steps) + 1] == [*steps, found.size]
    assert counts(row[3])[0] == len(found.classes)
    assert counts(row[4]) == [len(found.train), len(found.test)]
    assert row[5] in found.source.licence


@pytest.mark.parametrize(("name", "sizes"), [("waves", (48, 12, 3)), ("words", (104, 26, 2))])
def test_the_examples_can_be_read(name: str, sizes: tuple[int, int, int]) -> None:
    experiment = spec.read(HOUSE / "examples" / f"{name}.toml")
    found = load_sequences(Data(source=str(HOUSE / "examples" / experiment.data.source)))
    assert (len(found.train), len(found.test), len(found.classes)) == sizes
    assert experiment.network.output == (len(found.classes),)
    assert found.longest <= experiment.network.input.length


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.load(name).data.source in SETS])
def test_an_experiment_fits_its_data_and_what_replaces_them(name: str, vitral_data: Path) -> None:
    experiment = zoo.load(name)
    found = read(experiment.data.source)
    sizes = {"tokens": "symbols", "series": "features"}
    assert experiment.network.input.kind == found.kind
    assert getattr(experiment.network.input, sizes[found.kind]) == found.size
    assert experiment.network.output == (len(found.classes),)
    if experiment.data.otherwise:
        assert zoo.load(experiment.data.otherwise).data.source == "digits-by-row"


@pytest.mark.parametrize("task", ["names", "spoken-digits", "japanese-vowels", "digits-by-row"])
def test_memory_and_convolutions_have_as_many_parameters(task: str) -> None:
    """Within 3 %: else their comparison would be one of sizes."""
    sizes = [zoo.load(name).network.num_parameters for name in zoo.names() if name.startswith(f"{task}-")]
    assert len(sizes) >= 2
    assert max(sizes) / min(sizes) < 1.03


@pytest.mark.parametrize("language", PAGES)
def test_every_network_that_is_compared_is_as_large_as_its_row_says(language: str) -> None:
    compared = [name for name in zoo.names() if zoo.load(name).data.source in SETS]
    assert len(compared) == 9
    for name in compared:
        described = describe(zoo.load(name))
        row = rows(PAGES[language], name)[0]
        assert [counts(cell) for cell in row[2:4]] == [[described.num_parameters], [described.multiply_adds]], name
