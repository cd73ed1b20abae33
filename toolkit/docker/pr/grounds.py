"""What a branch is made on: the clone, the base in it, the nixpkgs of that commit; what is proven and made there."""

from __future__ import annotations

from pathlib import PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.docker import PACKAGE, TARGET, extras, staging
from toolkit.docker.plan import Demotion, demotion_of, extras_of, plan, strategy_of
from toolkit.docker.pr import porting
from toolkit.docker.propose import facts, judge, propose
from toolkit.docker.requests import ProposeRequest
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import reading
from toolkit.git.clone import Base
from toolkit.model import SourceRequest
from toolkit.pr import contributions, making
from toolkit.report import contribution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.contribution import Contribution, Ported
    from toolkit.docker.plan import Extra
    from toolkit.docker.requests import BranchRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.git.clone import Clone
    from toolkit.model import Commit, Progress, Proof, Report, Source, Step, TreeCommit
    from toolkit.report.pull_request import DraftFacts

_FETCH = "--fetch gets what this partial clone lacks"

_BEHAVIOUR = {
    Demotion.SUFFIX: "from then on, any other rootlesskit on the caller's PATH takes precedence",
    Demotion.DROP: "without another rootlesskit on the caller's PATH the daemon no longer starts",
}


class Ground(Struct, frozen=True, kw_only=True):
    """A base in a clone, and what is there.

    `request` is that by which the source is had again, `onto` are further branches of the clone by the names that the
    user gave them. `warnings` say, a line each, what may have been expected otherwise.
    """

    clone: Clone
    base: Base
    request: SourceRequest
    source: Source
    file: DockerFile
    onto: Mapping[str, Base] = field(default_factory=dict[str, Base])
    warnings: tuple[str, ...] = ()

    def prove(self, request: BranchRequest, *, at: Path, progress: Progress) -> Report:
        """Write the proposal for the base to `at`, and prove it."""
        asked = ProposeRequest(
            source=self.request,
            strategy=request.strategy,
            demotion=request.demotion,
            only=request.only,
            out=at,
            extras=request.extras,
            depth=request.depth,
            compare=request.compare,
        )
        return propose(asked, progress=progress)

    def commits(self, made: Sequence[Commit], steps: Sequence[Step], wanted: Sequence[Extra]) -> tuple[TreeCommit, ...]:
        """Return the commits of a branch: those of the steps, and those on request."""
        demotion = demotion_of(steps) or Demotion.SUFFIX
        return (*making.series(TARGET, made), *extras.prepare(wanted, self.source, demotion))

    def port_onto(self, report: Report, *, progress: Progress) -> tuple[Ported, ...]:
        """Carry the series over to the further branches."""
        branches = [base.name for base in self.onto.values()]
        if not branches:
            return ()
        ported = porting.port(report.proposal, repository=self.clone.top, branches=branches, progress=progress)
        by_name = {each.branch: each for each in ported}
        return tuple(replace(by_name[base.name], branch=name) for name, base in self.onto.items())

    def prove_own(self, report: Report, final: bytes, *, progress: Progress) -> tuple[Proof, ...]:
        """Prove the file as it is after the contributor's own commits, in the place of the last of ours.

        Raise ToolkitError where that is no docker file any more.
        """
        *earlier, last = (commit.after for commit in report.proposal.commits)
        if final == last:
            return ()
        texts = [*(content.decode() for content in earlier), docker_file(final, name=str(TARGET)).text]
        return judge(texts, self.file, self.source, report.proposal.steps, progress=progress)[1]

    def facts(
        self, request: BranchRequest, report: Report, made: Sequence[TreeCommit], ported: Sequence[Ported]
    ) -> DraftFacts:
        """Return what the text of the pull request is made from."""
        found = facts(report, self.source, made)
        if not ported:
            return found
        demotion = demotion_of(report.proposal.steps)
        said = (
            contribution.backports(ported, _BEHAVIOUR[demotion], branch=request.branch) if demotion is not None else ()
        )
        return replace(found, matrix="\n".join([*contribution.markdown(ported), "", *said]))


def find(clone: Clone, request: BranchRequest, *, progress: Progress) -> Ground:
    """Return the base that the request names, after a fetch where it asks for one.

    Raise ToolkitError for a base that the clone has not, and for one that is no nixpkgs.
    """
    base, onto = making.find_bases(clone, request, progress=progress)
    if clone.partial:
        needed = [PurePosixPath(path) for path in plan().needed(request.extras)]
        for each in (base, *onto.values()):
            if request.fetch:
                clones.fetch_files(clone, each.commit, needed)
            elif reading.missing_files(clone.common, each.commit, needed):
                # Also where the files are in the cache: git works with those of the clone.
                raise ToolkitError(f"{clone.top}: lacks files of '{each.name}'", hint=_FETCH)
    ground = at(clone, base, request.extras, progress=progress)
    return replace(ground, onto=onto, warnings=tuple(making.base_warnings(base)))


def at(clone: Clone, base: Base, extras: Sequence[Extra], *, progress: Progress) -> Ground:
    """Return the ground of a base; raise ToolkitError as `find` does."""
    request = SourceRequest(nixpkgs=str(clone.top), rev=base.name, offline=True)
    try:
        source = staging.nixpkgs(request, extras=extras, progress=progress)
    except ToolkitError as error:
        if clone.partial and "missing" in error.message:
            raise ToolkitError(error.message, hint=_FETCH) from error
        raise
    if source.commit != base.commit:
        raise ToolkitError(f"--base: '{base.name}' is the name of two commits in {clone.top}", hint="--base COMMIT")
    file = docker_file(source.content, name=str(TARGET))
    return Ground(clone=clone, base=base, request=request, source=source, file=file)


def require_docker(clone: Clone, kept: Contribution) -> None:
    """Raise ToolkitError for a branch about another package, or made in a way that docker's series is not."""
    if kept.target != PACKAGE:
        hint = f"unlet pr --remove --branch {quote(kept.branch)}, then unlet pr {kept.target} makes it again"
        raise ToolkitError(f"{clone.top}: branch '{kept.branch}' is about {kept.target}, not {PACKAGE}", hint=hint)
    try:
        for read in (strategy_of, demotion_of):
            read(kept.steps)
        extras_of(kept.extras)
    except ToolkitError as error:
        raise ToolkitError(f"{contributions.place(clone.common, kept.branch)}: {error.message}") from None
