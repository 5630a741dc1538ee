"""The command line as a person uses it, with real training on the digits that come with the installation.

What computes nothing anew runs in this process; what is about processes, signals and terminals gets real ones.
"""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from calling import answer, vitral
from PIL import Image

from vitral.events import BatchDone, Checkpointed, Evaluated, RunEnded, RunStarted, from_json

TIMEOUT = 300


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


def environment(workspace: Path) -> dict[str, str]:
    return {**os.environ, "VITRAL_WORKSPACE": str(workspace), "VITRAL_COMMAND": "vitral"}


@pytest.fixture(scope="module")
def trained(workspace: Path) -> str:
    """A finished run of the digits, trained with --json; gives its id."""
    ended = vitral(workspace, "train", "digits", "--epochs", "1", "--seed", "5", "--set", "training.batch_size=100", "--json")
    assert ended.returncode == 0, ended.stderr
    events = [from_json(line) for line in ended.stdout.splitlines()]
    begun, over = events[0], events[-1]
    assert isinstance(begun, RunStarted)
    assert (begun.seed, begun.batch_size, begun.num_steps) == (5, 100, 40)
    assert [event.step for event in events if isinstance(event, BatchDone)] == list(range(1, 41))
    assert any(isinstance(event, Evaluated) for event in events)
    assert any(isinstance(event, Checkpointed) for event in events)
    assert isinstance(over, RunEnded)
    assert over.outcome == "finished"
    return begun.run


def test_a_run_is_listed_and_shown(workspace: Path, trained: str) -> None:
    listed = [info for info in answer(workspace, "runs") if info["id"] == trained]
    assert listed[0]["state"] == "finished"
    assert listed[0]["name"] == "digits"
    assert listed[0]["step"] == 40

    shown = answer(workspace, "show", trained)
    assert shown["experiment"]["training"]["batch_size"] == 100
    assert len(shown["loss"]["means"]) == 40
    assert shown["events"][0]["event"] == "run_started"

    for words in [trained, "finished at step 40 of 40", "loss  ", "images of mnist-5k, batch 100, seed 5", f"vitral evaluate {trained}"]:
        assert words in vitral(workspace, "show", trained[:-2]).stdout, "the beginning of an id is enough"
    assert trained in vitral(workspace, "runs").stdout


def test_a_run_is_measured_as_it_was_measured_while_training(workspace: Path, trained: str) -> None:
    while_training = [event for event in answer(workspace, "show", trained)["events"] if event["event"] == "evaluated"][-1]
    again = answer(workspace, "evaluate", trained)
    assert again["num_correct"] == while_training["num_correct"]
    assert again["confusion"] == while_training["confusion"]

    ended = vitral(workspace, "evaluate", trained)
    assert f"{100 * again['accuracy']:.1f} %" in ended.stdout
    rows = [line.split() for line in ended.stdout.splitlines() if line[:1].isdigit() and "%" in line]
    assert [int(row[1 + digit].replace("·", "0")) for digit, row in enumerate(rows[-10:])] == [
        row[i] for i, row in enumerate(again["confusion"])
    ]


def test_pictures_are_named(workspace: Path, trained: str, tmp_path: Path) -> None:
    pictures = [tmp_path / "black.png", tmp_path / "wide and white.jpg"]
    Image.new("L", (28, 28), 0).save(pictures[0])
    Image.new("RGB", (300, 100), "white").save(pictures[1])
    told = answer(workspace, "predict", trained, *map(str, pictures))
    assert [Path(prediction["picture"]) for prediction in told] == pictures
    for prediction in told:
        chances = [given["probability"] for given in prediction["answers"]]
        assert len(chances) == 3
        assert chances == sorted(chances, reverse=True)
        assert 0 < sum(chances) <= 1.0001

    shown = vitral(workspace, "predict", trained, str(pictures[1])).stdout
    assert "wide and white.jpg" in shown
    assert shown.count("%") == 3


