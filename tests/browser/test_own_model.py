"""The model of someone's own script on the page, as a person sees it: five lines in the script, and a link that it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "server" / "own_model.py"


class Script:
    """A script that trains; its page is found by the link that it prints."""

    def __init__(self, steps: int) -> None:
        command = [sys.executable, str(SCRIPT), "live", str(steps), "0.05"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.link = re.search(r"http://\S+", self.line())[0]
        self.address = self.link.partition("open?")[0]

    def line(self) -> str:
        return self.process.stdout.readline()


@pytest.fixture
def script() -> Iterator[Any]:
    begun: list[Script] = []

    def begin(steps: int) -> Script:
        begun.append(Script(steps))
        return begun[-1]

    yield begin
    for one in begun:
        with one.process:
            one.process.kill()


def open_page(meet: Any, script: Script, query: str, **window: Any) -> Any:
    visitor = meet(script, **window)
    visitor.page.goto(script.link)
    visitor.open(query)
    return visitor


@pytest.mark.parametrize(
    ("language", "pause", "batch", "forward"), [("es", "Pausa", "un lote", "hacia delante"), ("en", "Pause", "one batch", "forward")]
)
def test_it_is_seen_stopped_and_explained(meet: Any, script: Any, language: str, pause: str, batch: str, forward: str) -> None:
    visitor = open_page(meet, script(100_000), f"lang={language}")
    page = visitor.page
    assert page.locator(".layer h3, .layer h2").all_inner_texts()
    for settings in ("Conv2d 4@3×3 pad 1", "ReLU", "MaxPool2d 2×2", "Dropout", "Flatten", "Linear 3"):
        assert page.locator(".layer", has_text=settings).count() >= 1, settings
    for absent in (".history", ".unseen", "a[href*='view=runs']", ".figures progress"):
        assert page.locator(absent).count() == 0, absent
    page.get_by_role("button", name=pause).click()
    page.locator(".mood.paused").wait_for()
    step = page.locator(".figures dd").first
    at = int(step.inner_text())
    page.get_by_role("button", name=batch).click()
    page.wait_for_function("(at) => Number(document.querySelector('.figures dd').innerText) === at + 1", arg=at)
    for _ in range(50):  # the picture of this step follows the figures
        page.locator(".layer .glass").first.click(position={"x": 20, "y": 20})
        page.locator(".sheet ol").wait_for()
        if str(at + 1) in page.locator(".sheet .title").inner_text():
            break
        page.keyboard.press("Escape")
        page.wait_for_timeout(100)
    assert str(at + 1) in page.locator(".sheet .title").inner_text()
    page.keyboard.press("Escape")
    weights = page.locator(".layer", has_text="Conv2d").locator(".glass").nth(2)
    weights.click(position={"x": 8, "y": 8})
    page.locator(".sheet .lead-in", has_text=forward).wait_for()
    assert page.locator(".sheet .trouble").count() == 0


def test_its_end_is_said_and_what_was_seen_stays(meet: Any, script: Any) -> None:
    training = script(60)
    visitor = open_page(meet, training, "lang=en", viewport={"width": 390, "height": 844})
    page = visitor.page
    training.line()
    page.locator(".mood.finished").wait_for()
    page.locator(".layer .glass").first.click(position={"x": 20, "y": 20})
    page.locator(".sheet ol").wait_for()
    page.keyboard.press("Escape")
    training.process.stdin.close()
    training.process.wait(20)
    page.locator(".note", has_text="has ended or cannot be reached").wait_for()
    assert page.locator(".mood.finished").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.wrong = [said for said in visitor.wrong if "WebSocket" not in said]  # there is nothing to come back to
