"""Freed memory is used again without asking the system: counted in page faults, in a process of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from vitral.train.memory import keep_freed
if sys.argv[1] == "keep":
    assert keep_freed()
def fill():
    block = np.full(64 << 20, 1, np.uint8)  # 64 MB, 16,384 pages
    return block[-1]
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone is told")
def test_freed_memory_is_not_asked_for_again() -> None:
    keeping, returning = faults("keep"), faults("return")
    assert keeping < 100
    assert returning > 10 * max(keeping, 1)
