"""The published schema of a record; docs/explain.schema.json is written from here."""

from __future__ import annotations

from typing import Any

from vitral.explain.operations import OPERATIONS
from vitral.explain.record import FORMAT, VERSION

Schema = dict[str, Any]


def _object(required: Schema, optional: Schema | None = None, description: str = "") -> Schema:
    own = {"type": "object", "properties": required | (optional or {}), "required": list(required), "additionalProperties": False}
    return own | ({"description": description} if description else {})


def _list(items: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": items} | ({"description": description} if description else {})


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
PLACE = _list({"type": "integer"})

DEFINITIONS: dict[str, Schema] = {
    "array": {"description": "A finite number, or a list of arrays of one shape.", "anyOf": [NUMBER, _list(_ref("array"))]},
    "marks": {"description": "As an array, with true where a cell is marked.", "anyOf": [{"type": "boolean"}, _list(_ref("marks"))]},
    "operand": _object(
        {"symbol": TEXT, "values": _ref("array")},
        {"marks": _ref("marks"), "meaning": {"enum": ["padding", "winner", "dropped"]}},
        "Numbers under the symbol they carry in the formula.",
    ),
    "step": _object(
        {"name": TEXT, "formula": TEXT, "sign": TEXT, "operands": _list(_ref("operand")), "value": _ref("operand")},
        {"part": {"type": "string", "description": "The gate or stage of a recurrent cell that the line belongs to."}},
        "One line of arithmetic.",
    ),
    "moment": _object(
        {"place": PLACE, "value": _ref("array"), "steps": _list(_ref("step"), "In the order a hand would write them.")},
        {
            "rows": _list({"type": "integer"}, "Rows of the image under the window; outside the image where padding lies."),
            "columns": _list({"type": "integer"}),
            "winner": _list({"type": "integer"}, "Row and column of the maximum, the first where several tie."),
            "ties": {"type": "integer", "description": "How many cells hold the maximum."},
        },
        "The arithmetic behind one place of the output.",
    ),
    "term": _object(
        {"place": PLACE, "upstream": NUMBER, "slope": NUMBER, "local": NUMBER, "product": NUMBER},
        description="What one place adds to a gradient: dLoss/dOutput there, the activation's slope, the number's own factor.",
    ),
    "gradient": _object(
        {
            "of": TEXT,
            "place": PLACE,
            "value": NUMBER,
            "terms": _list(_ref("term"), "Over windows, units or time; the value is the sum of their products."),
            "check": _object({"value": NUMBER, "step": NUMBER, "deviation": NUMBER}, description="The finite difference beside it."),
        }
    ),
    "engine": _object(
        {"value": NUMBER, "deviation": NUMBER, "reason": TEXT},
        description="What the engine computed for the same number, and why it differs.",
    ),
}

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An operation that explains itself, as vitral.explain writes it down",
    **_object(
        {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            "operation": {"enum": list(OPERATIONS)},
            "arguments": {"type": "object", "description": "What makes the same trace again: settings and arrays."},
            "shape": _list({"type": "integer"}, "Of the output."),
            "facts": {"type": "object", "description": "What is true of the whole operation."},
        },
        {
            "moment": _ref("moment"),
            "gradient": _ref("gradient"),
            "back": _list(_ref("step"), "One step back in time through a recurrent cell, for the loss that sums every h."),
            "output": _ref("array"),
            "engine": _ref("engine"),
        },
    ),
    "$defs": DEFINITIONS,
}
