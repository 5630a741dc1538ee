"""What a viewer wants to see of a network, and what all viewers want together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vitral.errors import SpecError

WHAT = ("activation", "gradient", "weight", "weight_gradient")
SPLITS = ("test", "train")
MOST_LAYERS = 200
MOST_RATE = 30.0
UNSEEN = "unseen"
"""The key of the stream of test examples."""
MOST_LOOKS = 4
"""So many different examples are shown at a time; where viewers want more, the newest wishes win."""


@dataclass(frozen=True)
class Look:
    """One example, now (``at`` None) or with the weights of a kept step, and which numbers of which layers (None for all)."""

    example: int = 0
    split: str = "test"
    at: int | None = None
    layers: tuple[str, ...] | None = None
    what: tuple[str, ...] = WHAT

    @property
    def key(self) -> str:
        """Name the stream of pictures that this look belongs to: looks at one example and moment share their pictures."""
        return f"{self.split}:{self.example}:{'now' if self.at is None else self.at}"


@dataclass(frozen=True)
class Wish:
    """A look, and how many pictures a second are wanted at most."""

    look: Look = Look()
    rate: float = 10.0

    def to_json(self) -> dict[str, Any]:
        """Give plain values that ``wish`` reads."""
        layers = self.look.layers
        return {**asdict(self.look), "layers": None if layers is None else list(layers), "what": list(self.look.what), "rate": self.rate}


def wish(values: Mapping[str, Any]) -> Wish:
    """Read what a page asks to see; what is left out has its default.

    Raises:
        SpecError: a value of the wrong kind or out of its range.
    Example:
        ``wish({"example": 17, "rate": 5}).look.key`` is ``test:17:now``.
    """
    example, split, at = values.get("example", 0), values.get("split", "test"), values.get("at")
    layers, what, rate = values.get("layers"), values.get("what"), values.get("rate", 10)
    if not _is_number(example):
        raise SpecError(f"example is the number of an example, from 0 on, got {example!r:.40}")
    if split not in SPLITS:
        raise SpecError(f"split is one of {', '.join(SPLITS)}, got {split!r:.40}")
    if at is not None and not _is_number(at):
        raise SpecError(f"at is a step of the history, or null for now, got {at!r:.40}")
    if layers is not None:
        if not isinstance(layers, list) or len(layers) > MOST_LAYERS or not all(isinstance(n, str) and len(n) <= 200 for n in layers):
            raise SpecError(f"layers is a list of at most {MOST_LAYERS} names, or null for all, got {layers!r:.40}")
        layers = tuple(layers)
    if what is None:
        what = list(WHAT)
    if not isinstance(what, list) or not all(word in WHAT for word in what):
        raise SpecError(f"what is a list of {', '.join(WHAT)}, got {what!r:.60}")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not (math.isfinite(rate) and rate > 0):
        raise SpecError(f"rate is a number of pictures a second above 0, got {rate!r:.40}")
    return Wish(Look(example, split, at, layers, tuple(word for word in WHAT if word in what)), min(float(rate), MOST_RATE))


def union(wishes: Iterable[Wish]) -> list[Wish]:
    """Put the wishes of many viewers together: one for each example and moment, with all that anybody wants of it.

    The last wishes win where there are more than ``MOST_LOOKS`` different ones.
    """
    together: dict[str, Wish] = {}
    for one in wishes:
        other = together.pop(one.look.key, None)  # popped, so that it comes last again
        together[one.look.key] = one if other is None else _both(other, one)
    return list(together.values())[-MOST_LOOKS:]


def _both(a: Wish, b: Wish) -> Wish:
    all_layers = a.look.layers is None or b.look.layers is None
    layers = None if all_layers else tuple(dict.fromkeys((*(a.look.layers or ()), *(b.look.layers or ()))))
    what = tuple(word for word in WHAT if word in a.look.what or word in b.look.what)
    return Wish(Look(a.look.example, a.look.split, a.look.at, layers, what), max(a.rate, b.rate))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
