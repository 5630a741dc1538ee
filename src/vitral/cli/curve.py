"""A whole run's curve in a fixed amount of memory."""

from __future__ import annotations

MOST = 256


class Curve:
    """Means over equal stretches of steps: when there are too many stretches, each two become one.

    ``add`` costs the same for the millionth value as for the first. Example: after 1,000 values a curve holds 250 means of 4.
    """

    def __init__(self) -> None:
        self.per_point = 1
        self.points: list[float] = []
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """Take one more value."""
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count == self.per_point:
            self.points.append(self._sum / self._count)
            self._sum, self._count = 0.0, 0
            if len(self.points) == MOST:
                self.points = [(a + b) / 2 for a, b in zip(self.points[::2], self.points[1::2], strict=True)]
                self.per_point *= 2

    @property
    def values(self) -> list[float]:
        """The means so far, the unfinished stretch included."""
        return [*self.points, self._sum / self._count] if self._count else list(self.points)
