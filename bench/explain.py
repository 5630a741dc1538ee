"""Measure what explaining costs: importing it, and a click on a layer of 224x224x64, against the limits of 0.15 s and 20 ms.

Run ``python bench/explain.py``. Times are the best and the median of several runs; each import is a process of its own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from vitral.explain import convolve
from vitral.explain.drawing import draw
from vitral.explain.record import describe

IMPORT = """
import time, numpy
start = time.{clock}()
import vitral.explain, vitral.explain.presets, vitral.explain.record
print(time.{clock}() - start)
"""
IMPORT_LIMIT, CLICK_LIMIT = 0.15, 0.020


def measure(action: Callable[[], object], count: int) -> list[float]:
    """Time an action so many times, in seconds, the shortest first."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return sorted(times)


def import_seconds(clock: str, count: int) -> list[float]:
    """Time the import above NumPy's in processes of their own."""
    command = [sys.executable, "-c", IMPORT.format(clock=clock)]
    return sorted(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(count))


def show(name: str, seconds: list[float], limit: float) -> None:
    best, middle = seconds[0], statistics.median(seconds)
    print(f"{name:<44} {best * 1e3:8.2f} {middle * 1e3:8.2f} ms   {middle / limit:6.1%} of {limit * 1e3:g} ms")


def main() -> None:
    rng = np.random.default_rng(0)
    image, kernels = rng.normal(size=(64, 224, 224)).astype(np.float32), rng.normal(size=(64, 64, 3, 3)).astype(np.float32)
    places = iter(rng.integers((64, 224, 224), size=(10_000, 3)).tolist())
    trace = convolve(image, kernels, padding=1, activation="relu")
    print(f"{'what':<44} {'best':>8} {'median':>8}")
    show("import above NumPy, wall clock", import_seconds("perf_counter", 9), IMPORT_LIMIT)
    show("import above NumPy, processor time", import_seconds("process_time", 9), IMPORT_LIMIT)
    show("click: one window with all its steps", measure(lambda: trace.window(*next(places)).steps, 500), CLICK_LIMIT)
    show("click: the same as JSON values", measure(lambda: describe(trace.window(*next(places))), 200), CLICK_LIMIT)
    show("click: the same drawn as SVG", measure(lambda: draw(trace, trace.window(*next(places))), 50), CLICK_LIMIT)
    show(
        "a layer's first click: copy, check, one window",
        measure(lambda: convolve(image, kernels, padding=1).window(3, 9, 9).steps, 15),
        CLICK_LIMIT,
    )


if __name__ == "__main__":
    main()
