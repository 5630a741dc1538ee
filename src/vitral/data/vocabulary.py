"""Which number stands for which symbol: characters of Unicode, or bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vitral.errors import DataError


@dataclass(frozen=True)
class Vocabulary:
    """The symbols in order: a symbol's place is its number."""

    kind: Literal["characters", "bytes"]
    symbols: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.symbols)

    @classmethod
    def of(cls, text: Iterable[str]) -> Vocabulary:
        """Collect the characters of texts, in the order of their code points."""
        return cls("characters", tuple(sorted({character for part in text for character in part})))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Give the number of every character.

        Raises:
            DataError: characters that the vocabulary does not hold.
        """
        try:
            return np.array([self._numbers[character] for character in text], np.int64)
        except KeyError:
            unknown = "".join(sorted(set(text) - set(self.symbols)))[:20]
            raise DataError(f"expected the {len(self)} characters of the vocabulary, got {unknown!r}; take them out") from None

    def decode(self, codes: npt.ArrayLike) -> str:
        """Give the characters of numbers."""
        return "".join(self.symbols[int(code)] for code in np.asarray(codes))

    def to_json(self) -> dict[str, Any]:
        """Give what a file holds of it."""
        return {"kind": self.kind, "symbols": list(self.symbols)}
