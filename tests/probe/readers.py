"""Small networks that read symbols, as a person and as the laboratory makes them."""

import torch
from torch import nn

from vitral.nets.builders import build
from vitral.spec.network import Network

SYMBOLS = 12


class Person(nn.Module):
    """An embedding, a torch cell of two layers, an output: the memory is torch's own affair."""

    def __init__(self, cell=nn.LSTM, size=8, layers=2, **more):
        super().__init__()
        self.table, self.cell = nn.Embedding(SYMBOLS, 5), cell(5, size, layers, batch_first=True, **more)
        self.out = nn.Linear(size * (2 if more.get("bidirectional") else 1), SYMBOLS)

    def forward(self, codes):
        return self.out(self.cell(self.table(codes))[0])


def person(cell=nn.LSTM, seed=3, **more):
    """One with weights large enough that its memory matters."""
    torch.manual_seed(seed)
    model = Person(cell, **more)
    for parameter in model.parameters():
        parameter.data.mul_(2)
    return model.eval()


def own(*kinds, seed=4, size=8):
    """A network of the laboratory over symbols, one-hot at first."""
    layers = [{"kind": kind, "hidden_size": size} for kind in kinds] + [{"kind": "dense", "units": SYMBOLS}]
    network = {"input": {"kind": "tokens", "length": 20, "symbols": SYMBOLS}, "layers": layers, "loss": {"kind": "softmax"}}
    return build(Network.model_validate(network), seed=seed).eval()
