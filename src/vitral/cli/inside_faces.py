"""What ``vitral inside`` prints: calm tables with units, and what their numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vitral.cli.words import number, percent, spark, thousands

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from vitral.explain.words import Language
    from vitral.probe.ablate import Ablation
    from vitral.probe.cell import Floats, Held
    from vitral.probe.cells import Finding, Search
    from vitral.probe.coloured import Coloured
    from vitral.probe.reach import Reach
    from vitral.probe.recurrent import Unfolding
    from vitral.probe.saturation import Saturated
    from vitral.probe.unrolled import Unrolled
    from vitral.runtime.inside import Inside

SOFT = "bright_black"
NAMES = {
    "i": "input",
    "f": "forget",
    "o": "output",
    "g": "candidate",
    "r": "reset",
    "z": "update",
    "n": "candidate",
    "c": "memory",
    "h": "state",
}


def about(seen: Inside) -> dict[str, object]:
    """Give what every record for JSON begins with."""
    return {"format": "vitral.inside", "run": seen.run, "step": seen.step, "text": seen.source, "num_characters": len(seen.codes)}


def reads(seen: Inside, step: int) -> str:
    """Say what is read at a step: ``lstm-1, step 12 reads “e”``."""
    from vitral.probe.coloured import visible

    return f"{seen.run}, step {step} reads “{visible(seen.symbols[step])}”"


def show_gates(seen: Inside, found: Unfolding, name: str, unit: int | None, out: Console) -> None:
    """Print one line a step: what was read, then every part of one unit, or its mean over all units."""
    from rich.text import Text

    from vitral.probe.coloured import visible

    own = found[name]
    stages = own.stages if own.cell.kind != "lstm" else {key: own.stages[key] for key in ("learn", "forget")}
    columns = {f"{NAMES[part]} {part}": (part, own[part][0]) for part in own.parts} | {
        {"learn": "learned i*g", "forget": "kept f*c'", "fresh": "(1-z)*n", "kept": "z*h'"}[key]: ("h", values[0])
        for key, values in stages.items()
    }
    whose = f"mean of {own.cell.size} units" if unit is None else f"unit {unit} of {own.cell.size}"
    _head(seen, f"{name}, {whose}", out)
    widths = {head: max(len(head), 7) + 2 for head in columns}
    out.print(Text("    t  reads" + "".join(head.rjust(width) for head, width in widths.items()), style=SOFT))
    for t, symbol in enumerate(seen.symbols):
        line = Text(f"{t:>5}  {visible(symbol):<5}")
        for head, (part, values) in columns.items():
            value = float(values[t].mean() if unit is None else values[t, unit])
            line.append(f"{value:{'+' if part in 'hcgn' else ''}.3f}".replace("-", "−").rjust(widths[head]), style=_tint(value))
        out.print(line, no_wrap=True, crop=False, overflow="ignore")
    others = [other for other in seen.layers if other != name]
    _note(
        out,
        f"Recomputed from the run's own weights; it deviates from what torch computed by {found.deviation:.1e} at most. "
        + f"Other layers: {', '.join(others)}. " * bool(others)
        + "--unit N shows one unit, --step T the arithmetic of a step.",
    )


def show_step(seen: Inside, own: Unrolled, step: int, unit: int | None, out: Console, *, language: Language) -> None:
    """Print the arithmetic of one step: of all units as ``vitral explain`` lays it out, of one unit sum by sum."""
    from vitral.cli.lines import print_lines
    from vitral.explain import text

    trace = own.explain(step, since=0)
    moment = trace.ticks[-1]
    if unit is None:
        out.print(f"{own.name}: {reads(seen, step)}", style="bold", markup=False)
        print_lines(text.explain(trace, moment, width=out.width, language=language))
        return
    _head(seen, f"{own.name}, unit {unit} of {own.cell.size}: step {step}", out)
    table = _table("gate", "from the datum", "from h'", "biases", "sum", "", "value")
    for gate in moment.gates:
        datum, heard = float(gate.input_products[unit].sum()), float(gate.hidden_products[unit].sum())
        heard = heard if gate.reset is None else heard * float(gate.reset[unit])
        biases = float(gate.sum[unit]) - datum - heard
        numbers = (f"{value:+.4f}".replace("-", "−") for value in (datum, heard, biases, float(gate.sum[unit])))
        table.add_row(f"{NAMES.get(gate.symbol, gate.symbol)} {gate.symbol}", *numbers, gate.function, _signed(float(gate.value[unit]), 4))
    out.print(table)
    out.print()
    for line in _stages(own, step, unit):
        out.print(f"  {line}".replace("-", "−"), markup=False)
    _note(out, "Each sum: weights times what is read, plus weights times the short-term memory h' of the step before, plus both biases.")


def show_saturation(seen: Inside, found: Sequence[Saturated], out: Console) -> None:
    """Print one line a gate: the shares, how many units hardly ever move, and how their values are spread."""
    _head(seen, "How often each gate is all but shut or all but open", out)
    table = _table("layer", "gate", "below", "above", "always shut", "always open", "values, low to high")
    for one in found:
        units = len(one.left)
        table.add_row(
            one.layer,
            f"{NAMES[one.part]} {one.part}",
            percent(float(one.left.mean())),
            percent(float(one.right.mean())),
            f"{one.always_shut} of {units}",
            f"{one.always_open} of {units}",
            spark([float(count) for count in one.histogram], len(one.histogram)),
        )
    out.print(table)
    _note(
        out,
        "below: share of steps and units under 0.1 (left-saturated); above: over 0.9 (right-saturated); of a simple cell's h under −0.9 and "
        "over 0.9. always: in 9 steps of 10. A unit whose forget gate is always open remembers for long; always shut, it forgets at once.",
    )


def show_cells(seen: Inside, found: Search, out: Console, *, headed: bool = True) -> None:
    """Print the best cells of each property beside what the current character alone would tell."""
    from vitral.probe.properties import PROPERTIES

    title = f"Cells that keep track of something, among {thousands(found.num_cells)}"
    _head(seen, title, out) if headed else out.print(f"[bold]{title}[/bold]\n")
    table = _table("property", "", "layer", "cell", "held-out", "fitted", "alone", "rule", left=(0, 1, 2, 7))
    for name, findings in found.findings.items():
        for n, one in enumerate(findings):
            table.add_row(
                f"[bold]{name}[/bold]" if n == 0 else "",
                f"[{SOFT}]{PROPERTIES[name].english if n == 0 else ''}[/{SOFT}]",
                one.place.layer,
                f"{one.place.part} {one.place.unit}",
                f"[bold]{_score(one, one.score)}[/bold]",
                _score(one, one.fit),
                _score(one, found.alone[name]) if n == 0 else "",
                _rule(one),
            )
    out.print(table)
    for name, reason in found.skipped.items():
        out.print(f"[{SOFT}]  {name}: left out, {reason}[/{SOFT}]")
    _note(
        out,
        f"Chosen and fitted on the first half of the {thousands(found.num_characters)} characters, judged on the second (held-out). Yes or no: "
        "balanced accuracy (bal.), 0.5 is chance. Numbers: correlation (corr.). alone: what the current character tells by itself.",
    )
    best = _worth(found)
    if best:
        from vitral.cli.options import command

        place = best.place
        out.print(f"\n  {command()} inside colour {seen.run} --layer {place.layer} --cell {place.unit} --part {place.part}", markup=False)


def show_next(seen: Inside, out: Console) -> None:
    """Name the other commands for this run."""
    from vitral.cli.options import command

    out.print()
    for words, what in (
        ("gates", "every gate at every step"),
        ("reach", "how far back a loss is felt"),
        ("ablate --each", "which units it needs"),
    ):
        name, *options = words.split()
        line = " ".join([command(), "inside", name, seen.run, *options])
        out.print(f"  {line}   [{SOFT}]{what}[/{SOFT}]")


def show_coloured(seen: Inside, own: Coloured, language: Language, out: Console) -> None:
    """Print the text on the scale's colours; where there are none, with signs under each line."""
    from rich.text import Text

    from vitral.explain import colour
    from vitral.probe import coloured
    from vitral.probe.words import say

    _head(seen, own.title(language), out)
    colours = out.color_system is not None and out.is_terminal
    for line in coloured.lines(own, min(out.width, 100) if out.is_terminal else 80):
        if not colours:
            out.print("".join(signs for signs, _ in line), markup=False)
            out.print(coloured.plainly(line), markup=False)
            continue
        drawn = Text(no_wrap=True, overflow="ignore")
        for signs, step in line:
            drawn.append(signs, style=f"{colour.ink(step, 'dark')} on {colour.fill(step, 'dark')}")
        out.print(drawn, crop=False)
    out.print()
    ends = (f"−{own.largest:.3g} ", f" {own.largest:.3g}") if own.signed else ("0 ", " 1")
    key = Text(ends[0])
    for step in range(-colour.LEVELS if own.signed else 0, colour.LEVELS + 1):
        key.append("  ", style=f"on {colour.fill(step, 'dark')}" if colours else "")
    out.print(key + Text(f"{ends[1]}   {own.legend(language)}") if colours else Text(own.legend(language)))
    if not colours:
        out.print(say("plainly", language, f"±{own.largest:.3g}" if own.signed else "1"), markup=False)


