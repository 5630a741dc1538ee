"""The newest pictures of one run, made for who looks at them and for nobody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vitral.runtime.looks import UNSEEN, union
from vitral.server.viewers import Viewer


class Gallery:
    """One picture a stream: the newest. A stream's next one is made when this one has gone out to one viewer: nobody waits for the slowest.

    Args:
        viewers: who may look.
        tell: says something to the run's process; where there is none, nobody hears it.
    """

    def __init__(self, viewers: Mapping[int, Viewer], tell: Callable[[dict[str, Any]], None]) -> None:
        self._viewers, self._tell = viewers, tell
        self._pictures: dict[str, bytes] = {}
        self._waiting: set[str] = set()  # streams whose last picture has found no taker yet
        self._told: list[dict[str, Any]] | None = None

    def hang(self, key: str, frame: bytes) -> None:
        """Put up a stream's new picture."""
        self._pictures[key] = frame
        self._waiting.add(key)
        for viewer in self._viewers.values():
            viewer.show(key, frame)
        self.settle()

    def show(self, viewer: Viewer) -> None:
        """Show a viewer what hangs already."""
        for key, frame in self._pictures.items():
            viewer.show(key, frame)

    def took(self, key: str) -> None:
        """Hear that a picture goes out to one viewer: the next may be made."""
        if key in self._waiting:
            self._waiting.discard(key)
            self._tell({"do": "taken", "key": key})

    def settle(self) -> None:
        """Take the pictures that nobody is there to take."""
        for key in list(self._waiting):
            if not any(viewer.wants(key) for viewer in self._viewers.values()):
                self.took(key)

    def tell_looks(self) -> None:
        """Tell the process what all viewers together want to see, where that has changed."""
        wishes = union(viewer.wish for viewer in self._viewers.values() if viewer.wish)
        looks = [one.to_json() for one in wishes]
        self._keep({one.look.key for one in wishes})
        if looks != self._told:
            self._told = looks
            self._tell({"do": "look", "looks": looks})

    def tell_looks_anew(self) -> None:
        """Tell a new process, which knows nothing yet."""
        self._told = None
        self.tell_looks()

    def expect_nothing(self) -> None:
        """Hear that the process has ended: nobody is told what was taken."""
        self._waiting.clear()

    def _keep(self, keys: set[str]) -> None:
        kept = keys | {UNSEEN} if keys else keys
        self._pictures = {key: frame for key, frame in self._pictures.items() if key in kept}
        self._waiting &= set(self._pictures)
