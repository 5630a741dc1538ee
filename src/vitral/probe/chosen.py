"""The layers of a model that are looked at."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable

from torch import nn

from vitral.errors import SpecError
from vitral.nets.blocks import Residual
from vitral.probe.instrument import parameters_of

MODEL = "model"
"""How the model itself is called where it is a layer."""


def chosen(model: nn.Module, layers: str | Iterable[str] | None) -> dict[str, nn.Module]:
    """Find the layers that a person names, in the model's own order; all that compute something by default.

    Raises:
        SpecError: a name or pattern that fits none.
    """
    modules = {name or MODEL: module for name, module in model.named_modules()}
    inner = {name: module for name, module in modules.items() if ".parametrizations." not in f".{name}."}
    if layers is None:
        return {
            name: module
            for name, module in inner.items()
            if not any(True for _ in module.children()) or isinstance(module, Residual) or parameters_of(module)
        }
    names: set[str] = set()
    for pattern in [layers] if isinstance(layers, str) else layers:
        fits = [name for name in inner if fnmatch.fnmatchcase(name, pattern)]
        if not fits:
            close = difflib.get_close_matches(pattern, inner, n=1)
            cure = f'did you mean "{close[0]}"?' if close else f"expected some of {', '.join([*inner][:12])}"
            raise SpecError(f'the model has no layer "{pattern}"; {cure}')
        names.update(fits)
    return {name: module for name, module in inner.items() if name in names}
