"""The harnesses stand in a folder of their own, where `bench/faults.py` finds them too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
