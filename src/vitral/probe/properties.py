"""What is true of each place of a text, as something that a cell could keep track of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
OPENING, CLOSING = "([{", ")]}"
PYTHON = (
    "def ",
    "class ",
    "import ",
    "from ",
    "return",
    "if ",
    "for ",
    "while ",
    "else:",
    "elif ",
    "with ",
    "try:",
    "except",
    "@",
    "self.",
)


@dataclass(frozen=True)
class Property:
    """A function from a text to one value a character: what holds once that character has been read."""

    name: str
    english: str
    spanish: str
    function: Callable[[str], Values]
    """Gives (T,) of bool, or of float."""
    number: bool = False
    needs: Callable[[str], str | None] = lambda _: None
    """Says why a text cannot have it, or None."""


def in_quotes(text: str) -> Values:
    """True from an opening quotation mark on, false from the closing one on; a blank line closes.

    Straight marks ("...") open and close in turn; “...” and «...» say themselves which they are.
    """
    out, inside, last = np.zeros(len(text), bool), False, ""
    for n, sign in enumerate(text):
        if sign == '"':
            inside = not inside
        elif sign in "“«":
            inside = True
        elif sign in "”»" or (sign == "\n" and last == "\n"):
            inside = False
        out[n], last = inside, sign if sign != "\r" else last
    return out


def depth(text: str) -> Values:
    """Count the brackets ( [ { that are open; a blank line closes all."""
    out, open_now, last = np.zeros(len(text)), 0, ""
    for n, sign in enumerate(text):
        if sign in OPENING:
            open_now += 1
        elif sign in CLOSING:
            open_now = max(0, open_now - 1)
        elif sign == "\n" and last == "\n":
            open_now = 0
        out[n], last = open_now, sign if sign != "\r" else last
    return out


def column(text: str) -> Values:
    """Count the characters since the line began: 0 for the line's end itself."""
    places = np.arange(len(text))
    starts = np.where(_signs(text, "\n"), places, -1)
    return np.asarray(places - np.maximum.accumulate(starts), float)


def line_position(text: str) -> Values:
    """Give how far into its own line a character lies, 0 to 1."""
    ends = _signs(text, "\n")
    at = column(text)
    places = np.arange(len(text))
    following = np.minimum.accumulate(np.where(ends, places, len(text))[::-1])[::-1]
    length = at + following - places - 1
    return np.where(ends, 0.0, at / np.maximum(length, 1))


def word_position(text: str) -> Values:
    """Count the letters of the word so far; 0 between words."""
    letters = _which(text, str.isalpha)
    places = np.arange(1, len(text) + 1)
    return np.asarray(places - np.maximum.accumulate(np.where(letters, 0, places)), float)


def word_end(text: str) -> Values:
    """True where a word ends with this letter: known only from the next character."""
    letters = _which(text, str.isalpha)
    return np.asarray(letters & ~np.append(letters[1:], False))


def line_start(text: str) -> Values:
    """True for the first character of a line."""
    ends = _signs(text, "\n")
    return np.asarray(np.append(True, ends)[: len(text)] & ~ends)


def indentation(text: str) -> Values:
    """Give the blanks that the character's line begins with (a tab is 4), counted once the first other character is read."""
    out, blanks, begun = np.zeros(len(text)), 0, False
    for n, sign in enumerate(text):
        if sign == "\n":
            blanks, begun = 0, False
        elif not begun and sign in " \t":
            blanks += 4 if sign == "\t" else 1
        else:
            begun = True
        out[n] = blanks
    return out


def python_string(text: str) -> Values:
    """True inside a Python string, from its opening quote on and up to its closing one."""
    return np.asarray(_python(text) == 1)


def python_comment(text: str) -> Values:
    """True from # to the end of the line, outside strings."""
    return np.asarray(_python(text) == 2)


def _python(text: str) -> Values:
    """Mark each character as code (0), string (1) or comment (2)."""
    out, n = np.zeros(len(text), np.int8), 0
    while n < len(text):
        sign = text[n]
        end = n + 1
        if sign == "#":
            end = text.find("\n", n)
            end = len(text) if end < 0 else end
            out[n:end] = 2
        elif sign in "\"'":
            mark = sign * 3 if text.startswith(sign * 3, n) else sign
            end = _string_end(text, n + len(mark), mark)
            out[n : end - 1] = 1
        n = end
    return out


def _string_end(text: str, n: int, mark: str) -> int:
    """Give where the text goes on behind a string; one that nothing closes runs beyond the text's end."""
    while n < len(text) and not text.startswith(mark, n):
        if len(mark) == 1 and text[n] == "\n":
            return n + 1
        n += 2 if text[n] == "\\" else 1
    return min(n, len(text)) + len(mark)


def reads_like_python(text: str) -> str | None:
    """Say why a text does not read like Python, or None where at least 5 lines in 100 begin as Python's do."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    share = sum(line.startswith(PYTHON) for line in lines) / max(1, len(lines))
    return None if share >= 0.05 else f"the text does not read like Python: {100 * share:.1f} % of its lines begin with a keyword, not 5 %"


def _signs(text: str, wanted: str) -> npt.NDArray[np.bool_]:
    return _which(text, lambda sign: sign in wanted)


def _which(text: str, rule: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
    known = {sign: rule(sign) for sign in set(text)}
    return np.fromiter((known[sign] for sign in text), bool, len(text))


PROPERTIES: Mapping[str, Property] = {
    one.name: one
    for one in (
        Property("quotes", "inside quotation marks", "dentro de comillas", in_quotes),
        Property("brackets", "inside brackets", "dentro de paréntesis", lambda text: depth(text) > 0),
        Property("upper", "an upper-case letter", "una mayúscula", lambda text: _which(text, str.isupper)),
        Property("digit", "a digit", "una cifra", lambda text: _which(text, str.isdigit)),
        Property("space", "a blank or the end of a line", "un blanco o el final de una línea", lambda text: _which(text, str.isspace)),
        Property("word_end", "the last letter of a word", "la última letra de una palabra", word_end),
        Property("line_start", "the first character of a line", "el primer carácter de una línea", line_start),
        Property("string", "inside a Python string", "dentro de una cadena de Python", python_string, needs=reads_like_python),
        Property("comment", "inside a Python comment", "dentro de un comentario de Python", python_comment, needs=reads_like_python),
        Property("line", "position in the line, 0 to 1", "posición en la línea, de 0 a 1", line_position, number=True),
        Property("column", "characters since the line began", "caracteres desde el comienzo de la línea", column, number=True),
        Property("word", "letters of the word so far", "letras de la palabra hasta aquí", word_position, number=True),
        Property("depth", "brackets that are open", "paréntesis abiertos", depth, number=True),
        Property("indentation", "blanks at the line's beginning", "blancos al comienzo de la línea", indentation, number=True),
    )
}
