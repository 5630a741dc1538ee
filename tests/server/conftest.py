"""Lets the tests of this folder import what they share, and gives them a server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "faults"))  # the tiny training of the fault harnesses serves here too

import house


@pytest.fixture
def server(tmp_path: Path) -> Iterator[house.Server]:
    """A real server in a process of its own, with a puppet that learns."""
    with house.open_server(tmp_path / "workspace") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[house.Server]:
    """One for several tests, which leave it as they found it: learning, and open to all."""
    with house.open_server(tmp_path_factory.mktemp("shared") / "workspace") as opened:
        yield opened
