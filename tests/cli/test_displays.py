"""What a person sees while a network learns: in a terminal, in a log, and as JSON."""

import dataclasses
import io
import time

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from streams import batch, evaluated, run, sample, start, text_run

from vitral.cli import display
from vitral.cli.display import Display
from vitral.cli.plain import JsonLines, Lines
from vitral.cli.standing import Standing, tell
from vitral.events import ControlChanged, Diverged, from_json


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, highlight=False, color_system="truecolor")


def lines_of(shown: Display, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(shown.picture())
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_picture_keeps_its_height_and_fits_its_width(width: int) -> None:
    shown = Display(terminal(width), "A title that is rather long, as titles sometimes are when people write them")
    heights = set()
    for event in run():
        shown.watch(event)
        lines = lines_of(shown, width)
        heights.add(len(lines))
        assert max(map(len, lines)) <= width
    shown.close()
    assert heights == {14}


def test_the_picture_tells_where_the_run_stands() -> None:
    shown = Display(terminal(), "Twenty steps")
    for event in run():
        shown.watch(event)
    shown.close()
    text = "\n".join(lines_of(shown, 80))
    for words in [
        "default-20261123-184503-001   Twenty steps",
        "cpu · bfloat16 · channels_last · 2 threads   1,280 + 1,000 images of cifar10",
        "step 20 of 20   epoch 2 of 2   finished in 1 min 12 s",
        "0.500 to 2.40",
        "50.0 %   last 20 batches",
        "61.0 % ± 3.0   after step 20",
        "12,800 images/s",
        "0.00500",
        "checkpoint at step 20, 182 kB",
    ]:
        assert words in text


WRITTEN = {
    "plain": "it was the best of times\n" * 20,
    "wide": "吾輩は猫である。名前はまだ無い。" * 30,
    "combining": "e\u0301\u0323o\u0308 " * 90,
    "wild": "a\x1b[2J\x07\r\n\tb\u202e\u200bc\ufffd" * 40,
    "nothing": "",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("width", [60, 79, 100, 120, 200])
def test_the_picture_of_a_text_keeps_its_height_and_fits_its_width(width: int, written: str) -> None:
    shown = Display(terminal(width), "A title that is rather long, as titles sometimes are when people write them")
    heights = set()
    for event in text_run(written=written):
        shown.watch(event)
        lines = lines_of(shown, width)
        heights.add(len(lines))
        assert max(map(cell_len, lines)) <= width
        assert all(line.isprintable() for line in lines)
    shown.close()
    assert heights == {19}


def test_the_picture_tells_what_a_network_writes() -> None:
    shown = Display(terminal(), "Letters")
    texts = []
    for event in text_run():
        shown.watch(event)
        texts.append("\n".join(lines_of(shown, 80)))
    shown.close()
    assert "it has not written yet" in texts[0]
    assert "  it wrote after step 20\n    She said: it was the best of times↵it was the best of times↵" in texts[-1]
    for words in [
        "2,600,000 + 325,825 characters of war-and-peace",
        "test       1.470 nats, 56.0 % right   after step 20",
        "500,000 characters/s",
        "40.0 %   last 20 batches",
    ]:
        assert words in texts[-1]
    assert any("validation 1.450 nats, 57.0 % right   after step 10" in text for text in texts)


def test_both_ways_of_measuring_are_shown() -> None:
    shown = Display(terminal(), "Flips")
    shown.watch(start())
    shown.watch(evaluated(10))
    shown.watch(dataclasses.replace(evaluated(10, accuracy=0.64), low=0.61, high=0.67, views="flip"))
    text = "\n".join(lines_of(shown, 80))
    shown.close()
    assert "61.0 % ± 3.0, with flip averaging 64.0 % ± 3.0   after step 10" in text


def test_a_regression_has_no_accuracy() -> None:
    shown = Display(terminal(), "Edges")
    shown.watch(start())
    shown.watch(batch(1, num_correct=None))
    shown.watch(evaluated(1, accuracy=None))
    text = "\n".join(lines_of(shown, 80))
    shown.close()
    assert "loss 1.10   after step 1" in text
    assert "%" not in text


def test_drawing_takes_at_most_a_hundredth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of its own: steps of 1 ms, pictures of 5 ms. Without the pause between pictures the share would be five sixths."""
    now = [0.0]
    drawn = [0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    shown = Display(terminal(), "Clockwork")

    def slow_picture() -> Text:
        now[0] += 0.005
        drawn[0] += 1
        return Text("picture")

    monkeypatch.setattr(shown, "picture", slow_picture)
    shown.watch(start(100_000))
    for step in range(1, 20_001):
        now[0] += 0.001
        shown.watch(batch(step))
    shown.close()
    assert drawn[0] * 0.005 <= 0.0102 * now[0]
    assert drawn[0] >= 30, "and yet it moves"


def test_a_log_of_a_text_counts_streams_and_quotes_what_was_written() -> None:
    out = io.StringIO()
    log = Lines(out, "Letters")
    for event in text_run():
        log.watch(event)
    lines = out.getvalue().splitlines()
    assert "20 steps of 128 streams of war-and-peace" in lines[0]
    assert "validation 1.450 nats, 57.0 % right at step 10, 325,824 examples" in lines
    assert "test 1.470 nats, 56.0 % right at step 20, 325,824 examples" in lines
    assert f"wrote at step 5: {'it was the best of times↵' * 4}" in lines


def test_what_a_network_writes_never_steers_a_log() -> None:
    told = tell(sample(5, WRITTEN["wild"]))
    assert told.isprintable()
    assert "a[2J↵b" in told


def test_a_word_to_the_person_is_drawn_at_once() -> None:
    console = terminal()
    shown = Display(console, "Stopping")
    shown.watch(start())
    shown.say("stopping: this step ends")
    assert isinstance(console.file, io.StringIO)
    assert "stopping: this step ends" in console.file.getvalue()
    shown.close()


def test_a_display_whose_terminal_is_gone_writes_nothing() -> None:
    console = terminal()
    shown = Display(console, "Gone")
    shown.watch(start())
    shown.mute()
    assert isinstance(console.file, io.StringIO)
    before = console.file.getvalue()
    shown.watch(evaluated(1))
    shown.say("nobody reads this")
    shown.close()
    assert console.file.getvalue() == before


def test_a_log_has_one_line_for_each_thing_that_happens() -> None:
    out = io.StringIO()
    log = Lines(out, "Twenty steps")
    for event in run():
        log.watch(event)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("default-20261123-184503-001: Twenty steps; cpu, bfloat16, channels_last, 2 threads; 20 steps of 128 images")
    assert lines[-1] == "finished at step 20 after 1 min 12 s"
    assert "test 61.0 % ± 3.0 at step 10, 1,000 examples" in lines
    assert len(lines) == 8, "two epochs of three lines each, a beginning and an end"


def test_what_is_not_as_asked_for_is_said_first() -> None:
    out, console = io.StringIO(), terminal()
    event = dataclasses.replace(start(), notes=("digits runs instead of default: no network",))
    Lines(out, "Log").watch(event)
    assert out.getvalue().splitlines()[1] == "digits runs instead of default: no network"
    shown = Display(console, "Picture")
    shown.watch(event)
    shown.close()
    assert isinstance(console.file, io.StringIO)
    assert "digits runs instead of default: no network" in console.file.getvalue()


def test_a_log_says_where_a_long_epoch_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    log = Lines(out, "Slow")
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    log.watch(start(1000))
    for step in range(1, 101):
        now[0] += 1
        log.watch(batch(step))
    progress = [line for line in out.getvalue().splitlines() if line.startswith("step ")]
    assert len(progress) == 10
    assert progress[-1] == "step 100 of 1,000, loss 1.00, training accuracy 50.0 %, 12,800 images/s, about 15 min 0 s left"


def test_json_lines_are_the_events_and_nothing_else() -> None:
    out = io.StringIO()
    events = list(run())
    lines = JsonLines(out)
    for event in events:
        lines.watch(event)
    lines.say("this is no event")
    assert [from_json(line) for line in out.getvalue().splitlines()] == events


def test_what_happens_is_told_in_words() -> None:
    assert tell(ControlChanged(step=1024, name="learning_rate", before=0.1, after=0.01)) == "learning rate 0.1 → 0.01 at step 1,024"
    assert tell(Diverged(step=7, layer="conv2", what="the loss")) == "diverged at step 7, layer conv2: the loss"
    assert tell(batch(3)) == ""


def test_the_time_left_follows_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run begins at step 500: the first half was not this process's work and must not enter its pace."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    standing = Standing()
    standing.take(start(1000))
    for step in range(501, 602):
        standing.take(batch(step))
        now[0] += 0.5
    now[0] -= 0.5
    assert standing.seconds_left == pytest.approx((1000 - 601) * 0.5)
