"""A run's events for its viewers: the last thousands as they were, the older steps thinned, everything else kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vitral.wire import dumps, pack_text

KEEP = 4096
"""So many of the last events are given as they were, at least."""
MOST = 2048
"""So many points stand for all older steps, at most."""
PER_FRAME = 2000
BATCH = '{"event":"batch_done",'
"""How a step's event begins, so that all others are never parsed."""


@dataclass(frozen=True)
class Point:
    """Neighbouring steps as one: means of the losses, sums of what is counted. ``end`` is the number of the event behind the last."""

    end: int
    values: dict[str, Any]

    @property
    def count(self) -> int:
        """Say how many steps this stands for."""
        return int(self.values.get("thinned", 1))


class Log:
    """The events of one run by their numbers. A viewer holds a position: the number of the next event that it wants.

    ``end`` is the position behind the last event. Memory is bounded: at most 2 * KEEP whole events, MOST points, and what is no step.
    """

    def __init__(self, texts: Iterable[str] = (), *, keep: int = KEEP, most: int = MOST) -> None:
        self._keep, self._most = keep, most
        self._points: list[Point] = []
        self._per_point = 1
        self._others: list[tuple[int, str]] = []
        self._tail: list[str] = []
        self._start = 0
        self._cached: dict[tuple[int, int], bytes] = {}
        self.extend(0, texts)

    @property
    def end(self) -> int:
        """Give the position behind the last event."""
        return self._start + len(self._tail)

    def extend(self, first: int, texts: Iterable[str]) -> None:
        """Add events from number ``first`` on, in place of those that were there.

        Raises:
            ValueError: there is a gap, or ``first`` is so old that its neighbours are thinned already.
        """
        if not self._start <= first <= self.end:
            raise ValueError(f"expected events from a number between {self._start} and {self.end} on, got {first}")
        del self._tail[first - self._start :]
        self._cached.clear()
        for text in texts:
            self._tail.append(text)
            if len(self._tail) >= 2 * self._keep:
                self._thin()

    def has(self, kind: str, position: int) -> bool:
        """Say whether an event of a kind stands at a position or behind it; older ones than are whole are not looked at."""
        begin = f'{{"event":"{kind}",'
        return any(text.startswith(begin) for text in self._tail[max(0, position - self._start) :])

    def frame(self, position: int) -> tuple[bytes, int]:
        """Encode the next events from a position on, and give the position behind them; the same bytes for everybody who stands there.

        Who stands where steps are thinned already gets everything anew, from 0 on.
        """
        if position < self._start or position > self.end:
            first, behind = 0, self._start
            texts: Sequence[str] = self._old() if self._start else self._tail[:PER_FRAME]
            behind = self._start or len(texts)
        else:
            first = position
            texts = self._tail[position - self._start : position - self._start + PER_FRAME]
            behind = position + len(texts)
        frame = self._cached.get((first, behind))
        if frame is None:
            frame = pack_text(f'{{"kind":"events","from":{first},"to":{behind},"events":[{",".join(texts)}],"blobs":[]}}')
            if len(self._cached) > 8:
                self._cached.clear()
            self._cached[first, behind] = frame
        return frame, behind

    def _thin(self) -> None:
        """Let the older half of what is whole become points."""
        for number, text in enumerate(self._tail[: self._keep], self._start):
            if text.startswith(BATCH):
                self._add(Point(number + 1, json.loads(text)))
            else:
                self._others.append((number + 1, text))
        self._start += self._keep
        del self._tail[: self._keep]

    def _add(self, point: Point) -> None:
        if self._points and self._points[-1].count < self._per_point:
            self._points[-1] = _merged(self._points[-1], point)
        else:
            self._points.append(point)
        if len(self._points) > self._most:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            rest = self._points[-1:] if len(self._points) % 2 else []
            self._points = [_merged(a, b) for a, b in pairs] + rest
            self._per_point *= 2

    def _old(self) -> list[str]:
        points = [(point.end, dumps(point.values)) for point in self._points]
        return [text for _, text in sorted(points + self._others)]


def _merged(a: Point, b: Point) -> Point:
    whole = a.count + b.count
    values = dict(b.values)
    for name in ("loss", "penalty"):
        known = a.values.get(name) is not None and b.values.get(name) is not None
        values[name] = (a.values[name] * a.count + b.values[name] * b.count) / whole if known else None
    for name in ("num_correct", "num_examples", "seconds"):
        known = a.values.get(name) is not None and b.values.get(name) is not None
        values[name] = a.values[name] + b.values[name] if known else None
    return Point(b.end, {**values, "thinned": whole})
