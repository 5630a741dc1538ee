"""A run's own process: ``python -m vitral.runtime.worker``, commands on standard input, letters on standard output.

The server starts it and is its only reader. When its input ends the server is gone: the run saves itself and stops within seconds.
While it still loads there is nothing to save, and it ends at once: on a busy machine ``import torch`` keeps every thread of Python from
its turn for seconds, the one that watches the input too, so that on Linux the kernel sees to it.
"""

from __future__ import annotations

import os
import signal
import sys

from vitral.runtime.channel import Channel
from vitral.runtime.parent import end_with_the_parent


def main() -> None:
    """Live through one run, or several one after another."""
    end_with_the_parent(signal.SIGKILL)
    up = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not come between two letters
    channel = Channel(os.fdopen(os.dup(0), "rb"), up)
    first = channel.commands.get()
    if first is None:
        return
    from vitral.runtime.commands import obey  # loads torch: the pipe is watched already
    from vitral.runtime.stage import Stage

    end_with_the_parent(0)  # from here on there may be something to save; the channel says when
    Stage(channel, obey).live(first)
    channel.close()
    sys.stderr.flush()
    os._exit(0)  # all is saved; taking torch apart would take seconds on a busy machine


if __name__ == "__main__":
    main()
