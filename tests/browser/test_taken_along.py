"""What a person takes along: saved pictures and curves, and the printed page. They are compared with what the page shows and the store holds."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from vitral.runtime.workspace import events

from .conftest import Laboratory, Visitor
from .test_page import go_on, number, pause, saved

SVG = "{http://www.w3.org/2000/svg}"
MOST = 400  # points that a curve is drawn with


def save(page: Any, block: Any, name: str) -> Path:
    block.scroll_into_view_if_needed()
    block.hover()
    return saved(page, block.get_by_role("button", name=name).click)


def shown(canvas: Any) -> np.ndarray:
    """The canvas as it is on the page: (H, W, 3)."""
    flat = canvas.evaluate("(c) => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    return np.array(flat[2:], np.uint8).reshape(flat[0], flat[1], 4)[..., :3]


def words(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def cells(svg: ElementTree.Element) -> dict[tuple[float, float], tuple[int, ...]]:
    """The colour of every cell by where its left upper corner lies, from squares and images alike."""
    found = {}
    for pane in (group for group in svg.iter(f"{SVG}g") if (group.get("transform") or "") and group.find(f"{SVG}title") is not None):
        left, top = (float(v) for v in re.findall(r"-?[\d.]+", pane.get("transform") or ""))
        for square in pane.iter(f"{SVG}rect"):
            place = (left + float(square.get("x") or 0), top + float(square.get("y") or 0))
            found[place] = tuple(bytes.fromhex((square.get("fill") or "")[1:]))
        for image in pane.iter(f"{SVG}image"):
            assert "pixelated" in (image.get("style") or "")
            pixels = np.array(Image.open(io.BytesIO(base64.b64decode((image.get("href") or "").partition(",")[2]))).convert("RGB"))
            side = float(image.get("width") or 0) / pixels.shape[1]
            for (row, column), _ in np.ndenumerate(pixels[..., 0]):
                found[left + column * side, top + row * side] = tuple(int(v) for v in pixels[row, column])
    return found


@pytest.mark.parametrize(("language", "name"), [("en", "Save as PNG"), ("es", "Guardar como PNG")])
def test_pictures_are_saved_with_their_words(visit: Any, language: str, name: str) -> None:
    page = visit().open(f"lang={language}")
    for selector in (".layer [data-picture]", ".curves [data-picture]"):
        block = page.locator(selector).first
        drawn = block.locator("canvas").first.evaluate("(canvas) => [canvas.width, canvas.height]")
        with Image.open(save(page, block, name)) as picture:
            assert picture.format == "PNG"
            assert picture.width >= drawn[0]
            assert picture.height > drawn[1] + 30, "its title stands above it"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("language", "name", "zero"), [("en", "Save as SVG", ("white", "black")), ("es", "Guardar como SVG", ("blanco", "negro"))]
)
def test_maps_are_saved_as_svg_cell_by_cell(visit: Any, language: str, name: str, zero: tuple[str, str], theme: str) -> None:
    page = visit().open(f"lang={language}&theme={theme}")
    if language == "en":
        pause(page)
    else:
        page.get_by_role("button", name="Pausa").click()
        page.locator(".mood.paused").wait_for()
    page.wait_for_timeout(800)
    for place, panes in ((0, 8), (2, 8)):  # activations: many cells, an image each; kernels: few, squares
        block = page.locator(".layer.convolution").first.locator("[data-picture]").nth(place)
        svg = ElementTree.parse(save(page, block, name)).getroot()
        title, caption = words(svg)
        assert title == svg.findtext(f"{SVG}title") == f"conv1 · {block.locator('.what').inner_text()}"
        low, high = block.locator(".numbers").inner_text().split(" … ")
        assert f"{low} … {high}" in caption
        assert zero[theme == "dark"] in caption
        assert len([1 for group in svg.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]) == panes
        assert len(list(svg.iter(f"{SVG}image"))) == (0 if place else panes)
        on_page = shown(block.locator("canvas"))
        drawn = cells(svg)
        assert len(drawn) == panes * (5 * 5 if place else 28 * 28)
        for (x, y), colour in drawn.items():
            assert tuple(on_page[int(y), int(x)]) == colour, (x, y)
    page.get_by_role("button", name="Run" if language == "en" else "Entrenar", exact=True).last.click()
    page.locator(".mood.learning").wait_for()


def test_scores_confusion_and_image_are_saved_with_the_pages_numbers(visit: Any) -> None:
    page = visit().open("lang=es")
    page.wait_for_function("() => document.querySelectorAll('[data-cell]').length === 100")
    page.get_by_role("button", name="Pausa").click()
    page.locator(".mood.paused").wait_for()
    page.wait_for_timeout(800)
    scores = page.locator("[data-picture]", has=page.locator(".scores")).first
    matrix = page.locator("[data-picture]", has=page.locator("[data-cell]"))
    image = page.locator(".input [data-picture]")
    texts = {}
    for name, block in (("scores", scores), ("matrix", matrix), ("image", image)):
        block.scroll_into_view_if_needed()
        svg = ElementTree.parse(save(page, block, "Guardar como SVG")).getroot()
        texts[name] = [element.text or "" for element in svg.iter(f"{SVG}text")]
        with Image.open(save(page, block, "Guardar como PNG")) as picture:
            colours = picture.convert("RGB").getcolors(1 << 24)
            assert len(colours) > 8, f"{name} is empty"
            assert picture.width > 200
    shown = scores.locator(".value").all_inner_texts()
    assert [text for text in texts["scores"] if text in shown] == shown
    cells = [text for text in matrix.locator("[data-cell]").all_inner_texts() if text]
    assert [text for text in texts["matrix"] if text in cells][-len(cells) :] == cells
    assert any("ejemplo 17" in text for text in texts["image"])
    page.get_by_role("button", name="Entrenar", exact=True).last.click()
    page.locator(".mood.learning").wait_for()


def test_a_curve_is_saved_as_svg_with_the_numbers_of_the_store(visit: Any, laboratory: Laboratory) -> None:
    page = visit().open()
    go_on(page)
    run = str(re.search(r"run=([^&]+)", page.url)[1])  # type: ignore[index]
    for _ in range(180):  # the store writes what it hears a little later than the page shows it
        kept = [event for event in events(laboratory.log.parent, run) if event.kind == "evaluated" and event.views == "one"]
        if kept:
            break
        page.wait_for_timeout(500)
    pause(page)
    page.wait_for_timeout(1200)
    steps = step_count(page)
    svg = ElementTree.parse(save(page, page.locator(".curves [data-picture]").nth(1), "Save as SVG")).getroot()
    title, caption = words(svg)[:2]
    assert (title, caption) == ("Accuracy", f"{run} · training · test")
    assert {"training", "test", "step"} <= set(words(svg))
    paths = [path for path in svg.iter(f"{SVG}path") if path.get("data-label")]
    assert [path.get("data-label") for path in paths] == ["training", "training", "test"]  # as it came, smoothed, and the test set
    assert all(len(re.findall("[ML]", path.get("d") or "")) == min(steps, MOST) for path in paths[:2])
    # the numbers along the axes say what a place stands for
    across = axis([(float(t.get("x") or 0), t.text or "") for t in svg.iter(f"{SVG}text") if t.get("text-anchor") == "middle"])
    up = axis(
        [
            (float(t.get("y") or 0) - 0.32 * 14, t.text or "")
            for t in svg.iter(f"{SVG}text")
            if t.get("text-anchor") == "end" and "%" in (t.text or "")
        ]
    )
    dots = [c for c in svg.iter(f"{SVG}circle") if c.get("stroke")]
    assert len(dots) >= len(kept) > 0
    for dot, event in zip(dots, kept, strict=False):
        assert across(float(dot.get("cx") or 0)) == pytest.approx(event.step, abs=max(1, steps / 500))
        assert up(float(dot.get("cy") or 0)) == pytest.approx(100 * event.accuracy, abs=0.1)
    go_on(page)


def step_count(page: Any) -> int:
    return int(number(page.locator(".figures dd").first.inner_text().split("of")[0]))


def axis(ticks: list[tuple[float, str]]) -> Any:
    """What number a place stands for, from the first and the last that are written."""
    (a, first), (b, last) = ticks[0], ticks[-1]
    low, high = (float(text.replace(",", "").replace(" k", "e3").replace("%", "").strip()) for text in (first, last))
    return lambda place: low + (place - a) / (b - a) * (high - low)


def test_kernels_in_colour_say_that_they_are(chromium: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ("dim", "bright"):
        folder = tmp_path / "pictures" / kind
        folder.mkdir(parents=True)
        for i in range(30):
            Image.fromarray(rng.integers(0, 80, (16, 16, 3), np.uint8) + np.uint8(150 * (kind == "bright"))).save(folder / f"{i}.png")
    layers = '[{kind = "convolution", filters = 4, size = 3}, {kind = "relu"}, {kind = "dense", units = 2}]'
    own = tmp_path / "own.toml"
    own.write_text(
        f'name = "own"\n[data]\nsource = "pictures"\n[network]\ninput = [3, 16, 16]\nlayers = {layers}\n[training]\nepochs = 20000\nbatch_size = 8\n'
    )
    laboratory = Laboratory(tmp_path, str(own))
    try:
        first = chromium.new_context()
        first.new_page().goto(laboratory.link)
        visitor = Visitor(chromium, laboratory, first.storage_state())
        page = visitor.open()
        kernels = page.locator(".layer.convolution [data-picture]").nth(2)
        captions = []
        for name in ("in colour", "on the scale"):
            kernels.get_by_role("button", name=name).click()
            captions.append(words(ElementTree.parse(save(page, kernels, "Save as SVG")).getroot())[1])
        assert "red, green and blue each" in captions[0]
        assert "scale: blue −" in captions[1]
        assert visitor.wrong == []
    finally:
        for context in chromium.contexts:
            if any(page.url.startswith(laboratory.address) for page in context.pages):
                context.close()
        laboratory.close()


BRIGHTNESS = """() => [...document.querySelectorAll('.layer canvas')].map((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    const seen = [...Array(data.length / 4).keys()].filter((i) => data[4 * i + 3]);
    return seen.reduce((sum, i) => sum + data[4 * i] + data[4 * i + 1] + data[4 * i + 2], 0) / (3 * seen.length);
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("language", "facts"), [("en", ("run", "step", "printed", "address")), ("es", ("ejecución", "paso", "impreso", "dirección"))]
)
def test_the_page_is_printed_black_on_white(visit: Any, language: str, facts: tuple[str, ...], theme: str) -> None:
    page = visit().open(f"lang={language}&theme={theme}")
    page.wait_for_timeout(800)
    painted = page.locator(".layer canvas").count()
    page.emulate_media(media="print")
    head = page.locator(".imprint").inner_text()
    assert page.url in head
    assert re.search(r"run=([^&]+)", page.url)[1] in head  # type: ignore[index]
    assert page.locator(".imprint h1").inner_text().startswith("5,000 handwritten" if language == "en" else "5000 dígitos")
    assert all(fact in head for fact in facts)
    controls = page.locator(".top, .history, .shows, .save, .button, .icon-button, .segments, .notes, .curves footer, input")
    assert [c.evaluate("(c) => c.outerHTML.slice(0, 80)") for c in controls.all() if c.is_visible()] == []
    look = page.evaluate("() => { const { backgroundColor, color } = getComputedStyle(document.body); return [backgroundColor, color]; }")
    assert look == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    brightness = page.evaluate(BRIGHTNESS)
    assert len(brightness) == painted > 6
    assert min(brightness) > 150, "every map, in sight or not, is drawn on light ground"
    for chart in page.locator(".curves figure").all():
        assert chart.locator("> svg path[data-label]").count() >= 1
        assert not chart.locator("canvas").is_visible()
    assert page.locator(".layer").first.evaluate("(layer) => getComputedStyle(layer).breakInside") == "avoid"
    page.emulate_media(media="screen")
    page.locator(".imprint").wait_for(state="detached")
    assert page.locator("html").get_attribute("data-theme") == theme
    assert page.locator(".top").is_visible()
    # the browser's own printing tells of itself otherwise: what it takes is the page right after the event
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.printed = ({BRIGHTNESS})(); }})")
    assert page.pdf().startswith(b"%PDF")
    assert min(page.evaluate("window.printed")) > 150
    page.wait_for_timeout(500)
    assert page.locator("html").get_attribute("data-theme") == theme
    if theme == "dark":
        assert page.evaluate(BRIGHTNESS)[0] < 120
