"""Looking into a torch network: the arithmetic behind any of its numbers."""

from vitral.probe.layers import Explained, explain_layer

__all__ = ["Explained", "explain_layer"]
