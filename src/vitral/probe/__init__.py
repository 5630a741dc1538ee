"""Looking into a torch network: the arithmetic behind any of its numbers, and every gate and memory of what reads sequences."""

from vitral.probe.cell import Held
from vitral.probe.layers import Explained, explain_layer
from vitral.probe.reading import Reader, read
from vitral.probe.recurrent import Unfolding, unfold
from vitral.probe.unrolled import Unrolled

__all__ = ["Explained", "Held", "Reader", "Unfolding", "Unrolled", "explain_layer", "read", "unfold"]
