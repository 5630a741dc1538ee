"""start.py, for real: a project of its own with no dependencies, an environment made from nothing, and no network."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

HOUSE = Path(__file__).resolve().parents[1]
SOURCE = (HOUSE / "start.py").read_text(encoding="utf-8")

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "vitral"
version = "0"
dependencies = ["torch>=2.10"]
"""

# The least that pip needs of a build backend: a wheel that points to the sources.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "vitral-0-py3-none-any.whl"
    info = "vitral-0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.writestr("vitral.pth", str(pathlib.Path(__file__).parent / "src"))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: vitral\\nVersion: 0\\n" + REQUIRES)
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""

PROGRAM = """
import os, sys
print("ran", sys.argv[1:], os.environ["VITRAL_COMMAND"], os.getcwd(), flush=True)
sys.exit(7 if "fail" in sys.argv else 0)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of another Vitral, which needs nothing; its name has a space and an accent."""
    house = tmp_path_factory.mktemp("start") / "una casa é"
    package = house / "src" / "vitral" / "cli"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(PROGRAM)
    (house / "backend.py").write_text(f'REQUIRES = ""\n{BACKEND}')
    (house / "pyproject.toml").write_text(PROJECT)
    (house / "start.py").write_text(SOURCE, encoding="utf-8")
    return house


def start(house: Path, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    kept |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", **environment}
    command = [sys.executable, str(house / "start.py"), *arguments]
    return subprocess.run(command, cwd=cwd or house, env=kept, capture_output=True, text=True, check=False, timeout=300)


def test_one_command_sets_up_and_runs_and_the_second_only_runs(project: Path, tmp_path: Path) -> None:
    first = start(project)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Setting Vitral up in .venv, once" in first.stdout
    assert "ran ['open'] python3" in first.stdout

    second = start(project, "describe", "my file.toml", "--json", cwd=tmp_path)
    assert second.stdout == f"ran ['describe', 'my file.toml', '--json'] python3 {project / 'start.py'} {tmp_path}\n"
    assert second.stderr == ""

    assert start(project, "fail").returncode == 7, "the program's own exit code"

    # the tests need more than the program, and now the network is gone
    (project / "backend.py").write_text(f'REQUIRES = "Requires-Dist: torch>=2.10\\n"\n{BACKEND}')
    nowhere = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "https://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    offline = start(project, "test", **nowhere)
    assert offline.returncode == 1
    assert offline.stderr == "start.py: the package index cannot be reached; connect to the network and give the same command again\n"

    (project / "backend.py").write_text("raise RuntimeError('the sky is falling')\n")
    broken = start(project, "test")
    assert broken.returncode == 1
    assert "the sky is falling" in broken.stderr
    assert broken.stderr.rstrip().endswith("give the same command again")

    assert start(project, "zoo").stdout.startswith("ran ['zoo']"), "what was installed before still runs"


@pytest.fixture
def loaded(tmp_path: Path) -> ModuleType:
    (tmp_path / "start.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    spec = importlib.util.spec_from_file_location("start", tmp_path / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LISTED = "torch (2.15.0)\nAvailable versions: 2.15.0, 2.13.0+cpu, 2.13.0, 2.11.0+cpu, 2.9.1+cpu, 2.8.0\n"


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        (LISTED, ["torch==2.13.0+cpu"]),
        ("Available versions: 2.15.0, 2.9.1+cpu", []),
        ("Available versions: 2.15.0, 2.14.0", []),
        ("", []),
        ("Available versions: 2.100.0+cpu", ["torch==2.100.0+cpu"]),
    ],
)
def test_the_newest_fitting_engine_without_cuda_is_taken(
    loaded: ModuleType, monkeypatch: pytest.MonkeyPatch, listed: str, wanted: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=listed))
    assert loaded.cpu_engine(PROJECT) == wanted


def test_with_a_gpu_the_ordinary_engine_is_taken(loaded: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=LISTED))
    assert loaded.cpu_engine(PROJECT) == []


def test_without_ensurepip_the_outer_pip_fills_the_environment(loaded: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Debian: `python3 -m venv` fails, `--without-pip` works, and the pip outside installs one inside."""
    said: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        said.append(command)
        (loaded.HOUSE / ".venv").mkdir(exist_ok=True)
        return 0

    monkeypatch.setattr(subprocess, "run", lambda command, **_: SimpleNamespace(returncode=1, stdout=""))
    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(loaded, "install", lambda *what: said.append(list(what)))
    loaded.set_up("test")
    assert said[0][1:] == ["-m", "venv", str(loaded.HOUSE / ".venv"), "--without-pip"]
    assert said[1][1:] == ["-m", "pip", "--python", loaded.PYTHON, "install", "--quiet", "pip"]
    assert said[2] == ["--editable", f"{loaded.HOUSE}[test]"]


def test_a_set_up_holds_until_what_it_was_made_from_changes(loaded: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(command: list[str], **_: object) -> SimpleNamespace:
        if "venv" in command:
            Path(loaded.PYTHON).parent.mkdir(parents=True, exist_ok=True)
            Path(loaded.PYTHON).touch()
            made.append("environment" if "--clear" not in command else "environment, afresh")
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(subprocess, "run", make)
    monkeypatch.setattr(loaded, "install", lambda *what: made.append(what[1].removeprefix(str(loaded.HOUSE))))
    for extra in ("", "", "test", "test", ""):
        loaded.set_up(extra)
    assert made == ["environment", "", "[test]"], "each thing once, and the tests' extras on top of what was there"
    made.clear()
    (loaded.HOUSE / "pyproject.toml").write_text(PROJECT.replace("2.10", "2.11"))
    loaded.set_up("")
    assert made == ["environment, afresh", ""]


def test_the_tests_run_all_checks_or_pytest_alone(loaded: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    asked: list[str] = []

    def call(command: list[str], **_: object) -> int:
        said.append(command)
        return {"mypy": 1, "ruff format --check .": -9}.get(" ".join(command), 0)

    monkeypatch.setattr(loaded, "set_up", asked.append)
    monkeypatch.setattr(loaded.signal, "signal", lambda *_: None)
    monkeypatch.setattr(shutil, "which", lambda name, path: name)
    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setenv("VITRAL_COMMAND", "vitral")
    assert loaded.main("test") == "start.py: failed: ruff format --check ., mypy; see what each said above", "the others ran all the same"
    assert said == [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
        ["python", "frontend/build.py", "test"],
        ["pytest"],
    ]
    said.clear()
    assert loaded.main("test", "tests/spec", "-q") == 0
    assert said == [["pytest", "tests/spec", "-q"]]
    assert asked == ["test", "test"]


def test_an_older_python_is_told_in_one_line() -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_path(sys.argv[1], run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", pretend, str(HOUSE / "start.py")], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "start.py: Vitral needs Python 3.11 or later, this is 3.9; call a newer one\n"


def test_it_is_short_and_needs_the_standard_library_alone() -> None:
    assert len(SOURCE.splitlines()) < 80
    tree = ast.parse(SOURCE, feature_version=(3, 8))  # an older Python must be able to read as far as its own refusal
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= sys.stdlib_module_names
