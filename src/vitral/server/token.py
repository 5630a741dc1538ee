"""Who may come in: a secret in a file of the person's own, links that work once, and the cookie that a link is changed for.

Everything is derived from the secret by HMAC-SHA256, so that a page stays let in when the server is killed and started again, and so that
any process of the same person can make a link for a server that runs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path

from vitral.errors import StoreError
from vitral.store import durable

FILE = "secret"
LINK_SECONDS = 600
COOKIE_SECONDS = 7 * 86400
MOST_VISITORS = 200


def secret(folder: Path) -> bytes:
    """Read the laboratory's secret, or make one that nobody else can read (mode 0600).

    One that others could have read is replaced: links and cookies made from it end.

    Raises:
        StoreError: the folder cannot be written, or the file is not a file of this person's own.
    """
    durable.make_folder(folder)
    path = folder / FILE
    try:
        if os.name != "nt" and path.exists() and (path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) or path.stat().st_uid != os.getuid()):
            path.unlink()
        if not path.exists():
            _make(path)
        found = path.read_bytes()
    except OSError as cause:
        raise durable.explain(cause, "the laboratory's secret could not be kept", folder) from cause
    if len(found) != 32:
        raise StoreError(f"{path} is not the laboratory's secret: expected 32 bytes, got {len(found)}; delete it and open Vitral again")
    return found


class Tokens:
    """Makes and knows links and cookies of one secret.

    Args:
        key: the secret.
        clock: seconds since 1970, for the tests.
    """

    def __init__(self, key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock
        self._born = clock()
        self._uses: dict[str, int] = {}

    def link(self, visitors: int = 1) -> str:
        """Make the token of a link that so many pages can be opened with, within ten minutes."""
        return self._sign("link", f"{secrets.token_urlsafe(12)}.{min(visitors, MOST_VISITORS)}.{self._clock():.3f}")

    def spend(self, token: str) -> bool:
        """Let one page in by a link; False where it is none, too old, older than this server, or used up."""
        body = self._body("link", token)
        if body is None:
            return False
        name, visitors, made = body.split(".", 2)
        now = self._clock()
        if not max(now - LINK_SECONDS, self._born) <= float(made) <= now + 1:
            return False  # a server started anew does not remember what was spent
        used = self._uses.get(name, 0)
        if used >= int(visitors):
            return False
        self._uses[name] = used + 1
        return True

    def cookie(self) -> str:
        """Make the value of a cookie."""
        return self._sign("cookie", f"{secrets.token_urlsafe(12)}.{self._clock():.0f}")

    def knows(self, cookie: str) -> bool:
        """Say whether a cookie was made from this secret within a week."""
        body = self._body("cookie", cookie)
        return body is not None and -60 <= self._clock() - float(body.split(".", 1)[1]) <= COOKIE_SECONDS

    def _sign(self, kind: str, body: str) -> str:
        return f"{body}.{hmac.new(self._key, f'{kind}:{body}'.encode(), hashlib.sha256).hexdigest()}"

    def _body(self, kind: str, token: str) -> str | None:
        body, _, mac = token.rpartition(".")
        wanted = hmac.new(self._key, f"{kind}:{body}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return body if hmac.compare_digest(mac.encode("utf-8", "replace"), wanted.encode()) else None


def cookie_name(port: int) -> str:
    """Name the cookie of a port: browsers share cookies between the ports of one host."""
    return f"vitral_{port}"


def _make(path: Path) -> None:
    temporary = path.with_name(f".{FILE}.{secrets.token_hex(8)}{durable.MARK}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(32))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(temporary, path)  # fails where another process was first, whose secret then holds
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    durable.sync_folder(path.parent)
