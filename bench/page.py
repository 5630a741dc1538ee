"""The page's speed: what watching costs a run, how quickly the page draws and answers, and whether memory stays where it is.

    python bench/page.py speed [--rounds 12] [--seconds 4]     a run unwatched, with one viewer, with 30 and a stuck one, with a browser
    python bench/page.py browser [--seconds 20]                first picture, drawn updates, step to pixels, pointing, clicking
    python bench/page.py soak [--minutes 10]                   memory of all its processes with 30 viewers

A real laboratory learns the default experiment (CIFAR-10, on one thread unless ``--threads`` says more) in a folder of its own; the
viewers are lines without a page, or a headless Chromium, which asks for as many pictures as the page finds right or ``--refresh`` says. ``speed`` takes a block of each kind in turn within one run, the order turned round every other time, and gives paired ratios of
neighbours: the median and its 95 % interval (bootstrap). The run's own seconds are those of its process, all threads: another program on the
machine is not in them, a browser on the same two cores is in the clock's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

import window as plain
from audience import (
    QUIET,
    Counter,
    Server,
    audience,
    children,
    interval,
    kilobytes_of,
    open_server,
    ratio,
    seconds_below,
    slope,
    spread,
    worker_of,
)
from vitral.server.static import FOLDER

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
BATCH = 128
MANY = 30
SECONDS_TO_COME = 12
"""Somebody has looked for so long before the first block: the painter is there."""

EYES = """
window.eyes = { drawn: [], kept: [], come: 0 };
{
  const eyes = window.eyes;
  let newest = null, last = null;
  const afterPaint = (tell) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = () => tell(Date.now()); port2.postMessage(0); };
  const header = (data) => JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, new DataView(data).getUint32(0, true))));
  eyes.afterFrame = (tell) => requestAnimationFrame(() => afterPaint(tell));
  eyes.see = (data) => {
    const found = header(data);
    if (found.kind === 'layers') {
      newest = { time: found.time * 1000, come: Date.now() };
      eyes.come++;
      eyes.kept.push(data);
      if (eyes.kept.length > 16) eyes.kept.shift();
    }
  };
  const Plain = WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...words) {
      super(...words);
      eyes.line = this;
      this.addEventListener('message', ({ data }) => { if (!eyes.replaying && typeof data !== 'string') eyes.see(data); });
    }
  };
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...words) {
    put.apply(this, words);
    if (!newest || newest === last || !this.canvas.closest('.layer')) return;
    const one = last = newest;
    afterPaint((now) => eyes.drawn.push({ ...one, now, took: now - one.come }));
  };
  // frames of this network once more, as quickly as asked: a run that learns sends ten a second
  eyes.replay = async (rate, seconds) => {
    eyes.replaying = true;
    const heard = eyes.line.onmessage, frames = [...eyes.kept], began = performance.now();
    eyes.line.onmessage = null;
    eyes.drawn = [];
    for (let i = 0; performance.now() - began < seconds * 1000; i++) {
      const data = frames[i % frames.length];
      newest = { time: Date.now(), come: Date.now() };
      heard.call(eyes.line, new MessageEvent('message', { data }));
      await new Promise((go) => setTimeout(go, Math.max(0, began + (i + 1) * 1000 / rate - performance.now())));
    }
    eyes.line.onmessage = heard;
    eyes.replaying = false;
    return eyes.drawn.length / ((performance.now() - began) / 1000);
  };
}
"""
"""Notes when frames come and when they are on the screen: a task posted while drawing runs after the frame has been painted."""

POINTED = """() => new Promise((tell) => window.addEventListener('pointermove', (event) => {
    const began = performance.timeOrigin + event.timeStamp;
    eyes.afterFrame((now) => tell(document.querySelector('.tip') ? now - began : null));
}, { capture: true, once: true }))"""

CLICKED = """() => new Promise((tell) => window.addEventListener('click', (event) => {
    const began = performance.timeOrigin + event.timeStamp, title = () => document.querySelector('.sheet h2')?.textContent, before = title();
    const shown = () => title() !== before && document.querySelector('.sheet .body[aria-busy="false"]');
    const look = () => shown() ? eyes.afterFrame((now) => tell(now - began)) : Date.now() > began + 3000 ? tell(null) : requestAnimationFrame(look);
    requestAnimationFrame(look);
}, { capture: true, once: true }))"""
"""From a click to the frame in which the arithmetic of another cell stands; null where it does not within 3 s."""


@contextlib.asynccontextmanager
async def chromium() -> Any:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def window(browser: Browser, server: Server, *, height: int = 800) -> Page:
    """Open an empty window that the laboratory lets in."""
    context = await browser.new_context(viewport={"width": 1280, "height": height}, locale="en-GB")
    name, _, value = server.cookie.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": server.address}])
    await context.add_init_script(EYES)
    return await context.new_page()


async def drawing(page: Page, server: Server) -> None:
    """Go to the page, and wait for its first picture."""
    await page.goto(f"{server.address}/?lang=en")
    await page.wait_for_function("() => eyes.drawn.length > 0")


async def learning(server: Server) -> None:
    """Wait until the run has taken some steps."""
    counter = Counter(server)
    task = asyncio.create_task(counter.listen())
    while counter.step < 20:
        await counter.next()
    task.cancel()


async def speed(server: Server, given: argparse.Namespace) -> None:
    """Take blocks of all kinds in turn."""
    counter = Counter(server)
    listening = asyncio.create_task(counter.listen())
    async with audience(server, 1):
        await asyncio.sleep(SECONDS_TO_COME)
    assert CHROMIUM, "there is no Chromium"
    async with plain.window(CHROMIUM, FLAGS) as page:
        pictures: dict[str, list[float]] = {}

        @contextlib.asynccontextmanager
        async def browsing() -> Any:
            await page.visit(server, given.refresh)
            yield None
            await page.go("about:blank")

        kinds: dict[str, Callable[[], Any]] = {
            "unwatched": lambda: audience(server, 0),
            "one viewer": lambda: audience(server, 1),
            f"{MANY} viewers and a stuck one": lambda: audience(server, 1, 1, MANY - 1),
            "a browser": browsing,
        }

        async def come(name: str) -> int:
            return int(await page.value("window.come")) if kinds[name] is browsing else 0

        clock: dict[str, list[float]] = {name: [] for name in kinds}
        own: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(given.rounds):
            for name in kinds if number % 2 else reversed(kinds):
                async with kinds[name]() as viewers:
                    await asyncio.sleep(1.5)
                    before = viewers[0].num_pictures if viewers else await come(name)
                    began = time.perf_counter()
                    wall, cpu = await counter.block(given.seconds)
                    seconds = time.perf_counter() - began
                    after = viewers[0].num_pictures if viewers else await come(name)
                    pictures.setdefault(name, []).append((after - before) / seconds)
                clock[name].append(wall)
                own[name].append(cpu)
    listening.cancel()
    print(f"{given.rounds} rounds, blocks of {given.seconds:g} s")
    for name in kinds:
        rate = f"; {statistics.median(pictures[name]):.1f} pictures/s"
        images = BATCH / statistics.median(clock[name])
        print(f"{name}: {images:,.0f} images/s, {statistics.median(own[name]) * 1000:.2f} ms of the run's process a step{rate}")
    for name in list(kinds)[1:]:
        print(ratio(f"{name} to unwatched, the process's seconds a step", own[name], own["unwatched"]))
        print(ratio(f"{name} to unwatched, the clock's seconds a step", clock[name], clock["unwatched"]))
    print(
        ratio(
            f"{MANY} and a stuck one to one viewer, the process's seconds a step", own[f"{MANY} viewers and a stuck one"], own["one viewer"]
        )
    )


async def browser(server: Server, given: argparse.Namespace) -> None:
    """Draw, point and click in a real browser."""
    print(f"JavaScript and CSS, gzip: {sum(len(gzip.compress(f.read_bytes(), 9)) for f in FOLDER.glob('assets/*.[jc]s*')) / 1000:.1f} kB")
    await learning(server)
    async with chromium() as found:
        firsts = []
        for _ in range(given.opens):
            page = await window(found, server)
            await drawing(page, server)
            firsts.append(await page.evaluate("eyes.drawn[0].now - performance.timeOrigin"))
            await page.context.close()
        print(f"{spread('first picture after opening', firsts, 'ms')}; longest {max(firsts):.0f} ms")
        for name, whole in (("a window of 800 pixels", False), ("the whole column in sight", True)):
            page = await window(found, server)
            await drawing(page, server)
            height = await page.evaluate("document.documentElement.scrollHeight") if whole else 800
            await page.set_viewport_size({"width": 1280, "height": height})
            await page.wait_for_timeout(2000)
            await page.evaluate("eyes.drawn = []; eyes.come = 0")
            await page.wait_for_timeout(given.seconds * 1000)
            come, drawn = await page.evaluate("[eyes.come, eyes.drawn]")
            print(
                f"{name} ({height} px), learning: {come / given.seconds:.1f} pictures/s came, {len(drawn) / given.seconds:.1f} were drawn"
            )
            print("  " + spread("from the step to the screen", [one["now"] - one["time"] for one in drawn], "ms"))
            print("  " + spread("from its coming to the screen", [one["took"] for one in drawn], "ms"))
            if not whole:
                await answers(page, "while it learns", given.cells)
            await page.keyboard.press("Space")
            await page.locator(".mood.paused").wait_for()
            for rate in (20, 30, 60):
                before = seconds_below(os.getpid(), without=server.process.pid)
                rates = [await page.evaluate(f"eyes.replay({rate}, 4)") for _ in range(3)]
                cost = (seconds_below(os.getpid(), without=server.process.pid) - before) / (sum(rates) * 4)
                drawn = f"{statistics.median(rates):.1f} drawn/s ({min(rates):.1f} .. {max(rates):.1f})"
                print(f"  replayed at {rate}/s, run paused: {drawn}, {cost * 1000:.1f} ms of the browser's processes each")
            if not whole:
                await answers(page, "paused", given.cells)
            await page.keyboard.press("Space")
            await page.locator(".mood.learning").wait_for()
            await page.context.close()


async def answers(page: Page, when: str, cells: int) -> None:
    """Point at cells, and click on every other one: at once, or as a person does who has looked at it for a moment."""
    glass = page.locator(".layer .glass").first
    pointed: list[float] = []
    clicked: dict[float, list[float | None]] = {0.05: [], 0.25: []}
    for number in range(cells):
        box = await glass.bounding_box()  # anew: the sheet beside it leaves it less room
        assert box
        x, y = int(box["x"] + 5 + (number * 37) % (box["width"] - 10)), int(box["y"] + 5 + (number * 11) % (box["height"] - 10))
        waiting = asyncio.create_task(page.evaluate(POINTED))
        await asyncio.sleep(0.05)
        await page.mouse.move(x, y)
        found = await waiting
        if found is None:  # between two panes there is nothing to be said
            continue
        pointed.append(found)
        if number % 2:
            rest = (0.05, 0.25)[number // 2 % 2]
            waiting = asyncio.create_task(page.evaluate(CLICKED))
            await asyncio.sleep(rest)
            await page.mouse.click(x, y)
            clicked[rest].append(await waiting)
    await page.keyboard.press("Escape")
    print("  " + spread(f"pointing at a cell, {when}", pointed, "ms"))
    for rest, took in clicked.items():
        known = [one for one in took if one is not None]
        name = f"the arithmetic of a cell clicked {rest * 1000:.0f} ms after it was pointed at, {when}"
        print("  " + spread(name, known, "ms") + f", {len(took) - len(known)} not within 3 s")


async def soak(server: Server, given: argparse.Namespace) -> None:
    """Hold 30 viewers and look at the memory of the server, the run and its painter."""
    await learning(server)
    async with audience(server, MANY) as viewers:
        await asyncio.sleep(SECONDS_TO_COME)
        numbers = {"server": server.process.pid, "run's process": (run := worker_of(server)), "painter": children(run)[0]}
        points: dict[str, list[tuple[float, float]]] = {name: [] for name in numbers}
        began = time.monotonic()
        while (minutes := (time.monotonic() - began) / 60) < given.minutes:
            for name, number in numbers.items():
                points[name].append((minutes, kilobytes_of(number)))
            await asyncio.sleep(2)
    sent = f"{sum(v.num_pictures for v in viewers):,} pictures, {sum(v.num_bytes for v in viewers) / 1e9:.1f} GB"
    print(f"{given.minutes:g} minutes, {MANY} viewers, {sent}")
    for name, found in points.items():
        told = []
        for part in range(2):
            half = found[part * len(found) // 2 : (part + 1) * len(found) // 2]
            told.append(f"{slope(half):+,.0f}")
        each = [f"{interval([kb for m, kb in found if int(m) == minute])[0] / 1024:.1f}" for minute in range(int(given.minutes))]
        print(f"{name}: {slope(found):+,.0f} kB/min (first half {told[0]}, second half {told[1]}); MiB minute by minute {' '.join(each)}")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=["speed", "browser", "soak"])
    words.add_argument("--rounds", type=int, default=12)
    words.add_argument("--seconds", type=float, help="of a block (4), or of watching the stream (20)")
    words.add_argument("--opens", type=int, default=10, help="how many times the page is opened anew")
    words.add_argument("--cells", type=int, default=60, help="how many cells are pointed at; every other one is clicked")
    words.add_argument("--minutes", type=float, default=10)
    words.add_argument("--refresh", type=int, choices=[1, 4, 10, 20], help="pictures a second that the page of speed asks for")
    words.add_argument("--threads", type=int, default=1, help="that the run learns on")
    given = words.parse_args()
    given.seconds = given.seconds or {"speed": 4.0}.get(given.what, 20.0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the laboratory would outlive this and learn on
    with TemporaryDirectory() as folder:
        place = Path(folder) / "workspace"
        place.mkdir()
        with open_server(place, real=True, arguments=tuple(QUIET), threads=given.threads) as server:
            asyncio.run({"speed": speed, "browser": browser, "soak": soak}[given.what](server, given))


if __name__ == "__main__":
    main()
