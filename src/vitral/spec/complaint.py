"""One sentence for whatever pydantic has against a specification: what, expected, got, cure."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vitral.errors import SpecError
from vitral.spec.base import short
from vitral.spec.network import MAX_DEPTH
from vitral.spec.shapes import number_names

Loc = tuple[int | str, ...]

ALIASES = {
    "conv": "convolution", "conv2d": "convolution", "fc": "dense", "linear": "dense", "fully_connected": "dense", "pool": "pooling",
    "maxpool": "pooling", "max_pool": "pooling", "avgpool": "pooling", "average_pool": "pooling", "global_average_pooling": "global_pooling",
    "batchnorm": "batch_norm", "bn": "batch_norm", "norm": "batch_norm", "lrn": "local_response_norm", "leakyrelu": "leaky_relu",
    "lrelu": "leaky_relu", "swish": "silu", "block": "residual", "svm": "hinge", "cross_entropy": "softmax", "mse": "regression",
    "kernel": "size", "kernel_size": "size", "width": "size", "out_channels": "filters", "channels": "filters", "num_filters": "filters",
    "neurons": "units", "pad": "padding", "p": "probability", "drop_prob": "probability", "rate": "probability", "lr": "learning_rate",
    "weight_decay": "l2_decay", "decay": "l2_decay", "batch": "batch_size", "num_epochs": "epochs", "ema": "average", "beta": "betas",
    "simple_rnn": "rnn", "conv1d": "convolution_1d", "conv_1d": "convolution_1d", "max_pool_1d": "pooling_1d", "embed": "embedding",
    "hidden": "hidden_size", "num_units": "hidden_size", "units": "hidden_size", "embedding_dim": "size", "timesteps": "length",
    "seq_length": "length", "vocabulary": "symbols", "vocab_size": "symbols", "dataset": "source", "method": "kind", "type": "kind", "optim": "optimiser", "gradient_clipping": "clip", "dtype": "precision",
}  # fmt: skip
"""What the field calls our keys and kinds elsewhere."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Say what was probably meant: ``; did you mean "filters"?``, or else what there is to choose from.

    Example: ``nearest("filtes", ["filters", "size"])`` is ``; did you mean "filters"?``.
    """
    names = list(known)
    alias = ALIASES.get(word.lower())
    close = [alias] if alias in names else difflib.get_close_matches(word.lower(), names, n=1)
    return f'; did you mean "{close[0]}"?' if close else f"; expected one of {', '.join(names)}" if names else ""


def explain(cause: ValidationError, model: type[BaseModel], values: Any) -> SpecError:
    """Turn all that pydantic found into one error about the first thing to cure.

    Args:
        cause: what pydantic raised while it read ``values`` as a ``model``.
        model: the part of the specification that was being read.
        values: the tables and lists that were read.
    """
    # url and context would be rendered for every error, and a wild file can have thousands
    errors = sorted(cause.errors(include_url=False), key=_urgency)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 and _urgency(errors[0]) else ""
    return SpecError(_sentence(errors[0], model, values) + more)


def _urgency(error: ErrorDetails) -> int:
    """A key that nobody knows is the likely reason why another is missing, so it is told first."""
    return ["extra_forbidden", "union_tag_invalid", "union_tag_not_found"].count(error["type"]) ^ 1


def _sentence(error: ErrorDetails, model: type[BaseModel], values: Any) -> str:
    kind, loc = error["type"], error["loc"]
    depth = loc.count("layers") - 1
    if kind == "recursion_loop" or depth > MAX_DEPTH:
        place = _place(loc[:3], values)
        return f"{place}: residual blocks are nested more than {MAX_DEPTH} deep; put them in a row"
    fields, tagless = _follow(model, loc)
    if kind == "extra_forbidden":
        where, key = _place(tagless[:-1], values), str(tagless[-1])
        return f"unknown key {short(key)} {f'in {where}' if where else 'at the top'}{nearest(key, fields)}"
    if kind == "union_tag_invalid":
        tags = [tag.strip("'") for tag in error["ctx"]["expected_tags"].split(", ")]
        tag = str(error["ctx"]["tag"])
        return f"{_place(tagless, values)}: unknown kind {short(tag)}{nearest(tag, tags)}"
    if kind == "union_tag_not_found":
        return f'{_place(tagless, values)} must say its kind; write kind = "..." as its first key'
    return f"{_subject(tagless, values)} {_predicate(error)}".strip()


def _predicate(error: ErrorDetails) -> str:
    kind, got, context = error["type"], short(error["input"]), error.get("ctx", {})
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        choices = [part.strip("'") for part in context["expected"].replace(" or ", ", ").split(", ")]
        return f"must be one of {', '.join(choices)}, got {got}{_meant(error['input'], choices)}"
    words = {
        "greater_than_equal": "at least {ge}",
        "less_than_equal": "at most {le}",
        "greater_than": "more than {gt}",
        "less_than": "less than {lt}",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "bool_type": "true or false",
        "string_type": 'a text in "quotes"',
        "string_pattern_mismatch": "at most 64 letters, digits, - and _, without blanks, beginning with a letter",
        "string_too_long": "at most {max_length} signs long",
        "string_too_short": "at least {min_length} sign long",
        "tuple_type": "a list, as [3, 32, 32]",
        "too_short": "a list of at least {min_length} (got {actual_length})",
        "too_long": "a list of at most {max_length} (got {actual_length})",
        "model_type": "a table of keys",
        "model_attributes_type": "a table of keys",
    }
    expected = words.get(kind)
    if expected is None:
        return f"cannot be read: {error['msg'][:1].lower()}{error['msg'][1:]}, got {got}"
    if isinstance(error["input"], (list, dict)) and "list of" in expected:
        return f"must be {expected.format(**context)}"
    return f"must be {expected.format(**context)}, got {got}"


def _meant(got: object, choices: list[str]) -> str:
    hint = nearest(got, choices) if isinstance(got, str) else ""
    return hint if "did you mean" in hint else ""


def _subject(loc: Loc, values: Any) -> str:
    """Name what is wrong: ``layer 3 "conv2": filters``, ``training.batch_size``, ``the experiment``."""
    last = max((i for i, part in enumerate(loc) if isinstance(part, int) and i and loc[i - 1] == "layers"), default=-1)
    rest = loc[last + 1 :]
    place = _place(loc[: last + 1], values)
    dotted = ".".join(str(part + 1 if isinstance(part, int) else part) for part in rest)
    return f"{place}: {dotted}" if place and dotted else place or dotted or "the experiment"


def _place(loc: Loc, values: Any) -> str:
    """Name a part as a person finds it: ``layer 3 "conv2"``, ``layer 4 "block1": layer 2 "conv2"``, ``training.schedule``."""
    steps: list[str] = []
    dotted: list[str] = []
    for position, part in enumerate(loc):
        if isinstance(part, int) and position and loc[position - 1] == "layers" and isinstance(values, Sequence):
            steps.append(_layer(values, part))
            dotted = []
        else:
            dotted.append(str(part + 1 if isinstance(part, int) else part))
        values = _inside(values, part)
    if dotted and dotted != ["layers"] and steps:
        steps.append(".".join(dotted))
    return ": ".join(steps) if steps else ".".join(dotted)


def _layer(layers: Sequence[Any], index: int) -> str:
    entries = [layer if isinstance(layer, dict) else {} for layer in layers]
    pairs = [(str(entry.get("kind", "layer")), entry["name"] if isinstance(entry.get("name"), str) else None) for entry in entries]
    given, kind = pairs[index][1], entries[index].get("kind")
    name = given or (number_names(pairs)[index] if isinstance(kind, str) else None)
    return f"layer {index + 1} {short(name)}" if name else f"layer {index + 1}"


def _inside(values: Any, part: int | str) -> Any:
    if isinstance(values, dict):
        return values.get(part)
    return values[part] if isinstance(part, int) and isinstance(values, Sequence) and part < len(values) else None


def _follow(model: type[BaseModel], loc: Loc) -> tuple[list[str], Loc]:
    """Walk a location through the models: the keys known where it ends, and the location without pydantic's tags for unions."""
    models, path, keys = [model], [], list(model.model_fields)
    for part in loc:
        if isinstance(part, str) and len(models) > 1:  # a discriminated union: pydantic names the kind it took
            models = [m for m in models if part in typing.get_args(m.model_fields["kind"].annotation)]
        else:
            path.append(part)
            if isinstance(part, str):
                fields = models[0].model_fields if models else {}
                models = list(_models(fields[part].annotation)) if part in fields else []
                keys = keys if part not in fields else []
        if len(models) == 1:
            keys = list(models[0].model_fields)
    return keys, tuple(path)


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
