"""Inside a trained recurrent network: a run's own weights on a text, looked at in every way that ``vitral.probe`` knows."""

# T time

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vitral.data.progress import Watcher
from vitral.data.text import Text
from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError, SpecError
from vitral.generate.choose import Choice, uniforms
from vitral.nets.net import Net
from vitral.probe import ablate as ablation
from vitral.probe.bundle import recurrent_modules
from vitral.probe.cell import SIGNED, Floats, Held
from vitral.probe.cells import Search, listen, search
from vitral.probe.coloured import Coloured, coloured
from vitral.probe.properties import PROPERTIES
from vitral.probe.reach import Reach, reach
from vitral.probe.reading import Reader, read
from vitral.probe.recurrent import Unfolding, unfold
from vitral.probe.saturation import Saturated, saturation
from vitral.runtime.finished import Finished, finished

MOST_FILE = 64 * 2**20
PRIME = 60
"""Symbols of the text that a sample begins with."""
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Inside:
    """A trained network and a text for it to read."""

    run: str
    step: int
    net: Net
    vocabulary: Vocabulary
    codes: Codes
    """(T,)."""
    source: str
    """Where the text comes from, in words: "the test part of war-and-peace, from character 0 on"."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Name the recurrent layers."""
        return Reader(self.net).layers

    @cached_property
    def text(self) -> str:
        """Give the text, one character a symbol: of bytes, a character stands at its last byte, and a blank sign at those before."""
        if self.vocabulary.kind == "characters":
            return self.vocabulary.decode(self.codes)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return "".join(decoder.decode(bytes([byte]))[-1:] or "\u200b" for byte in self.vocabulary.to_bytes(self.codes))

    @property
    def symbols(self) -> list[str]:
        """Give each symbol as it is shown: a character, or what stands for a byte that is none by itself."""
        known = self.vocabulary
        whole = 0x80 if known.kind == "bytes" else 0x110000  # a byte from 0x80 on is no character by itself
        shown = [chr(point) if point < whole else known.show(code) for code, point in enumerate(known.points.tolist())]
        return [shown[code] for code in self.codes.tolist()]

    def layer(self, wanted: str | None) -> str:
        """Give a layer's name; the last one where none is named. Raises SpecError where there is none such."""
        names = self.layers
        if wanted is not None and wanted not in names:
            raise SpecError(f'run {self.run} has no recurrent layer "{wanted}"; expected one of {", ".join(names)}')
        return wanted or names[-1]

    def unfold(self) -> Unfolding:
        """Show every gate and memory at every step."""
        return unfold(self.net, self.codes)

    def saturation(self) -> list[Saturated]:
        """Count the steps at which each gate is all but shut or all but open."""
        return saturation(self.net, self.codes)

    def cells(self, properties: Sequence[str] = (), *, best: int = 5) -> Search:
        """Search for cells that track properties of the text; all of them where none is named. Raises SpecError for an unknown one."""
        for name in properties:
            if name not in PROPERTIES:
                raise SpecError(f'there is no property "{name}"; expected one of {", ".join(PROPERTIES)}')
        wanted = [PROPERTIES[name] for name in properties] if properties else None
        return search(listen(self.net, self.codes), self.text, wanted, best=best)

    def colour(self, layer: str | None, part: str | None, unit: int | None) -> Coloured:
        """Put a cell's or a gate's values beside the text; c of an LSTM and h of another cell where no part is named."""
        name = self.layer(layer)
        passages = list(read(self.net, self.codes))
        own = passages[0].layers[name]
        chosen = part or ("c" if own.c is not None else "h")
        own[chosen]  # says what is wrong before the rest is put together
        values = np.concatenate([passage.layers[name][chosen][0] for passage in passages])
        return coloured(own, self.symbols, chosen, unit, values=values)

    def reach(self, *, steps: int, places: int) -> list[Reach]:
        """Measure how far back a loss is felt."""
        return reach(self.net, self.codes, steps=steps, places=places)

    def hold(self, layer: str | None, unit: int | None, part: str | None, gates: Sequence[str] = ()) -> list[Held]:
        """Say what is switched off: a unit's h or c at 0, or gates at a number or at their means, of one unit or of all.

        Args:
            layer: whose; the last one where none is named.
            unit: which; None means all, of gates alone.
            part: "h" or "c", which is held at 0; h where nothing is said.
            gates: "f=0", "o=1", "i=mean".

        Raises:
            SpecError: no such layer, unit, part or value.
        """
        name = self.layer(layer)
        if not gates:
            wanted = [Held(name, part or "h", unit, 0.0)]
            Reader(self.net, held=wanted)  # says what is wrong with the names
            return wanted
        held: list[Held] = []
        for gate in gates:
            letter, equals, value = gate.partition("=")
            if not equals:
                raise SpecError(f'--gate takes GATE=VALUE, as f=0, o=1 or i=mean, got "{gate}"')
            Reader(self.net, held=[Held(name, letter, unit, 0.0)])
            held.append(Held(name, letter, unit, self._level(name, letter, value)))
        return held

    def ablate(self, held: Sequence[Held]) -> ablation.Ablation:
        """Compare the losses over the text."""
        return ablation.ablate(self.net, self.codes, held)

    def each(self, layer: str | None, part: str) -> Floats:
        """Switch every unit of a layer off, one after the other."""
        return ablation.each(self.net, self.codes, self.layer(layer), part)

    def write(self, held: Sequence[Held], *, length: int, temperature: float, seed: int) -> str:
        """Let the network go on from the beginning of the text, with parts held; the draws are those of ``vitral.generate``."""
        choice, draws = Choice(temperature), uniforms(seed)

        def choose(scores: Floats) -> int:
            return choice.choose(scores, next(draws)).symbol

        return self.vocabulary.decode(ablation.write(self.net, self.codes[:PRIME].tolist(), length, choose, held))

    def _level(self, layer: str, letter: str, value: str) -> float | Floats:
        if value == "mean":
            return ablation.means(self.net, self.codes, layer, letter)
        try:
            level = float(value)
        except ValueError:
            level = float("nan")
        low = -1.0 if letter in SIGNED else 0.0
        if not low <= level <= 1:
            raise SpecError(f'a gate {letter} is held at a number from {low:g} to 1 or at "mean", got "{value}"')
        return level


