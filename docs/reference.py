"""Write the reference of the experiment file, in English and Spanish, from the models themselves: ``python docs/reference.py``.

The sentences are the fields' own descriptions; ``docs/spanish.toml`` holds each of them in Spanish. A test fails when a page is not
what this program would write, or when a sentence has no Spanish.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from vitral.spec import schema

DOCS = Path(__file__).resolve().parent
PAGES = {"en": DOCS / "experiments.md", "es": DOCS / "es" / "experiments.md"}
LARGEST = 2**20

PARTS = ["Experiment", "Words", "Data", "Augmentation", "Network", "Training", "Optimiser", "Schedule", "Samples"]
LAYERS = [
    "Convolution", "Pooling", "GlobalPooling", "Flatten", "Dense", "Activation", "LeakyRelu", "Maxout",
    "Dropout", "BatchNorm", "LocalResponseNorm", "Scale", "Residual",
    "Embedding", "Rnn", "Lstm", "Gru", "OverTime", "Repeat", "Convolution1d", "Pooling1d",
]  # fmt: skip
INPUTS = ["Tokens", "Series"]
LOSSES = ["Softmax", "Hinge", "Regression"]
COMMON = ("kind", "name")  # of every layer; said once

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "whole": "whole number", "number": "number", "text": "text", "truth": "`true` or `false`", "pair": "one or two whole numbers",
        "three": "three whole numbers", "input": "three whole numbers, or an [input](#inputs)", "list": "list of whole numbers", "shares": "three shares", "two": "two numbers", "layers": "list of [layers](#layers)", "loss": "a [loss](#losses)",
        "key": "key", "value": "value", "default": "default", "what": "what it is", "needed": "needed", "from": "from", "below": "below",
        "above": "above", "to": "to", "or": "or",
    },
    "es": {
        "whole": "número entero", "number": "número", "text": "texto", "truth": "`true` o `false`", "pair": "uno o dos números enteros",
        "three": "tres números enteros", "input": "tres números enteros, o una [entrada](#entradas)", "list": "lista de números enteros", "shares": "tres partes", "two": "dos números", "layers": "lista de [capas](#capas)", "loss": "una [pérdida](#pérdidas)",
        "key": "clave", "value": "valor", "default": "por defecto", "what": "qué es", "needed": "obligatoria", "from": "desde",
        "below": "menor que", "above": "mayor que", "to": "hasta", "or": "o",
    },
}  # fmt: skip


def write() -> None:
    """Write both pages."""
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")


def page(language: str) -> str:
    """Compose one language's page."""
    spanish = tomllib.loads((DOCS / "spanish.toml").read_text(encoding="utf-8"))
    found = schema()
    models = {"Experiment": found, **found["$defs"]}
    text = [spanish["page"][language]["opening"].strip()]
    say = {sentence: spanish["sentences"].get(sentence) for sentence in sentences(models)} if language == "es" else {}
    text += [_section(part, models[part], language, say) for part in PARTS]
    for group, names in (("inputs", INPUTS), ("layers", LAYERS), ("losses", LOSSES)):
        text.append(spanish["page"][language][group].strip())
        text += [_section(name, models[name], language, say, level=3, skip=COMMON if group == "layers" else ("kind",)) for name in names]
    return "\n\n".join(text) + "\n"


def sentences(models: dict[str, Any]) -> list[str]:
    """List every sentence that a page says, once."""
    said = [_plain(model["description"].partition("\n")[0]) for model in models.values()]
    said += [_plain(field["description"]) for model in models.values() for field in model.get("properties", {}).values()]
    return list(dict.fromkeys(said))


def _section(name: str, model: dict[str, Any], language: str, say: dict[str, str], *, level: int = 2, skip: tuple[str, ...] = ()) -> str:
    words, fields = WORDS[language], model.get("properties", {})
    kind = fields.get("kind", {})
    title = f'`kind = "{kind["const"]}"`' if "const" in kind else name
    if name == "Activation":
        title = ", ".join(f'`"{value}"`' for value in kind["enum"])
    opening = _plain(model["description"].partition("\n")[0])
    lines = [f"{'#' * level} {title}", "", say.get(opening, opening)]
    rows = [key for key in fields if key not in skip]
    if rows:
        lines += ["", f"| {words['key']} | {words['value']} | {words['default']} | {words['what']} |", "|---|---|---|---|"]
    for key in rows:
        field = fields[key]
        sentence = _plain(field["description"])
        default = _default(field) if key not in model.get("required", []) else words["needed"]
        cells = [f"`{key}`", _value(field, words), default, say.get(sentence, sentence)]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines)


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or isinstance(value, dict):
        return "–"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _value(field: dict[str, Any], words: dict[str, str]) -> str:
    if "oneOf" in field and any(option.get("type") == "array" for option in field["oneOf"]):
        return words["input"]
    if "anyOf" in field:
        options = [option for option in field["anyOf"] if option.get("type") != "null"]
        if any(option.get("type") == "array" for option in options):
            texts = [f'`"{option["const"]}"`' for option in options if "const" in option]
            return f" {words['or']} ".join([words["pair"], *texts])
        if len(options) == 2 and "const" in options[1]:
            return f'{_simple(options[0], words)} {words["or"]} `"{options[1]["const"]}"`'
        field = options[0]
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in field or "const" in field:
        return ", ".join(f'`"{value}"`' for value in field.get("enum", [field.get("const")]))
    return words["loss"] if "discriminator" in field else _simple(field, words)


def _simple(field: dict[str, Any], words: dict[str, str]) -> str:
    if field["type"] == "array":
        if field.get("items", {}).get("type") == "integer":
            return words["list"]
        if "items" in field:
            return words["layers"]
        whole = field["prefixItems"][0]["type"] == "integer"
        return words["two"] if field["maxItems"] == 2 else words["three"] if whole else words["shares"]
    kinds = {"integer": words["whole"], "number": words["number"], "boolean": words["truth"], "string": words["text"]}
    return " ".join([kinds[field["type"]], *_bounds(field, words)])


def _bounds(field: dict[str, Any], words: dict[str, str]) -> list[str]:
    bounds = [f"{words['from']} {field['minimum']}"] if "minimum" in field else []
    bounds += [f"{words['above']} {field['exclusiveMinimum']}"] if "exclusiveMinimum" in field else []
    bounds += [f"{words['to']} {field['maximum']}"] if field.get("maximum", LARGEST) != LARGEST else []
    bounds += [f"{words['below']} {field['exclusiveMaximum']}"] if field.get("exclusiveMaximum", LARGEST) < LARGEST else []
    return bounds


def _plain(sentence: str) -> str:
    return " ".join(sentence.replace("``", "`").split())


if __name__ == "__main__":
    write()
