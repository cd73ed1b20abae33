"""The one value of a proposal, which grows on its way, and how targets differ.

A target without its own leaf is a package whose file is lifted,
`toolkit.proposal.choosing`. patches/targets.toml names the leaves of others, which are
imported only for a request that needs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct

from toolkit.errors import ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.model import OverlayReport, Patch, Progress, Proposal, TreeCommit
from toolkit.proposal import inspection
from toolkit.proposal.inspection import PackageInspection
from toolkit.proposal.judged import Judging
from toolkit.proposal.prove import Case, Claim, S_co
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.report.pull_request import Texts


class Added(Struct, frozen=True, kw_only=True, eq=False):
    """A commit after the series: its mail, and its result in the source's nixpkgs.

    `commit` is None if that nixpkgs is not here, or the mail does not apply to it; then
    `failure` is git's reason.
    """

    patch: Patch
    commit: TreeCommit | None
    failure: str | None = None


class Series(Case[S_co], Generic[S_co], frozen=True, kw_only=True, eq=False):
    """A package's commits, from the choice of their designs to the report.

    Mails and proofs are added on the way. Somebody else's change is a series without
    steps and mails.
    """

    request: Request
    added: Added | None = None
    """The commit that follows the series."""
    overlay: Path | None = None
    """The overlay's directory; None before it is written, and if none is possible."""
    warnings: tuple[str, ...] = ()
    """Warnings for the user of the proposal."""

    def judge(self) -> Judging:
        """Return the judge of the commits that change no output.

        Raise NotRunError if no commit is of that kind.
        """
        raise NotImplementedError


C = TypeVar("C", bound="Series[Any]")


class Leaf(ABC, Generic[C]):
    """A kind of proposals."""

    @abstractmethod
    def choose(
        self, requests: Sequence[Request], *, progress: Progress
    ) -> Iterator[C | ToolkitError]:
        """Yield the commits of each request, or the reason why there are none.

        All requests have one source.
        """

    @abstractmethod
    def again(
        self,
        request: Request,
        proposal: Proposal,
        behind: Sequence[Patch],
        *,
        progress: Progress,
    ) -> C:
        """Return a proposal that was read back from `request.out`.

        The mails `behind` follow its own.
        """

    @abstractmethod
    def foreign(self, request: CheckRequest, *, progress: Progress) -> C:
        """Return someone else's change of the target's file."""

    @abstractmethod
    def changed(self, series: C, content: bytes) -> C:
        """Return the series with another content of its last commit, from any author.

        Raise NixSyntaxError or RefusalError for a file of another kind.
        """

    @abstractmethod
    def claims(self, series: C) -> tuple[Claim[C], ...]:
        """Return the claims about a series."""

    @abstractmethod
    def texts(self, series: C) -> Texts:
        """Return the texts of pull-request.md."""

    def overlay_files(self, series: C) -> Mapping[str, TreeFile]:
        """Return the files of the overlay by name; none if an overlay is impossible."""
        del series
        return {}

    def deepened(self, series: C, *, progress: Progress) -> C:
        """Return the series with everything that proofs of the requested depth need."""
        del progress
        return series

    def require_upstream(self, series: C) -> None:
        """Raise ToolkitError for a series that upstream would refuse."""

    def require_useful(self, series: C) -> None:
        """Raise RefusalError if the proofs show that the proposal changes nothing."""

    def exact_request(self, series: C) -> Request:
        """Return the request with all defaults written out, to repeat it."""
        return series.request

    def unconcerned(self, series: C) -> str | None:
        """Return why no claim is about somebody else's change of the file.

        Return None if some claims are.
        """
        del series
        return None

    def needs(
        self, only: Sequence[str] = (), behind: Sequence[Patch] = ()
    ) -> tuple[str, ...]:
        """Return the paths of nixpkgs that the steps, or the mails `behind`, need."""
        del only, behind
        return ()

    def inspect(self, root: Path, name: str) -> PackageInspection:
        """Return where the target defines its parts, and which overrides reach them."""
        return inspection.inspect_package(root, name)

    def overlay(
        self, request: Request, kind: str | None, *, progress: Progress
    ) -> OverlayReport | None:
        """Write an overlay of a special kind.

        Return None for the kinds that proposals make.
        """
        del request, kind, progress
        return None
