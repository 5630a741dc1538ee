"""Which symbols a text is made of, and the number of each: a network knows only the numbers."""

# V vocabulary  T time

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vitral.errors import DataError

Kind = Literal["characters", "bytes"]
Integers = npt.NDArray[np.int64]
POINTS: Final = 0x110000
"""How many code points there can be."""
SHOWN: Final = 6
ESCAPES: Final = {"\n": "↵", "\t": "\\t", "\r": "\\r", "\\": "\\"}


@dataclass(frozen=True)
class Vocabulary:
    """The symbols of a text in the order of their codes: symbol number 3 is ``symbols[3]``.

    Args:
        kind: "characters" are Unicode code points (an accent of its own is a symbol of its own); "bytes" are the bytes of the file.
        symbols: a tuple of single characters, or ``bytes``; no symbol twice.
    Raises:
        DataError: no symbols, one of them twice, or one that is not a single character.
    Example:
        ``Vocabulary.of("hello")`` has the symbols e, h, l, o; ``encode("hole")`` is 1, 3, 2, 0.
    """

    kind: Kind
    symbols: tuple[str, ...] | bytes

    def __post_init__(self) -> None:
        if self.kind not in {"characters", "bytes"}:
            raise DataError(f'vocabulary: expected the kind "characters" or "bytes", got {str(self.kind)[:40]!r}')
        if isinstance(self.symbols, bytes) != (self.kind == "bytes"):
            raise DataError(f"vocabulary: expected {'bytes' if self.kind == 'bytes' else 'a tuple of characters'}, got the other kind")
        if not self.symbols:
            raise DataError("vocabulary: expected at least one symbol, got none; give some text")
        for symbol in self.symbols:
            if isinstance(symbol, str) and len(symbol) != 1:
                raise DataError(f"vocabulary: expected single characters, got {symbol[:20]!r}; give one code point a symbol")
        if len(set(self.symbols)) != len(self.symbols):
            raise DataError("vocabulary: a symbol occurs twice; give each one once")

    @classmethod
    def of(cls, text: str | bytes) -> Vocabulary:
        """Collect the symbols of a text, in order of code point or byte.

        Example: ``Vocabulary.of(b"abba").symbols`` is ``b"ab"``.
        """
        if isinstance(text, bytes):
            return cls("bytes", bytes(sorted(set(text))))
        return cls("characters", tuple(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def points(self) -> Integers:
        """The code point or byte of every symbol, int64, (V,)."""
        return np.array([symbol if isinstance(symbol, int) else ord(symbol) for symbol in self.symbols], np.int64)

    @cached_property
    def table(self) -> npt.NDArray[np.int32]:
        """The code of every code point or byte, -1 for those that are no symbol: int32, up to the largest symbol."""
        table = np.full(256 if self.kind == "bytes" else int(self.points.max()) + 1, -1, np.int32)
        table[self.points] = np.arange(len(self), dtype=np.int32)
        return table

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type that holds every code: uint8, uint16 or int32."""
        return np.dtype(np.uint8 if len(self) <= 2**8 else np.uint16 if len(self) <= 2**16 else np.int32)

    def encode(self, text: str | bytes, *, unknown: Literal["error", "drop"] = "error") -> Integers:
        """Give the code of every symbol of a text, int64, (T,).

        Args:
            text: characters, or bytes (for a vocabulary of characters they are read as UTF-8, and the other way round).
            unknown: what to do about symbols that are not in the vocabulary; "drop" leaves them out.
        Raises:
            DataError: the text has symbols that the vocabulary lacks; names them.
        Example:
            ``Vocabulary.of("hello").encode("hat")`` raises ``'a', 't' are not among the 4 symbols ...``.
        """
        points = self._points(text)
        inside = points < len(self.table)
        codes = self.table[np.where(inside, points, 0)].astype(np.int64)
        known = inside & (codes >= 0)
        if known.all():
            return codes
        if unknown == "error":
            raise DataError(self._unknown(points[~known]))
        return codes[known]

    def decode(self, codes: npt.NDArray[np.integer[Any]] | Iterable[int]) -> str:
        """Give the text of codes; a vocabulary of bytes reads them as UTF-8 and puts a replacement character for what is none.

        Example: ``Vocabulary.of("hello").decode([1, 3, 2, 0])`` is ``"hole"``.
        """
        points = self._of(codes)
        if self.kind == "bytes":
            return points.astype(np.uint8).tobytes().decode("utf-8", "replace")
        return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def to_bytes(self, codes: npt.NDArray[np.integer[Any]] | Iterable[int]) -> bytes:
        """Give the bytes of codes: those of the file itself, or the text in UTF-8."""
        if self.kind == "bytes":
            return self._of(codes).astype(np.uint8).tobytes()
        return self.decode(codes).encode("utf-8", "surrogatepass")

    def show(self, code: int, *, space: bool = False) -> str:
        r"""Write one symbol so that it can be seen in a terminal or on a page.

        Args:
            code: 0 <= code < V.
            space: write the blank as ``·``.
        Example:
            A new line is ``↵``, a tab ``\t``, the escape character ``\x1b``, the two bytes of é ``\xc3`` and ``\xa9``, an accent
            without a letter ``◌́``.
        """
        assert 0 <= code < len(self)
        symbol = self.symbols[code]
        return _visible_byte(symbol, space=space) if isinstance(symbol, int) else _visible(symbol, space=space)

    def to_json(self) -> dict[str, Any]:
        """Give what JSON can hold: characters as one string, bytes in hexadecimal."""
        return {"kind": self.kind, "symbols": self.symbols.hex() if isinstance(self.symbols, bytes) else "".join(self.symbols)}

    @classmethod
    def from_json(cls, values: Any) -> Vocabulary:
        """Read what ``to_json`` gave.

        Raises:
            DataError: these are no vocabulary.
        """
        kind, symbols = (values.get("kind"), values.get("symbols")) if isinstance(values, dict) else (None, None)
        if not isinstance(symbols, str) or not isinstance(kind, str):
            raise DataError(f"vocabulary: expected a kind and a text of symbols, got {str(values)[:60]!r}; it is damaged")
        if kind != "bytes":
            return cls(kind, tuple(symbols))  # type: ignore[arg-type] # another kind is refused there
        try:
            return cls("bytes", bytes.fromhex(symbols))
        except ValueError:
            raise DataError(f"vocabulary: expected bytes in hexadecimal, got {symbols[:40]!r}; it is damaged") from None

    def _points(self, text: str | bytes) -> npt.NDArray[np.integer[Any]]:
        """Give the text's code points or bytes."""
        try:
            if self.kind == "bytes":
                raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")  # as Python reads a command line
                return np.frombuffer(raw, np.uint8)
            string = text if isinstance(text, str) else text.decode()
        except UnicodeError as cause:
            raise DataError(f"text: expected UTF-8, got {_shortly(cause)}; write it in UTF-8") from None
        return np.frombuffer(string.encode("utf-32-le", "surrogatepass"), "<u4")

    def _of(self, codes: npt.NDArray[np.integer[Any]] | Iterable[int]) -> Integers:
        array = np.asarray(codes if isinstance(codes, np.ndarray) else list(codes), np.int64)
        assert array.size == 0 or (array.min() >= 0 and array.max() < len(self)), "a code outside of the vocabulary"
        return self.points[array]

    def _unknown(self, points: npt.NDArray[np.integer[Any]]) -> str:
        distinct, first = np.unique(points, return_index=True)
        ordered = [int(point) for point in distinct[np.argsort(first, kind="stable")]]
        named = [f"byte {point:#04x}" if self.kind == "bytes" else f"{chr(point)!r}" for point in ordered[:SHOWN]]
        more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
        those = "is" if len(ordered) == 1 else "are"
        return (
            f"{', '.join(named)}{more} {those} not among the {len(self)} symbols that the network learned from; "
            f"leave {'it' if len(ordered) == 1 else 'them'} out, or train on a text that has {'it' if len(ordered) == 1 else 'them'}"
        )


def _visible(symbol: str, *, space: bool) -> str:
    if symbol == " ":
        return "·" if space else " "
    if symbol in ESCAPES:
        return ESCAPES[symbol]
    if unicodedata.category(symbol).startswith("M"):
        return f"◌{symbol}"  # it would sit on what stands before it
    if symbol.isprintable():
        return symbol
    point = ord(symbol)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _visible_byte(symbol: int, *, space: bool) -> str:
    return _visible(chr(symbol), space=space) if symbol < 0x80 else f"\\x{symbol:02x}"


def _shortly(cause: UnicodeError) -> str:
    if isinstance(cause, UnicodeDecodeError):
        return f"byte {cause.object[cause.start]:#04x} at offset {cause.start:,}"
    if isinstance(cause, UnicodeEncodeError):
        return f"half a character ({ord(cause.object[cause.start]):#06x}) at position {cause.start:,}"
    return str(cause)[:60]
