"""What a harness found."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Report:
    """How often something was tried, and each time that the outcome was not one of those promised."""

    name: str
    trials: int = 0
    failures: list[str] = field(default_factory=list)
    details: dict[str, int | str] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def count(self, what: str, number: int = 1) -> None:
        """Add to a named count."""
        self.details[what] = int(self.details.get(what, 0)) + number

    def fail(self, text: str) -> None:
        """Note a broken promise."""
        self.failures.append(text)

    def done(self) -> Report:
        """Stop the watch."""
        self.seconds = time.monotonic() - self.begun
        return self

    def __str__(self) -> str:
        details = ", ".join(f"{key} {value}" for key, value in self.details.items())
        verdict = f"{len(self.failures)} BROKEN PROMISES, first: {self.failures[0]}" if self.failures else "every promise kept"
        return f"{self.name}: {self.trials} trials in {self.seconds:.1f} s ({details}): {verdict}"
