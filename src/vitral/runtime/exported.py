"""Writes a run's network for ConvNetJS, in a process of its own: ``python -m vitral.runtime.exported WORKSPACE RUN``.

The server has no torch in it, and stays quick because of that. The file goes to standard output; where there is none, one line on standard
error says why, and the exit code is 2.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vitral.errors import VitralError


def main(workspace: str, run: str) -> int:
    """Write the newest checkpoint's network, the moving average of its weights where it has one."""
    try:
        from vitral.nets.interchange import write_convnetjs
        from vitral.runtime.finished import finished

        found = finished(run, workspace=Path(workspace), device="cpu")
        json.dump(write_convnetjs(found.net), sys.stdout, separators=(",", ":"), allow_nan=False)
        sys.stdout.flush()
    except VitralError as cause:
        sys.stderr.write(str(cause))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
