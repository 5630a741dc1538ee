"""The secret, links and cookies."""

import os
import stat
import threading
from pathlib import Path

import pytest

from vitral.errors import StoreError
from vitral.server.token import COOKIE_SECONDS, LINK_SECONDS, Tokens, cookie_name, secret

posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions elsewhere")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@posix
def test_the_secret_is_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "laboratory"
    before = os.umask(0)
    try:
        found = secret(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert len(found) == 32
    assert secret(folder) == found
    assert list(folder.iterdir()) == [folder / "secret"]


@posix
def test_one_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    found = secret(tmp_path)
    (tmp_path / "secret").chmod(0o640)
    assert secret(tmp_path) != found
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_one_that_is_none_is_told(tmp_path: Path) -> None:
    secret(tmp_path)
    (tmp_path / "secret").write_bytes(b"short")
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(StoreError, match="expected 32 bytes, got 5"):
        secret(tmp_path)


def test_two_at_once_make_one_secret(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(secret(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8


def test_a_link_works_once_and_not_for_long() -> None:
    clock = Clock()
    tokens = Tokens(b"a" * 32, clock=clock)
    link = tokens.link()
    assert tokens.spend(link)
    assert not tokens.spend(link)
    old = tokens.link()
    clock.now += LINK_SECONDS + 1
    assert not tokens.spend(old)
    several = tokens.link(3)
    assert [tokens.spend(several) for _ in range(5)] == [True, True, True, False, False]


def test_a_link_does_not_outlive_its_server() -> None:
    """A server that starts anew has forgotten what was spent, so it takes no link from before."""
    clock = Clock()
    link = Tokens(b"a" * 32, clock=clock).link()
    clock.now += 1
    reborn = Tokens(b"a" * 32, clock=clock)
    assert not reborn.spend(link)
    assert reborn.spend(Tokens(b"a" * 32, clock=clock).link()), "another process of the same person makes one"


def test_a_cookie_outlives_its_server_for_a_week() -> None:
    clock = Clock()
    cookie = Tokens(b"a" * 32, clock=clock).cookie()
    reborn = Tokens(b"a" * 32, clock=clock)
    assert reborn.knows(cookie)
    clock.now += COOKIE_SECONDS + 1
    assert not reborn.knows(cookie)
    assert not Tokens(b"b" * 32, clock=clock).knows(reborn.cookie())


@pytest.mark.parametrize("wrong", ["", ".", "..", "a.b.c", "x" * 10_000, "é.1.2", "\ud800", "a\x00b.1.2." + "0" * 64])
def test_nothing_else_is_one(wrong: str) -> None:
    tokens = Tokens(b"a" * 32)
    assert not tokens.spend(wrong)
    assert not tokens.knows(wrong)


def test_one_kind_is_not_the_other() -> None:
    tokens = Tokens(b"a" * 32)
    assert not tokens.knows(tokens.link())
    assert not tokens.spend(tokens.cookie())
    changed = tokens.link()
    assert not tokens.spend(changed[:-1] + ("0" if changed[-1] != "0" else "1"))
    assert not tokens.spend(changed.replace(".1.", ".9.", 1))


def test_a_cookie_is_named_after_its_port() -> None:
    assert cookie_name(8765) == "vitral_8765"
