"""Terminal, SVG and JSON say the same, completely, in both languages, and never anything that is not finite."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from vitral.errors import DataError, SpecError
from vitral.explain import build, colour, convolve, fade, kernel, presets, schema, softmax, text, unfold_lstm, unfold_rnn
from vitral.explain.diagrams import draw_fading, draw_folded, draw_valves
from vitral.explain.drawing import draw
from vitral.explain.operations import OPERATIONS, read
from vitral.explain.record import again, record
from vitral.explain.words import WORDS

SMALL = [preset for preset in presets.PRESETS if preset.name != "L9"]
each = pytest.mark.parametrize("preset", SMALL, ids=lambda preset: f"{preset.operation}-{preset.name}")
OTHERS = {
    "activation": {"x": [-1.0, 2.0], "function": "leaky_relu", "slope": 0.2},
    "global_pooling": {"image": [[1, 3], [6, 6]]},
    "cross_entropy": {"scores": [1.0, 2.0, -1.0], "target": 2},
    "batch_norm": {"batch": [[1.0, 2.0], [3.0, 5.0]], "mean": [0, 1], "variance": [1, 2]},
    "local_response_norm": {"image": [[[1.0]], [[-2.0]], [[3.0]]], "size": 2},
    "dropout": {"x": [3.0, 4.0], "mask": [1, 0]},
}


def valid(value, rule):
    """As much of JSON Schema as the published schema uses, written anew for the test."""
    if "$ref" in rule:
        rule = schema.DEFINITIONS[rule["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in rule:
        return any(valid(value, option) for option in rule["anyOf"])
    if "const" in rule:
        return value == rule["const"]
    if "enum" in rule:
        return value in rule["enum"]
    kind = rule["type"]
    if kind == "object":
        fields = rule.get("properties")
        if not isinstance(value, dict) or not all(key in value for key in rule.get("required", [])):
            return False
        return fields is None or all(key in fields and valid(item, fields[key]) for key, item in value.items())
    if kind == "array":
        return isinstance(value, list) and all(valid(item, rule["items"]) for item in value)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"number": int | float, "string": str}[kind]) and not isinstance(value, bool)


def gradient_of(trace):
    name = trace.differentiable[0]
    return trace.backward().of(name, *(0,) * trace.inputs[name].ndim)


@each
def test_a_record_keeps_to_the_schema_and_makes_the_same_trace_again(preset):
    trace = preset.trace()
    back = trace.backward().at(0) if preset.operation in ("rnn", "lstm", "gru") else None
    values = record(trace, preset.place, gradient=gradient_of(trace), back=back)
    written = json.loads(json.dumps(values, allow_nan=False))
    assert valid(written, schema.SCHEMA)
    assert np.array_equal(again(written).output, trace.output)
    assert np.array_equal(written["output"], trace.output)


@pytest.mark.parametrize("operation", OTHERS)
def test_operations_without_a_preset_are_recorded_too(operation):
    trace = build(operation, OTHERS[operation])
    place = (0,) * len(trace.shape)
    written = json.loads(json.dumps(record(trace, place, gradient=gradient_of(trace)), allow_nan=False))
    assert valid(written, schema.SCHEMA)
    assert np.array_equal(again(written).output, trace.output)
    for language in ("en", "es"):
        ET.fromstring(draw(trace, trace.at(*place), language=language))
        assert text.plain(text.explain(trace, trace.at(*place), language=language))


def test_every_operation_is_among_them():
    assert {preset.operation for preset in SMALL} | set(OTHERS) == set(OPERATIONS)


def test_the_schemas_judge_is_no_nodder():
    values = record(softmax([0.0, 1.0]), (0,))
    for harm in ({"version": 2}, {"shape": "2"}, {"more": 1}, {"moment": {}}, {"output": ["a"]}):
        assert not valid(values | harm, schema.SCHEMA)


def test_a_record_of_another_version_is_refused():
    with pytest.raises(
        SpecError, match=r"a record must say format vitral.explain and version 1, got 'vitral.explain 2'|got \"vitral.explain 2\""
    ):
        again(record(softmax([0.0])) | {"version": 2})
    with pytest.raises(SpecError, match="must hold its arguments"):
        again(record(softmax([0.0])) | {"arguments": []})


def test_a_window_is_recorded_without_the_layer():
    trace = convolve(np.ones((4, 50, 50)), np.ones((8, 4, 3, 3)))
    assert "output" not in record(trace, (7, 47, 47), output=False)
    assert "output" not in vars(trace)


@each
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_gets_lines_that_fit(preset, language, width):
    trace = preset.trace()
    moment = trace.at(*preset.place)
    lines = text.plain(text.explain(trace, moment, width=width, language=language)).splitlines()
    assert max(map(len, lines)) <= width
    for step in moment.steps:
        assert any(step.formula in line for line in lines)


def test_the_arithmetic_of_the_slide_as_a_hand_would_write_it():
    trace = convolve([[1, 3, 2], [6, 6, 4], [5, 7, 6]], kernel("edge"))
    told = text.plain(text.explain(trace, trace.window(0, 0, 0)))
    assert " 6  6  4  ×  -1   8  -1  =  -6  48  -4" in told
    assert told.endswith("14 + 0 = 14")


def test_a_gradient_is_told_term_by_term():
    told = text.plain(text.differentiate(convolve(np.arange(9.0).reshape(3, 3), np.ones((2, 2))).backward().of("kernels", 0, 0, 0, 0)))
    assert [line.split() for line in told.splitlines()[2:6]] == [
        ["0,0,0", "1", "1", "0", "0"], ["0,0,1", "1", "1", "1", "1"], ["0,1,0", "1", "1", "3", "3"], ["0,1,1", "1", "1", "4", "4"],
    ]  # fmt: skip
    assert "= 8" in told
    assert "finite difference: 8, deviation" in told


@each
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_drawing_stands_alone(preset, language):
    trace = preset.trace()
    drawn = draw(trace, trace.at(*preset.place), language=language, heading=preset.spanish if language == "es" else preset.english)
    root = ET.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root[0].tag.endswith("title")
    assert root[0].text
    assert "@media screen and (prefers-color-scheme:dark)" in drawn
    links = [link for link in re.findall(r'(?:href|src|url)\s*[=(]\s*"?([^)"]+)', drawn) if link != "#tip"]
    assert links == []
    assert not re.search(r"nan|inf[^o]", drawn.split("</style>")[1])
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= float(box.attrib.get("x", 0)) <= width - float(box.attrib["width"]) + 1
        assert 0 <= float(box.attrib.get("y", 0)) <= height - float(box.attrib["height"]) + 1


def test_recurrent_models_are_drawn_folded_unfolded_with_valves_and_fading():
    plain, gated = presets.load("rnn", "L20").trace(), presets.load("lstm", "L28").trace()
    for language in ("en", "es"):
        folded = draw_folded(plain, language=language)
        for word in ("S(t-1)", "X(t)", "S(t)", "Y(t)", ">W<", "X(4)", "Y(4)"):
            assert word in folded
        valves = draw_valves(gated, 2, language=language)
        assert ("95.3 % open" if language == "en" else "95.3 % abierta") in valves
        for drawn in (folded, valves, draw_fading([fade(plain), fade(gated)], language=language)):
            ET.fromstring(drawn)


def test_every_colour_can_be_read_and_the_steps_are_equal():
    for theme in ("light", "dark"):
        lightness = [colour.luminance(colour.fill(step, theme)) for step in range(-colour.LEVELS, colour.LEVELS + 1)]
        for step, behind in zip(range(-colour.LEVELS, colour.LEVELS + 1), lightness, strict=True):
            bright, dark = sorted((behind, colour.luminance(colour.ink(step, theme))), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5
        falling = -1 if theme == "light" else 1
        for side in (lightness[: colour.LEVELS + 1][::-1], lightness[colour.LEVELS :]):
            assert (np.diff(side) * falling > 0).all()


def test_zero_alone_is_neutral():
    assert [colour.level(value, 100.0) for value in (0.0, 1e-9, -1e-9, 50.0, -100.0, 1e9)] == [0, 1, -1, 5, -10, 10]


def test_every_word_has_two_languages_and_every_step_a_word():
    assert all(english and spanish for english, spanish in WORDS.values())
    for preset in SMALL:
        trace = preset.trace()
        for step in trace.at(*preset.place).steps:
            assert step.name in WORDS
            assert not step.part or f"part_{step.part}" in WORDS
    for trace in (unfold_rnn([[1.0]], [[1.0]], [[1.0]]), unfold_lstm([[1.0]], np.ones((4, 1)), np.ones((4, 1)))):
        assert all(step.name in WORDS for step in trace.backward().at(0).steps)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ('{"image": [[1, 2]', r"x.json is not JSON: expecting ',' delimiter at line 1, column 18"),
        ('{"image": [NaN]}', "x.json cannot be read: it holds NaN; every number must be finite"),
        ('{"image": [Infinity]}', "it holds Infinity"),
        ('{"x": 1, "x": 2}', 'it gives "x" twice; give it once'),
        ("[1, 2]", r"x.json must be a JSON object, .*, got \[1, 2\]"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_wrong_json_is_said_in_one_line(told, message):
    with pytest.raises(DataError, match=message) as wrong:
        read(told, "x.json")
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("convolutoin", {}, 'there is no operation called "convolutoin"; did you mean "convolution"'),
        ("pooling", {"image": [[1]], "strid": 1}, 'pooling takes no "strid"; did you mean "stride"'),
        ("dense", {"x": [1]}, "dense needs weights; add it"),
        ("convolution", {"image": [[1]], "kernels": "sobel"}, 'there is no kernel called "sobel"; did you mean "sobel-'),
    ],
)
def test_a_wrong_request_is_said_in_one_line(operation, arguments, message):
    with pytest.raises(SpecError, match=message):
        build(operation, arguments)


def test_explaining_loads_neither_torch_nor_pydantic():
    code = (
        "import sys, vitral.explain, vitral.explain.presets, vitral.explain.drawing, vitral.explain.diagrams, vitral.explain.record\n"
        "print(sorted({'torch', 'pydantic', 'rich', 'typer'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
