"""A module of ours run for its answer, in a process that ends with the question."""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def ask(module: str, *words: str, seconds: float) -> tuple[int, bytes, str]:
    """Run ``python -m MODULE WORDS...`` and give its exit code, what it wrote to standard output, and its one line of complaint.

    Raises:
        TimeoutError: it took longer than ``seconds``. It is gone then, as it is when the asking task is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", module, *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out, " ".join(err.decode("utf-8", "replace").split())[:500]
