"""``vitral data`` as a person meets it: in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WIDTHS = (80, 120)


def vitral(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vitral.cli", "data", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_the_list_says_what_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITRAL_DATA", raising=False)
    done = vitral("list")
    assert done.returncode == 0
    for words in (
        "cifar10 ",
        "to download, 170 MB",
        "licence: MIT",
        "mnist-5k ",
        "embedded",
        "data get NAME",
        "war-and-peace ",
        "text, to download, 3.26 MB",
    ):
        assert words in done.stdout
    listed = json.loads(vitral("list", "--json").stdout)
    assert {entry["name"]: entry["state"] for entry in listed}["mnist"] == "to download"
    assert len(listed[0]["files"]) == 6


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_fits_a_terminal(width: int) -> None:
    from rich.console import Console

    from vitral.cli.data import show
    from vitral.data.catalogue import listing

    out = Console(width=width, record=True, file=open(os.devnull, "w"), soft_wrap=True)  # noqa: SIM115
    show([entry for entry in listing() if entry.state != "in VITRAL_DATA"], out)
    lines = out.export_text().splitlines()
    out.file.close()
    assert max(map(len, lines)) <= 80


def test_fetching_what_is_embedded_says_so() -> None:
    done = vitral("get", "digits")
    assert (done.returncode, done.stdout) == (0, "mnist-5k is embedded: nothing to fetch\n")


def test_an_unknown_name_is_one_line_and_code_2() -> None:
    done = vitral("get", "mnits")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vitral: no data set and no file is called 'mnits'")
    assert done.stderr.count("\n") == 1


def test_a_check_finds_a_changed_byte(vitral_data: Path, tmp_path: Path) -> None:
    shutil.copytree(vitral_data / "mnist", tmp_path / "mnist")
    assert vitral("check", "mnist", VITRAL_DATA=str(tmp_path)).returncode == 0
    file = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-9])
    done = vitral("check", "mnist", VITRAL_DATA=str(tmp_path))
    assert done.returncode == 2
    assert "  wrong  t10k-labels-idx1-ubyte.gz: cannot be read" in done.stdout
    assert done.stdout.count("  ok     ") == 3
    found = json.loads(vitral("check", "mnist", "--json", VITRAL_DATA=str(tmp_path)).stdout)
    assert [entry["ok"] for entry in found["mnist"]] == [True, True, True, False]


def test_a_check_of_own_pictures_names_the_bad_one(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("cats/a.png", "cats/b.png", "dogs/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "dogs" / "[d].png").write_text("no picture")
    done = vitral("check", str(tmp_path))
    assert done.returncode == 2
    assert "wrong  dogs/[d].png: expected a picture" in done.stdout
