"""What a proposal changes, and the patches that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePosixPath

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
class Step:
    """One step of a proposal, a commit, and the design by which it is made.

    `reason` is why that one, where nobody asked for it.
    """

    name: str
    design: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the user asked for, and the commits that came of it.

    `package` is the attribute path in nixpkgs, `target` the path of its file, `bindings` are the names that leave the
    let. Of somebody else's patch, `steps` are those that it was seen to make; the design may be unknown.
    """

    source: Source
    package: str
    target: PurePosixPath
    bindings: tuple[str, ...]
    steps: tuple[Step, ...]
    commits: tuple[Commit, ...]
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""

    def design(self, step: str) -> str | None:
        """Return the design of the step of that name, None if there is no such step."""
        return next((each.design for each in self.steps if each.name == step), None)
