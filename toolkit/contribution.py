"""The values of `unlet pr`: the commits of a pull request, and how far they carry. No I/O, no formatting for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolkit.model import Extra

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from toolkit.model import Oid, Proof

__all__ = [
    "ExplainedCommit",
    "ExplainedHunk",
    "Extra",
    "FileChange",
    "Fit",
    "Ported",
    "Reason",
    "TreeCommit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file of nixpkgs before and after a commit; `before` is None for one that the commit adds."""

    path: PurePosixPath
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeCommit:
    """A commit of any number of files. `body` has no trailers; `extra` is None for the two of every series."""

    subject: str
    body: str
    files: tuple[FileChange, ...]
    extra: Extra | None = None

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.body.strip()}\n"


class Fit(StrEnum):
    """How the commits made for one branch go onto another one."""

    APPLIES = "applies"
    MERGES = "merges"
    CONFLICTS = "conflicts"
    UNNEEDED = "not needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ported:
    """A series on another branch than the one that it was made for.

    `newest` is the newest docker in the branch's file. `offset` is by how many lines hunks moved, `conflicts` are lines
    of the branch's file. `afresh` tells whether the rewrite, run on the branch's own file, gives what the ported
    patches give: None where one of the two could not be had, `differing` counts the lines that are not the same.
    `reason` says what stood in the way. `proofs` are those of the ported file, of the one made afresh where porting
    conflicts, and empty where there is neither.
    """

    branch: str
    commit: Oid
    newest: str | None
    fit: Fit
    offset: int = 0
    conflicts: tuple[int, ...] = ()
    afresh: bool | None = None
    differing: int = 0
    reason: str | None = None
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a part of a change is there; `proofs` are the names of those that cover it, the first the closest."""

    text: str
    proofs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedHunk:
    """A hunk of a diff, and why it is there; no reason is known for what somebody else wrote.

    `header` is the line `@@ … @@`, `lines` are those below it as the diff has them, without their line feeds.
    """

    path: PurePosixPath
    header: str
    lines: tuple[str, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCommit:
    """The hunks of one commit; `oid` is None for one that is in no repository yet."""

    subject: str
    hunks: tuple[ExplainedHunk, ...]
    oid: Oid | None = None
