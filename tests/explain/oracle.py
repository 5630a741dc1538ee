"""Torch in float64, which knows nothing of the traces, as the judge of every number."""

import numpy as np
import torch
from hypothesis import HealthCheck, settings

SHAPES = 500
LIMIT = 1e-12
many = settings(max_examples=SHAPES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def leaf(values):
    return torch.tensor(np.asarray(values), dtype=torch.float64, requires_grad=True)


def error(got, wanted, scale=0.0):
    """The largest deviation, relative to the largest number (or to the sum of the terms' sizes, where terms cancel)."""
    wanted = wanted.detach().numpy() if isinstance(wanted, torch.Tensor) else np.asarray(wanted)
    assert np.shape(got) == wanted.shape
    return float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), scale, 1e-300))


def compare(trace, output, leaves, rng, scale=0.0):
    """Forward and the gradient of every input under a random upstream gradient; the output's own numbers are its moments'."""
    assert trace.shape == tuple(output.shape)
    assert error(trace.output, output, scale) <= LIMIT
    upstream = rng.normal(size=trace.shape)
    (output * torch.tensor(upstream)).sum().backward()
    backward = trace.backward(upstream)
    for name, tensor in leaves.items():
        size = max(1.0, np.abs(upstream).max()) * max(1.0, *(float(t.detach().abs().max()) for t in leaves.values()))
        wanted = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        assert error(backward.total(name), wanted.reshape(trace.inputs[name].shape), size) <= LIMIT, name
    places = [tuple(int(i) for i in rng.integers(trace.shape)) for _ in range(3)] if trace.shape else [()]
    for place in places:
        assert trace.output[place] == trace.at(*place).value
