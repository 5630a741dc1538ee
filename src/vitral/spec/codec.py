"""An experiment to and from text: TOML for people, JSON for programs."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from vitral.errors import ShapeError, SpecError
from vitral.spec.complaint import explain
from vitral.spec.experiment import Experiment
from vitral.spec.memory import check, physical
from vitral.spec.override import override

MAX_BYTES = 2**20


def read(path: str | Path, sets: Iterable[str] = (), *, memory_limit: int | None = None) -> Experiment:
    """Read an experiment from a ``.toml`` or ``.json`` file (any other name: JSON where it begins with ``{``).

    Args:
        path: the file.
        sets: changes such as ``training.batch_size=64``; see ``vitral.spec.override``.
        memory_limit: refuse what would need more bytes than this to train; by default the machine's memory.
    Raises:
        SpecError: unreadable, larger than 1 MiB, broken (with its line), or an experiment that says something impossible.
        ShapeError: a layer that cannot read what the one before gives.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise SpecError(f"{path}: expected an experiment file, got a folder or a device; name a .toml or .json file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as cause:
        reason = getattr(cause, "strerror", None) or str(cause)
        raise SpecError(f"{path}: cannot be read ({reason.lower()}); check the name, or see vitral describe --help") from None
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{path}: expected an experiment file of at most 1 MiB, got a larger one; data belong into a file of their own")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = raw.count(b"\n", 0, cause.start) + 1
        raise SpecError(f"{path}, line {line}: expected UTF-8 text, got byte {raw[cause.start]:#04x}; save the file as UTF-8") from None
    load = _load_json if path.suffix == ".json" or (path.suffix != ".toml" and text.lstrip()[:1] == "{") else _load_toml
    values = load(text, str(path))
    try:
        return parse(override(values, sets), memory_limit=memory_limit)
    except (SpecError, ShapeError) as cause:
        raise type(cause)(f"{path}: {cause}") from None


def from_toml(text: str, sets: Iterable[str] = (), *, memory_limit: int | None = None) -> Experiment:
    """Read an experiment from TOML text. Raises as ``read`` does."""
    return parse(override(_load_toml(_bounded(text), "the text"), sets), memory_limit=memory_limit)


def from_json(text: str, sets: Iterable[str] = (), *, memory_limit: int | None = None) -> Experiment:
    """Read an experiment from JSON text. Raises as ``read`` does."""
    return parse(override(_load_json(_bounded(text), "the text"), sets), memory_limit=memory_limit)


def parse(values: Mapping[str, Any], *, memory_limit: int | None = None) -> Experiment:
    """Turn tables and lists, as TOML and JSON hold them, into an experiment.

    Args:
        values: the experiment's keys.
        memory_limit: refuse what would need more bytes than this to train; by default the machine's memory, 0 for no limit.
    Raises:
        SpecError: one line about the first thing to cure, naming the layer by number and name.
        ShapeError: a layer that cannot read what the one before gives.
    Example:
        A layer with ``filter = 16`` gives ``unknown key "filter" in layer 3 "conv2"; did you mean "filters"?``.
    """
    try:
        experiment = Experiment.model_validate(dict(values))
    except ValidationError as cause:
        raise explain(cause, Experiment, values) from None
    except RecursionError:
        raise SpecError("the experiment is nested too deeply; expected residual blocks at most 4 deep") from None
    except UnicodeEncodeError as cause:
        sign = ascii(cause.object[cause.start])
        raise SpecError(f"a text holds {sign}, half of a sign (a lone surrogate), which no file can keep; take it out") from None
    limit = physical() if memory_limit is None else memory_limit
    if limit:
        check(experiment, limit)
    return experiment


def to_toml(experiment: Experiment) -> str:
    """Write an experiment as a person would: only what differs from the defaults, one layer a line where it fits."""
    return tomli_w.dumps(_told(experiment))


def to_json(experiment: Experiment) -> str:
    """Write every field, defaults included, on one line: what a run keeps, so that a later default changes nothing in it."""
    return json.dumps(experiment.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(experiment: Experiment) -> str:
    """Give the SHA-256 of all that decides a run, in hexadecimal: two experiments share it when they are equal."""
    return hashlib.sha256(to_json(experiment).encode()).hexdigest()


def schema() -> dict[str, Any]:
    """Give the JSON schema of an experiment, every field with its description: editors and the page build forms from it."""
    found = Experiment.model_json_schema()
    for definition in found["$defs"].values():
        if "kind" in (properties := definition.get("properties", {})):
            properties["kind"].setdefault("description", definition["description"].partition("\n")[0])
    return found


def _told(model: BaseModel) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value is not None and (name == "kind" or field.is_required() or value != field.default):
            told[name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _told(value)
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _bounded(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SpecError("expected an experiment of at most 1 MiB of text, got more; data belong into a file of their own")
    return text


def _load_toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(cause), re.DOTALL)
        reason, line = (found[1], found[2] or str(text.count("\n") + 1)) if found else (str(cause), "")
        raise _broken(source, line, "TOML", reason) from None
    except ValueError as cause:  # a whole number of more than 4,300 digits
        raise _broken(source, "", "TOML", str(cause)) from None
    except RecursionError:
        raise _broken(source, "", "TOML", "brackets nested too deeply") from None


def _load_json(text: str, source: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f'the key "{next(k for k in keys if keys.count(k) > 1)}" stands twice')
        return values

    def refuse(word: str) -> Any:
        raise ValueError(f"JSON knows no number {word}")

    try:
        values = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as cause:
        raise _broken(source, str(cause.lineno), "JSON", cause.msg) from None
    except ValueError as cause:
        raise _broken(source, "", "JSON", str(cause)) from None
    except RecursionError:
        raise _broken(source, "", "JSON", "brackets nested too deeply") from None
    if not isinstance(values, dict):
        raise SpecError(f"{source}: expected an object with the keys of an experiment, got {type(values).__name__}; begin with {{")
    return values


def _broken(source: str, line: str, language: str, reason: str) -> SpecError:
    place = f"{source}, line {line}" if line else source
    reason = " ".join(reason.split())[:200]
    first = reason[:1] if reason[1:2].isupper() else reason[:1].lower()
    return SpecError(f"{place}: broken {language}: {first}{reason[1:]}")