def test_a_picture_that_is_none_is_refused_in_one_line(workspace: Path, trained: str, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_text("meow")
    ended = vitral(workspace, "predict", trained, str(tmp_path / "cat.jpg"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("vitral: ")
    assert "cat.jpg" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


def begin(workspace: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "vitral.cli", "train", "digits", "--epochs", "200", *arguments]
    return subprocess.Popen(command, env=environment(workspace), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_an_interrupt_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    number = signal.SIGINT
    process = begin(tmp_path)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)
    run = first.partition(":")[0]
    assert process.returncode == 128 + number, err
    assert f"vitral train --resume {run}" in out
    assert "stopping" in out

    # and what it says works: --resume goes on from that very step
    before = answer(tmp_path, "runs")[0]
    assert before["state"] == "interrupted"
    resumed = begin_resumed(tmp_path, run)
    assert resumed[0].step == before["step"]
    assert isinstance(resumed[0], RunStarted)
    assert resumed[0].exact
    assert resumed[1].step == before["step"] + 1 or not isinstance(resumed[1], BatchDone)


def test_a_polite_kill_saves_as_well(tmp_path: Path) -> None:
    process = begin(tmp_path, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM, err
    *_, saved, over = [from_json(line) for line in out.splitlines()]
    assert isinstance(saved, Checkpointed)
    assert isinstance(over, RunEnded)
    assert over.outcome == "interrupted"
    assert err == ""


def begin_resumed(workspace: Path, run: str) -> list[Any]:
    command = [sys.executable, "-m", "vitral.cli", "train", "--resume", run, "--json"]
    process = subprocess.Popen(command, env=environment(workspace), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    process.stdout.close()  # as `| head -2` does
    process.wait(timeout=TIMEOUT)
    assert process.returncode == 1
    assert answer(workspace, "runs")[0]["state"] == "interrupted", "the reader left, the work was saved"
    return [from_json(line) for line in lines]


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    """The first step of a batch of 4,000 takes a while; nobody waits for its end."""
    process = begin(tmp_path, "--set", "training.batch_size=4000")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode in (128 + signal.SIGINT, -signal.SIGINT), "by itself, or by the system where it was already leaving"
    assert "Traceback" not in out + err
    assert answer(tmp_path, "runs")[0]["state"] == "interrupted"


def test_a_terminal_gets_a_picture_in_place_and_keeps_its_cursor(tmp_path: Path) -> None:
    """In a real terminal of 80 columns: one picture drawn again and again, not a growing list."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "vitral.cli", "train", "digits", "--epochs", "1"]
    settings = {**environment(tmp_path), "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(command, env=settings, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    assert process.wait(timeout=TIMEOUT) == 0
    text = seen.decode()
    assert "Ctrl-C saves and stops" in text
    assert "Finished." in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0, "a hidden cursor comes back"
    assert "\x1b[1A" in text, "the picture is drawn over itself"


MISTAKES = [
    (["train", "defualt"], 'did you mean "default"'),
    (["train", "digits", "--epochs", "1", "--steps", "2"], "give epochs or steps"),
    (["train", "digits", "--resume", "last"], "leave out EXPERIMENT"),
    (["train", "--resume", "last"], "no run"),
    (["train", "nowhere.toml"], "nowhere.toml"),
    (["describe", "default", "--set", "network.layers.conv1.size=99"], 'layer 1 "conv1"'),
    (["describe", "default", "--set", "training"], "key=value"),
    (["evaluate", "last"], "no run"),
    (["show", "last"], "no run"),
    (["predict", "last", "x.png"], "no run"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_mistake_is_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    ended = vitral(tmp_path, *arguments)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("vitral: ")
    assert words in ended.stderr


def test_an_unknown_option_is_told_with_exit_code_2(tmp_path: Path) -> None:
    ended = vitral(tmp_path, "train", "--epoch", "1")
    assert ended.returncode == 2
    assert "--epochs" in ended.stderr


def test_no_runs_yet_says_what_to_do_next(tmp_path: Path) -> None:
    assert answer(tmp_path, "runs") == []
    assert "Begin with: vitral train" in vitral(tmp_path, "runs").stdout


def test_describe_tells_the_lectures_arithmetic(tmp_path: Path) -> None:
    out = vitral(tmp_path, "describe", "cifar10-convnetjs").stdout
    assert "16x5x5x3+16 = 1216" in out
    assert "22,466" in out
    rows = answer(tmp_path, "describe", "cifar10-convnetjs")["rows"]
    assert rows[1]["parameters"] == "16x5x5x3+16 = 1216"


def test_describe_as_json_holds_the_advice_in_both_languages(tmp_path: Path) -> None:
    advice = answer(tmp_path, "describe", "lenet-mnist")["advice"]
    assert sorted(advice[0]["text"]) == ["en", "es"]


def test_the_zoo_is_listed_with_the_default_first(tmp_path: Path) -> None:
    names = [entry["name"] for entry in answer(tmp_path, "zoo")]
    assert names[0] == "default"
    assert {"cifar10-convnetjs", "lenet-mnist", "edges", "cifar10-fast"} <= set(names)
    out = vitral(tmp_path, "zoo").stdout
    assert all(name in out for name in names)
