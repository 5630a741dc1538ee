"""``vitral inside`` as a person types it, on a real run over a real text."""

import json
import xml.etree.ElementTree as ET

import pytest
from typer.testing import CliRunner

from vitral.cli.app import app
from vitral.errors import VitralError

LINE = 'He said "well, my dear friend <b>&" to me; 12 (no, 13) men went.\n'
EXPERIMENT = """
name = "tiny-{kind}"
data = {{ source = "{source}", split = [0.5, 0.1, 0.4] }}
seed = 1
[network]
input = {{ kind = "tokens", length = 20 }}
layers = [{{ kind = "{kind}", hidden_size = 8 }}, {{ kind = "{kind}", hidden_size = 6 }}, {{ kind = "dense", units = "symbols" }}]
loss = {{ kind = "softmax" }}
[training]
steps = 12
batch_size = 4
precision = "float32"
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with an LSTM and a GRU that read the same text for a moment."""
    folder = tmp_path_factory.mktemp("inside")
    (folder / "text.txt").write_text(LINE * 400, encoding="utf-8")
    for kind in ("lstm", "gru"):
        (folder / f"{kind}.toml").write_text(EXPERIMENT.format(kind=kind, source=folder / "text.txt"))
        made = CliRunner().invoke(app, ["train", str(folder / f"{kind}.toml"), "--workspace", str(folder / "runs")])
        assert made.exit_code == 0, made.output
    return folder


@pytest.fixture
def inside(workspace):
    def call(*arguments):
        told = CliRunner().invoke(app, ["inside", *map(str, arguments), "--workspace", str(workspace / "runs")])
        if told.exception is not None and not isinstance(told.exception, SystemExit):
            raise told.exception
        assert told.exit_code == 0, told.output
        return told.output

    return call


def test_a_run_alone_gives_a_first_look(inside):
    told = inside("tiny-lstm", "--length", 3000)
    assert "How often each gate is all but shut or all but open" in told
    assert "quotes" in told
    assert "vitral inside colour tiny-lstm" in told
    assert "the test part of text" in told
    record = json.loads(inside("tiny-lstm", "--length", 3000, "--json"))
    assert len(record["gates"]) == 6
    assert "quotes" in record["findings"]


def test_every_gate_of_every_layer_is_in_the_record(inside):
    record = json.loads(inside("gates", "tiny-lstm", "--text", "He said", "--json"))
    assert record["deviation"] < 1e-6
    assert "".join(record["symbols"]) == "He said"
    assert set(record["layers"]) == {"lstm1", "lstm2"}
    one = record["layers"]["lstm1"]
    assert {part: (len(values), len(values[0])) for part, values in one["parts"].items()} == dict.fromkeys("ifgoch", (7, 8))
    for t in range(7):
        for i, g, learned in zip(one["parts"]["i"][t], one["parts"]["g"][t], one["stages"]["learn"][t], strict=True):
            assert i * g == pytest.approx(learned, abs=2e-6)


def test_gates_are_told_step_by_step(inside):
    told = inside("gates", "tiny-lstm", "--text", "He\n", "--layer", "lstm1", "--unit", 3)
    lines = [line.split() for line in told.splitlines()]
    assert [line[1] for line in lines if line and line[0] in "012" and len(line) == 10] == ["H", "e", "↵"]
    assert "it deviates from what torch computed by" in told
    assert "reset r" in inside("gates", "tiny-gru", "--text", "He")


def test_one_step_is_told_in_full_and_drawn(inside, tmp_path):
    told = inside("gates", "tiny-lstm", "--text", "He said", "--step", 4, "--svg", tmp_path / "valves.svg", "--language", "es")
    assert "step 4 reads “a”" in told
    assert "paso t = 4" in told
    assert "puerta de olvido f" in told
    ET.parse(tmp_path / "valves.svg")
    told = inside("gates", "tiny-lstm", "--text", "He said", "--step", 4, "--unit", 2)
    values = dict(line.split(None, 1) for line in told.splitlines() if line.strip().startswith(("learn", "forget", "remember", "use")))
    assert set(values) >= {"learn", "forget", "remember", "use"}
    assert "kept  z * h'" in inside("gates", "tiny-gru", "--text", "He", "--step", 1, "--unit", 2)


