"""The lecture's arithmetic, step by step: every operation's output is assembled from the steps that explain it. NumPy float64 alone.

Example:
    >>> from vitral.explain import convolve, kernel
    >>> window = convolve([[1, 3, 2], [6, 6, 4], [5, 7, 6]], kernel("edge")).window(0, 0, 0)
    >>> float(window.value), window.products[0, 1].tolist()
    (14.0, [-6.0, 48.0, -4.0])
"""

from vitral.explain.activation import activate
from vitral.explain.convolution import convolve
from vitral.explain.dense import join
from vitral.explain.dropout import drop
from vitral.explain.gru import unfold_gru
from vitral.explain.kernels import kernel
from vitral.explain.lstm import unfold_lstm
from vitral.explain.normalisation import normalise_batch, normalise_neighbours
from vitral.explain.operations import build
from vitral.explain.pooling import pool, pool_globally
from vitral.explain.probabilities import cross_entropy, softmax
from vitral.explain.rnn import unfold_rnn
from vitral.explain.through_time import fade
from vitral.explain.trace import Trace

__all__ = [
    "Trace",
    "activate",
    "build",
    "convolve",
    "cross_entropy",
    "drop",
    "fade",
    "join",
    "kernel",
    "normalise_batch",
    "normalise_neighbours",
    "pool",
    "pool_globally",
    "softmax",
    "unfold_gru",
    "unfold_lstm",
    "unfold_rnn",
]
