"""How far back a loss is felt: the size of dL(t)/dh(t-k) against k."""

# B windows  T time  D hidden units

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitral.data.draws import below, key, words
from vitral.errors import DataError
from vitral.probe.cell import Floats, Whole
from vitral.probe.felt import Felt, felt

PLACE = 31
"""What the draw of places is for: no two purposes share their numbers."""


@dataclass(frozen=True, eq=False)
class Reach:
    """What one layer of a network feels of a loss, step by step back in time."""

    layer: str
    kind: str
    hidden: Floats
    """(K+1,): |dL(t)/dh(t-k)| for k = 0 to K, the Euclidean norm, mean over all places t."""
    cell: Floats | None
    """(K+1,): |dL(t)/dc(t-k)|, of an LSTM."""
    num_places: int

    def left(self, steps: int) -> float:
        """Give the share of |dL/dh(t)| that is left so many steps back."""
        return float(self.hidden[steps] / self.hidden[0])

    def within(self, share: float) -> int | None:
        """Give how many steps back it first falls below a share of what it is at k = 0; None where it never does.

        Example: ``reach.within(0.01)`` is 12 where one hundredth of the gradient is left 12 characters back.
        """
        low = np.flatnonzero(self.hidden < share * self.hidden[0])
        return int(low[0]) if len(low) else None

    def to_values(self) -> dict[str, object]:
        """Give a record for JSON."""
        cell = None if self.cell is None else [float(value) for value in self.cell]
        return {
            "layer": self.layer,
            "kind": self.kind,
            "places": self.num_places,
            "hidden": [float(value) for value in self.hidden],
            "cell": cell,
        }


def reach(
    model: nn.Module, codes: Whole, *, steps: int = 100, places: int = 64, lead: int = 50, seed: int = 0, batch: int = 16
) -> list[Reach]:
    """Measure how far back the loss of one character is felt, in every layer that reads forward.

    At many places t of a text the cross-entropy L(t) of the next symbol is differentiated with respect to every h(t-k) and c(t-k): by
    autograd, through the network's own weights, layers above included. The number is the mean over the places of the Euclidean norm.

    Args:
        model: a network over whole numbers that gives scores (B, T, V).
        codes: a text, (T,).
        steps: the largest k.
        places: how many t, drawn evenly over the text.
        lead: symbols before the first step that is measured, which warm the memory up.
        seed: of the draw.
        batch: places at once.

    Raises:
        SpecError: no layer that reads forward.
        DataError: a text that is shorter than one window.

    Example: a simple cell whose weights halve a gradient at every step has 1/1024 of it left 10 steps back; an LSTM with its forget gates
        open keeps most of dL/dc over 100.

    Source: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Pascanu et al. 2013, arXiv:1211.5063
    """
    window = lead + steps + 1
    if len(codes) < window + 1:
        raise DataError(f"{steps} steps back need a text of {window + 1:,} symbols or more, got {len(codes):,}; give a longer one")
    starts = below(words(key(PLACE, seed), np.arange(places)), len(codes) - window)
    rows = torch.from_numpy(np.asarray(codes)[starts[:, None] + np.arange(window + 1)].astype(np.int64))
    device = next(model.parameters()).device
    sums: dict[str, Felt] = {}
    for own in torch.split(rows.to(device), batch):
        for one in felt(model, own[:, :-1], functools.partial(_next_symbol, own[:, -1])):
            back = Felt(one.layer, one.kind, one.h[:, ::-1], None if one.c is None else one.c[:, ::-1]).total(steps + 1)
            sums[one.layer] = sums[one.layer].plus(back) if one.layer in sums else back
    return [Reach(one.layer, one.kind, one.h / places, None if one.c is None else one.c / places, places) for one in sums.values()]


def _next_symbol(target: Tensor, output: Tensor) -> Tensor:
    return F.cross_entropy(output[:, -1], target, reduction="sum")
