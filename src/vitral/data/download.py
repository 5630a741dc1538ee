"""One file over https: resumed where it was cut, bounded in size, and believed only when its checksum is right."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from vitral.data.progress import Progress, Watcher
from vitral.data.source import DataUnavailable
from vitral.errors import DataError

CHUNK = 1 << 18
AGENT = "vitral (https client of an open teaching laboratory)"


class _RefusedError(Exception):
    """This address will not give the file; trying again would not help."""

    def __init__(self, why: str, *, drop: bool = False) -> None:
        super().__init__(why)
        self.drop = drop


class _CutError(Exception):
    """The connection failed; what has arrived is kept."""


def download(
    url: str,
    target: Path,
    *,
    num_bytes: int | None = None,
    max_bytes: int = 2**31,
    md5: str | None = None,
    sha256: str | None = None,
    progress: Watcher | None = None,
    timeout_seconds: float = 15.0,
    attempts: int = 3,
    schemes: tuple[str, ...] = ("https",),
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch ``url`` to ``target``; nothing stands under that name before its content was checked.

    What arrives is kept beside the target as ``NAME.part`` and goes on from there next time, in this call or in a later one. Proxies
    are those that urllib finds in the environment. A redirection must stay within ``schemes``.

    Args:
        url: what to fetch.
        target: the file to make; its folder is made when needed.
        num_bytes: the size that is known beforehand.
        max_bytes: stop when more than this arrives or is announced, where the size is not known.
        md5: checksum in hexadecimal, where the authors give one.
        sha256: the same.
        progress: is told of every quarter of a megabyte.
        timeout_seconds: without a byte.
        attempts: how many times in a row may bring nothing new; waits 0.5, 1, 2, ... seconds in between.
        schemes: of the address and of every redirection.
        sleep: waits; for tests.

    Raises:
        DataUnavailable: the address cannot be reached, does not have the file, or gives another one.
        DataError: the file cannot be written here.

    Example:
        ``download(".../t10k-labels-idx1-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz", md5="ec29112dd5afa0611ce80d1b7f02629c")``
    """
    part, host = target.with_name(f"{target.name}.part"), urllib.parse.urlsplit(url).netloc
    transfer = _Transfer(url, part, schemes, timeout_seconds, num_bytes, max_bytes if num_bytes is None else num_bytes, progress)
    fruitless, fresh = 0, False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            before = _size(part)
            try:
                transfer.go_on()
                wrong = _wrong(part, num_bytes, md5, sha256)
                if not wrong:
                    part.replace(target)
                    return target
                part.unlink(missing_ok=True)
                if not before or fresh:  # else what was there from an earlier call may have been another file's beginning
                    raise _RefusedError(wrong)
                fresh = True
            except _CutError as cut:
                fruitless = 0 if _size(part) > before else fruitless + 1
                if fruitless >= attempts:
                    raise DataUnavailable(f"{host}: {cut}") from None
                sleep(0.5 * 2 ** max(0, fruitless - 1))
    except _RefusedError as refused:
        if refused.drop:
            part.unlink(missing_ok=True)
        raise DataUnavailable(f"{host}: {refused}") from None
    except OSError as cause:
        raise DataError(f"{target}: cannot be written ({_reason(cause)}); free some space or set VITRAL_CACHE to another folder") from cause


def verify(path: Path, num_bytes: int | None = None, md5: str | None = None, sha256: str | None = None) -> bool:
    """Say whether a file has the size and the checksums given."""
    return not _wrong(path, num_bytes, md5, sha256)


