"""One signed scale, centred on zero, equal in steps of lightness, readable by the colour-blind: deep blue, neutral, warm orange.

The neutral is paper in light and ink in dark. The scale is made in OKLCH, where equal numbers look like equal steps.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

Theme = Literal["light", "dark"]
LEVELS = 10
"""So many steps on each side of zero."""


class Tone(NamedTuple):
    """Lightness (0 to 1), chroma and hue (degrees) in OKLCH."""

    lightness: float
    chroma: float
    hue: float


ZERO: dict[Theme, Tone] = {"light": Tone(0.97, 0.004, 90), "dark": Tone(0.25, 0.008, 270)}
NEGATIVE: dict[Theme, Tone] = {"light": Tone(0.42, 0.16, 262), "dark": Tone(0.72, 0.14, 255)}
POSITIVE: dict[Theme, Tone] = {"light": Tone(0.62, 0.17, 48), "dark": Tone(0.80, 0.15, 62)}


def level(value: float, largest: float) -> int:
    """Place a number on the scale: -10 to 10; anything but zero is at least one step away from it."""
    if value == 0 or largest == 0:
        return 0
    steps = max(1, round(min(1.0, abs(value) / largest) * LEVELS))
    return steps if value > 0 else -steps


def fill(step: int, theme: Theme) -> str:
    """Give a step's colour as ``#rrggbb``."""
    zero, end = ZERO[theme], (POSITIVE if step > 0 else NEGATIVE)[theme]
    share = abs(step) / LEVELS
    hue = end.hue if step else zero.hue
    return _hex(Tone(zero.lightness + share * (end.lightness - zero.lightness), zero.chroma + share * (end.chroma - zero.chroma), hue))


def ink(step: int, theme: Theme) -> str:
    """Give black or white, whichever is easier to read on that colour (always at least 4.5 : 1)."""
    behind = luminance(fill(step, theme))
    return "#000000" if (behind + 0.05) / 0.05 >= 1.05 / (behind + 0.05) else "#ffffff"


def luminance(colour: str) -> float:
    """Give a colour's relative luminance (WCAG 2): 0 black, 1 white."""
    channels = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(tone: Tone) -> str:
    """From OKLCH to sRGB. Source: B. Ottosson, bottosson.github.io/posts/oklab."""
    a, b = tone.chroma * math.cos(math.radians(tone.hue)), tone.chroma * math.sin(math.radians(tone.hue))
    long = (tone.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (tone.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (tone.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{_byte(value):02x}" for value in linear)


def _byte(linear: float) -> int:
    value = min(1.0, max(0.0, linear))
    return round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))
