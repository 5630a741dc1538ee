"""From a specification to a torch network with the same names: ``build``, ``Net``, ``Learned``; and the zoo, which loads no torch.

The first three are imported when they are asked for, so that reading the zoo stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitral.nets.builders import build
    from vitral.nets.net import Learned, Net

__all__ = ["Learned", "Net", "build"]


def __getattr__(name: str) -> Any:
    if name == "build":
        from vitral.nets.builders import build

        return build
    if name in ("Learned", "Net"):
        from vitral.nets import net

        return getattr(net, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
