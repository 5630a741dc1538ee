"""Where data come from: licence, size, origin and checksums, and what is said when they cannot be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitral.errors import DataError


class DataUnavailable(DataError):  # noqa: N818 - said as it is
    """Only the network is missing: nothing on this machine is wrong, and another attempt may succeed."""


@dataclass(frozen=True)
class File:
    """One file of a data set in its official layout; size and SHA-256 are those of its content, unpacked where it comes gzipped.

    Where ``sha256`` is empty the content is not known beforehand, and ``num_bytes`` is the most that is believed.
    """

    name: str
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """One data set as its authors published it. ``num_bytes`` is what a download brings, 0 where there is none.

    ``notes`` say in one sentence what a person should know: what was not verified, what it depends on.
    """

    name: str
    title: str
    licence: str
    origin: str
    citation: str
    num_bytes: int
    files: tuple[File, ...] = ()
    kind: Literal["images", "text", "sequences"] = "images"
    notes: str = ""

    @property
    def content_bytes(self) -> int:
        """How much all files hold together, unpacked."""
        return sum(file.num_bytes for file in self.files)