def test_saturation_is_told_and_recorded(inside):
    assert "forget f" in inside("saturation", "tiny-lstm", "--length", 500)
    record = json.loads(inside("saturation", "tiny-gru", "--length", 500, "--json"))
    assert [(one["layer"], one["part"], len(one["left"])) for one in record["gates"]] == [
        ("gru1", "r", 8),
        ("gru1", "z", 8),
        ("gru2", "r", 6),
        ("gru2", "z", 6),
    ]


def test_cells_are_searched_for(inside):
    told = inside("cells", "tiny-lstm", "--length", 5000, "--property", "quotes", "--property", "indentation", "--best", 3)
    assert told.count(" bal.") >= 6
    assert "indentation: left out, all but the same everywhere" in told
    record = json.loads(inside("cells", "tiny-gru", "--length", 5000, "--json"))
    assert record["num_cells"] == 14
    assert record["findings"]["column"][0]["measure"] == "correlation"


def test_a_text_is_coloured_in_every_form(inside, tmp_path):
    told = inside("colour", "tiny-lstm", "--cell", 2, "--text", "a <b>\n")
    assert "a <b>↵" in told
    assert "1 to 9 positive, a to i negative" in told
    assert (
        inside("colour", "tiny-lstm", "--gate", "f", "--html", tmp_path / "a.html", "--svg", tmp_path / "a.svg", "--language", "es") == ""
    )
    assert "puerta de olvido f, media de 6 unidades" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "&lt;</span>" in (tmp_path / "a.html").read_text(encoding="utf-8")
    ET.parse(tmp_path / "a.svg")
    record = json.loads(inside("colour", "tiny-gru", "--layer", "gru1", "--cell", 1, "--length", 300, "--json"))
    assert (record["part"], len(record["values"])) == ("h", 300)


def test_reach_lays_runs_side_by_side(inside, tmp_path):
    told = inside("reach", "tiny-lstm", "tiny-gru", "--steps", 20, "--places", 4, "--svg", tmp_path / "reach.svg", "--language", "es")
    assert all(name in told for name in ("lstm1 h", "lstm2 c", "gru1 h", "k = 10"))
    assert "Hasta dónde atrás" in (tmp_path / "reach.svg").read_text(encoding="utf-8")
    record = json.loads(inside("reach", "tiny-gru", "--steps", 20, "--places", 4, "--json"))
    assert [(one["layer"], len(one["hidden"]), one["cell"]) for one in record] == [("gru1", 21, None), ("gru2", 21, None)]


def test_a_part_is_switched_off(inside):
    told = inside("ablate", "tiny-lstm", "--layer", "lstm1", "--gate", "f=0", "--gate", "i=mean", "--length", 800, "--sample", 30)
    assert "forget f of all units of lstm1 (held at 0), input i of all units of lstm1 (held at their mean)" in told
    assert "written before" in told
    assert "written after" in told
    values = json.loads(inside("ablate", "tiny-lstm", "--unit", 1, "--part", "c", "--length", 800, "--sample", 10, "--json"))
    assert values["rise"] == pytest.approx(values["after"] - values["before"])
    assert len(values["written"]["before"]) == len(values["written"]["after"]) == 10
    assert values["written"] == json.loads(inside("ablate", "tiny-lstm", "--unit", 1, "--part", "c", "--sample", 10, "--json"))["written"]
    assert len(json.loads(inside("ablate", "tiny-gru", "--each", "--length", 300, "--json"))["rises"]) == 6


def test_what_is_written_before_is_what_vitral_sample_writes(inside, workspace):
    """The same draws and the same weights: the sample of an unharmed network is the one that ``vitral.generate`` gives."""
    from vitral.generate.stepper import Stepper
    from vitral.generate.write import write
    from vitral.runtime.finished import finished
    from vitral.runtime.inside import PRIME, look

    told = json.loads(inside("ablate", "tiny-lstm", "--unit", 1, "--sample", 40, "--seed", 3, "--length", 100, "--json"))["written"][
        "before"
    ]
    seen = look("tiny-lstm", workspace=workspace / "runs", length=100)
    net = finished("tiny-lstm", workspace=workspace / "runs", device="cpu").net
    written = write(Stepper.of(net), seen.codes[:PRIME].tolist(), 40, temperature=0.7, seed=3)
    assert told == seen.vocabulary.decode([one.symbol for one in written])


