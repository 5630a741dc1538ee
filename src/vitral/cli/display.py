"""A run as it happens, in a terminal: a few lines that stay in place and change their figures.

Drawing happens between two steps, so its cost is training's cost. Each picture is followed by at least a hundred times the time
that it took, and by an eighth of a second: the display takes at most 1 % of the run, on a slow terminal too.
"""

from __future__ import annotations

import time

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from vitral.cli.plain import Silent
from vitral.cli.standing import one_line, results
from vitral.cli.words import bar, duration, number, percent, spark, thousands
from vitral.events import BatchDone, Event, RunStarted

LEAST_PAUSE = 0.125  # seconds between two pictures
LABEL = 10  # columns of the words on the left
QUIET, WARM, STRONG = "bright_black", "dark_orange", "bold"


class Display(Silent):
    """Watches a run's events and redraws itself now and then."""

    def __init__(self, console: Console, title: str) -> None:
        super().__init__()
        self.console = console
        self.title = title
        self.note = "Ctrl-C saves and stops"
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._due = 0.0
        self._drawing = False

    def close(self) -> None:
        """Draw the last picture and leave it standing."""
        if self._live.is_started:
            self.note = ""
            self._draw()
            self._live.stop()

    def watch(self, event: Event) -> None:
        """Take an event in, and redraw when it is time."""
        self.standing.take(event)
        if isinstance(event, RunStarted):
            for note in event.notes:
                self.console.print(Text(note, style=QUIET))
            self.console.print()
            self._live.start()
        if self._live.is_started and (time.monotonic() >= self._due or not isinstance(event, BatchDone)):
            self._draw()

    def say(self, note: str) -> None:
        """Put another word in the last line, at once unless a picture is just being drawn."""
        self.note = note
        if self._live.is_started and not self._drawing:
            self._draw()

    def mute(self) -> None:
        """Let go of the terminal without drawing on it again."""
        super().mute()
        self.console.quiet = True

    def _draw(self) -> None:
        self._drawing = True
        began = time.monotonic()
        self._live.update(self.picture(), refresh=True)
        ended = time.monotonic()
        self._due = ended + max(LEAST_PAUSE, 100 * (ended - began))
        self._drawing = False

    def picture(self) -> Group:
        """Draw everything for the console's present width: always the same number of lines, so that nothing jumps."""
        width = min(self.console.width, 120) - 1
        return Group(*(_cut(line, width) for line in self._lines(width)))

    def _lines(self, width: int) -> list[Text]:
        now, start = self.standing, self.standing.start
        assert start is not None, "the picture begins with RunStarted"
        sets = f"{thousands(start.num_train)} + {thousands(start.num_test)} {start.unit} of {start.data}"
        machine = f"{start.device} · {start.precision} · {start.memory_format} · {start.num_threads} threads"
        loss, accuracy, pace = now.loss, now.accuracy, now.examples_per_second
        rate = now.recent[-1].learning_rate if now.recent else None
        measured = now.averaged or now.evaluated
        test = f"{results(now)}   after step {thousands(measured.step)}" if measured else "not measured yet"
        happened = [Text(f"  {words}", style=QUIET) for words in list(now.happened)[-2:]]
        return [
            Text.assemble((start.run, STRONG), f"   {self.title}"),
            Text(f"{machine}   {sets}" if len(machine) + 3 + len(sets) <= width else f"{sets}   {machine}", style=QUIET),
            Text(),
            self._progress(width),
            Text(),
            self._loss(loss, width),
            _row("training", f"{percent(accuracy):>9}   last {len(now.recent)} batches" if accuracy is not None else ""),
            _row(measured.split if measured else "test", f" {test}"),
            _row("speed", f"{number(pace):>9} {start.unit}/s" if pace is not None else ""),
            _row("rate", f"{number(rate):>9}" if rate is not None else ""),
            *self._sample(width),
            Text(),
            *happened,
            *[Text()] * (2 - len(happened)),
            Text(f"  {self.note}", style=QUIET),
        ]

    def _sample(self, width: int) -> list[Text]:
        """Show the beginning of the last text that the network wrote: always four lines where it writes texts."""
        if self.standing.start is None or self.standing.start.unit != "characters":
            return []
        sample = self.standing.sample
        title = f"  it wrote after step {thousands(sample.step)}" if sample else "  it has not written yet"
        room = max(8, width - 4)
        signs = one_line(sample.prompt + sample.text) if sample else ""
        lines = [Text(f"    {signs[start : start + room]}") for start in range(0, 3 * room, room)]
        return [Text(), Text(title, style=QUIET), *lines]

    def _progress(self, width: int) -> Text:
        now = self.standing
        left = now.seconds_left
        if now.ended:
            time_left = f"{now.ended.outcome} in {duration(now.ended.seconds)}"
        else:
            time_left = f"about {duration(left)} left" if left is not None else "estimating the time"
        words = f"  step {thousands(now.step)} of {thousands(now.num_steps)}   epoch {now.epoch} of {now.num_epochs}   {time_left}"
        room = max(8, width - max(56, len(words)))
        return Text.assemble((bar(now.step / now.num_steps if now.num_steps else 0.0, room), f"{WARM} on grey23"), words)

    def _loss(self, loss: float | None, width: int) -> Text:
        if loss is None:
            return _row("loss", "")
        values = self.standing.curve.values
        scale = f"  {number(min(values))} to {number(max(values))}"
        drawn = spark(values, max(8, width - LABEL - 10 - max(18, len(scale))))
        return Text.assemble((f"{'loss':{LABEL}}", QUIET), f"{number(loss):>7}   ", (drawn, WARM), (scale, QUIET))


def _row(label: str, words: str) -> Text:
    return Text.assemble((f"{label:{LABEL}}", QUIET), words or (f"{'–':>7}", QUIET))


def _cut(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    line.no_wrap = True
    return line
