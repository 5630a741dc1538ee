"""The page as people meet it: in a real browser, on a real laboratory, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.numpy import load_file

AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
WINDOWS = {"small phone": (360, 740), "phone": (390, 844), "tablet": (768, 1024), "laptop": (1280, 800), "projector": (1920, 1080)}
STEP = "document.querySelector('.history .where').innerText"


def number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text.replace("−", "-")))


def step_of(page: Any) -> int:
    """The step that the figures stand at."""
    return int(number(page.locator(".figures dd").first.inner_text().split("of")[0].split("de")[0]))


def colours(page: Any, selector: str) -> int:
    """How many different colours a canvas shows."""
    return int(page.evaluate("""(selector) => {
        const canvas = document.querySelector(selector);
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(new Uint32Array(data.buffer)).size;
    }""", selector))  # fmt: skip


def pause(page: Any) -> None:
    if page.get_by_role("button", name="Pause").is_visible():
        page.get_by_role("button", name="Pause").click()
    page.locator(".mood.paused").wait_for()


def go_on(page: Any) -> None:
    if page.locator(".mood.paused").is_visible():
        page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".mood.learning").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("language", "words"), [("es", "activaciones"), ("en", "activations")])
def test_the_network_is_seen_while_it_learns(visit: Any, language: str, words: str, theme: str) -> None:
    page = visit().open(f"lang={language}&theme={theme}")
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator(".layer .what", has_text=words).first.is_visible()
    assert page.locator(".layer").count() > 3
    page.wait_for_function("() => document.querySelectorAll('.layer canvas').length > 6")
    page.wait_for_timeout(500)
    assert colours(page, ".input canvas") > 5
    assert colours(page, ".layer canvas") > 20
    before = page.evaluate(STEP)
    page.wait_for_function("(before) => document.querySelector('.history .where').innerText !== before", arg=before)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("query", ["lang=es", "lang=en&lecture=1", "lang=es&view=runs"])
def test_nothing_sticks_out_sideways(visit: Any, window: str, query: str) -> None:
    width, height = WINDOWS[window]
    page = visit(viewport={"width": width, "height": height}).open(query)
    page.wait_for_timeout(600)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # nor out of its own place: a curve over its neighbour, a figure without its unit
    assert (
        page.evaluate("""[...document.querySelectorAll('.chart, .figures dd')]
        .filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.textContent)""")
        == []
    )


def test_how_often_the_maps_are_drawn_can_be_chosen_and_is_in_the_link(visit: Any) -> None:
    visitor = visit()
    asked: list[float] = []

    def hear(frame: str) -> None:
        if '"kind":"look"' in frame:
            asked.append(json.loads(frame)["rate"])

    visitor.page.on("websocket", lambda line: line.on("framesent", hear))
    page = visitor.open("lang=es")
    assert asked[-1] in (4, 10), "as suits the machine"
    chooser = page.get_by_label("Refresco")
    chooser.select_option("1/s")
    page.wait_for_url("**refresh=1*")
    for _ in range(100):
        if asked[-1] == 1:
            break
        page.wait_for_timeout(50)
    assert asked[-1] == 1
    asked.clear()
    page.reload()
    page.locator(".layer").first.wait_for()
    assert chooser.locator("option:checked").inner_text() == "1/s"
    assert asked[0] == 1
    chooser.select_option(index=0)
    page.wait_for_function("() => !location.search.includes('refresh')")


@pytest.mark.parametrize(
    "query", ["lang=es&theme=light", "lang=en&theme=dark", "lang=es&theme=dark&view=runs", "lang=en&theme=light&view=runs"]
)
def test_axe_finds_no_violation(visit: Any, query: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core has not been fetched: python frontend/build.py test")
    page = visit().open(query)
    page.wait_for_timeout(800)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    if "view=runs" not in query:  # with the sheet and its table open too
        page.locator(".layer .glass").first.click(position={"x": 20, "y": 20})
        page.locator(".sheet ol").wait_for()
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    told = [(v["id"], v["help"], [n["html"][:120] for n in v["nodes"][:3]]) for v in found["violations"]]
    assert told == []


def test_the_lines_hold_still_while_it_streams(visit: Any) -> None:
    page = visit().open()
    go_on(page)
    page.wait_for_timeout(1500)
    # what grows from its left, its right or its middle has not moved: a number that gets one more digit is no jump
    page.evaluate("""() => {
        window.moved = [];
        const still = (a, b) => a.y === b.y && [0, 0.5, 1].some((part) => Math.abs(a.x + part * a.width - b.x - part * b.width) < 1.5);
        const where = (r) => [r.x, r.y, r.width, r.height].map(Math.round).join(' ');
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) for (const { node, previousRect: a, currentRect: b } of entry.sources)
                if (!still(a, b)) window.moved.push(`${node?.className ?? node?.nodeName} "${node?.textContent?.slice(0, 30)}": ${where(a)} -> ${where(b)}`);
        }).observe({ type: 'layout-shift' });
    }""")  # fmt: skip
    page.wait_for_timeout(4000)
    moved = page.evaluate("window.moved")
    assert moved == [], "\n".join(moved)


def test_controls_act_at_once(visit: Any) -> None:
    page = visit().open()
    pause(page)
    page.wait_for_timeout(400)
    at = step_of(page)
    page.keyboard.press("b")
    page.locator(".mood.paused").wait_for()
    page.wait_for_timeout(700)
    assert step_of(page) == at + 1
    rate = page.get_by_role("textbox", name="learning rate")
    rate.fill("0.002")
    rate.press("Enter")
    page.wait_for_timeout(500)
    assert rate.input_value() == "0.002"
    rate.fill("no number")
    rate.press("Enter")
    assert rate.get_attribute("aria-invalid") == "true"
    rate.press("Escape")
    assert rate.input_value() == "0.002"
    rate.press("ArrowUp")
    page.wait_for_timeout(500)
    assert rate.input_value() == "0.005"
    page.get_by_role("combobox", name="optimiser").select_option("adam")
    page.wait_for_timeout(500)
    assert page.get_by_role("combobox", name="optimiser").input_value() == "adam"
    assert page.get_by_role("textbox", name="momentum").is_disabled()
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press(" ")
    page.locator(".mood.learning").wait_for()


def test_a_refused_setting_is_told_and_taken_back(visit: Any) -> None:
    page = visit().open()
    rate = page.get_by_role("textbox", name="learning rate")
    before = rate.input_value()
    rate.fill("-1")
    rate.press("Enter")
    page.locator(".note.trouble").wait_for()
    assert "learning_rate" in page.locator(".note.trouble").inner_text()
    page.wait_for_timeout(200)
    assert rate.input_value() == before


def test_a_cell_explains_itself_with_the_numbers_of_the_picture(visit: Any) -> None:
    page = visit().open()
    pause(page)
    page.wait_for_timeout(800)
    glass = page.locator(".layer.convolution .glass").first
    glass.hover(position={"x": 70, "y": 30})
    seen = number(page.locator(".tip b").inner_text())
    glass.click(position={"x": 70, "y": 30})
    page.locator(".sheet ol").wait_for()
    told = number(page.locator(".sheet .value b").inner_text())
    assert told == pytest.approx(seen, abs=2e-2 * max(1, abs(seen)))
    products = [
        float(v)
        for v in page.evaluate(
            "[...document.querySelectorAll('.sheet .channel .product figure:last-child span')].map((s) => s.title.replace('−', '-'))"
        )
        if "·" not in v
    ]
    assert len(products) > 10
    page.locator(".sheet").get_by_role("button", name="backward").click()
    page.locator(".sheet table").wait_for()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.sheet h2').innerText.includes('column')")
    page.keyboard.press("Escape")
    page.locator(".sheet").wait_for(state="detached")
    go_on(page)


def test_every_kind_of_picture_can_be_asked(visit: Any) -> None:
    page = visit().open()
    pause(page)
    page.wait_for_timeout(800)
    for layer in page.locator(".layer").all():
        layer.scroll_into_view_if_needed()
        for picture in layer.locator(".glass, .scores").all():
            picture.scroll_into_view_if_needed()
            picture.click(position={"x": 14, "y": 9})
            page.locator(".sheet ol, .sheet table, .sheet .trouble").first.wait_for()
            assert page.locator(".sheet .trouble").count() == 0, page.locator(".sheet").inner_text()
            page.keyboard.press("Escape")
    go_on(page)


def test_the_keyboard_is_enough(visit: Any) -> None:
    page = visit().open()
    pause(page)
    glass = page.locator(".layer.convolution .glass").first
    glass.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert "row 1, column 2" in page.locator(".tip").inner_text()
    page.keyboard.press("Enter")
    page.locator(".sheet ol").wait_for()
    assert "row 1, column 2" in page.locator(".sheet h2").inner_text()
    page.keyboard.press("Escape")
    page.locator(".sheet").wait_for(state="detached")
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")
    page.locator(".brand").click()
    for key, where in (("g", "lang=es"), ("d", "theme=dark"), ("l", "lecture=1"), ("s", "scale=common"), ("]", "example=18")):
        page.keyboard.press(key)
        page.wait_for_function("(where) => location.search.includes(where)", arg=where)
    page.keyboard.press("g")
    go_on(page)


def test_reloading_comes_back_to_the_same_place(visit: Any) -> None:
    page = visit().open()
    page.get_by_role("button", name="Fold relu1").click()
    page.get_by_role("button", name="common").click()
    page.get_by_role("button", name="weight gradients", exact=True).click()
    page.keyboard.press("]")
    page.wait_for_function("() => location.search.includes('example=18')")
    address = page.url
    at = step_of(page)
    page.reload()
    page.wait_for_selector(".layer .numbers:has-text('…')")
    assert page.url == address
    assert page.get_by_role("button", name="Unfold relu1").is_visible()
    page.wait_for_function(
        "(at) => Number(document.querySelector('.figures dd').innerText.split('of')[0].replace(/\\D/g, '')) >= at", arg=at
    )


def test_a_cut_line_is_told_and_comes_back_without_a_gap(visit: Any) -> None:
    visitor = visit()
    page = visitor.page
    lines: list[Any] = []
    cut = False

    def handle(line: Any) -> None:
        if cut:
            line.close()
            return
        lines.append(line)
        line.connect_to_server()

    page.route_web_socket(re.compile("/ws/runs/"), handle)
    visitor.open()
    go_on(page)
    at = step_of(page)
    cut = True
    lines[-1].close()
    page.locator(".note.trouble").wait_for()
    assert "connection is lost" in page.locator(".note.trouble").inner_text()
    assert page.locator(".layer").count() > 3, "what was seen stays"
    cut = False
    page.get_by_role("button", name="Try now").click()
    page.locator(".note.trouble").wait_for(state="detached")
    page.wait_for_function(
        "(at) => Number(document.querySelector('.figures dd').innerText.split('of')[0].replace(/\\D/g, '')) > at", arg=at
    )


def test_the_history_takes_the_page_back(visit: Any) -> None:
    page = visit().open()
    page.wait_for_function("() => document.querySelectorAll('.history .dot').length > 6")
    for _ in range(4):
        page.keyboard.press(",")
    page.locator(".history.past").wait_for()
    assert "not now" in page.locator(".history .where").inner_text()
    kept = int(re.search(r"step=(\d+)", page.url)[1])  # type: ignore[index]
    page.wait_for_function(
        "(kept) => document.querySelector('.history .where').innerText.replace(/\\D/g, '').startsWith(String(kept))", arg=kept
    )
    page.get_by_role("button", name="Back to now").click()
    page.locator(".history.past").wait_for(state="detached")
    assert "step=" not in page.url


def test_an_own_image_is_asked_about(visit: Any, tmp_path: Path) -> None:
    picture = tmp_path / "mine.png"
    Image.new("L", (300, 200), 30).save(picture)
    page = visit().open()
    page.locator("input[accept='image/*']").set_input_files(str(picture))
    page.wait_for_function("() => [...document.querySelectorAll('.result .answer')].some((a) => a.innerText.includes('%'))")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    page.locator("input[accept='image/*']").set_input_files(str(broken))
    page.locator(".note.trouble").wait_for()


def saved(page: Any, press: Any) -> Path:
    with page.expect_download() as found:
        press()
    return Path(found.value.path())


def test_snapshots_go_out_and_come_in_again(visit: Any, tmp_path: Path) -> None:
    page = visit().open()
    pause(page)

    def save(name: str) -> Path:
        page.locator("summary[aria-label='More']").click()
        return saved(page, page.get_by_role("button", name=name).click)

    weights = load_file(save("safetensors"))
    kernels = next(tensor for name, tensor in weights.items() if name.endswith("conv1.weight"))
    for name in ("ConvNetJS", "safetensors"):
        kept = save(name)
        if name == "ConvNetJS":
            first = next(layer for layer in json.loads(kept.read_text())["layers"] if layer["layer_type"] == "conv")
            assert len(first["filters"]) == len(kernels)
        own = tmp_path / (kept.name + (".json" if name == "ConvNetJS" else ".safetensors"))
        own.write_bytes(kept.read_bytes())
        marked = page.get_by_text(f"{own.name} loaded")
        page.locator("input[accept='.safetensors,.json']").set_input_files(str(own))
        marked.wait_for()
    broken = tmp_path / "broken.json"
    broken.write_text('{"layers": []}')
    page.locator("input[accept='.safetensors,.json']").set_input_files(str(broken))
    page.locator(".note.trouble").wait_for()
    go_on(page)


def test_the_confusion_opens_the_images_behind_a_cell(visit: Any) -> None:
    page = visit().open()
    cell = page.locator("[data-cell='0,0']")
    cell.wait_for(timeout=90_000)
    cell.click()
    page.locator("dialog[open] canvas").first.wait_for()
    page.keyboard.press("Escape")


def test_training_images_are_shown_as_they_are_met(visit: Any) -> None:
    page = visit().open()
    page.locator(".look").click()
    page.wait_for_function("() => document.querySelectorAll('dialog[open] canvas').length >= 16")
    page.keyboard.press("Escape")


def test_runs_are_listed_compared_and_opened(visit: Any) -> None:
    page = visit().open("lang=en&view=runs")
    page.locator("tbody tr").first.wait_for()
    page.locator("tbody input[type=checkbox]").first.check()
    page.locator(".compare canvas").first.wait_for()
    page.locator("tbody").get_by_role("button", name="Open").first.click()
    page.wait_for_selector(".layer .numbers:has-text('…')")


def test_a_run_that_is_not_there_is_told(visit: Any) -> None:
    visitor = visit()
    visitor.page.goto(f"{visitor.laboratory.address}?lang=en&run=no-such-run")
    visitor.page.get_by_text("There is no such run any more").wait_for()


@pytest.mark.parametrize(
    ("language", "refused", "missing"),
    [
        (
            "es",
            "la tasa de aprendizaje no puede ser −1,5: debe ser mayor que 0",
            "no hay ningún ejemplo 99999: el conjunto de prueba tiene 1000 ",
        ),
        (
            "en",
            "learning_rate cannot be -1.5: input should be greater than 0",
            "there is no example 99999: the test split has 1,000 images",
        ),
    ],
)
def test_what_the_server_refuses_is_said_in_the_pages_language(visit: Any, language: str, refused: str, missing: str) -> None:
    visitor = visit()
    page = visitor.open(f"lang={language}")
    rate = page.locator(".setting input").first
    rate.fill("-1,5")
    rate.press("Enter")
    page.locator(".notes [role=alert] p:not([lang])", has_text=refused).wait_for()
    page.goto(f"{visitor.laboratory.address}?lang={language}&example=99999")
    page.locator(".notes [role=alert] p:not([lang])", has_text=missing).wait_for()


def test_what_nobody_has_translated_is_marked_as_english(visit: Any) -> None:
    visitor = visit()
    page = visitor.open("lang=es&view=runs")
    page.route(
        "**/api/runs",
        lambda route: route.fulfill(status=422, json={"error": "a new sentence"}) if route.request.method == "POST" else route.continue_(),
    )
    page.locator("form.start button").click()
    page.locator(".notes [role=alert] p[lang=en]", has_text="a new sentence").wait_for()
    visitor.wrong.clear()  # the browser itself notes the 422
