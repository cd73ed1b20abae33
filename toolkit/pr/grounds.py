"""A base in a clone, with its proposal: prove it there, commit it, and write the files.

The files are the pull request's text, the evidence, and the branch's record.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from toolkit.contribution import Contribution, MadeBranch
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import reading
from toolkit.git.clone import Base, Clone
from toolkit.model import Oid, Progress, Proof, Report, SourceRequest
from toolkit.pr import BranchOrder, contributions, making
from toolkit.pr.contributions import DirectoryReplacement
from toolkit.proposal import proposing
from toolkit.proposal.leaf import Series
from toolkit.proposal.registry import leaf_for, leaf_of
from toolkit.proposal.requests import Request
from toolkit.report import pull_request
from toolkit.report import report as reports

_MAIN = "master"
"""The branch of nixpkgs that a pull request goes to where its base is no branch."""

_FETCH = "--fetch gets what this partial clone lacks"


class BranchGround(Struct, frozen=True, kw_only=True, eq=False):
    """A base in a clone, and the commits chosen for it; `warnings` name differences from what the user may expect."""

    clone: Clone
    base: Base
    chosen: Series[Any]
    warnings: tuple[str, ...] = ()

    def prove_own(self, final: bytes, *, progress: Progress) -> tuple[Proof, ...]:
        """Prove the file after the contributor's own commits, as the series' last stage.

        Raise ToolkitError if it is no longer a file of its kind.
        """
        if not self.chosen.commits or final == self.chosen.after.content:
            return ()
        changed = leaf_for(self.chosen).changed(self.chosen, final, progress=progress)
        return proposing.judge(changed, progress=progress)

    def write(  # noqa: PLR0913 - what a text and what is kept of a branch are made of
        self,
        order: BranchOrder,
        report: Report,
        oids: Sequence[Oid],
        replacement: DirectoryReplacement,
        *,
        subjects: Sequence[str],
        worktree: Path,
        own: Sequence[tuple[Oid, str]] = (),
        edited: bytes | None = None,
    ) -> MadeBranch:
        """Write pull-request.md beside the proposal; return the branch's report and its record.

        `edited` is the contributor's version of the text: it stays, and the new text is written beside it.
        """
        request = leaf_for(self.chosen).exact_request(self.chosen)
        facts = replace(proposing.facts(self.chosen, report), commits=tuple(oids), base=self.base.commit)
        content = pull_request.draft(facts)
        place, building = replacement.place, replacement.building
        (building / contributions.TEXT).write_bytes(content if edited is None else edited)
        if edited is not None:
            (building / contributions.NEW_TEXT).write_bytes(content)
        evidence = reports.to_markdown(report, background=pull_request.background(facts))
        (building / contributions.EVIDENCE).write_bytes(evidence)
        remote = clones.push_remote(self.clone, self.base)
        owner = clones.github_owner(self.clone.remotes.get(remote, "")) if remote is not None else None
        return MadeBranch(
            contribution=Contribution(
                branch=order.branch,
                target=report.proposal.package,
                base=order.base,
                base_commit=self.base.commit,
                commits=tuple(oids),
                steps=report.proposal.steps,
                only=request.only,
                bindings=request.bindings,
                follow=request.follow,
                called=dict(request.called),
                recipe=request.recipe,
                settings=dict(request.settings),
                trailers=order.trailers,
                text=contributions.digest(content),
            ),
            worktree=worktree,
            base_name=self.base.name,
            target_branch=self.base.branch or _MAIN,
            author=clones.people(self.clone)["author"],
            subjects=tuple(subjects),
            title=pull_request.title(facts),
            text=place / contributions.TEXT,
            push=remote,
            head=f"{owner or 'YOU'}:{order.branch}",
            pushed=remote is not None and clones.has_branch(self.clone, remote, order.branch),
            own=tuple(own),
            text_beside=place / contributions.NEW_TEXT if edited is not None else None,
            in_place=order.in_place,
            related=tuple(each.number for each in facts.related),
        )


def find(clone: Clone, order: BranchOrder, request: Request, *, progress: Progress) -> BranchGround:
    """Return the base in a request with its proposal, after a fetch on request.

    Raise ToolkitError if the clone lacks the base, or the base is not a nixpkgs.
    """
    base = making.find_base(clone, order, progress=progress)
    needed = [PurePosixPath(path) for path in leaf_of(request.target, request.recipe).needs(request.only)]
    if clone.partial and order.fetch:
        clones.fetch_files(clone, base.commit, needed)
    elif clone.partial and reading.missing_files(clone.common, base.commit, needed):
        # Also where the files are in the cache: git works with those of the clone.
        raise ToolkitError(f"{clone.top}: lacks files of '{base.name}'", hint=_FETCH)
    ground = at(clone, base, request, progress=progress)
    return replace(ground, warnings=tuple(making.base_warnings(base)))


def at(clone: Clone, base: Base, request: Request, *, progress: Progress) -> BranchGround:
    """Return a base with its proposal; raise ToolkitError as `find` does."""
    source = SourceRequest(nixpkgs=str(clone.top), rev=base.name, offline=True)
    try:
        chosen = proposing.choose(replace(request, source=source, force=False), progress=progress)
    except ToolkitError as error:
        if clone.partial and "missing" in error.message:
            raise ToolkitError(error.message, hint=_FETCH) from error
        raise
    if chosen.source.commit != base.commit:
        raise ToolkitError(f"--base: '{base.name}' is the name of two commits in {clone.top}", hint="--base COMMIT")
    return BranchGround(clone=clone, base=base, chosen=chosen)