def look(
    run: str,
    *,
    workspace: Path,
    text: str | None = None,
    file: Path | None = None,
    start: int = 0,
    length: int,
    progress: Watcher | None = None,
) -> Inside:
    """Take a run's network and a text: one's own, or a stretch of what the run never learned from (its test part, else its validation).

    Args:
        run: the id, its beginning, or ``last``.
        workspace: the folder of all runs.
        text: a text to read.
        file: a file of text to read.
        start: the first symbol to read.
        length: how many symbols to read at most.
        progress: is told how a download goes.

    Raises:
        StoreError: no such run or no checkpoint.
        SpecError: a network without recurrent layers, or text and file at once.
        DataError: the run reads no text; symbols that it does not know; nothing to read.
    """
    if text is not None and file is not None:
        raise SpecError("--text and --file: expected one of the two, got both; leave one out")
    if start < 0 or length < 1:
        raise SpecError(f"--from and --length: expected 0 or more and 1 or more, got {start} and {length}")
    trained = finished(run, workspace=workspace, device="cpu")
    recurrent_modules(trained.net)
    vocabulary = trained.vocabulary
    if text is None and file is None:
        codes, source = stretch(trained, start=start, length=length, progress=progress)
    else:
        given, source = (text, "the text given") if file is None else (_read(file), file.name)
        assert given is not None, "one of the two was given"
        whole = vocabulary.encode(given)
        codes = _part(whole, source, start, length)
    begun = f"{source}, from character {start:,} on" if start else source
    return Inside(trained.id, trained.step, trained.net, vocabulary, codes, begun)


def stretch(trained: Finished, *, start: int, length: int, progress: Watcher | None = None) -> tuple[Codes, str]:
    """Take a stretch of the text that a run never learned from: its test part, else its validation part. Gives it with its name.

    Raises:
        DataError: the run reads no running text; nothing to read from there on.
    """
    data = trained.gather(progress)
    if not isinstance(data, Text):
        raise DataError(f"run {trained.id} learned from {data.name}, which is no running text; give it one with --text or --file")
    part = "test" if len(data.test) else "validation" if len(data.validation) else "train"
    name = f"the {'training' if part == 'train' else part} part of {data.name}"
    return _part(getattr(data, part), name, start, length), name


def _part(codes: Any, source: str, start: int, length: int) -> Codes:
    own = np.asarray(codes[start : start + length], np.int64)
    if start < 0 or not len(own):
        raise DataError(f"{source} has {len(codes):,} symbols and none from {start:,} on; begin elsewhere")
    return own


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MOST_FILE:
            raise DataError(f"{file} has more than {MOST_FILE // 2**20} MiB; give a part of it")
        return file.read_bytes()
    except OSError as wrong:
        raise DataError(f"{file} cannot be read: {wrong.strerror}; give a text file") from None
