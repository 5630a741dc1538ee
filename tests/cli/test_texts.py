"""A text and a table of sequences of one's own, from the command line: learned, interrupted, resumed, measured, shown, written on."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from calling import answer, vitral

from vitral.events import BatchDone, Evaluated, RunEnded, RunStarted, SampleWritten, from_json

TIMEOUT = 300
TALE = "".join(f"{n} green bottles, hanging on the wall;\nand if {n % 7} of them should fall:\n" for n in range(99, 0, -1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a table, and an experiment for each."""
    place = tmp_path_factory.mktemp("own")
    (place / "tale.txt").write_text(TALE, encoding="utf-8")
    rows = [
        f"{number},{'up' if number % 2 else 'down'},{step * (1 if number % 2 else -1) + number % 3},{step % 2}"
        for number in range(40)
        for step in range(3 + number % 5)
    ]
    (place / "steps.csv").write_text("\n".join(["series,label,height,beat", *rows]) + "\n")
    (place / "tale.toml").write_text(
        f"""
        name = "tale"
        title = {{ en = "Bottles" }}
        data = {{ source = {json.dumps(str(place / "tale.txt"))} }}
        network = {{ input = {{ kind = "tokens", length = 25 }}, layers = [
            {{ kind = "gru", hidden_size = 24 }}, {{ kind = "dropout", probability = 0.1 }}, {{ kind = "dense", units = "symbols" }} ] }}
        seed = 3
        [training]
        epochs = 3
        batch_size = 8
        optimiser = {{ kind = "adam", learning_rate = 0.02 }}
        samples = {{ at = [1, 20], prompt = "7 green", length = 40 }}
        """
    )
    (place / "steps.toml").write_text(
        f"""
        name = "steps"
        data = {{ source = {json.dumps(str(place / "steps.csv"))} }}
        network = {{ input = {{ kind = "series", length = 7, features = 2 }}, layers = [
            {{ kind = "lstm", hidden_size = 8 }}, {{ kind = "over_time" }}, {{ kind = "dense", units = 2 }} ] }}
        training = {{ epochs = 12, batch_size = 8, optimiser = {{ kind = "adam", learning_rate = 0.03 }} }}
        """
    )
    return place