@dataclass(frozen=True)
class _Transfer:
    """One file on its way into ``part``; each ``go_on`` asks for what is still missing."""

    url: str
    part: Path
    schemes: tuple[str, ...]
    timeout_seconds: float
    known: int | None
    limit: int
    progress: Watcher | None
    started: float = field(default_factory=time.monotonic)

    def go_on(self) -> None:
        have = _size(self.part)
        if have > self.limit:
            self.part.unlink()
            have = 0
        if self.known is not None and have == self.known:
            return
        response = self._ask(have)
        if response is None:
            return
        with response:
            have, total = self._begin(response, have)
            with self.part.open("r+b" if have else "wb") as file:
                file.seek(have)
                file.truncate()
                self._copy(response, file, have, total)

    def _ask(self, have: int) -> Any:
        """Open the address from byte ``have`` on; None when there is nothing beyond it."""
        _insist(self.url, self.schemes)
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        opener = urllib.request.build_opener(_Redirects(self.schemes))
        try:
            return opener.open(urllib.request.Request(self.url, headers=headers), timeout=self.timeout_seconds)  # noqa: S310 - insisted on above
        except urllib.error.HTTPError as cause:
            cause.close()
            if cause.code == 416 and have:  # nothing lies beyond what is here: it is whole, or of another file
                if _whole(cause.headers.get("Content-Range"), r"bytes \*/(\d+)") == have:
                    return None
                self.part.unlink()
                raise _CutError("its size changed") from None
            if cause.code in {408, 425, 429} or cause.code >= 500:
                raise _CutError(f"the server answers {cause.code}") from None
            raise _RefusedError(f"the server answers {cause.code} {cause.reason}") from None
        except (OSError, http.client.HTTPException) as cause:  # URLError is an OSError
            raise _CutError(_reason(cause)) from None
        except ValueError as cause:
            raise _RefusedError(f"no address ({cause})") from None

    def _begin(self, response: Any, have: int) -> tuple[int, int | None]:
        """Read the head of an answer: where its body begins in the file, and how long the file is."""
        if have and response.status == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != have:
                raise _RefusedError("the server answers another range than was asked for")
            total = int(found[2]) if found[2] != "*" else None
        elif response.status == 200:
            have, total = 0, _whole(response.headers.get("Content-Length"), r"(\d+)")  # a server may ignore the range
        else:
            raise _RefusedError(f"the server answers {response.status}")
        if total is not None and total > self.limit:
            raise _RefusedError(f"expected at most {self.limit:,} bytes, the server announces {total:,}", drop=True)
        return have, total

    def _copy(self, response: Any, file: IO[bytes], have: int, total: int | None) -> None:
        while True:
            try:
                block = response.read(CHUNK)
            except (OSError, http.client.HTTPException) as cause:
                raise _CutError(f"the connection broke after {have:,} bytes ({_reason(cause)})") from None
            if not block:
                break
            have += len(block)
            if have > self.limit:
                raise _RefusedError(f"expected at most {self.limit:,} bytes, the server sends more", drop=True)
            file.write(block)
            if self.progress:
                self.progress(Progress(self.part.stem, have, total or self.known, time.monotonic() - self.started))
        if total is not None and have < total:
            raise _CutError(f"the connection broke after {have:,} of {total:,} bytes")
        file.flush()
        os.fsync(file.fileno())


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, schemes: tuple[str, ...]) -> None:
        self._schemes = schemes

    def redirect_request(self, *args: Any, **kwargs: Any) -> urllib.request.Request | None:
        request = super().redirect_request(*args, **kwargs)
        if request is not None:
            _insist(request.full_url, self._schemes)
        return request


def _insist(url: str, schemes: tuple[str, ...]) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in schemes:
        raise _RefusedError(f"expected an address of {' or '.join(schemes)}, got {scheme or 'none'}")


def _wrong(path: Path, num_bytes: int | None, md5: str | None, sha256: str | None) -> str:
    if not path.exists():
        return "nothing arrived"
    size = path.stat().st_size
    if num_bytes is not None and size != num_bytes:
        return f"expected {num_bytes:,} bytes, got {size:,}"
    for name, expected in {"md5": md5, "sha256": sha256}.items():
        if expected is not None:
            with path.open("rb") as file:
                got = hashlib.file_digest(file, name).hexdigest()
            if got != expected:
                return f"expected {name} {expected}, got {got}"
    return ""


def _whole(text: str | None, pattern: str) -> int | None:
    found = re.fullmatch(pattern, text or "")
    return int(found[1]) if found else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(cause: BaseException) -> str:
    inner = getattr(cause, "reason", None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(text.split()).lower()
