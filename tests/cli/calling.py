"""The command line called in the tests' own process."""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vitral.cli.app import main


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def vitral(workspace: Path, *arguments: str) -> Ended:
    """Call the command line as ``vitral ARGUMENTS`` in a pipe."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setenv("VITRAL_WORKSPACE", str(workspace))
        patch.setenv("VITRAL_COMMAND", "vitral")
        patch.setattr(sys, "argv", ["vitral", *arguments])
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def answer(workspace: Path, *arguments: str) -> Any:
    """Give what a command says with ``--json``."""
    ended = vitral(workspace, *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
