"""The commits of nixpkgs that are known, and how git names what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath  # noqa: TC003 - a field of what documents are read into
from typing import Self

from toolkit.errors import UsageError


class Oid(str):
    """A git object id: 40 lower-case hexadecimal digits, as nixpkgs has them (SHA-1)."""

    __slots__ = ()

    def __new__(cls, digits: str) -> Self:
        """Raise UsageError for what is no id."""
        if not re.fullmatch(r"[0-9a-f]{40}", digits):
            raise UsageError(f"git object id: '{digits}' is not 40 hexadecimal digits, as nixpkgs has them")
        return super().__new__(cls, digits)

    @property
    def short(self) -> str:
        """The first 12 digits, for people."""
        return self[:12]


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