def show_reach(found: Sequence[tuple[str, Reach]], out: Console) -> None:
    """Print the curves over a logarithmic axis, and how much is left after 1, 10, 50 and 100 characters."""
    from vitral.probe.reach_drawing import SIGNS, chart, curves

    out.print("[bold]How far back a loss is felt[/bold]")
    out.print(f"[{SOFT}]|dL(t)/dh(t−k)|, mean over {thousands(found[0][1].num_places)} places; L in nats; k characters back[/{SOFT}]\n")
    drawn = curves(found)
    for line in chart(drawn, width=min(out.width, 100)):
        out.print(line, markup=False, no_wrap=True, crop=False, overflow="ignore")
    out.print()
    steps = len(found[0][1].hidden) - 1
    marks = [k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if k <= steps]
    table = _table("", "", *(f"k = {k}" for k in marks), "below 1 % at", left=(0, 1))
    for n, curve in enumerate(drawn):
        shares = curve.values / curve.values[0]
        low = next((k for k, share in enumerate(shares) if share < 0.01), None)
        table.add_row(
            SIGNS[n % len(SIGNS)], curve.label, *(_share(float(shares[k])) for k in marks), f"k = {low}" if low else f"beyond {steps}"
        )
    out.print(table)
    _note(out, "What is left of the gradient k characters back, as a share of what it is at k = 0.")


