"""The zoo: experiments that come with Vitral, each a TOML file in the folder ``zoo``. Reading them loads no torch."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from vitral.errors import SpecError
from vitral.spec.base import short
from vitral.spec.codec import from_toml, read
from vitral.spec.complaint import nearest
from vitral.spec.experiment import Experiment, Words

DEFAULT = "default"


def names() -> tuple[str, ...]:
    """List the experiments, the default first and the others by name."""
    found = sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))


def titles() -> dict[str, Words]:
    """Give each experiment's title in Spanish and English, in the order of ``names``."""
    return {name: load(name).title for name in names()}


def text(name: str) -> str:
    """Give an experiment's file as it stands, comments and all.

    Raises:
        SpecError: no experiment of that name; says which is nearest.
    """
    if name not in names():
        raise SpecError(f"there is no experiment {short(name)} in the zoo{nearest(name, names())}")
    return (_folder() / f"{name}.toml").read_text(encoding="utf-8")


def load(name: str, sets: Iterable[str] = (), *, memory_limit: int | None = None) -> Experiment:
    """Read an experiment of the zoo, with changes such as ``training.batch_size=64``.

    Raises:
        SpecError: no experiment of that name (says which is nearest), or a change that makes it impossible.
        ShapeError: a change after which a layer no longer fits.
    """
    return from_toml(text(name), sets, memory_limit=memory_limit)


def find(name_or_path: str, sets: Iterable[str] = (), *, memory_limit: int | None = None) -> Experiment:
    """Read what a person names on the command line: an experiment of the zoo, or a TOML or JSON file.

    Raises:
        SpecError: neither; or a file or change that says something impossible.
        ShapeError: a layer that cannot read what the one before gives.
    Example:
        ``find("edges")`` is the zoo's, ``find("./edges")`` and ``find("edges.toml")`` are files.
    """
    if name_or_path in names():
        return load(name_or_path, sets, memory_limit=memory_limit)
    path = Path(name_or_path)
    if path.suffix in {".toml", ".json"} or len(path.parts) > 1 or "/" in name_or_path or path.is_file():
        return read(path, sets, memory_limit=memory_limit)
    raise SpecError(f"there is no experiment {short(name_or_path)} in the zoo and no such file{nearest(name_or_path, names())}")


def _folder() -> Traversable:
    return files("vitral.nets") / "zoo"
