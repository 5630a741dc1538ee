"""What the READMEs tell people to type works as it stands."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vitral.cli.app import app

HOUSE = Path(__file__).resolve().parents[1]
READMES = ["README.md", "README.es.md"]


def blocks(readme: str, language: str) -> list[str]:
    text = (HOUSE / readme).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def vitral(*arguments: str, cwd: Path = HOUSE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vitral.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    code = "\n".join(blocks("README.md", "python"))
    assert code.count("import vitral") == 4
    script = tmp_path / "readme.py"
    script.write_text(code, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    first, *measured, last, arithmetic, inside, shown = ended.stdout.splitlines()
    share = re.fullmatch(r"(0\.\d{3}) of the test images are named rightly; [\d,]+ parameters", first)
    assert share is not None, first
    assert float(share[1]) > 0.9, "digits are easy"
    assert re.fullmatch(r"\d+ 0\.\d+", measured[0])
    assert last.startswith("digits-")
    assert "=" in arithmetic
    spread, dead, moved = map(float, inside.split())
    assert spread > 0 <= dead < 1
    assert 0 < moved < 0.1
    assert re.fullmatch(r"Vitral shows Sequential at http://127\.0\.0\.1:\d+/open\?token=\S+", shown)


def test_the_python_is_the_same_in_both_languages() -> None:
    shapes = []
    for readme in READMES:
        trees = [ast.parse(block) for block in blocks(readme, "python")]
        for tree in trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    node.values = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        shapes.append([ast.dump(tree) for tree in trees])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("readme", READMES)
def test_the_error_that_is_shown_is_the_error_that_comes(readme: str) -> None:
    shown = [block.splitlines() for block in blocks(readme, "") if block.startswith("$ ")]
    assert shown
    for command, *answer in shown:
        ended = vitral(*shlex.split(command)[2:])
        assert ended.returncode == 2
        assert ended.stderr.splitlines() == answer


@pytest.mark.parametrize("readme", READMES)
def test_commands_and_options_exist(readme: str) -> None:
    text = (HOUSE / readme).read_text(encoding="utf-8")
    helps: dict[str, str] = {}
    for command, rest in re.findall(
        r"vitral (open|train|describe|evaluate|predict|sample|explain|inside|runs|show|zoo|data \w+)([^`\n]*)", text
    ):
        if command not in helps:
            told = CliRunner().invoke(app, [*command.split(), "--help"])
            assert told.exit_code == 0, f"{command}: {told.output}"
            helps[command] = told.output
        for option in re.findall(r"--\w+", rest):
            assert option in helps[command], f"vitral {command} {option}"
    row = next(line for line in text.splitlines() if line.startswith("| `vitral train"))
    for option in re.findall(r"`(--\w+)", row):
        assert option in helps["train"], option
    assert len(helps) >= 8


@pytest.mark.parametrize("readme", READMES)
def test_any_file_of_ones_own_will_do(readme: str, tmp_path: Path) -> None:
    typed = re.search(r"vitral (train [\w-]+ --set data\.source=(\S+\.txt))", (HOUSE / readme).read_text(encoding="utf-8"))
    assert typed is not None
    (tmp_path / typed[2]).write_text("Once upon a time there was a file of one's own. " * 150, encoding="utf-8")
    ended = vitral(*shlex.split(typed[1]), "--steps", "1", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert f"streams of {typed[2]}" in ended.stdout


def test_the_example_is_what_its_comments_say() -> None:
    ended = vitral("describe", "examples/my-network.toml")
    assert ended.returncode == 0, ended.stderr
    for words in ["8x28x28", "8x14x14", "second", "dropout1"]:
        assert words in ended.stdout


def test_help_is_readable_without_a_terminal() -> None:
    ended = vitral("--help")
    assert ended.returncode == 0
    for command in ("train", "describe", "evaluate", "predict", "sample", "runs", "show", "zoo", "data"):
        assert re.search(rf"\b{command}\b", ended.stdout)
    assert "VITRAL_COMMAND" not in os.environ or "Usage: " + os.environ["VITRAL_COMMAND"] in ended.stdout
