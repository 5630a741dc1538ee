"""Symbols and their numbers, both ways."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitral.data.vocabulary import Vocabulary
from vitral.errors import DataError

CHARACTERS = st.characters(codec="utf-8")


@given(st.text(CHARACTERS, min_size=1))
def test_characters_go_there_and_back(text: str) -> None:
    vocabulary = Vocabulary.of(text)
    assert list(vocabulary.symbols) == sorted(set(text))
    codes = vocabulary.encode(text)
    assert codes.dtype == np.int64
    assert [vocabulary.symbols[code] for code in codes] == list(text)
    assert vocabulary.decode(codes) == text
    assert vocabulary.decode(codes.tolist()) == text
    assert vocabulary.to_bytes(codes) == text.encode()
    np.testing.assert_array_equal(vocabulary.encode(text.encode()), codes)


@given(st.binary(min_size=1))
def test_bytes_go_there_and_back(raw: bytes) -> None:
    vocabulary = Vocabulary.of(raw)
    assert vocabulary.symbols == bytes(sorted(set(raw)))
    codes = vocabulary.encode(raw)
    assert vocabulary.to_bytes(codes) == raw
    assert vocabulary.decode(codes) == raw.decode("utf-8", "replace")


@given(st.one_of(st.text(CHARACTERS, min_size=1), st.binary(min_size=1)))
def test_json_goes_there_and_back(text: str | bytes) -> None:
    vocabulary = Vocabulary.of(text)
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


@given(st.text(CHARACTERS, min_size=1, max_size=20), st.text(CHARACTERS, max_size=20))
def test_what_is_unknown_is_named_or_dropped(text: str, prompt: str) -> None:
    vocabulary = Vocabulary.of(text)
    strange = [symbol for symbol in dict.fromkeys(prompt) if symbol not in text]
    assert vocabulary.decode(vocabulary.encode(prompt, unknown="drop")) == "".join(symbol for symbol in prompt if symbol in text)
    if not strange:
        assert vocabulary.decode(vocabulary.encode(prompt)) == prompt
        return
    with pytest.raises(DataError) as caught:
        vocabulary.encode(prompt)
    assert str(caught.value).startswith(", ".join(map(repr, strange[:6])))
    assert ("more" in str(caught.value).partition("not among")[0]) == (len(strange) > 6) or "more" in prompt


def test_the_message_says_what_to_do() -> None:
    with pytest.raises(DataError) as caught:
        Vocabulary.of("hello").encode("hat")
    assert str(caught.value) == (
        "'a', 't' are not among the 4 symbols that the network learned from; leave them out, or train on a text that has them"
    )
    with pytest.raises(DataError, match=r"^byte 0xc3, byte 0xb1 are not among the 3 symbols"):
        Vocabulary.of(b"abc").encode("ñ")
    with pytest.raises(DataError, match=r"^'a', 'c', 'd', 'e', 'f', 'g' and 2 more are not"):
        Vocabulary.of("b").encode("abcdefghi")


def test_what_lies_beyond_the_last_symbol_is_not_the_first_one() -> None:
    with pytest.raises(DataError, match="'z' is not among the 2 symbols"):
        Vocabulary.of("\0a").encode("z")


def test_a_vocabulary_keeps_the_order_it_is_given() -> None:
    vocabulary = Vocabulary("characters", ("z", "a", "ñ"))
    assert vocabulary.encode("zañ").tolist() == [0, 1, 2]
    assert vocabulary.decode([2, 0]) == "ñz"


def test_a_prompt_of_the_command_line_keeps_its_bytes() -> None:
    raw = bytes([0x61, 0xFF, 0x61])
    assert Vocabulary.of(raw).encode(raw.decode("utf-8", "surrogateescape")).tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="half a character"):
        Vocabulary.of(raw).encode("\ud800")
    with pytest.raises(DataError, match=r"'\\udcff' is not among"):
        Vocabulary.of("a").encode("a\udcff")
    with pytest.raises(DataError, match="expected UTF-8, got byte 0xff at offset 1"):
        Vocabulary.of("a").encode(b"a\xff")


@pytest.mark.parametrize(
    ("symbol", "shown"),
    [
        ("a", "a"), ("\n", "↵"), (" ", " "), ("\t", r"\t"), ("\r", r"\r"), ("\x1b", r"\x1b"), ("\0", r"\x00"), ("\x7f", r"\x7f"),
        ("é", "é"), ("\u0301", "◌\u0301"), ("\u200b", r"\u200b"), ("\ufeff", r"\ufeff"), ("\U000e0001", r"\U000e0001"),
        ("日", "日"), ("\x85", r"\x85"), ("\\", "\\"),
    ],
)  # fmt: skip
def test_every_symbol_can_be_seen(symbol: str, shown: str) -> None:
    assert Vocabulary.of(symbol).show(0) == shown
    assert Vocabulary.of(" ").show(0, space=True) == "·"
    if symbol.isascii():
        assert Vocabulary.of(symbol.encode()).show(0) == shown


def test_the_bytes_of_one_character_are_seen_one_by_one() -> None:
    vocabulary = Vocabulary.of("é".encode())
    assert [vocabulary.show(code) for code in vocabulary.encode("é")] == [r"\xc3", r"\xa9"]


@given(st.one_of(st.integers(0, 255).map(lambda byte: bytes([byte])), CHARACTERS))
def test_what_is_shown_stays_on_its_line(symbol: str | bytes) -> None:
    shown = Vocabulary.of(symbol).show(0)
    assert shown.isprintable()
    assert 1 <= len(shown) <= (4 if isinstance(symbol, bytes) else 10)


@pytest.mark.parametrize(("size", "dtype"), [(1, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "int32")])
def test_codes_are_as_small_as_can_be(size: int, dtype: str) -> None:
    vocabulary = Vocabulary("characters", tuple(chr(0x10000 + number) for number in range(size)))
    assert vocabulary.dtype == np.dtype(dtype)
    assert vocabulary.encode(vocabulary.symbols[-1]).tolist() == [size - 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "expected a kind and a text of symbols"),
        ([], "expected a kind and a text of symbols"),
        ({}, "expected a kind and a text of symbols"),
        ({"kind": "words", "symbols": "abc"}, 'expected the kind "characters" or "bytes", got \'words\''),
        ({"kind": "bytes", "symbols": "xy"}, "expected bytes in hexadecimal, got 'xy'"),
        ({"kind": "characters", "symbols": ""}, "expected at least one symbol"),
        ({"kind": "characters", "symbols": "abca"}, "a symbol occurs twice"),
        ({"kind": "bytes", "symbols": "6161"}, "a symbol occurs twice"),
        ({"kind": 3, "symbols": "abc"}, "expected a kind and a text of symbols"),
    ],
)
def test_damaged_json_is_refused(values: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Vocabulary.from_json(values)


def test_symbols_are_single_characters_of_their_kind() -> None:
    with pytest.raises(DataError, match="expected single characters, got 'ab'"):
        Vocabulary("characters", ("ab",))
    with pytest.raises(DataError, match="expected bytes, got the other kind"):
        Vocabulary("bytes", ("a",))
