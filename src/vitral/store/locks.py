"""One run, one process: a lock on the run's folder that the system lets go of when its holder dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from vitral.errors import StoreError
from vitral.store import durable

FILE = ".lock"
PATIENCE_SECONDS = 1.0
"""Longer than `vitral runs` holds a lock to see whether it is free."""
GLANCE_SECONDS = 0.1
"""Longer than that, too: two who look at the same moment must not take each other for the process that trains."""


def take(folder: Path, run: str, process: int) -> FileLock:
    """Lock a run's folder until ``release()`` or the end of this process.

    Args:
        folder: the run's own.
        run: its id, for the message.
        process: which process the book says is training it, for the message; 0 when none is known.

    Raises:
        StoreError: another process, or another Run of this one, holds it.
    """
    lock = FileLock(folder / FILE, timeout=PATIENCE_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        who = f"process {process}" if process else "another process"
        raise StoreError(f"run {run} is being trained by {who}: expected a run that nobody trains; wait for it or stop it") from None
    except OSError as cause:
        raise durable.explain(cause, f"run {run} could not be locked", folder) from cause
    return lock


def is_free(folder: Path) -> bool:
    """Say whether nobody trains the run of this folder. A folder that cannot be locked at all is nobody's."""
    if not (folder / FILE).exists():
        return True
    lock = FileLock(folder / FILE, timeout=GLANCE_SECONDS, poll_interval=GLANCE_SECONDS / 20, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return False
    except OSError:
        return True
    lock.release()
    return True
