"""What all tests share: real data where it is at hand, and the switch for the long versions."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def vitral_data() -> Path:
    """The folder of real data in official layouts, or a visible skip."""
    folder = os.environ.get("VITRAL_DATA")
    if not folder:
        pytest.skip("set VITRAL_DATA to a folder of real data to run this")
    return Path(folder)


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the workspace or the cache of the person who runs it."""
    places = tmp_path_factory.mktemp("places")
    monkeypatch.setenv("VITRAL_WORKSPACE", str(places / "workspace"))
    monkeypatch.setenv("VITRAL_CACHE", str(places / "cache"))
    monkeypatch.delenv("VITRAL_COMMAND", raising=False)  # start.py's, when it runs the tests


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long versions out unless VITRAL_LONG is set; come to the browser last, whose driver keeps an event loop running."""
    items.sort(key=lambda item: "browser" in item.path.parts)
    if os.environ.get("VITRAL_LONG"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="set VITRAL_LONG=1 to run the long version"))
