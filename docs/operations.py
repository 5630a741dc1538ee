"""Write the page of the lecture's operations, its pictures and the schema from the presets themselves: ``python docs/operations.py``.

Every picture, every number and every title comes from ``vitral.explain``; a test fails when a file is not what this program would write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from vitral.explain import fade, presets, schema, sheet, text
from vitral.explain.diagrams import draw_fading, draw_folded, draw_valves
from vitral.explain.drawing import draw
from vitral.explain.kernels import KERNELS
from vitral.explain.lstm import Lstm
from vitral.explain.presets import Preset
from vitral.explain.recurrent import Recurrent
from vitral.explain.words import Language

DOCS = Path(__file__).resolve().parent
PAGES: dict[Language, Path] = {"en": DOCS / "operations.md", "es": DOCS / "es" / "operaciones.md"}
LANGUAGES: tuple[Language, ...] = ("en", "es")

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Operations, step by step",
        "intro": "Every number below is computed by `vitral.explain`, which keeps each step of the arithmetic: what comes out is the last step, so an "
        "explanation and its result cannot drift apart. All of it is float64 and agrees with torch to 12 digits. Each example carries its row of the "
        "lecture; the command under it shows the same in a terminal, `--svg FILE` draws it, `--json` gives all numbers "
        "([schema](explain.schema.json)).",
        "own": "Numbers of one's own: `vitral explain convolution --set 'image=[[1,3,2],[6,6,4],[5,7,6]]' --set kernels=sobel-x`, or `--file FILE` with a "
        "JSON object. Of a trained network: `vitral explain RUN LAYER --channel 3 --at 10,12` shows the sum that made that very number, and how far "
        "the engine's own lies from it; in Python, of any torch module: "
        "`vitral.probe.explain_layer(model, \"conv1\", images, (3, 10, 12))`.",
        "convolution": "Convolution", "pooling": "Pooling", "dense": "The neuron", "softmax": "Probabilities", "rnn": "Recurrent cells", "lstm": "LSTM",
        "gru": "GRU", "kernels": "Kernels with a name", "kernel": "kernel", "sees": "what it sees", "numbers": "numbers",
        "gradient": "What the gradient of one weight is made of", "back": "`vitral explain {0} --preset {1} --gradient {2}`",
        "fading": "The same gradient on its way back through twenty steps, for a loss that looks at the last step alone. An RNN's fades with every step; "
        "in an LSTM the cell state carries it, where the forget gate stays open. (Its dLoss/dh falls at the first step back and stays: from there on h "
        "reaches the loss only through the gates.)",
        "large": "Too large for a picture: {0} in, {1} out.",
    },
    "es": {
        "title": "Las operaciones, paso a paso",
        "intro": "Cada número de esta página lo calcula `vitral.explain`, que guarda todos los pasos de la aritmética: el resultado es el último paso, de modo "
        "que una explicación y su resultado no pueden separarse. Todo es float64 y coincide con torch en 12 cifras. Cada ejemplo lleva su fila de la "
        "clase; la orden que lo sigue muestra lo mismo en la terminal, `--svg FILE` lo dibuja y `--json` da todos los números "
        "([esquema](../explain.schema.json)).",
        "own": "Con números propios: `vitral explain convolution --set 'image=[[1,3,2],[6,6,4],[5,7,6]]' --set kernels=sobel-x`, o `--file FILE` con un "
        "objeto JSON. De una red entrenada: `vitral explain RUN LAYER --channel 3 --at 10,12` muestra la suma que hizo justo ese número y cuánto se "
        "aparta de ella el del motor; en Python, con cualquier módulo de torch: "
        "`vitral.probe.explain_layer(model, \"conv1\", images, (3, 10, 12))`.",
        "convolution": "Convolución", "pooling": "Agrupación (pooling)", "dense": "La neurona", "softmax": "Probabilidades", "rnn": "Celdas recurrentes",
        "lstm": "LSTM", "gru": "GRU", "kernels": "Kernels con nombre", "kernel": "kernel", "sees": "qué ve", "numbers": "números",
        "gradient": "De qué está hecho el gradiente de un peso", "back": "`vitral explain {0} --preset {1} --gradient {2} --language es`",
        "fading": "El mismo gradiente en su camino hacia atrás por veinte pasos, con una pérdida que solo mira el último. El de una RNN se apaga en cada paso; "
        "en una LSTM lo lleva el estado de la celda, donde la puerta de olvido sigue abierta. (Su dLoss/dh cae en el primer paso atrás y ahí se queda: "
        "desde entonces h solo llega a la pérdida por las puertas.)",
        "large": "Demasiado grande para un dibujo: entra {0}, sale {1}.",
    },
}  # fmt: skip
GRADIENTS = {
    ("convolution", "L7"): "kernels:0,0,0,0",
    ("pooling", "L10"): "image:0,2,1",
    ("rnn", "L20"): "weight_hh:0,0",
    ("lstm", "L28"): "weight_ih:1,2",
}


def title(preset: Preset, language: Language) -> str:
    """Give a preset's title."""
    return preset.spanish if language == "es" else preset.english