def show_ablation(seen: Inside, held: Sequence[Held], measured: Ablation, written: Sequence[str], out: Console) -> None:
    """Print the loss before and after, whom it hurts, and what the network writes."""
    from vitral.probe.coloured import visible

    _head(seen, f"Without {', '.join(map(_held, held))}", out)
    out.print(f"  loss before  [bold]{measured.before:.4f}[/bold] nats a character")
    out.print(f"  loss after   [bold]{measured.after:.4f}[/bold]")
    error = f" ± {2 * measured.error:.4f}" if measured.error == measured.error else ""
    out.print(
        f"  difference   [bold]{_signed(measured.rise, 4)}[/bold]{error}   [{SOFT}]95 %, over {thousands(measured.num_symbols)} characters[/{SOFT}]\n"
    )
    if measured.hurt:
        shown = [f'"{visible(seen.vocabulary.decode([code]))}" {_signed(rise, 2)}' for code, rise, _ in measured.hurt]
        out.print(f"  Hit hardest, nats each: {',  '.join(shown)}\n", markup=False)
    for title, text in zip(("written before", "written after"), written, strict=False):
        out.print(f"[{SOFT}]{title}[/{SOFT}]")
        out.print(text.strip("\n") + "\n", markup=False)
    if written:
        _note(out, "Both begin from the same characters of the text and use the same draws.")


def show_each(seen: Inside, layer: str, part: str, rises: Floats, out: Console) -> None:
    """Print the units whose loss would be felt most, and how the others are spread."""
    order = rises.argsort()[::-1]
    _head(seen, f"{layer}: each unit's {part} held at 0, one after the other", out)
    table = _table("unit", "loss rises by", "", left=(0, 2))
    top = float(rises[order[0]]) or 1.0
    for unit in order[:10]:
        table.add_row(str(unit), _signed(float(rises[unit]), 4), "█" * max(1, round(24 * float(rises[unit]) / top)))
    out.print(table)
    none = int((rises <= 0).sum())
    _note(
        out,
        f"Nats a character. Median {number(float(sorted(rises)[len(rises) // 2]))}; without {none} of {len(rises)} units the loss does not rise.",
    )


def unfolding_values(seen: Inside, found: Unfolding) -> dict[str, object]:
    """Give every number for JSON."""
    layers = {
        name: {"kind": own.cell.kind, "units": own.cell.size}
        | {"parts": {part: own[part][0].round(6).tolist() for part in own.parts}}
        | {"stages": {stage: values[0].round(6).tolist() for stage, values in own.stages.items()}}
        for name, own in found.layers.items()
    }
    return about(seen) | {"symbols": seen.symbols, "deviation": found.deviation, "layers": layers}


