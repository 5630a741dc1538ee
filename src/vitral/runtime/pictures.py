"""When a picture of the network is made: only while somebody looks, and never so often that training would feel it.

Training is served first. After a picture that took t seconds none is made for 50 t, so that all of them together take 2 % of the time,
whatever the viewers wish; but for the first of a stream, which is slow because everything is cold. Where other programs crowd the machine a picture waits for the processor as a step does, and only what it
computes counts; a new picture of a stream is made when the server has found a taker for the one before. Where a painter makes the
pictures, what counts is the time that it takes to hand them over. While the run is paused the processor is free: only the viewers' own
rates count, and what has not changed is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vitral.errors import VitralError
from vitral.runtime.looks import UNSEEN, Look, Wish

SHARE = 0.02
SECONDS_AFTER_THE_FIRST = 0.25
"""The first picture of a stream is slower than those to come, and whoever asked for it would see it stand still: it is not paid in full."""
UNSEEN_PER_SECOND = 0.5

Tell = Callable[[str, bytes], None]
"""Sends a picture: the key of its stream and the frame."""


class Shown(Protocol):
    """What can be seen of."""

    def layers(self, look: Look) -> bytes | None:
        """Encode a picture of the layers; None where there is nothing to show, b"" where it is painted elsewhere and comes from there."""

    def unseen(self) -> bytes | None:
        """Encode a few examples that the network has not learned from, with what it says of them; likewise."""


@dataclass(frozen=True)
class Stream:
    """One stream of pictures: the wish behind it, when the next one may come, of which step the last one was."""

    wish: Wish
    due: float = 0.0
    taken: bool = True
    shown: int | None = None


class Pictures:
    """The pictures of one subject, for all viewers together.

    Args:
        tell: is given each picture.
        note: is given a sentence where a picture could not be made, once for each sentence.
        clock: seconds, for the tests.
        effort: seconds of the processor, likewise.
    """

    def __init__(
        self,
        tell: Tell,
        note: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        effort: Callable[[], float] = time.process_time,
    ) -> None:
        self._tell, self._note, self._clock, self._effort = tell, note, clock, effort
        self._streams: dict[str, Stream] = {}
        self._free_at = 0.0
        self._said = ""

    def look(self, wishes: Sequence[Wish]) -> None:
        """Show these from now on; a stream that stays keeps its beat, one whose wish changed shows it at once."""
        before, self._streams = self._streams, {}
        for wish in wishes:
            known = before.get(wish.look.key)
            changed = known is None or known.wish.look != wish.look
            self._said = "" if changed else self._said  # whoever asks anew is told anew
            self._streams[wish.look.key] = Stream(wish) if known is None or changed else replace(known, wish=wish)
        if wishes:
            self._streams[UNSEEN] = before.get(UNSEEN) or Stream(Wish(Look(), UNSEEN_PER_SECOND))

    def forget(self) -> None:
        """Show everything anew: the subject is another one."""
        self._streams = {key: Stream(stream.wish) for key, stream in self._streams.items()}

    def taken(self, key: str) -> None:
        """Hear that the server has found a taker for the last picture of a stream."""
        if stream := self._streams.get(key):
            self._streams[key] = replace(stream, taken=True)

    def painted(self, key: str, error: str) -> None:
        """Hear that a picture that was painted elsewhere is on its way, or why it is not."""
        if error:
            self._say(error)
            self.taken(key)

    @property
    def wanted(self) -> bool:
        """Say whether anybody looks."""
        return bool(self._streams)

    def show(self, showing: Shown, step: int, *, training: bool) -> None:
        """Make one picture, where one is due."""
        if not self._streams:
            return
        now = self._clock()
        if training and now < self._free_at:
            return
        waiting = [key for key, stream in self._streams.items() if stream.due <= now and _is_new(stream, step)]
        if not waiting:
            return
        key = min(waiting, key=lambda key: self._streams[key].due)
        stream = self._streams[key]
        began = self._effort()
        frame = self._make(showing, key, stream)
        done = self._clock()
        rest = min(done - now, self._effort() - began) / SHARE
        self._free_at = done + (min(rest, SECONDS_AFTER_THE_FIRST) if stream.shown is None else rest)
        self._streams[key] = replace(
            stream, due=max(now, stream.due + 1 / stream.wish.rate), taken=frame is None, shown=_moment(stream, step)
        )
        if frame:
            self._tell(key, frame)

    def seconds_to_wait(self, step: int) -> float | None:
        """Say how long a paused run can sleep: until a picture is due; None where only a command brings a new one."""
        due = [stream.due for stream in self._streams.values() if _is_new(stream, step)]
        return max(0.0, min(due) - self._clock()) if due else None

    def _make(self, showing: Shown, key: str, stream: Stream) -> bytes | None:
        try:
            return showing.unseen() if key == UNSEEN else showing.layers(stream.wish.look)
        except VitralError as cause:
            self._say(str(cause))
        except Exception as cause:  # a fault of ours must not take the training along
            self._say(f"the picture failed: {type(cause).__name__}: {cause}")
        return None

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._note(sentence)


def _is_new(stream: Stream, step: int) -> bool:
    """Say whether there is something new to show, and somebody to take it."""
    return stream.taken and stream.shown != _moment(stream, step)


def _moment(stream: Stream, step: int) -> int:
    return step if stream.wish.look.at is None else -1  # a moment of the history stays as it is
