"""A real laboratory that trains a small network, and a real browser in which nothing may go wrong unseen."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).resolve().parents[2]
STATIC = HOUSE / "src" / "vitral" / "server" / "static"
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser or a built page these tests cannot run; CI installs both and must not pass without."""
    missing = "no chromium on this machine" if BROWSER is None else "the page has not been built: python frontend/build.py"
    if (BROWSER is None or not (STATIC / "index.html").is_file()) and not os.environ.get("CI"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=missing))


class Laboratory:
    """``vitral open`` in a process of its own; its link lets many browsers in."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "said.txt"
        command = [sys.executable, "-m", "vitral.cli", "open", *arguments, "--no-browser", "--visitors", "200", "--port", "0"]
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as said:
            self.process = subprocess.Popen([*command, "--workspace", str(folder)], stdout=said, stderr=subprocess.STDOUT, env=quiet)
        self.link = self._link()
        self.address = self.link.partition("open?")[0]

    def _link(self) -> str:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            text = self.log.read_text(encoding="utf-8")
            if found := re.search(r"http://\S+/open\?token=\S+", text):
                return found[0]
            assert self.process.poll() is None, text
            time.sleep(0.1)
        raise AssertionError(self.log.read_text(encoding="utf-8"))

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Visitor:
    """A person with a browser window. What the page may never do is noted, and ``leave`` complains about it."""

    def __init__(self, browser: Any, laboratory: Any, cookies: Any, **window: Any) -> None:
        settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "reduced_motion": "reduce", **window}
        self.context = browser.new_context(storage_state=cookies, **settings)
        self.laboratory = laboratory
        self.page = self.context.new_page()
        self.page.set_default_timeout(45_000)
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.wrong.append(f"console: {said.text}") if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda cause: self.wrong.append(f"error: {cause}"))
        self.page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.laboratory.address, "blob:")):
            self.wrong.append(f"not local: {request.url}")

    def open(self, query: str = "lang=en") -> Any:
        """Go to the page and wait until the network is to be seen."""
        self.page.goto(f"{self.laboratory.address}?{query}")
        if "view=runs" not in query:
            self.page.wait_for_selector(".layer .numbers:has-text('…')")
        return self.page

    def leave(self) -> None:
        self.context.close()
        assert self.wrong == []


@pytest.fixture(scope="package")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A laboratory in which the handwritten digits are being learned, for long enough."""
    found = Laboratory(tmp_path_factory.mktemp("laboratory"), "digits", "--epochs", "3000")
    yield found
    found.close()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="package")
def cookies(chromium: Any, laboratory: Laboratory) -> Any:
    """The link is opened once; its cookie is every visitor's."""
    context = chromium.new_context()
    context.new_page().goto(laboratory.link)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def meet(chromium: Any) -> Iterator[Any]:
    """Opens windows in front of any page of Vitral: ``meet(laboratory, cookies, viewport={"width": 390, "height": 844})``."""
    visitors: list[Visitor] = []

    def come(place: Any, cookies: Any = None, **window: Any) -> Visitor:
        visitors.append(Visitor(chromium, place, cookies, **window))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def visit(meet: Any, laboratory: Laboratory, cookies: Any) -> Any:
    """Opens windows of the laboratory: ``visit(viewport={"width": 390, "height": 844})``."""
    return functools.partial(meet, laboratory, cookies)
