"""``vitral sample`` as a person uses it, on a network that has learned a little text of ours by heart."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from calling import answer, vitral

from vitral.runtime.finished import finished
from vitral.runtime.library import load
from vitral.runtime.written import Author, author_of, spell

TEXT = (
    "".join(f"The {a} sees the {b}; the {b} is {c}.\n" for a in ("cat", "dog", "fox") for b in ("añil", "sun") for c in ("blue", "warm"))
    * 20
)
TIMEOUT = 300


def train(place: Path, symbols: str) -> str:
    (place / "tale.txt").write_text(TEXT, encoding="utf-8")
    experiment = {
        "name": f"tale-{symbols}",
        "data": {"source": str(place / "tale.txt"), "symbols": symbols},
        "network": {
            "input": {"kind": "tokens", "length": 30},
            "layers": [{"kind": "gru", "hidden_size": 48}, {"kind": "dense", "units": "symbols"}],
        },
        "training": {"steps": 120, "batch_size": 8, "optimiser": {"kind": "adam", "learning_rate": 0.01}, "samples": {"prompt": "The cat"}},
    }
    (place / "tale.json").write_text(json.dumps(experiment))
    ended = vitral(place / "workspace", "train", str(place / "tale.json"), "--json")
    assert ended.returncode == 0, ended.stderr
    return str(json.loads(ended.stdout.splitlines()[0])["run"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tale")


@pytest.fixture(scope="module")
def workspace(place: Path) -> Path:
    return place / "workspace"


@pytest.fixture(scope="module")
def of_bytes(place: Path) -> str:
    return train(place, "bytes")


@pytest.fixture(scope="module")
def of_characters(place: Path, of_bytes: str) -> str:
    return train(place, "characters")  # the last run


def test_a_text_is_written_after_its_prime_and_closed_with_one_line(workspace: Path, of_characters: str) -> None:
    ended = vitral(workspace, "sample", "--prime", "The dog ", "--length", "80", "--temperature", "0")
    assert ended.returncode == 0, ended.stderr
    text, closing = ended.stdout.strip().rsplit("\n\n", 1)
    assert text.startswith("The dog sees the ")
    assert re.search(r"· 80 characters, [\d,.]+ a second · longest stretch that stands in the training text: \d+ characters, “", closing)
    assert of_characters in closing
    assert ended.stderr == ""


def test_json_says_all_that_decides_a_text(workspace: Path, of_characters: str) -> None:
    told = answer(
        workspace, "sample", of_characters, "--length", "60", "--temperature", "0.9", "--top-k", "5", "--top-p", "0.9", "--seed", "3"
    )
    assert told["run"] == of_characters
    assert told["step"] == 120
    assert (told["prime"], told["length"], len(told["text"])) == ("The cat", 60, 60), "left out, the prime is that of the run's samples"
    assert [told[key] for key in ("temperature", "top_k", "top_p", "seed", "symbols")] == [0.9, 5, 0.9, 3, "characters"]
    copied = told["copied"]
    training = TEXT[: int(len(TEXT) * 0.8)]
    assert copied["text"] == told["text"][copied["start"] :][: copied["length"]]
    assert training.find(copied["text"]) == copied["offset"]
    assert not any(told["text"][start : start + copied["length"] + 1] in training for start in range(60 - copied["length"]))


def test_the_same_seed_writes_the_same_text(workspace: Path, of_characters: str) -> None:
    how = ("--length", "200", "--temperature", "1.5", "--no-check")
    first, again, other = (answer(workspace, "sample", *how, "--seed", seed)["text"] for seed in ("1", "1", "2"))
    assert first == again
    assert first != other
    assert answer(workspace, "sample", *how, "--seed", "1")["copied"] is None


def test_python_writes_what_the_command_line_writes(workspace: Path, of_characters: str) -> None:
    trained = load(of_characters, workspace=workspace, device="cpu")
    told = answer(workspace, "sample", "--length", "90", "--seed", "4", "--temperature", "1", "--no-check")
    assert trained.write(length=90, seed=4, temperature=1) == told["text"]


def test_candidates_are_shown_symbol_by_symbol(workspace: Path, of_characters: str) -> None:
    told = answer(workspace, "sample", "--length", "30", "--candidates", "--top-k", "2")
    assert [place["symbol"] for place in told["places"]] == [{"\n": "↵"}.get(sign, sign) for sign in told["text"]]
    for one in told["places"]:
        own = [other["probability"] for other in one["candidates"]]
        assert len(own) == 5
        assert own == sorted(own, reverse=True)
        assert [other["chance"] > 0 for other in one["candidates"]] == [True, True, False, False, False]
        assert one["chance"] in [other["chance"] for other in one["candidates"]]
    lines = vitral(workspace, "sample", "--length", "30", "--candidates", "--top-k", "2").stdout.splitlines()
    shown = lines[1:31]
    assert [line.split()[0] for line in shown] == [{" ": "·", "\n": "↵"}.get(sign, sign) for sign in told["text"]]
    assert all(line.count("%") == 2 for line in shown)
    assert f"The cat{told['text']}" in "\n".join(lines[31:])


def test_bytes_become_characters_when_they_are_whole(workspace: Path, of_bytes: str) -> None:
    told = answer(workspace, "sample", of_bytes, "--prime", "The cat sees the añ", "--length", "60", "--temperature", "0")
    assert told["symbols"] == "bytes"
    assert told["text"].startswith("il; the añil is ")
    assert len(told["text"].encode()) == 60
    text = vitral(workspace, "sample", of_bytes, "--prime", "The cat sees the añ", "--length", "60", "--temperature", "0").stdout
    assert text.startswith(f"The cat sees the añ{told['text']}")


def test_half_a_character_is_shown_as_one_that_is_missing(workspace: Path, of_bytes: str) -> None:
    vocabulary = author_of(of_bytes, workspace=workspace).vocabulary
    codes = vocabulary.encode("año".encode()).tolist()
    assert "".join(spell(vocabulary, codes)) == "año"
    assert list(spell(vocabulary, codes)) == ["a", "", "ñ", "o", ""]
    assert "".join(spell(vocabulary, codes[:2])) == "a�" == vocabulary.decode(codes[:2])


def test_without_a_prime_and_a_prompt_it_begins_on_a_new_line(workspace: Path, of_characters: str) -> None:
    author = author_of(of_characters, workspace=workspace)
    assert author.beginning() == "The cat"
    assert author.beginning("") == "\n"
    assert author.beginning("x") == "x"


def test_the_text_may_be_gone(workspace: Path, place: Path, of_characters: str) -> None:
    (place / "tale.txt").rename(place / "hidden.txt")
    try:
        ended = vitral(workspace, "sample", "--length", "20")
        told = answer(workspace, "sample", "--length", "20")
    finally:
        (place / "hidden.txt").rename(place / "tale.txt")
    assert ended.returncode == 0
    assert "not compared with the training text" in ended.stdout
    assert told["copied"] is None
    assert "tale.txt" in told["not_checked"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prime", "Zebra Q"], "'Z', 'Q' are not among the"),
        (["--temperature", "-1"], "temperature: expected a number from 0, got -1"),
        (["--top-k", "0"], "top_k: expected a whole number from 1, got 0"),
        (["--top-p", "1.5"], "top_p: expected a number above 0 and up to 1, got 1.5"),
        (["--length", "-5"], "expected whole numbers from 0, got -5"),
        (["nothing"], "there is no run nothing"),
    ],
)
def test_mistakes_are_one_line(workspace: Path, of_characters: str, arguments: list[str], message: str) -> None:
    ended = vitral(workspace, "sample", *arguments)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


def test_a_network_that_reads_pictures_writes_nothing(tmp_path: Path) -> None:
    ended = vitral(tmp_path, "train", "digits", "--steps", "1", "--json")
    assert ended.returncode == 0, ended.stderr
    ended = vitral(tmp_path, "sample")
    assert ended.returncode == 2
    assert "writes no text: expected a network that says which symbol comes next" in ended.stderr


def test_what_a_network_writes_never_steers_the_terminal(workspace: Path, of_characters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text may hold escape sequences, and a network may have learned them."""
    trained = finished(of_characters, workspace=workspace, device="cpu")
    symbols = trained.vocabulary.symbols
    escaping = {"kind": "characters", "symbols": "".join("\x1b" if sign == "e" else "\x07" if sign == "s" else sign for sign in symbols)}
    monkeypatch.setitem(trained._data, "vocabulary", escaping)
    monkeypatch.setattr("vitral.runtime.written.author_of", lambda run, workspace: Author(trained))
    for how in ([], ["--candidates"]):
        shown = vitral(workspace, "sample", "--prime", "Th", "--length", "60", "--no-check", *how).stdout
        assert "�" in shown
        assert not {"\x1b", "\x07"} & set(shown)


def test_an_interrupt_ends_the_text_and_closes_it(workspace: Path, of_characters: str) -> None:
    """In a real terminal: the characters come one by one, Ctrl-C stops them."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vitral.cli", "sample", "--length", "100000000"]
    environment = {**os.environ, "VITRAL_WORKSPACE": str(workspace), "COLUMNS": "200", "TERM": "xterm-256color"}
    process = subprocess.Popen(command, env=environment, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    read = b""
    began = time.monotonic()
    while b"sees" not in read:
        read += os.read(ours, 1000)
        assert time.monotonic() - began < TIMEOUT
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # a terminal whose other end is closed
        while part := os.read(ours, 100_000):
            read += part
    os.close(ours)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert b"\x1b[90mThe cat\x1b[0m" in read, "the prime is dim"
    assert re.search(rb"[\d,]+ characters, [\d,.]+ a second", read)
    assert b"longest stretch" not in read
