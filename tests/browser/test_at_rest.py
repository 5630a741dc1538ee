"""Runs that have ended, and runs that never began: what the page says of them, and what it still shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from vitral.cli.app import app
from vitral.runtime.workspace import CHECKPOINTS, folder_of, listing

from .conftest import Laboratory

POST = """(body) => fetch('/api/runs', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    .then((answer) => answer.json()).then(({ run }) => run)"""
NOWHERE = """
name = "mine"
[data]
source = "/nowhere/pictures"
[network]
input = [3, 8, 8]
layers = [{ kind = "flatten" }, { kind = "dense", units = 3 }]
"""


@pytest.fixture(scope="module")
def resting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laboratory, str]]:
    """A laboratory in which another run goes on than the one that ended in the laboratory before it, whose id comes along."""
    folder = tmp_path_factory.mktemp("resting")
    assert CliRunner().invoke(app, ["train", "digits", "--epochs", "1", "--json", "--workspace", str(folder)]).exit_code == 0
    run = listing(folder)[0].id
    found = Laboratory(folder, "digits", "--epochs", "3000")
    yield found, run
    found.close()


@pytest.fixture
def enter(meet: Any, resting: tuple[Laboratory, str]) -> Any:
    """Open a window of that laboratory at a query."""

    def come(query: str) -> Any:
        page = meet(resting[0]).page
        page.goto(resting[0].link)
        page.goto(f"{resting[0].address}?{query}")
        return page

    return come


def test_a_run_that_is_over_shows_its_end_at_once_and_its_network_soon(enter: Any, resting: tuple[Laboratory, str]) -> None:
    page = enter(f"lang=es&run={resting[1]}")
    page.locator(".opening").wait_for()
    assert page.locator(".mood.finished").inner_text() == "terminada"
    assert page.locator(".figures .large b").count() == 3, "loss, accuracy and test set stand there before the network does"
    assert "–" not in page.locator(".figures .large").inner_text()
    page.wait_for_selector(".layer .numbers:has-text('…')")
    assert page.locator(".opening").count() == 0
    assert page.locator(".figures .large b").count() == 3


@pytest.mark.parametrize(
    ("language", "failed", "missing"), [("es", "La ejecución falló.", "no hay datos ni archivo"), ("en", "The run failed.", "no data set")]
)
def test_a_run_that_cannot_load_says_why_once_and_offers_nothing_that_would_not_help(
    enter: Any, language: str, failed: str, missing: str
) -> None:
    page = enter(f"lang={language}&view=runs")
    run = page.evaluate(POST, {"toml": NOWHERE})
    page.goto(f"{page.url.partition('?')[0]}?lang={language}&run={run}")
    page.locator(".mood.failed").wait_for()
    told = page.locator(".network .empty")
    told.get_by_text(failed).wait_for()
    assert "/nowhere/pictures" in told.inner_text()
    assert missing in told.inner_text()
    assert page.locator(".note").count() == 0, "it is said once"
    page.goto(f"{page.url.partition('?')[0]}?lang={language}&view=runs")
    row = page.locator("tr", has_text=run)
    row.locator(".failed").wait_for()
    assert row.get_by_role("button").count() == 2, "its name and Open, and no Resume"


@pytest.mark.parametrize(("language", "where"), [("es", "divergió en el paso"), ("en", "diverged at step")])
def test_a_run_that_diverges_names_step_and_layer(enter: Any, language: str, where: str) -> None:
    page = enter(f"lang={language}&view=runs")
    sets = ["training.optimiser.kind=sgd", "training.optimiser.learning_rate=1e30"]
    run = page.evaluate(POST, {"experiment": "digits", "steps": 300, "sets": sets})
    page.goto(f"{page.url.partition('?')[0]}?lang={language}&run={run}")
    page.locator(".mood.diverged").wait_for()
    page.locator(".note", has_text=where).wait_for()
    assert page.locator(".note", has_text="conv").count() == 1


def test_who_comes_later_hears_too_why_a_network_is_not_shown(enter: Any, resting: tuple[Laboratory, str]) -> None:
    run = CliRunner().invoke(app, ["train", "digits", "--steps", "3", "--json", "--workspace", str(resting[0].log.parent)])
    lost = json.loads(run.stdout.splitlines()[0])["run"]
    for checkpoint in (folder_of(resting[0].log.parent, lost) / CHECKPOINTS).iterdir():
        checkpoint.write_bytes(b"damaged")
    for _ in range(2):
        page = enter(f"lang=en&run={lost}")
        page.locator(".notes [role=alert]").first.wait_for()
        page.locator(".opening").wait_for(state="detached")
        assert page.locator(".mood.finished").is_visible()
