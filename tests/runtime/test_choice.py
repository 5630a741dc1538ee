"""Which experiment a person means, and where the path of their data counts from."""

import subprocess
import sys
from pathlib import Path

import pytest

from vitral.errors import SpecError
from vitral.nets import zoo
from vitral.runtime.choice import choose
from vitral.spec.experiment import Experiment

TEXT = """
name = "pets"
data = { source = "pictures" }
network = { input = [3, 8, 8], layers = [{ kind = "dense", units = 2 }] }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine" / "pictures").mkdir(parents=True)
    path = tmp_path / "mine" / "pets.toml"
    path.write_text(TEXT)
    return path


def test_a_name_a_file_and_a_value_are_the_same_choice(tmp_path: Path) -> None:
    from vitral.spec import to_toml

    by_name = choose("lenet-mnist")
    assert by_name == zoo.load("lenet-mnist") == choose(by_name)
    (tmp_path / "copy.toml").write_text(to_toml(by_name))
    assert choose(tmp_path / "copy.toml") == choose(str(tmp_path / "copy.toml")) == by_name


@pytest.mark.parametrize("experiment", ["digits", zoo.load("digits")])
def test_own_changes_are_applied(experiment: str | Experiment) -> None:
    chosen = choose(experiment, ["training.batch_size=32"], steps=7, seed=3)
    assert (chosen.training.batch_size, chosen.training.steps, chosen.training.epochs, chosen.seed) == (32, 7, None, 3)


def test_a_length_is_given_once() -> None:
    with pytest.raises(SpecError, match="as 2 epochs and as 3 steps; give epochs or steps"):
        choose("digits", epochs=2, steps=3)


def test_a_path_in_a_file_counts_from_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parents[1])
    assert choose("mine/pets.toml").data.source == str(file.parent / "pictures")
    assert choose(file).data.source == str(file.parent / "pictures")


def test_a_path_on_the_command_line_counts_from_here(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = file.parents[1] / "here"
    (here / "others").mkdir(parents=True)
    monkeypatch.chdir(here)
    assert choose(file, ["data.source=others"]).data.source == str(here / "others")
    assert choose("default", ["data.source=others"]).data.source == str(here / "others")


def test_a_name_of_the_catalogue_stays_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cifar10").mkdir()
    monkeypatch.chdir(tmp_path)
    assert choose("default").data.source == "cifar10"


def test_a_path_that_leads_nowhere_is_left_for_the_data_to_refuse(file: Path) -> None:
    (file.parent / "pictures").rmdir()
    assert choose(file).data.source == "pictures"


def test_choosing_loads_no_torch() -> None:
    code = "from vitral.runtime.choice import choose; choose('cifar10-fast'); import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