def pictures() -> Iterator[tuple[str, Language, str]]:
    """Draw every picture: its name, its language and its text."""
    for preset in presets.PRESETS:
        if preset.name == "L9":
            continue
        trace = preset.trace()
        for language in LANGUAGES:
            own = f"{preset.name} · {title(preset, language)}"
            yield f"{preset.operation}-{preset.name}", language, draw(trace, trace.at(*preset.place), language=language, heading=own)
            if isinstance(trace, Recurrent) and preset.name in ("L20", "L28"):
                yield f"{preset.operation}-{preset.name}-folded", language, draw_folded(trace, language=language, heading=own)
            if isinstance(trace, Lstm) and preset.name in ("L24", "L25", "L26", "L27"):
                yield f"lstm-{preset.name}-valves", language, draw_valves(trace, preset.place[0], language=language, heading=own)
    fadings = [fade(presets.load(operation, "L22").trace()) for operation in ("rnn", "lstm")]  # type: ignore[arg-type]
    for language in LANGUAGES:
        yield "fading-L22", language, draw_fading(fadings, language=language)


def page(language: Language, names: list[str]) -> str:
    """Write the page: a heading an operation, a picture and a command an example."""
    words = WORDS[language]
    up = "" if language == "en" else "../"
    lines = [f"# {words['title']}", "", words["intro"], "", words["own"], ""]
    for preset in presets.PRESETS:
        lines += [f"## {preset.name} · {words[preset.operation]}: {title(preset, language)}", ""]
        spanish = " --language es" if language == "es" else ""
        if preset.name == "L9":
            trace = preset.trace()
            lines += [words["large"].format("×".join(map(str, trace.inputs["image"].shape)), "×".join(map(str, trace.shape))), ""]
            lines += [f"{fact}  " for fact in sheet.facts(trace, None, language)] + [""]
        for name in names:
            if name.split("-valves")[0].split("-folded")[0] == f"{preset.operation}-{preset.name}":
                lines += [f"![{title(preset, language)}]({up}pictures/{name}.{language}.svg)", ""]
        if (preset.operation, preset.name) == ("lstm", "L22"):
            lines += [words["fading"], "", f"![{title(preset, language)}]({up}pictures/fading-L22.{language}.svg)", ""]
        lines += [f"`vitral explain {preset.operation} --preset {preset.name}{spanish}`", ""]
        which = GRADIENTS.get((preset.operation, preset.name))
        if which:
            name, _, place = which.partition(":")
            found = preset.trace().backward().of(name, *map(int, place.split(",")))
            told = text.plain(text.differentiate(found, language=language))
            lines += [f"{words['gradient']}: {words['back'].format(preset.operation, preset.name, which)}", "", "```", told, "```", ""]
    lines += [f"## {words['kernels']}", "", f"| {words['kernel']} | {words['sees']} | {words['numbers']} |", "|---|---|---|"]
    for name, own in KERNELS.items():
        rows = " / ".join(" ".join(sheet.write(value, 2) for value in row) for row in own.rows)
        lines.append(f"| `{name}` | {own.spanish if language == 'es' else own.english} | `{rows}` |")
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """Give every file that this program writes, with its text."""
    drawn = list(pictures())
    names = [name for name, language, _ in drawn if language == "en"]
    found = {DOCS / "pictures" / f"{name}.{language}.svg": told for name, language, told in drawn}
    found |= {PAGES[language]: page(language, names) for language in LANGUAGES}
    return found | {DOCS / "explain.schema.json": json.dumps(schema.SCHEMA, indent=2, ensure_ascii=False) + "\n"}


if __name__ == "__main__":
    for path, told in files().items():
        path.write_text(told, encoding="utf-8")