@pytest.fixture(scope="module")
def tale(place: Path) -> list[object]:
    """The events of a whole run, trained with --json."""
    ended = vitral(place / "tale", "train", str(place / "tale.toml"), "--json")
    assert ended.returncode == 0, ended.stderr
    return [from_json(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def steps(place: Path) -> str:
    ended = vitral(place / "steps", "train", str(place / "steps.toml"))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def last(events: list[object], kind: type) -> object:
    return next(event for event in reversed(events) if isinstance(event, kind))


def test_a_text_is_told_in_json(tale: list[object]) -> None:
    begun = tale[0]
    assert isinstance(begun, RunStarted)
    train, test = int(len(TALE) * 0.8), len(TALE) - int(len(TALE) * 0.9)
    num_steps = (train - 1) // 200
    assert (begun.unit, begun.data, begun.seed) == ("characters", "tale.txt", 3)
    assert (begun.num_train, begun.num_test, begun.num_steps, begun.steps_per_epoch) == (num_steps * 200, test, 3 * num_steps, num_steps)
    batches = [event for event in tale if isinstance(event, BatchDone)]
    assert [event.step for event in batches] == list(range(1, 3 * num_steps + 1))
    assert {event.num_examples for event in batches} == {200}
    assert [event.step for event in tale if isinstance(event, SampleWritten)] == [1, 20]
    assert [event.split for event in tale if isinstance(event, Evaluated)] == ["validation"] * 3 + ["test"]
    assert batches[-1].loss < batches[0].loss - 1
    assert isinstance(tale[-1], RunEnded)


def test_a_text_is_told_in_plain_lines(place: Path, tmp_path: Path) -> None:
    ended = vitral(tmp_path, "train", str(place / "tale.toml"), "--epochs", "1", "--set", "training.samples.at=[2]")
    assert ended.returncode == 0, ended.stderr
    assert re.match(r"tale-[\d-]+: Bottles; cpu, \w+, \w+, \d+ threads; \d+ steps of 8 streams of tale.txt\n", ended.stdout)
    for words in [
        r"wrote at step 2: .{20,80}\n",
        r"epoch 1 done: loss \d\.\d+, training accuracy \d+\.\d %\n",
        r"validation \d\.\d{3} nats, \d+\.\d % right at step \d+, \d+ examples\n",
        r"test \d\.\d{3} nats, \d+\.\d % right at step \d+, \d+ examples\n",
        r"Finished\. Test result \d\.\d{3} nats, \d+\.\d % right, on 682 characters\.\n",
        r"  vitral sample tale-[\d-]+ +writes a text\n",
        r"  vitral show tale-[\d-]+ --samples +shows what it wrote while it learned\n",
    ]:
        assert re.search(words, ended.stdout), words


def test_a_text_is_measured_in_nats_bits_and_as_a_choice(place: Path, tale: list[object]) -> None:
    said = last(tale, Evaluated)
    assert isinstance(said, Evaluated)
    measured = answer(place / "tale", "evaluate", "last")
    assert (measured["loss"], measured["num_correct"], measured["num_examples"]) == (said.loss, said.num_correct, said.num_examples)
    shown = vitral(place / "tale", "evaluate", "last").stdout
    for words in [
        f"{said.num_examples} examples of the test split",
        f"loss        {said.loss:.4f} nats a symbol = {said.loss / math.log(2):.4f} bits",
        f"perplexity  {math.exp(said.loss):.3g}"[:15],
        f"right       {100 * (said.accuracy or 0):.1f} %",
    ]:
        assert words in shown
    watched = answer(place / "tale", "evaluate", "last", "--split", "validation")
    before = [event for event in tale if isinstance(event, Evaluated)][-2]
    assert (watched["split"], watched["loss"]) == ("validation", before.loss)
    assert answer(place / "tale", "evaluate", "last", "--split", "train")["num_examples"] == int(len(TALE) * 0.8) - 1


def test_a_text_run_is_listed_and_shown(place: Path, tale: list[object]) -> None:
    said = last(tale, Evaluated)
    assert isinstance(said, Evaluated)
    assert f"{said.loss:.3f} nats" in vitral(place / "tale", "runs").stdout
    shown = vitral(place / "tale", "show").stdout
    for words in ["characters of tale.txt, batch 8, seed 3", "wrote at step 20: ", f"test {said.loss:.3f} nats", "loss  "]:
        assert words in shown


def test_the_ladder_of_what_it_wrote(place: Path, tale: list[object]) -> None:
    written = [event for event in tale if isinstance(event, SampleWritten)]
    shown = vitral(place / "tale", "show", "last", "--samples").stdout
    assert "Always the same beginning and the same draws: temperature 0.8, seed 0." in shown
    losses = [event.loss for event in tale if isinstance(event, BatchDone)]
    for event in written:
        mean = sum(losses[: event.step]) / event.step
        title, text = shown.split(f"── step {event.step} ──   training loss ")[1].split(" nats\n", 1)
        assert float(title) == pytest.approx(mean, rel=0.01)
        assert text.replace("\n", "").startswith(f"7 green{event.text}".replace("\n", "")), "however the terminal breaks the lines"
    told = answer(place / "tale", "show", "last", "--samples")
    assert [(one["event"], one["step"], one["text"]) for one in told] == [("sample_written", event.step, event.text) for event in written]


def test_before_it_has_written_it_says_when_it_will(place: Path, tmp_path: Path) -> None:
    train = ("train", str(place / "tale.toml"), "--steps", "1")
    assert vitral(tmp_path, *train, "--set", "training.samples.at=[5, 1000]").returncode == 0
    shown = vitral(tmp_path, "show", "--samples").stdout
    assert "It has written nothing yet; it will after step 5, 1,000. See vitral sample for a text at any time." in shown
    assert vitral(tmp_path, *train, "--set", "training.samples.at=[]", "--set", "training.samples.every=50").returncode == 0
    assert "It has written nothing yet; it will after each 50 steps. See" in vitral(tmp_path, "show", "--samples").stdout
    assert vitral(tmp_path, *train, "--set", "training.samples.at=[]").returncode == 0
    assert "It writes nothing while it learns. See vitral sample for a text at any time." in vitral(tmp_path, "show", "--samples").stdout
    assert answer(tmp_path, "show", "--samples") == []


def test_a_trained_network_goes_on_writing(place: Path, tale: list[object]) -> None:
    told = answer(place / "tale", "sample", "--length", "50", "--temperature", "0")
    assert told["prime"] == "7 green"
    assert len(told["text"]) == 50


def test_a_text_interrupted_and_resumed_is_the_same_to_the_bit(place: Path, tale: list[object], tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "vitral.cli", "train", str(place / "tale.toml"), "--json"]
    settings = {**os.environ, "VITRAL_WORKSPACE": str(tmp_path), "VITRAL_COMMAND": "vitral"}
    process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(4):  # RunStarted, a step, a text, a step
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGINT, err
    info = answer(tmp_path, "runs")[0]
    assert info["state"] == "interrupted"
    assert 2 <= info["step"] < 30
    ended = vitral(tmp_path, "train", "--resume", "last", "--json")
    assert ended.returncode == 0, ended.stderr
    resumed = [from_json(line) for line in ended.stdout.splitlines()]
    assert isinstance(resumed[0], RunStarted)
    assert resumed[0].exact == (resumed[0].num_threads == tale[0].num_threads), "two processes may differ in their threads"  # type: ignore[attr-defined]
    if resumed[0].exact:
        expected = [event for event in tale if isinstance(event, BatchDone | SampleWritten | Evaluated) and event.step > info["step"]]
        got = [event for event in resumed if isinstance(event, BatchDone | SampleWritten | Evaluated)]
        assert [timeless(event) for event in got] == [timeless(event) for event in expected]


def timeless(event: object) -> dict[str, object]:
    return {name: value for name, value in vars(event).items() if name != "seconds"}


def test_a_text_is_described_step_by_step(place: Path) -> None:
    shown = vitral(place, "describe", str(place / "tale.toml")).stdout
    for words in [
        "25x100",  # the text has not been read: 100 symbols stand for them
        "3x(24x(100+24)+2x24)",
        "Memory while training on 8 sequences at a time",
        "unfolded over 25 steps",
        "a character; its weights are the same at every step",
        "A cell has two biases (2 x D)",
    ]:
        assert words in shown.replace("\n", " "), words


def test_convolutions_are_not_said_to_unfold(place: Path) -> None:
    shown = vitral(place, "describe", "digits-by-row-cnn").stdout.replace("\n", " ")
    assert "28 steps, 16,283 a step; no step waits for another." in shown
    assert "unfolded" not in shown


def test_sequences_are_learned_measured_and_shown(place: Path, steps: str) -> None:
    assert re.search(r"steps of 8 sequences of steps\.csv\n", steps)
    assert re.search(r"test [\d.]+ % ± [\d.]+ at step \d+, 8 examples\n", steps)
    assert re.search(r"Finished\. Test accuracy [\d.]+ % ± [\d.]+, on 8 sequences\.\n  vitral evaluate steps-[\d-]+ ", steps)
    measured = answer(place / "steps", "evaluate")
    assert measured["num_examples"] == 8
    assert measured["accuracy"] > 0.8
    shown = vitral(place / "steps", "evaluate").stdout
    assert "Down: what it is. Across: what the network says." in shown
    assert re.search(r"^down +\d", shown, re.MULTILINE)
    assert "32 + 8 sequences of steps.csv, batch 8" in vitral(place / "steps", "show").stdout
    assert re.search(r"finished +48 of 48 +[\d.]+ %", vitral(place / "steps", "runs").stdout)


def test_a_sequence_of_ones_own_is_named(place: Path, steps: str, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("height,beat\n0,0\n1,1\n2,0\n3,1\n4,0\n")
    told = answer(place / "steps", "predict", "last", str(tmp_path / "mine.csv"))
    assert told[0]["sequence"] == str(tmp_path / "mine.csv")
    assert told[0]["answers"][0]["class"] == "up"
    assert sum(one["probability"] for one in told[0]["answers"]) == pytest.approx(1, abs=1e-6)
    assert re.search(r"^  up +█", vitral(place / "steps", "predict", "last", str(tmp_path / "mine.csv")).stdout, re.MULTILINE)


def test_a_word_is_named_by_a_network_that_learned_words(tmp_path: Path) -> None:
    words = Path(__file__).parents[2] / "examples" / "words.toml"
    assert vitral(tmp_path, "train", str(words), "--epochs", "10").returncode == 0
    said = [one["answers"][0]["class"] for one in answer(tmp_path, "predict", "last", "perro", "night")]
    assert said == ["Spanish", "English"]
    ended = vitral(tmp_path, "predict", "last", "дом")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "are not among the" in ended.stderr


@pytest.mark.parametrize(
    ("workspace", "arguments", "words"),
    [
        ("steps", ["predict", "last", "x.csv"], "x.csv"),
        ("steps", ["predict", "last", "x.csv", "--tta"], "sequences, which have no mirror image; leave --tta out"),
        ("tale", ["evaluate", "--tta"], 'characters cannot be measured in the way "flip"; use one of test, validation, train'),
        ("steps", ["evaluate", "--split", "validation"], 'sequences cannot be measured in the way "validation"; leave it out'),
        (
            "steps",
            ["show", "--samples"],
            "writes no texts: expected a network that predicts the next symbol; use a run such as text-default",
        ),
        ("steps", ["sample"], "writes no text: expected a network that says which symbol comes next"),
        ("tale", ["predict", "last", "x.png"], "learned to write a text: expected a network that names things"),
        ("tale", ["train", "tale.toml", "--set", "training.samples.prompt=ñandú"], "training.samples.prompt does not fit tale.txt: "),
        ("tale", ["train", "tale.toml", "--set", "training.batch_size=500"], "use batch_size <= "),
        ("tale", ["train", "tale.toml", "--set", "network.input.symbols=7"], "network.input.symbols = 7 does not fit tale.txt"),
        ("steps", ["train", "steps.toml", "--set", "network.input.features=3"], "each of its steps has 2 numbers; set input = "),
    ],
)
def test_mistakes_are_one_line(
    place: Path, tale: list[object], steps: str, workspace: str, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    number = len(answer(place / workspace, "runs"))
    ended = vitral(place / workspace, *arguments)
    assert ended.returncode == 2, ended.stdout
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert words in ended.stderr
    assert len(answer(place / workspace, "runs")) == number, "nothing was begun"
