"""``vitral explain`` as a person types it."""

import json
import xml.etree.ElementTree as ET

import pytest
from typer.testing import CliRunner

from vitral.cli.app import app
from vitral.cli.explain import COMMANDS
from vitral.errors import VitralError
from vitral.explain.operations import OPERATIONS
from vitral.explain.presets import PRESETS


def explain(*arguments, stdin=None):
    told = CliRunner().invoke(app, ["explain", *arguments], input=stdin)
    if told.exception is not None and not isinstance(told.exception, SystemExit):
        raise told.exception
    assert told.exit_code == 0, told.output
    return told.output


def test_every_operation_has_its_command():
    assert list(COMMANDS) == list(OPERATIONS)


@pytest.mark.parametrize("preset", [p for p in PRESETS if p.name != "L9"], ids=lambda p: f"{p.operation}-{p.name}")
def test_every_preset_is_told(preset):
    told = explain(preset.operation, "--preset", preset.name, "--language", "es")
    assert told.startswith(preset.spanish)


def test_presets_are_listed():
    assert [line.split()[0] for line in explain("pooling", "--preset", "list").splitlines()] == [
        "L1",
        "L8",
        "L9",
        "L10",
        "L11",
        "L11-large",
    ]


def test_numbers_come_from_a_file_from_a_pipe_and_from_the_command_line(tmp_path):
    file = tmp_path / "window.json"
    file.write_text('{"image": [[1, 3, 2], [6, 6, 4], [5, 7, 6]], "kernels": "edge"}')
    for told in (
        explain("convolution", "--file", str(file)),
        explain("convolution", "--file", "-", stdin=file.read_text()),
        explain("convolution", "--set", "image=[[1,3,2],[6,6,4],[5,7,6]]", "--set", "kernels=edge"),
    ):
        assert "14 + 0 = 14" in told
    assert "= 6" in explain("convolution", "--file", str(file), "--set", "kernels=identity")


def test_json_is_a_record_that_can_be_given_back(tmp_path):
    told = explain("lstm", "--preset", "L23", "--json", "--gradient", "weight_ih:0,1")
    record = json.loads(told)
    assert record["format"] == "vitral.explain"
    assert record["gradient"]["of"] == "weight_ih"
    (tmp_path / "again.json").write_text(told)
    assert json.loads(explain("lstm", "--file", str(tmp_path / "again.json"), "--json"))["output"] == record["output"]


@pytest.mark.parametrize("what", ["step", "folded", "valves", "fading"])
def test_drawings_are_written(tmp_path, what):
    explain("lstm", "--preset", "L28", "--svg", str(tmp_path / "a.svg"), "--draw", what)
    ET.parse(tmp_path / "a.svg")


def test_a_gradient_is_told_below_the_arithmetic():
    assert "measured by a finite difference: 6" in explain("convolution", "--preset", "L5", "--gradient", "kernels:0,0,1,1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps, in a workspace of its own."""
    workspace = tmp_path_factory.mktemp("runs")
    made = CliRunner().invoke(app, ["train", "digits", "--steps", "2", "--workspace", str(workspace)])
    assert made.exit_code == 0, made.output
    return workspace


@pytest.mark.parametrize("layer", ["conv1", "relu1", "pool2", "conv2"])
def test_a_number_of_a_trained_network_is_its_sum(trained, layer, tmp_path):
    drawing = tmp_path / "layer.svg"
    where = ("last", layer, "--channel", "3", "--at", "2,4", "--example", "7", "--workspace", str(trained))
    record = json.loads(explain(*where, "--json", "--svg", str(drawing)))
    assert record["moment"]["place"] == [3, 2, 4]
    assert record["engine"]["value"] == pytest.approx(record["moment"]["value"], abs=0.1)
    assert record["engine"]["value"] - record["moment"]["value"] == pytest.approx(record["engine"]["deviation"])
    ET.parse(drawing)
    assert "the engine computed" in explain(*where)


def test_a_trained_network_looks_at_ones_own_picture(trained, tmp_path):
    from PIL import Image

    Image.new("L", (40, 30), 200).save(tmp_path / "grey.png")
    told = explain("last", "dense1", "--channel", "4", "--image", str(tmp_path / "grey.png"), "--workspace", str(trained))
    assert "Fully connected layer: unit 4" in told
    with pytest.raises(VitralError, match='the network has no layer "conv9"; did you mean "conv'):
        explain("last", "conv9", "--workspace", str(trained))
    with pytest.raises(VitralError, match="there is no example 99999: the test split has"):
        explain("last", "conv1", "--example", "99999", "--workspace", str(trained))


def test_a_step_back_in_time_is_told_and_recorded():
    told = explain("lstm", "--preset", "L28", "--backward")
    assert "back through step t = 2" in told
    assert "dL/dc' = dL/dc * f" in told
    record = json.loads(explain("gru", "--backward", "--json"))
    assert [step["name"] for step in record["back"]] == ["through_gate"] * 3 + ["road_back"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convolution", "--preset", "L99"], 'convolution has no preset "L99"; expected one of L1, L2'),
        (["dropout"], "dropout has no preset to begin with: it has no presets, give its numbers in a file"),
        (["convolution", "--set", "stride=0"], "stride must be one or two whole numbers from 1"),
        (["convolution", "--set", "stride"], '--set takes KEY=VALUE, as stride=2, got "stride"'),
        (["convolution", "--set", "image=[[NaN]]"], "--set cannot be read: it holds NaN"),
        (["convolution", "--at", "a"], '--at takes whole numbers with commas between, as 0,3,3, got "a"'),
        (["convolution", "--at", "0,9,9"], r"there is no window \(kernel, row, column\) \(0, 9, 9\)"),
        (["convolution", "--gradient", "weights:0"], 'convolution has no gradient of "weights"; expected one of image, kernels, bias'),
        (["convolution", "--file", "nowhere.json"], "nowhere.json cannot be read: No such file or directory"),
        (["convolution", "--svg", "/nowhere/a.svg"], "/nowhere/a.svg cannot be written: No such file or directory"),
        (["rnn", "--set", "x=[]", "--set", "weight_ih=[[1]]", "--set", "weight_hh=[[1]]"], "the sequence is empty"),
        (["pooling", "--svg", "a.svg", "--draw", "folded"], "--draw folded is for rnn, lstm and gru, got pooling; use --draw step"),
        (["dense", "--backward"], "--backward goes back in time, got dense, which has none; use --gradient NAME:PLACE"),
        (["nix", "conv1"], "there is no run nix"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VitralError, match=message) as told:
        explain(*arguments)
    assert "\n" not in str(told.value)
