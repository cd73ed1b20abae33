"""What proofs work on: the target file at each point of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from toolkit.model import Patch, Source

S_co = TypeVar("S_co", bound="Stage", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """The target file at one point of a series, in a copy of its own at `path`.

    `steps` are the names of the proposal's steps that lead here from the stage before; the first stage has none.
    """

    name: str
    content: bytes
    path: Path
    steps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case(Generic[S_co]):
    """A series to be proven: its stages in order, the first of which is the unchanged file.

    Stage n is compared with stage n-1. A foreign patch has no `patches`, only a diff.
    """

    source: Source
    target: PurePosixPath
    stages: tuple[S_co, ...]
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""

    @property
    def before(self) -> S_co:
        """The unchanged file."""
        return self.stages[0]

    @property
    def after(self) -> S_co:
        """The file at the end of the series."""
        return self.stages[-1]

    @property
    def reach(self) -> tuple[Path, ...]:
        """What an evaluation of the isolated tier may read: the stages, and the library of the source's nixpkgs."""
        root = self.source.root
        library = () if root is None else (root / "lib", root / ".version")
        return (*(stage.path.parent for stage in self.stages), *(path for path in library if path.exists()))
