"""The differences between targets: how their commits are chosen, staged and judged.

A target without its own leaf is a package whose file is lifted, `toolkit.proposal.choosing`. A file in
`patches/targets/` names a leaf, which is imported only if its target is requested.
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
    """A commit outside of the series: its mail, and its result in the source's nixpkgs.

    `commit` is None if that nixpkgs is not on this machine, or the mail does not apply to it; then `failure` is git's
    reason.
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
        """Return the case for the proposal's claims; the overlay will be in that directory."""
        raise NotImplementedError

    def deepened(self, case: C, *, near: str | None, progress: Progress) -> C:
        """Return the case for the request's depth; `near` is the user's name for the source, if that matters."""
        del near, progress
        return case

    def claims(self, case: C) -> tuple[Claim[C], ...]:
        """Return the claims about a case."""
        raise NotImplementedError

    def overlay(self, proposal: Proposal, case: C) -> Mapping[str, TreeFile]:
        """Return the files of the overlay by name; none if an overlay is impossible."""
        raise NotImplementedError

    def texts(self) -> Texts:
        """Return the texts of pull-request.md."""
        raise NotImplementedError

    def changed(self, contents: tuple[bytes, ...], *, progress: Progress) -> Chosen[C]:
        """Return the same steps with other contents, from any author.

        Raise NixSyntaxError or RefusalError for a file of a different kind.
        """
        raise NotImplementedError

    def require_useful(self, case: C) -> None:
        """Raise RefusalError if the proofs have shown that the proposal changes nothing."""

    def warnings(self, case: C, *, overlay: str) -> tuple[str, ...]:
        """Return warnings for the proposal's users; `overlay` is the path from its directory to the overlay's."""
        del case, overlay
        return ()

    def exact_request(self) -> Request:
        """Return the request with all defaults written out, so that it makes the same again."""
        return self.request

    def require_upstream(self) -> None:
        """Raise ToolkitError for a series that upstream would refuse, such as one for an old base."""


class Draft(Struct, Generic[C], frozen=True, kw_only=True):
    """A proposal with its commit messages, its case and its claims.

    `overlay` has the overlay's files, by names relative to its directory. `warnings` are lines for the proposal's
    users.
    """

    proposal: Proposal
    messages: tuple[Message, ...]
    case: C
    claims: tuple[Claim[C], ...]
    overlay: Mapping[str, TreeFile]
    warnings: tuple[str, ...] = ()

    def write_overlay(self, directory: Path) -> None:
        """Write the overlay to the directory that the case names."""
        for name, file in self.overlay.items():
            reading.write_file(directory / name, file)


class Recorded(Struct, frozen=True, kw_only=True, eq=False):
    """A proposal read from its directory: its source, and the contents of its report and mails.

    `behind` are the mails that follow the series. `recipe` is None for a lift.
    """

    directory: Path
    source: Source
    request: Request
    proposal: Proposal
    behind: tuple[Patch, ...] = ()
    recipe: Recipe | None = None


class Leaf(ABC):
    """A kind of proposals; `file` is the only file that they change, None for any."""

    file: ClassVar[PurePosixPath | None] = None

    @abstractmethod
    def choose(self, requests: Sequence[Request], *, progress: Progress) -> Iterator[Chosen[Any] | ToolkitError]:
        """Yield the commits of each request, or the reason why there are none; all requests have one source."""

    @abstractmethod
    def again(self, recorded: Recorded, *, progress: Progress) -> Draft[Any]:
        """Return the draft of a proposal that was read back."""

    @abstractmethod
    def foreign(self, request: CheckRequest, *, progress: Progress) -> Draft[Any]:
        """Return the draft of someone else's change, with the claims about its effects."""

    def unconcerned(self, draft: Draft[Any]) -> str | None:
        """Return why no claim is about someone else's change of the file; None if some are."""
        del draft
        return None

    def require_known(self, steps: Sequence[Step]) -> None:
        """Raise ToolkitError for a design that this target does not have."""
        del steps

    def needs(self, only: Sequence[str] = (), behind: Sequence[Patch] = ()) -> tuple[str, ...]:
        """Return the nixpkgs paths that a checkout needs for the request, or for mails after a series."""
        del only, behind
        return ()

    def inspect(self, root: Path, name: str) -> PackageInspection:
        """Return where a tree's target binds its parts, and which overrides reach them."""
        return inspection.inspect_package(root, name)

    def overlay(self, request: Request, kind: str | None, *, progress: Progress) -> OverlayReport | None:
        """Write an overlay of a special kind; return None for the kinds that proposals make."""
        del request, kind, progress
        return None
