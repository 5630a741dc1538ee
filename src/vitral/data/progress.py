"""How far something slow is: a download, the unpacking of an archive, the reading of many pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` (None where nobody knows), counted in ``unit`` ("bytes" or "files"), after ``seconds``.

    Example: ``Progress("cifar-10-binary.tar.gz", 85_000_000, 170_052_171, 7.1)`` is half of the archive.
    """

    what: str
    done: int
    total: int | None
    seconds: float
    unit: str = "bytes"

    @property
    def share(self) -> float | None:
        """Give ``done / total``, at most 1, or None."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def rate(self) -> float:
        """Give units per second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


Watcher = Callable[[Progress], None]
"""What is told of it."""
