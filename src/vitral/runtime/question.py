"""A viewer's question: where does this number come from?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vitral.errors import SpecError
from vitral.runtime.double import Double, Moment, one_thread
from vitral.runtime.frames import Values

MOST_AXES = 8


@dataclass(frozen=True)
class Question:
    """A number of a layer's output (of "activation"), of its gradient, or of the gradient of a weight, for one example at one moment.

    Attributes:
        layer, place: which number.
        split, example: for which example.
        backward: about a gradient.
        of: of what the gradient is: "output", "kernels", "weights", "bias".
        step: the step of the picture that was asked about; None for now.
        at: a kept step instead.
    """

    layer: str
    place: tuple[int, ...]
    split: str
    example: int
    backward: bool
    of: str
    step: Any
    at: int | None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Question:
        """Read what a page asks.

        Raises:
            SpecError: a value of the wrong kind.
        """
        return cls(
            str(values.get("layer", "")),
            _place(values.get("place")),
            str(values.get("split", "test")),
            whole("example", values.get("example", 0)),
            bool(values.get("backward")),
            str(values.get("of") or "output"),
            values.get("step"),
            None if values.get("at") is None else whole("at", values["at"]),
        )

    @one_thread()
    def answer(self, double: Double, moment: Moment, x: Tensor, target: Tensor) -> Values:
        """Give the arithmetic. It says what it cost, so that whoever asks ahead of a person can ask less.

        Raises:
            VitralError: there is no such number.
        """
        began = time.perf_counter()
        double.wear(moment)
        if self.backward:
            record = double.explain_gradient(self.layer, x, target, self.place, self.of).to_values()
        else:
            record = double.explain(self.layer, x, self.place).to_values(inputs=False)
        return {"step": moment.step, "layer": self.layer, "record": record, "milliseconds": (time.perf_counter() - began) * 1000}


def whole(name: str, value: Any) -> int:
    """Insist on a whole number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise SpecError(f"{name} is a whole number from 0 on, got {value!r:.40}; give one")
    return value


def _place(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_AXES:
        raise SpecError(f"place is a list of whole numbers, as [3, 10, 12], got {value!r:.40}; give one")
    return tuple(whole("each number of place", at) for at in value)
