"""What the faces of ``vitral.probe`` say, in English and Spanish."""

from __future__ import annotations

from collections.abc import Mapping

from vitral.explain.words import Language

WORDS: Mapping[str, tuple[str, str]] = {
    "h": ("short-term memory h", "memoria a corto plazo h"),
    "c": ("long-term memory c", "memoria a largo plazo c"),
    "i": ("input gate i", "puerta de entrada i"),
    "f": ("forget gate f", "puerta de olvido f"),
    "o": ("output gate o", "puerta de salida o"),
    "g": ("candidate g", "candidato g"),
    "r": ("reset gate r", "puerta de reinicio r"),
    "z": ("update gate z", "puerta de actualización z"),
    "n": ("candidate n", "candidato n"),
    "learn": ("learned i*g", "aprendido i*g"),
    "forget": ("kept f*c'", "conservado f*c'"),
    "remember": ("remembered c", "recordado c"),
    "use": ("used o*tanh(c)", "usado o*tanh(c)"),
    "fresh": ("new (1-z)*n", "nuevo (1-z)*n"),
    "kept": ("kept z*h'", "conservado z*h'"),
    "cell": ("{0}, {1}, unit {2}", "{0}, {1}, unidad {2}"),
    "all_units": ("{0}, {1}, mean of {2} units", "{0}, {1}, media de {2} unidades"),
    "after": ("{0} characters, each with the value after it was read", "{0} caracteres, cada uno con el valor tras leerlo"),
    "signed": ("negative (blue), zero, positive (orange)", "negativo (azul), cero, positivo (naranja)"),
    "valve": ("0 shut, 1 open", "0 cerrada, 1 abierta"),
    "clamped": ("{0} % beyond the scale, shown as its end", "{0} % fuera de la escala, mostrado como su extremo"),
    "plainly": (
        "Under each line: 1 to 9 positive, a to i negative, · zero; 9 and i are {0}.",
        "Bajo cada línea: de 1 a 9 positivo, de a a i negativo, · cero; 9 e i son {0}.",
    ),
    "reach": ("How far back a loss is felt", "Hasta dónde atrás se siente una pérdida"),
    "reach_axis": ("characters back, k", "caracteres hacia atrás, k"),
    "reach_height": (
        "|dL(t)/dh(t-k)|, mean over {0} places; L in nats",
        "|dL(t)/dh(t-k)|, media de {0} lugares; L en nats",
    ),
}


def say(key: str, language: Language = "en", *values: object) -> str:
    """Give a word or a line in a language, its places filled. A key that is not there is its own word."""
    line = WORDS.get(key, (key, key))[language == "es"]
    return line.format(*values) if values else line