def test_one_number_of_a_network_that_reads_a_text_is_explained(workspace):
    for layer in ("lstm1", "lstm2", "dense1"):
        told = CliRunner().invoke(
            app, ["explain", "tiny-lstm", layer, "--channel", "3", "--at", "7", "--workspace", str(workspace / "runs"), "--json"]
        )
        assert told.exit_code == 0, told.output
        assert abs(json.loads(told.output)["engine"]["deviation"]) < 1e-5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gates", "nix"], "there is no run nix"),
        (["nix"], "there is no run nix"),
        (["gates", "tiny-lstm", "--text", "Ω"], "'Ω' is not among the .* symbols that the network learned from"),
        (["gates", "tiny-lstm", "--text", ""], "the text given has 0 symbols and none from 0 on"),
        (["gates", "tiny-lstm", "--from", "999999"], r"the test part of text.* has 10,400 symbols and none from 999,999 on"),
        (["gates", "tiny-lstm", "--layer", "lstm9"], 'has no recurrent layer "lstm9"; expected one of lstm1, lstm2'),
        (["gates", "tiny-lstm", "--unit", "6"], "lstm2 has no unit 6; use 0 to 5"),
        (["gates", "tiny-lstm", "--step", "40"], "there is no step 40: the sequence has 40; use 0 to 39"),
        (["gates", "tiny-gru", "--svg", "a.svg"], "--svg draws the valves of an LSTM, and gru2 is none; leave it out"),
        (["gates", "tiny-lstm", "--text", "a", "--file", "b"], "--text and --file: expected one of the two, got both; leave one out"),
        (["gates", "tiny-lstm", "--file", "nowhere.txt"], "nowhere.txt cannot be read: No such file or directory"),
        (["cells", "tiny-lstm", "--property", "rhyme"], 'there is no property "rhyme"; expected one of quotes, brackets'),
        (["colour", "tiny-lstm", "--part", "z"], 'lstm2 has no part "z"; expected one of i, f, g, o, c, h'),
        (["colour", "tiny-lstm", "--cell", "77"], "lstm2 has no unit 77; use 0 to 5"),
        (["colour", "tiny-lstm", "--svg", "/nowhere/a.svg"], "/nowhere/a.svg cannot be written: No such file or directory"),
        (["colour", "tiny-lstm", "--length", "9000", "--svg", "a.svg"], "a drawing holds at most 4,000 characters well, got 9,000"),
        (["reach", "tiny-lstm", "--text", "He said"], "100 steps back need a text of 152 symbols or more, got 7"),
        (["ablate", "tiny-lstm"], "say what to switch off: --unit N, --gate f=0, or --each"),
        (["ablate", "tiny-lstm", "--unit", "6"], "lstm2 has no unit 6; use 0 to 5"),
        (["ablate", "tiny-lstm", "--gate", "f"], '--gate takes GATE=VALUE, as f=0, o=1 or i=mean, got "f"'),
        (["ablate", "tiny-lstm", "--gate", "f=2"], 'a gate f is held at a number from 0 to 1 or at "mean", got "2"'),
        (["ablate", "tiny-lstm", "--gate", "z=0"], 'lstm2 has no part "z" to hold; expected one of i, f, g, o, c, h'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(inside, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VitralError, match=message) as told:
        inside(*arguments)
    assert "\n" not in str(told.value)


def test_a_network_of_pictures_has_no_inside_of_this_kind(inside, workspace):
    made = CliRunner().invoke(app, ["train", "digits", "--steps", "1", "--workspace", str(workspace / "runs")])
    assert made.exit_code == 0, made.output
    with pytest.raises(VitralError, match="a Net has no recurrent layer"):
        inside("gates", "digits")


def test_in_a_terminal_each_character_stands_on_its_colour(workspace):
    import io

    from rich.console import Console

    from vitral.cli.inside_faces import show_coloured
    from vitral.explain import colour
    from vitral.runtime.inside import look

    seen = look("tiny-lstm", workspace=workspace / "runs", length=30)
    own = seen.colour("lstm1", "c", 2)
    out = io.StringIO()
    show_coloured(seen, own, "en", Console(file=out, force_terminal=True, color_system="truecolor", width=60))
    for step, symbol in zip(own.steps[:3], "my ", strict=False):
        red, green, blue = (int(colour.fill(step, "dark")[n : n + 2], 16) for n in (1, 3, 5))
        assert f"48;2;{red};{green};{blue}m" in out.getvalue(), symbol
    assert "negative (blue), zero, positive (orange)" in out.getvalue()
    assert "1 to 9 positive" not in out.getvalue()
