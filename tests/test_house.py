"""The house rules that no other tool holds: what may be loaded, said and left unsaid."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
READMES = ["README.md", "README.es.md"]


def tracked() -> list[Path]:
    """Every file that belongs to the project; without git, every file that is plainly a source."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOUSE, capture_output=True, check=True, text=True).stdout
        paths = [HOUSE / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        roots = [HOUSE / name for name in ("src", "tests", "docs", "examples", "bench", ".ci")]
        paths = [path for root in roots for path in root.rglob("*") if "__pycache__" not in path.parts]
    return [path for path in paths if path.is_file()]


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after ``code``."""
    program = f"import sys\n{code}\nimport json\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=HOUSE)
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stderr.splitlines()[-1]))


HELP = "from vitral.cli.app import app; app(['--help'], standalone_mode=False)"
DESCRIBE = "from vitral.cli.app import app; app(['describe', 'cifar10-resnet'], standalone_mode=False)"
RUNS = "from vitral.cli.app import app; app(['runs'], standalone_mode=False)"


@pytest.mark.parametrize("code", [HELP, DESCRIBE, "import vitral", "import vitral; vitral.describe('default')"])
def test_torch_is_loaded_by_nothing_that_does_not_compute(code: str) -> None:
    assert "torch" not in loaded_by(code)


def test_help_loads_no_models_of_anything() -> None:
    assert not {"torch", "numpy", "pydantic", "sqlite3", "vitral.spec"} & loaded_by(HELP)


def test_importing_the_library_costs_nothing() -> None:
    assert {name for name in loaded_by("import vitral") if name.startswith("vitral")} == {"vitral"}


def test_the_public_names_are_no_modules() -> None:
    """A module of the same name would take a function's place as soon as anything imported it."""
    import vitral

    for name in vitral.__all__:
        assert not (HOUSE / "src" / "vitral" / name).exists()
        assert not (HOUSE / "src" / "vitral" / f"{name}.py").exists()
        assert callable(getattr(vitral, name))


def test_hooks_run_the_same_checks_as_the_tests() -> None:
    checks = re.search(r"^CHECKS = (\(.*\))$", (HOUSE / "start.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert checks is not None
    hooks = re.findall(r"entry: \.venv/bin/(.+)", (HOUSE / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert tuple(hooks) == ast.literal_eval(checks[1])


def test_ci_runs_what_the_readme_tells_people_to_run() -> None:
    assert '"$python" start.py test' in (HOUSE / ".ci" / "run").read_text(encoding="utf-8")
    for readme in READMES:
        assert "python3 start.py test" in (HOUSE / readme).read_text(encoding="utf-8")


SETTING = re.compile(r"VITRAL_[A-Z]+")


@pytest.mark.parametrize("readme", READMES)
def test_every_setting_is_documented(readme: str) -> None:
    read = {name for path in tracked() if path.suffix == ".py" for name in SETTING.findall(path.read_text(encoding="utf-8"))}
    rows = re.findall(r"^\| `(VITRAL_[A-Z]+)` \|", (HOUSE / readme).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(read)


def test_the_settings_are_those_that_the_program_reads() -> None:
    """A planted one is found: the pattern above is not blind."""
    planted = "VITRAL" + "_PLANTED"
    assert SETTING.findall(f'os.environ.get("{planted}")') == [planted]


# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a path of somebody's machine": re.compile(rf"(?<![\w.~-])/(?:home|Users|root|{'work'})/\w|[A-Z]:\\\\Users"),
    "a package registry's host": re.compile("|".join(["pypi" + r"\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:org|com)"])),
    "left-over work": re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bX" + r"XX\b"])),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_speaks_of(what: str) -> None:
    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(HOUSE)}:{n}: {line.strip()[:100]}" for n, line in enumerate(lines, 1) if FORBIDDEN[what].search(line)]
    assert found == []


def test_the_patterns_see_what_they_are_for() -> None:
    for line in ["/ho" + "me/ana/vitral", "see /ro" + "ot/x", 'Path("/wo' + 'rk/main")', "C:" + "\\\\Users\\\\ana"]:
        assert FORBIDDEN["a path of somebody's machine"].search(line), line
    for line in ["~/.cache/vitral", "../shared/data", "https://example.org/home/x", "frame/work/flow"]:
        assert not FORBIDDEN["a path of somebody's machine"].search(line), line


def test_no_pickle_and_no_code_from_data() -> None:
    calls = {("torch", "load"), ("torch", "save"), ("", "eval"), ("", "exec")}
    for path in (HOUSE / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert ("", node.func.id) not in calls, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                assert (node.func.value.id, node.func.attr) not in calls, f"{path}:{node.lineno}"


def test_the_two_readmes_have_one_shape() -> None:
    shapes = []
    for readme in READMES:
        text = (HOUSE / readme).read_text(encoding="utf-8")
        rows = [line.count("|") for line in text.splitlines() if line.startswith("|")]
        blocks = [block.strip() for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
        commands = [re.sub(r"#.*", "", block).split() for block in blocks if "import vitral" not in block]
        shapes.append((re.findall(r"^#+", text, re.MULTILINE), rows, len(blocks), commands))
    assert shapes[0] == shapes[1]


def test_the_package_holds_what_it_needs() -> None:
    """The zoo's files are data, which a wheel forgets unless the build takes them along."""
    import vitral

    package = Path(os.fspath(vitral.__file__ or "")).parent
    assert (package / "py.typed").exists()
    assert (package / "nets" / "zoo" / "default.toml").exists()
