"""What differs from target to target: how its commits are chosen, staged and judged.

Whatever has no leaf of its own is a package whose file is lifted, `toolkit.proposal.choosing`. A leaf is named by a
file of `patches/targets/`, and imported only if its target is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct

from toolkit.errors import ToolkitError
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.model import OverlayReport, Patch, Progress, Proposal, Source, Step, TreeCommit
from toolkit.patches import Message
from toolkit.proposal import inspection
from toolkit.proposal.inspection import PackageInspection
from toolkit.proposal.recipes import Recipe
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.prove import Case, Claim, Stage
from toolkit.report.pull_request import Texts

C = TypeVar("C", bound="Case[Stage]")


class Added(Struct, frozen=True, kw_only=True, eq=False):
    """A commit outside of the series: its mail, and the result in the source's nixpkgs.

    `commit` is None where the nixpkgs around the file is not at hand, or where the mail does not apply to it; then
    `failure` is git's reason.
    """

    patch: Patch
    commit: TreeCommit | None
    failure: str | None = None


class Chosen(Struct, Generic[C], frozen=True, kw_only=True, eq=False):
    """A target with its commits: their steps and messages, and `contents`, the file after each.

    `added` follows these commits.
    """

    request: Request
    source: Source
    package: str
    file: PurePosixPath
    bindings: tuple[str, ...]
    steps: tuple[Step, ...]
    messages: tuple[Message, ...]
    contents: tuple[bytes, ...]
    added: Added | None = None

    def case(self, proposal: Proposal, *, overlay: Path) -> C:
        """Return what the claims about the proposal work on; its overlay will be in that directory."""
        raise NotImplementedError

    def deepened(self, case: C, *, near: str | None, progress: Progress) -> C:
        """Return the case for the depth of the request; `near` is what the user called the source, if that matters."""
        del near, progress
        return case

    def claims(self, case: C) -> tuple[Claim[C], ...]:
        """Return the claims about a case."""
        raise NotImplementedError

    def overlay(self, proposal: Proposal, case: C) -> Mapping[str, TreeFile]:
        """Return the files of the overlay by their names, none where there can be no overlay."""
        raise NotImplementedError

    def texts(self) -> Texts:
        """Return the texts of pull-request.md."""
        raise NotImplementedError

    def changed(self, contents: tuple[bytes, ...], *, progress: Progress) -> Chosen[C]:
        """Return the same steps with other contents, whoever wrote them.

        Raise NixSyntaxError or RefusalError for what is no file of this kind.
        """
        raise NotImplementedError

    def require_useful(self, case: C) -> None:
        """Raise RefusalError where the proofs have shown that there is nothing to propose."""

    def warnings(self, case: C, *, overlay: str) -> tuple[str, ...]:
        """Return lines for whoever uses the proposal; `overlay` leads from its directory to the overlay's."""
        del case, overlay
        return ()

    def exact_request(self) -> Request:
        """Return the request that makes the same again, with the defaults spelt out."""
        return self.request

    def require_upstream(self) -> None:
        """Raise ToolkitError for a series that upstream would refuse, such as one for an old base."""


class Draft(Struct, Generic[C], frozen=True, kw_only=True):
    """A proposal with the messages of its commits, the case that proves it and the claims about that.

    `overlay` are the files of its overlay, by names relative to the overlay's directory. `warnings` are lines for
    whoever uses it.
    """

    proposal: Proposal
    messages: tuple[Message, ...]
    case: C
    claims: tuple[Claim[C], ...]
    overlay: Mapping[str, TreeFile]
    warnings: tuple[str, ...] = ()

    def write_overlay(self, directory: Path) -> None:
        """Write the overlay; the directory must be the one that the case names."""
        for name, file in self.overlay.items():
            reading.write_file(directory / name, file)


class Recorded(Struct, frozen=True, kw_only=True, eq=False):
    """A proposal read back from its directory: its source, and what its report and its mails say.

    `behind` are the mails that follow the series. `recipe` is what the commits were made by if they are not a lift's.
    """

    directory: Path
    source: Source
    request: Request
    proposal: Proposal
    behind: tuple[Patch, ...] = ()
    recipe: Recipe | None = None


class Leaf(ABC):
    """One way of making proposals; `file` is the only file that they are about, None for any."""

    file: ClassVar[PurePosixPath | None] = None

    @abstractmethod
    def choose(self, requests: Sequence[Request], *, progress: Progress) -> Iterator[Chosen[Any] | ToolkitError]:
        """Yield for each of the requests, which have one source, its commits, or why there are none."""

    @abstractmethod
    def again(self, recorded: Recorded, *, progress: Progress) -> Draft[Any]:
        """Return the draft of a proposal that was read back."""

    @abstractmethod
    def foreign(self, request: CheckRequest, *, progress: Progress) -> Draft[Any]:
        """Return the draft of somebody else's change, with the claims about what it does."""

    def unconcerned(self, draft: Draft[Any]) -> str | None:
        """Return why the claims say nothing of somebody else's change of the file, None if they do."""
        del draft
        return None

    def require_known(self, steps: Sequence[Step]) -> None:
        """Raise ToolkitError for a design that is not among those of this target."""
        del steps

    def needs(self, only: Sequence[str] = (), behind: Sequence[Patch] = ()) -> tuple[str, ...]:
        """Return the paths of nixpkgs that a checkout needs for what is made, or for mails behind a series."""
        del only, behind
        return ()

    def inspect(self, root: Path, name: str) -> PackageInspection:
        """Return where the target of a tree binds its parts, and which overrides reach them."""
        return inspection.inspect_package(root, name)

    def overlay(self, request: Request, kind: str | None, *, progress: Progress) -> OverlayReport | None:
        """Write an overlay of a kind that is no proposal's; None where the kind is none of these."""
        del request, kind, progress
        return None
