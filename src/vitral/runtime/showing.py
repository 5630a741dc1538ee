"""What is to be seen of a run's network: its layers, unseen examples, and answers to a viewer's questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from vitral.errors import SpecError
from vitral.events import Event
from vitral.runtime.looks import Look
from vitral.runtime.subject import Subject
from vitral.wire import Blob

Answer: TypeAlias = dict[str, Any] | tuple[dict[str, Any], Sequence[Blob]]
"""What a command comes back with: JSON values, or JSON values with arrays."""

ANSWERS: frozenset[str] = frozenset({"explain", "history", "augmented", "predict", "confusion"})
"""The names of the commands that ``Showing.answer`` knows."""


class Showing:
    """Looks at a subject between two of its steps; the worker's main thread alone calls it, and waits for it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def seen(self, event: Event) -> None:
        """Take note of an event; called for every one, so it costs next to nothing."""

    def layers(self, look: Look) -> bytes | None:
        """Encode the picture of all layers of this moment; None where there is nothing to show."""
        return None

    def unseen(self) -> bytes | None:
        """Encode a few test examples with what the network says of them; None where there is nothing to show."""
        return None

    def answer(self, name: str, values: dict[str, Any]) -> Answer:
        """Answer a command of ``ANSWERS``.

        Raises:
            VitralError: it cannot be answered; the one line is what the viewer sees.
        """
        raise SpecError(f"{name} cannot be answered yet")

    def close(self) -> None:
        """Let go of the subject."""
