"""What a person may change while a network learns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from vitral.errors import SpecError
from vitral.spec.experiment import Optimiser, Training

NAMES = ("learning_rate", "momentum", "batch_size", "decay", "optimiser")
WITH_MOMENTUM = Optimiser.uses["momentum"]


@dataclass(frozen=True)
class Controls:
    """The settings in force. ``decay`` is the L2 decay."""

    batch_size: int
    decay: float
    optimiser: Optimiser

    @classmethod
    def of(cls, training: Training) -> Controls:
        """Begin with what the experiment says."""
        return cls(training.batch_size, training.l2_decay, training.optimiser)

    def to_json(self) -> dict[str, Any]:
        """Give plain values that ``from_json`` reads."""
        return {"batch_size": self.batch_size, "decay": self.decay, "optimiser": self.optimiser.model_dump(mode="json")}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Controls:
        """Read what ``to_json`` gave."""
        return cls(values["batch_size"], values["decay"], Optimiser.model_validate(values["optimiser"]))

    def get(self, name: str) -> Any:
        """Read a control as plain JSON.

        Raises:
            SpecError: there is no such control.
        """
        if name not in NAMES:
            raise SpecError(f'"{name}" cannot be changed while a network learns; choose one of {", ".join(NAMES)}')
        if name == "optimiser":
            return self.optimiser.model_dump(mode="json", exclude_defaults=True) | {"kind": self.optimiser.kind}
        return getattr(self if name in ("batch_size", "decay") else self.optimiser, name)

    def set(self, name: str, value: Any) -> Controls:
        """Give controls that differ in one.

        Args:
            name: learning_rate, momentum, batch_size, decay or optimiser.
            value: a number; for optimiser a kind ("adadelta"), a table of its settings, or a ``spec.Optimiser``.
        Raises:
            SpecError: no such control, or a value out of its range.
        Example:
            ``controls.set("learning_rate", 1e-4).get("learning_rate")`` is 0.0001.
        """
        self.get(name)
        if name == "momentum" and self.optimiser.kind not in WITH_MOMENTUM:
            raise SpecError(f"{self.optimiser.kind} has no momentum; use one of {', '.join(WITH_MOMENTUM)}")
        try:
            match name:
                case "batch_size":
                    return replace(self, batch_size=Training.model_validate({"batch_size": value}).batch_size)
                case "decay":
                    return replace(self, decay=Training.model_validate({"l2_decay": value}).l2_decay)
                case "optimiser" if isinstance(value, str):
                    return replace(self, optimiser=Optimiser.model_validate({"kind": value}))
                case "optimiser":
                    return replace(self, optimiser=Optimiser.model_validate(value))
                case _:
                    settings = self.optimiser.model_dump(exclude_unset=True)
                    return replace(self, optimiser=Optimiser.model_validate({**settings, name: value}))
        except ValidationError as cause:
            first = cause.errors()[0]
            raise SpecError(f"{name} cannot be {value!r}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
