"""Numbers as a person reads them: three significant digits, thousands separated, a unit on each."""

from __future__ import annotations

import math

BLOCKS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉█"


def number(value: float) -> str:
    """Write three significant digits, or "not finite".

    Example: 0.98213 is ``0.982``, 12417.0 is ``12,400``, 0.000123 is ``0.000123``.
    """
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    rounded = float(f"{value:.2e}")
    digits = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(digits, 0)}f}" if digits <= 8 else f"{value:.2e}"


def percent(share: float) -> str:
    """Write a share of 1 with one decimal: 0.7591 is ``75.9 %``."""
    return f"{100 * share:.1f} %"


def interval(accuracy: float, low: float, high: float) -> str:
    """Write an accuracy with half the width of its 95 % interval: ``75.9 % ± 0.8``."""
    return f"{percent(accuracy)} ± {50 * (high - low):.1f}"


def duration(seconds: float) -> str:
    """Write a time to two units: 4.2 is ``4 s``, 72 is ``1 min 12 s``, 7400 is ``2 h 3 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(num_bytes: float) -> str:
    """Write an amount of bytes in steps of 1000: 182_000 is ``182 kB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if num_bytes < 1000 or unit == "GB":
            return f"{int(num_bytes)} {unit}" if unit == "bytes" else f"{number(num_bytes)} {unit}"
        num_bytes /= 1000
    raise AssertionError


def thousands(count: int) -> str:
    """Separate thousands: 50000 is ``50,000``."""
    return f"{count:,}"


def bar(share: float, width: int) -> str:
    """Draw a share of 1 to an eighth of a character: ``bar(0.5, 5)`` is two blocks and a half."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def spark(values: list[float], width: int) -> str:
    """Draw values as a line of blocks from their lowest to their highest; more values than ``width`` are averaged.

    Example: ``spark([0, 1, 2, 3], 4)`` is ``▁▃▆█``; a value that is not finite is a ``·``.
    """
    columns = min(width, len(values))
    means = [_mean(values[i * len(values) // columns : (i + 1) * len(values) // columns]) for i in range(columns)]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    span = high - low

    def block(mean: float) -> str:
        if not math.isfinite(mean):
            return "·"
        return BLOCKS[round((mean - low) / span * 7)] if span else BLOCKS[0]

    return "".join(map(block, means))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
