"""The only place that writes a file that must last: after ``write`` returns, a power cut finds the new file whole.

Temporary file beside the target, write, flush to the disk (fsync), rename over the target, fsync of the folder. Whatever fails, and
wherever the process dies, the target is either what it was before or the new file, never a mixture.

Source: Pillai et al. 2014, "All File Systems Are Not Created Equal" (OSDI): a rename that is not preceded by an fsync of the file may
survive a crash while the bytes do not.
"""

from __future__ import annotations

import contextlib
import errno
import os  # its functions are looked up at every call: the fault harness puts a failing `os` in its place
import shutil
from pathlib import Path

from vitral.errors import StoreError

MARK = ".vitral-tmp"
"""How every temporary file's name ends."""

CHUNK = 1 << 20
"""Bytes handed to one ``os.write``: a full disk is met early and a signal is not kept waiting."""


def write(path: Path, data: bytes, *, kept: str = "") -> None:
    """Publish ``data`` as the file ``path``, all of it or nothing.

    Args:
        path: the target; its folder exists.
        data: the whole content.
        kept: what is still there when this fails, for the message: ``the checkpoint of step 40 is intact``.

    Raises:
        StoreError: the disk is full, there is no permission, the disk fails; no temporary file stays behind where that can be helped.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{MARK}")
    try:
        try:
            _fill(temporary, data)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_folder(path.parent)
    except OSError as cause:
        raise explain(cause, f"{path.name} could not be written", path.parent, num_bytes=len(data), kept=kept) from cause


def make_folder(folder: Path) -> None:
    """Create ``folder`` and the folders above it, so that its own name survives a power cut too."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        for place in reversed(missing):
            with contextlib.suppress(FileExistsError):
                os.mkdir(place)
            sync_folder(place.parent)
    except OSError as cause:
        raise explain(cause, f"the folder {folder.name} could not be made", folder.parent) from cause


def remove(path: Path) -> None:
    """Delete a file that is no longer needed; one that is gone already, or cannot be deleted, costs disk space only."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def set_aside(path: Path) -> None:
    """Rename a damaged file to ``NAME.damaged``, so that it is never read again and still can be looked at."""
    with contextlib.suppress(OSError):
        os.replace(path, path.with_name(path.name + ".damaged"))


def sweep(folder: Path) -> int:
    """Delete what writers that died left behind, and count it. Call it only while holding the lock that such writers hold."""
    count = 0
    for path in folder.glob(f".*{MARK}"):
        remove(path)
        count += 1
    return count


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` last. Windows cannot open a folder, and its NTFS journals the rename by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain(cause: OSError, what: str, folder: Path, *, num_bytes: int | None = None, kept: str = "") -> StoreError:
    """Say in one line what the system refused, what would have been needed, what there was, and what helps.

    Example:
        ``x.safetensors could not be written: disk full: it needs 1.2 MB in runs/a/checkpoints, 0.0 MB are free; free some space; the
        checkpoint of step 40 is intact``
    """
    name = errno.errorcode.get(cause.errno or 0, "no error number")
    size = f"{num_bytes / 1e6:.1f} MB" if num_bytes is not None else "room"
    match cause.errno:
        case errno.ENOSPC:
            text = f"disk full: it needs {size} in {folder}, {_free(folder)}; free some space"
        case errno.EDQUOT:
            text = f"disk quota used up: it needs {size} in {folder}; free some space or ask for a larger quota"
        case errno.EFBIG:
            text = f"larger than a file may be here: it needs {size} in {folder}; raise the limit (ulimit -f) or choose another disk"
        case errno.EACCES | errno.EPERM:
            text = f"no permission ({name}) in {folder}; allow this user to write there or choose another place with --workspace"
        case errno.EROFS:
            text = f"{folder} is on a read-only file system; mount it writable or choose another place with --workspace"
        case errno.EIO:
            text = f"the disk reported a failure (EIO) in {folder}; check the disk and copy the workspace to another one"
        case errno.ENOENT | errno.ENOTDIR | errno.EEXIST:
            text = f"expected a folder {folder}, got none; was it moved or deleted meanwhile?"
        case errno.EMFILE | errno.ENFILE:
            text = f"too many open files ({name}); close some programs or raise the limit (ulimit -n)"
        case _:
            text = f"{name}, {cause.strerror or cause} in {folder}; check the folder and the disk"
    return StoreError(f"{what}: {text}" + (f"; {kept}" if kept else ""))


def _fill(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
    try:
        rest = memoryview(data)
        while rest:
            written = os.write(handle, rest[:CHUNK])  # may take fewer than asked
            rest = rest[written:]
        os.fsync(handle)
    finally:
        os.close(handle)


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:.1f} MB are free"
    except OSError:
        return "it is not known how much is free"
