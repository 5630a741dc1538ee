"""What goes into a recurrent module and comes out of it, between torch's own forms and plain arrays."""

# B sequences  T time  F features  D hidden units  L layers of one torch module

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from vitral.errors import SpecError
from vitral.probe.cell import Floats, Memory, Whole


@dataclass(frozen=True, eq=False)
class Entered:
    """What went into a module, as numbers, with the way back to the form that its reader expects."""

    x: Floats | Whole
    """(B, T, F) or (B, T)."""
    lengths: Whole | None
    batched: bool
    batch_first: bool
    given: Any
    """As it was given: a tensor, torch's packed sequence, or padded sequences with their lengths."""

    @classmethod
    def of(cls, module: nn.RNNBase, given: Any) -> Entered:
        """Read a module's input. Raises SpecError where it is of no known form."""
        if isinstance(given, PackedSequence):
            padded, lengths = pad_packed_sequence(given, batch_first=True)
            return cls(numbers_of(padded), lengths.numpy().astype(np.int64), batched=True, batch_first=True, given=given)
        if isinstance(given, tuple) and hasattr(given, "lengths"):
            values, lengths = given
            return cls(numbers_of(values), lengths.cpu().numpy().astype(np.int64), batched=True, batch_first=True, given=given)
        if not isinstance(given, Tensor):
            raise SpecError(f"a recurrent layer reads a tensor or a packed sequence to be unfolded, got {type(given).__name__}")
        tokens = not given.is_floating_point()
        values = numbers_of(given)
        batched = values.ndim == (2 if tokens else 3)
        values = values if batched else values[None]
        return cls(values if module.batch_first or not batched else np.moveaxis(values, 0, 1), None, batched, module.batch_first, given)

    def memories(self, module: nn.RNNBase, given: Any) -> list[Memory] | None:
        """Read the memory that the module was called with: (L * directions, B, D) of h, or of h and c."""
        if given is None:
            return None
        h, c = (given[0], given[1]) if isinstance(given, tuple | list) else (given, None)
        hs = [numbers_of(one if self.batched else one[None]) for one in h]
        cs = [None] * len(hs) if c is None else [numbers_of(one if self.batched else one[None]) for one in c]
        return [Memory(one, other) for one, other in zip(hs, cs, strict=True)]

    def back(self, output: Floats, like: torch.dtype) -> Any:
        """Give an output in the form in which the module gives its own."""
        values = torch.from_numpy(np.ascontiguousarray(output)).to(like)
        if isinstance(self.given, PackedSequence):
            assert self.lengths is not None, "a packed sequence has its lengths"
            return pack_padded_sequence(values, torch.from_numpy(self.lengths), batch_first=True, enforce_sorted=False)
        if isinstance(self.given, tuple):
            padded: Any = self.given
            return padded._replace(values=values.to(padded.values.device))
        values = values.to(self.given.device)
        if not self.batched:
            return values[0]
        return values if self.batch_first else values.transpose(0, 1)

    def memory_back(self, ends: Sequence[Memory], like: torch.dtype) -> Any:
        """Give the memories after the last step in the form in which torch hands them on."""

        def stack(values: list[Floats]) -> Tensor:
            stacked = torch.from_numpy(np.stack(values)).to(like)
            return stacked if self.batched else stacked[:, 0]

        h = stack([end.h for end in ends])
        cs = [end.c for end in ends if end.c is not None]
        return (h, stack(cs)) if cs else h


def numbers_of(tensor: Tensor) -> Any:
    """Copy a tensor: numbers as float64, symbols as int64."""
    values = tensor.detach().cpu()
    return (values.to(torch.float64) if values.is_floating_point() else values.to(torch.int64)).numpy().copy()
