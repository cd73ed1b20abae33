"""The commits of nixpkgs that are known, and how git names what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Oid:
    """A git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits."""

    hex: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", self.hex):
            raise UsageError(f"git object id: '{self.hex}' is not 40 hexadecimal digits")

    def __str__(self) -> str:
        return self.hex

    @property
    def short(self) -> str:
        """The first 12 digits, for people."""
        return self.hex[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A known nixpkgs commit.

    `blob` is the id of the recorded file in it and `newest` the newest version in that file; both are None until the
    commit was fetched once.
    """

    name: str
    commit: Oid
    about: str
    blob: Oid | None = None
    newest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """nixpkgs: its git URL, the commits of it that are known, and the name of the one that is the default.

    `file` is the path in nixpkgs of the file whose blobs the pins record.
    """

    remote: str
    default_pin: str
    file: PurePosixPath
    pins: tuple[Pin, ...]
