"""Decodes what a stranger's file holds, in a process of its own that can do no harm: ``python -m vitral.server.decoding image FILE``.

It writes no file, it may use so much memory and processor and no more, and it ends with the one picture. An image leaves as a PNG made
from its pixels on standard output; of a zip only a line of JSON that says how many pictures it holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path

from vitral.errors import DataError

MOST_MEMORY = 2 << 30
SECONDS = {"image": 15, "zip": 300, "weights": 30}
SECONDS_PER_LOOK = 0.5
SIDE = 1024
"""Pixels a side that are kept of a picture: more than any network here reads, enough to be shown."""


def main(kind: str, path: str, parent: str) -> int:
    """Decode one file; gives the exit code: 2 with one line on standard error where it is not what it should be."""
    confine(SECONDS[kind])
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    try:
        if kind == "image":
            from vitral.data import picture

            png, _ = picture.reencode(Path(path).read_bytes(), SIDE)
            sys.stdout.buffer.write(png)
        elif kind == "zip":
            from vitral.data import folder

            found = folder.inspect(Path(path))
            if bad := [finding for finding in found if finding.problem]:
                raise DataError(f"{len(bad)} of {len(found)} pictures cannot be used: {bad[0].file}: {bad[0].problem}")
            print(json.dumps({"pictures": len(found)}))  # noqa: T201 - this is what the parent reads
        else:
            from vitral.server.weights import inspect

            print(json.dumps(inspect(Path(path))))  # noqa: T201
        sys.stdout.flush()
    except DataError as cause:
        sys.stderr.write(str(cause).replace(f"{path}: ", ""))
        return 2
    return 0


def confine(seconds: int) -> None:
    """Take from this process what it does not need. Windows has no such limits; the parent's clock holds there."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"  # each thread would reserve memory
    with contextlib.suppress(ImportError):
        import resource

        for limit, value in (
            (resource.RLIMIT_AS, MOST_MEMORY),
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, 64),
            (resource.RLIMIT_CORE, 0),
        ):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(limit, (value, value))


def _end_with(parent: int) -> None:
    """End when the server that waits for this process is gone."""
    while os.getppid() == parent or os.name == "nt":
        time.sleep(SECONDS_PER_LOOK)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
