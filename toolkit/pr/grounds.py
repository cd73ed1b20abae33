"""A base in a clone, and the commits for it: prove, commit and write them.

The written files are the proposals, the pull request's text, and the branch's record.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.contribution import Contribution, MadeBranch, PullRequest
from toolkit.errors import RefusalError, ToolkitError, UsageError, only, tried
from toolkit.git import clone as clones
from toolkit.git import reading
from toolkit.git.clone import Base, Clone
from toolkit.git.committing import Workshop
from toolkit.model import (
    Attempt,
    Oid,
    Progress,
    Proof,
    Report,
    SourceRequest,
    Status,
    TreeCommit,
)
from toolkit.pr import CHOICES, BranchOrder, contributions
from toolkit.pr.contributions import DirectoryReplacement
from toolkit.proposal import claims, proposing, recipes
from toolkit.proposal.leaf import Series
from toolkit.proposal.leaves import leaf_for, leaf_of
from toolkit.proposal.requests import Request
from toolkit.report import message, pull_request
from toolkit.sources import trees
from toolkit.writable import WritableRoot

_MAIN = "master"
"""The target branch of a pull request if the base is not a branch."""


class BranchWork(Struct, frozen=True, kw_only=True):
    """A branch's worktree, and the contributor's work on it: commits, an edited text.

    An edited text stays, and the new one is written beside it.
    """

    worktree: Path
    own: Sequence[tuple[Oid, str]] = ()
    edited: bytes | None = None


class BranchGround(Struct, frozen=True, kw_only=True, eq=False):
    """A base in a clone, and the commits for it, which are then proven and written."""

    clone: Clone
    base: Base
    chosen: Mapping[str, Series[Any] | ToolkitError]
    """The chosen series, by the name of the target."""
    attempts: tuple[Attempt, ...] = ()
    made: tuple[tuple[Any, Report], ...] = ()
    """The series that were not refused, with their reports."""

    @property
    def commits(self) -> tuple[TreeCommit, ...]:
        """The commits for the clone.

        After the proofs, their messages have the sentences that proofs support.
        """
        chosen = (
            (each, each.commits)
            for each in self.chosen.values()
            if isinstance(each, Series)
        )
        made = ((series, report.proposal.commits) for series, report in self.made)
        pairs = made if self.attempts else chosen
        return tuple(
            commit
            for series, commits in pairs
            for commit in proposing.tree_commits(series, commits)
        )

    def written(
        self,
        order: BranchOrder,
        replacement: DirectoryReplacement,
        *,
        is_new: bool = False,
        progress: Progress,
    ) -> "BranchGround":
        """Prove and write each series; a batch has a directory for each package.

        Raise the error of a single package. A batch refuses a package instead: if it
        has an error, if a proof fails for it, or if another one changes its file. With
        `is_new`, it also refuses a package that upstream would close.
        """
        is_alone = len(self.chosen) == 1
        writer = _Writer(
            order=order,
            replacement=replacement,
            is_new=is_new,
            is_kept=is_alone or order.force,
        )
        attempts: list[Attempt] = []
        for target, outcome in self.chosen.items():
            result: Report | ToolkitError
            if isinstance(outcome, ToolkitError):
                name, result = "", outcome
            else:
                name = "" if is_alone else outcome.package
                write = partial(writer.write, outcome, name, progress=progress)
                result = tried(write)
            out = replacement.place / name
            attempts.append(Attempt(target=target, out=out, result=result))
        if is_alone:
            only(attempts[0].result)
        return replace(self, attempts=tuple(attempts), made=tuple(writer.made.values()))

    def outcome(self, whole: tuple[Proof, ...]) -> PullRequest:
        """Return the result before the branch exists.

        `whole` are the proofs of all its commits.
        """
        return PullRequest(
            clone=self.clone.top, attempts=self.attempts, made=None, own_proofs=whole
        )

    def committed(self, shop: Workshop, composed: Sequence[str]) -> tuple[Oid, ...]:
        """Commit the series on the base, with these messages."""
        return shop.series(
            self.base.commit,
            list(zip((each.files for each in self.commits), composed, strict=True)),
        )

    def prove_whole(
        self, contents: Mapping[PurePosixPath, bytes], *, progress: Progress
    ) -> tuple[Proof, ...]:
        """Prove several series together, or one with the contributor's commits.

        `contents` are files with the contributor's commits. Raise ToolkitError if a
        file is no longer of its kind.
        """
        if len(self.made) > 1:
            return claims.together(
                [series for series, _ in self.made], contents, progress=progress
            )
        for series, _ in self.made:
            final = contents.get(series.target)
            if series.commits and final is not None and final != series.after.content:
                changed = leaf_for(series).changed(series, final)
                return proposing.own_proofs(changed, progress=progress)
        return ()

    def write(
        self,
        order: BranchOrder,
        oids: Sequence[Oid],
        composed: Sequence[str],
        replacement: DirectoryReplacement,
        work: BranchWork,
    ) -> MadeBranch:
        """Write pull-request.md beside the proposals.

        Return the branch's report and its record.
        """
        facts = [
            replace(
                proposing.facts(series, its), commits=tuple(oids), base=self.base.commit
            )
            for series, its in self.made
        ]
        content = pull_request.draft(*facts)
        place, building = replacement.place, replacement.building
        text_beside = None
        if work.edited is not None:
            text_beside = place / contributions.NEW_TEXT
            (building / contributions.NEW_TEXT).write_bytes(content)
        text = content if work.edited is None else work.edited
        (building / contributions.TEXT).write_bytes(text)
        remote = clones.push_remote(self.clone, self.base)
        owner, pushed = None, False
        if remote is not None:
            owner = clones.github_owner(self.clone.remotes.get(remote, ""))
            pushed = clones.has_branch(self.clone, remote, order.branch)
        return MadeBranch(
            contribution=self._contribution(order, oids, content),
            worktree=work.worktree,
            base_name=self.base.name,
            target_branch=self.base.branch or _MAIN,
            author=clones.people(self.clone)["author"],
            subjects=tuple(text.partition("\n")[0] for text in composed),
            title=pull_request.title(*facts),
            text=place / contributions.TEXT,
            push=remote,
            head=f"{owner or 'YOU'}:{order.branch}",
            pushed=pushed,
            own=tuple(work.own),
            text_beside=text_beside,
            related=tuple(each.number for each in facts[0].related),
        )

    def _contribution(
        self, order: BranchOrder, oids: Sequence[Oid], content: bytes
    ) -> Contribution:
        """Return the record of the branch, whose pull-request.md has this content."""
        (first, report), *others = self.made
        request = leaf_for(first).exact_request(first)
        return Contribution(
            branch=order.branch,
            target=first.package,
            others=tuple(series.package for series, _ in others),
            base=order.base,
            base_commit=self.base.commit,
            commits=tuple(oids),
            steps=report.proposal.steps,
            **{name: getattr(request, name) for name in CHOICES},
            trailers=order.trailers,
            text=contributions.digest(content),
        )


class _Writer(Struct, frozen=True, kw_only=True):
    """Writes series for one branch, with `is_kept` even if a proof fails."""

    order: BranchOrder
    replacement: DirectoryReplacement
    is_new: bool
    is_kept: bool
    made: dict[PurePosixPath, tuple[Series[Any], Report]] = {}

    def write(self, series: Series[Any], name: str, *, progress: Progress) -> Report:
        """Prove and write a series to the directory with this name."""
        if series.target in self.made:
            other, _ = self.made[series.target]
            raise RefusalError(
                f"{series.target}: this branch already changes it for {other.package}"
            )
        if self.is_new:
            leaf_for(series).require_upstream(series)
        building, place = (
            self.replacement.building / name,
            self.replacement.place / name,
        )
        report = proposing.write_down(series, building, at=place, progress=progress)
        fact = None if self.is_kept else _objection(report)
        if fact is not None:
            WritableRoot(self.replacement.building).delete(name)
            raise RefusalError(fact)
        self.made[series.target] = series, report
        return report


def _objection(report: Report) -> str | None:
    """Return the proof that keeps a package out of a batch.

    The proof failed, or could not show that nothing is rebuilt.
    """
    unknown = (
        proof
        for proof in report.proofs
        if proof.name == "no-rebuild" and proof.status is Status.NOT_RUN
    )
    proof = next(iter((*report.failed, *unknown)), None)
    return f"{proof.name}: {proof.reason}" if proof is not None else None


def find(
    clone: Clone, order: BranchOrder, request: Request, *, progress: Progress
) -> BranchGround:
    """Return the base in a request with its proposals; fetch it first on request.

    Raise ToolkitError if the clone lacks the base, or the base is not a nixpkgs.
    """
    if order.fetch:
        progress.step("fetching")
        clones.fetch_branches(clone, (order.base,))
    base = clones.find_base(clone, order.base)
    if clone.partial and order.fetch:
        clones.fetch_files(clone, base.commit)
    elif clone.partial and reading.missing_files(clone.common, base.commit):
        # Also where the files are in the cache: git works with those of the clone.
        raise ToolkitError(
            f"{clone.top}: the clone lacks files of '{base.name}'",
            hint="--fetch downloads what a partial clone lacks",
        )
    names = order.packages or (() if order.maintainer else (request.target,))
    if request.recipe is not None:
        root = trees.as_they_are(_source(clone, base), progress=progress)
        names = recipes.packages(request.recipe, root, names, order.maintainer)
    return branch_ground(
        clone,
        base,
        [replace(request, target=name) for name in names],
        progress=progress,
    )


def branch_ground(
    clone: Clone, base: Base, requests: Sequence[Request], *, progress: Progress
) -> BranchGround:
    """Return a base with the commits of requests; raise ToolkitError as `find` does."""
    source = _source(clone, base)
    asked = [replace(each, source=source, force=False) for each in requests]
    outcomes = leaf_of(asked[0].target, asked[0].recipe).choose(
        asked, progress=progress
    )
    chosen = {
        each.target: outcome for each, outcome in zip(asked, outcomes, strict=True)
    }
    series = [each for each in chosen.values() if not isinstance(each, ToolkitError)]
    if len(chosen) == 1 and not series:
        only(*chosen.values())
    if any(each.source.commit != base.commit for each in series):
        raise ToolkitError(
            f"--base: '{base.name}' means two different commits in {clone.top}",
            hint="--base COMMIT",
        )
    return BranchGround(clone=clone, base=base, chosen=chosen)


def _source(clone: Clone, base: Base) -> SourceRequest:
    return SourceRequest(nixpkgs=str(clone.top), rev=base.name, offline=True)


def messages(made: Sequence[TreeCommit], trailers: Sequence[str]) -> tuple[str, ...]:
    """Return the messages of the commits.

    Raise ToolkitError for a message that upstream would reject.
    """
    for commit in made:
        message.require_form(
            commit.subject, commit.body, paths=[file.path for file in commit.files]
        )
    return tuple(
        message.compose(commit.subject, commit.body, trailers) for commit in made
    )


def beside(clone: Clone, branch: str) -> Path:
    """Return the default worktree of a branch: beside the clone, named after both."""
    name = clone.top.name.removesuffix(".git") or "nixpkgs"
    return clone.top.parent / f"{name}-{branch.replace('/', '-')}"


def require_free(clone: Clone, branch: str, path: Path) -> None:
    """Raise ToolkitError if the branch or its place already exists."""
    if clones.branch_commit(clone, branch) is not None:
        ours = contributions.read(clone.common, branch) is not None
        moves = (
            "--update moves it to a newer base, --remove removes it, " if ours else ""
        )
        raise ToolkitError(
            f"{clone.top}: branch '{branch}' already exists",
            hint=f"{moves}--branch NAME creates another one",
        )
    if os.path.lexists(path):
        raise ToolkitError(
            f"{path}: already exists",
            hint="--worktree DIR puts the worktree elsewhere",
        )
    if not path.parent.is_dir():
        raise UsageError(f"--worktree: '{path.parent}' is not a directory")
    files.refuse_in_repository(path)
