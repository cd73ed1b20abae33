"""What a proposal changes, and the patches that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from toolkit.model.choices import Demotion, Strategy
    from toolkit.model.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One change of the target file: its message and the file's whole content before and after."""

    subject: str
    body: str
    before: bytes
    after: bytes

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.body.strip()}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One file of the series, as `git am` reads it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the user asked for, and the commits that came of it.

    `strategy` is None for somebody else's patch, `demotion` is None for one that leaves the wrapper alone.
    """

    source: Source
    target: PurePosixPath
    strategy: Strategy | None
    demotion: Demotion | None
    commits: tuple[Commit, ...]
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""