def search_values(found: Search) -> dict[str, object]:
    """Give a search for JSON."""
    return {
        "num_cells": found.num_cells,
        "findings": {
            name: [
                {
                    "layer": one.place.layer, "part": one.place.part, "unit": one.place.unit, "measure": _measure(one),
                    "held_out": one.score, "fitted": one.fit, "area": one.area, "threshold": one.threshold, "slope": one.slope,
                }
                for one in findings
            ]
            for name, findings in found.findings.items()
        },
        "alone": dict(found.alone),
        "skipped": dict(found.skipped),
    }  # fmt: skip


def ablation_values(seen: Inside, measured: Ablation, written: Sequence[str]) -> dict[str, object]:
    """Give an ablation for JSON."""
    error = None if measured.error != measured.error else measured.error
    values: dict[str, object] = {"before": measured.before, "after": measured.after, "rise": measured.rise, "standard_error": error}
    hurt = [{"symbol": seen.vocabulary.decode([code]), "rise": rise, "count": count} for code, rise, count in measured.hurt]
    return values | {"hurt": hurt, "written": dict(zip(("before", "after"), written, strict=False))}


def _stages(own: Unrolled, step: int, unit: int) -> list[str]:
    """Write what a step makes of its gates for one unit, in the lecture's words."""
    at = {part: float(own[part][0, step, unit]) for part in own.parts}
    before = float(own.before("h")[0, step, unit])
    if own.cell.kind == "lstm":
        long = float(own.before("c")[0, step, unit])
        return [
            f"learn     i * g        = {at['i']:.4f} * {at['g']:.4f} = {at['i'] * at['g']:.4f}",
            f"forget    f * c'       = {at['f']:.4f} * {long:.4f} = {at['f'] * long:.4f}",
            f"remember  c            = {at['f'] * long:.4f} + {at['i'] * at['g']:.4f} = {at['c']:.4f}",
            f"use       o * tanh(c)  = {at['o']:.4f} * tanh({at['c']:.4f}) = {at['h']:.4f} = h",
        ]
    if own.cell.kind == "gru":
        fresh, kept = (1 - at["z"]) * at["n"], at["z"] * before
        return [
            f"new   (1 - z) * n  = {1 - at['z']:.4f} * {at['n']:.4f} = {fresh:.4f}",
            f"kept  z * h'       = {at['z']:.4f} * {before:.4f} = {kept:.4f}",
            f"h                  = {fresh:.4f} + {kept:.4f} = {at['h']:.4f}",
        ]
    return [f"h = {at['h']:.4f}, from h' = {before:.4f}"]


def _head(seen: Inside, title: str, out: Console) -> None:
    from rich.text import Text

    out.print(Text(title, style="bold"))
    out.print(Text(f"{seen.run} at step {thousands(seen.step)}; {seen.source}, {thousands(len(seen.codes))} characters", style=SOFT))
    out.print()


def _note(out: Console, words: str) -> None:
    import textwrap

    out.print()
    for line in textwrap.wrap(words, min(out.width, 100)):
        out.print(line, style=SOFT, markup=False)


def _table(*heads: str, left: Sequence[int] = (0,)) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style=SOFT)
    for n, head in enumerate(heads):
        table.add_column(head, justify="left" if n in left else "right", no_wrap=True)
    return table


def _tint(value: float) -> str:
    return "dark_orange" if value > 0.05 else "dodger_blue2" if value < -0.05 else SOFT


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _share(share: float) -> str:
    return percent(share) if share >= 0.001 else f"{100 * share:.0e} %"


def _measure(one: Finding) -> str:
    return "correlation" if one.area is None else "balanced accuracy"


def _score(one: Finding, value: float) -> str:
    return f"{value:.3f} {'corr.' if one.area is None else 'bal.'}".replace("-", "−")


def _rule(one: Finding) -> str:
    if one.area is None:
        return f"{_signed(one.slope, 2)} a unit"
    return f"{'above' if one.slope > 0 else 'below'} {_plain(one.threshold)}"


def _plain(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _held(one: Held) -> str:
    whose = f"unit {one.unit}" if one.unit is not None else "all units"
    value = "their mean" if not isinstance(one.value, float) else f"{one.value:g}".replace("-", "−")
    return f"{NAMES[one.part]} {one.part} of {whose} of {one.layer} (held at {value})"


def _worth(found: Search) -> Finding | None:
    """Give the cell that tells most beyond what the current character does."""
    firsts = [(findings[0], found.alone[name]) for name, findings in found.findings.items()]
    gains = [(abs(one.score) - abs(alone), one) for one, alone in firsts]
    return max(gains, key=lambda pair: pair[0])[1] if gains else None
