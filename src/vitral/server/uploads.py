"""What pages bring: pictures, weights, zips of pictures. Nothing is to be seen under its name before all of it was found good.

A body is written to a temporary file while it comes in, looked at by a process that can do no harm, and only then published by a rename.
Whatever dies in between leaves a temporary file that the next start sweeps away.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitral.errors import DataError
from vitral.server.decoding import SECONDS
from vitral.server.processes import ask
from vitral.store import durable

ID = re.compile("[0-9a-f]{32}")
MODULE = "vitral.server.decoding"
AT_A_TIME = 2
LIMITS = {"image": 20_000_000, "weights": 400_000_000, "zip": 2_000_000_000}
"""Bytes of a body."""
KEPT = {"image": 300, "weights": 20, "zip": 20}
"""So many of the newest are kept."""


@dataclass(frozen=True)
class Upload:
    """Something that is here: ``id`` names it from now on, ``facts`` say what it is."""

    id: str
    facts: dict[str, Any]


class Uploads:
    """The uploads of one laboratory, in a folder of its workspace; one server at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = asyncio.Semaphore(AT_A_TIME)
        for kind in LIMITS:
            durable.make_folder(folder / kind)
            durable.sweep(folder / kind)

    def path(self, kind: str, name: object) -> Path:
        """Find an upload by its id.

        Raises:
            DataError: there is none.
        """
        if isinstance(name, str) and ID.fullmatch(name):
            for path in (self._folder / kind).glob(f"{name}.*"):
                return path
        raise DataError(f"there is no {kind} {name!r:.40}: expected the id of one that was sent here; send it again")

    async def take(self, kind: str, body: AsyncIterator[bytes]) -> Upload:
        """Take in a body: an "image", "weights" or a "zip".

        Raises:
            DataError: it is not what it should be.
            StoreError: it cannot be written.
        """
        folder = self._folder / kind
        temporary = folder / f".{secrets.token_hex(8)}{durable.MARK}"
        try:
            digest = await _write(temporary, body)
            said = await self._inspect(kind, temporary)
            return await asyncio.to_thread(self._publish, kind, temporary, digest, said)
        finally:
            durable.remove(temporary)

    async def _inspect(self, kind: str, path: Path) -> bytes:
        async with self._turn:
            try:
                code, out, complaint = await ask(MODULE, kind, str(path), str(os.getpid()), seconds=2 * SECONDS[kind])
            except TimeoutError:
                raise DataError(f"the {kind} took too long to look at; send a simpler one") from None
        if code == 2:
            raise DataError(complaint)
        if code != 0:
            raise DataError(f"the {kind} could not be looked at within its limits of memory and time; send a simpler one")
        return out

    def _publish(self, kind: str, temporary: Path, digest: str, said: bytes) -> Upload:
        folder = self._folder / kind
        if kind == "image":
            name = hashlib.sha256(said).hexdigest()[:32]
            durable.write(folder / f"{name}.png", said)
            facts = {"width": int.from_bytes(said[16:20], "big"), "height": int.from_bytes(said[20:24], "big")}  # of PNG's first chunk
        else:
            name, facts = digest[:32], json.loads(said)
            suffix = {"safetensors": ".safetensors", "convnetjs": ".json"}.get(facts.get("format", ""), ".zip")
            with _stated(folder):
                temporary.replace(folder / f"{name}{suffix}")
                durable.sync_folder(folder)
        self._prune(kind)
        return Upload(name, facts)

    def _prune(self, kind: str) -> None:
        found = [path for path in (self._folder / kind).iterdir() if ID.fullmatch(path.stem)]
        for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT[kind] :]:
            durable.remove(path)


async def _write(path: Path, body: AsyncIterator[bytes]) -> str:
    """Write a body to a file that only we can read, and give its SHA-256."""
    digest = hashlib.sha256()
    with _stated(path.parent):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        async for part in body:
            digest.update(part)
            rest = memoryview(part)
            with _stated(path.parent):
                while rest:
                    rest = rest[os.write(handle, rest) :]
        with _stated(path.parent):
            await asyncio.to_thread(os.fsync, handle)
    finally:
        os.close(handle)
    return digest.hexdigest()


@contextlib.contextmanager
def _stated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise durable.explain(cause, "the upload could not be kept", folder) from cause
