"""What a person sees between the command and the first step: that something happens, and how far a download is."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vitral.cli.words import bar, size, thousands

if TYPE_CHECKING:
    from rich.console import Console

    from vitral.data.progress import Progress

PAUSE = 0.125  # seconds between two pictures


class Loading:
    """A line that says what is being waited for and goes away when it is there; nothing where nobody looks."""

    def __init__(self, out: Console, *, quiet: bool = False) -> None:
        self._status = None if quiet or not out.is_terminal else out.status("[bright_black]loading PyTorch and the data[/bright_black]")
        self._due = 0.0

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._status:
            self._status.stop()

    def watch(self, progress: Progress) -> None:
        """Say how far a download or an unpacking is."""
        if self._status and (time.monotonic() >= self._due or progress.done == progress.total):
            self._due = time.monotonic() + PAUSE
            self._status.update(f"[bright_black]{words_of(progress)}[/bright_black]")


def words_of(progress: Progress) -> str:
    """Write how far something is: ``cifar-10-binary.tar.gz  ███▌      85.0 MB of 170 MB  12.0 MB/s``."""
    write = size if progress.unit == "bytes" else lambda count: f"{thousands(int(count))} {progress.unit}"
    if progress.total is None or progress.share is None:
        return f"{progress.what}  {write(progress.done)}"
    return f"{progress.what}  {bar(progress.share, 10)}  {write(progress.done)} of {write(progress.total)}  {write(progress.rate)}/s"
