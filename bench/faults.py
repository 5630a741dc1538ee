"""Harm Vitral at length and print what it did about it: `python bench/faults.py --kills 200 --inside 50 --flips 1000`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "faults"))

MOUNTING = {"disk", "read-only"}
"""Harnesses that need a disk of their own; a superuser without one would fill, or write to, the real one."""


def main() -> int:
    """Run every harness; the exit code is the number of broken promises, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--inside", type=int, default=50, help="how many of the kills happen inside a save, at least")
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--disks", type=int, default=5)
    parser.add_argument("--every", type=int, default=7, help="while training, every so many system calls one fails")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()

    import torch

    from harness import calls, flips, kills, lives, power

    torch.set_num_threads(1)
    tasks = {
        "calls": calls.run,
        "power": power.run,
        "checkpoints": lambda root: flips.run_checkpoints(root, chosen.flips, seed=chosen.seed),
        "book": lambda root: flips.run_book(root, chosen.flips, seed=chosen.seed),
        "training": lambda root: lives.failing_calls(root, every=chosen.every),
        "disk": lambda root: lives.full_disk(root, trials=chosen.disks, seed=chosen.seed),
        "read-only": lives.read_only,
        "two": lambda root: lives.two_at_once(root, lives=processes),
        "clock": lives.clock_jumps,
        "kills": lambda root: kills.run(root, chosen.kills, inside=chosen.inside, seed=chosen.seed, lives=processes),
    }
    broken = 0
    with kills.open_lives() as processes:
        for name, task in tasks.items():
            with tempfile.TemporaryDirectory(prefix=f"vitral-{name}-") as root:
                if name in MOUNTING and not lives.can_mount(Path(root)):
                    print(f"{name}: left out, this process may not mount a disk", flush=True)
                    continue
                report = task(Path(root))
            print(report, flush=True)
            broken += len(report.failures)
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main())
