"""Make a branch with a series in the user's clone, in a worktree of its own, once it is proven."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError, UsageError
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.model import PullRequest
from toolkit.pr import contributions, standing, writing
from toolkit.report import message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path, PurePosixPath

    from toolkit.git.clone import Base, Clone
    from toolkit.git.worktrees import Worktree
    from toolkit.model import Oid, Ported, Progress, Report, TreeCommit
    from toolkit.pr.writing import BranchOrder
    from toolkit.report.pull_request import DraftFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What depends on the package: its base, and how its series is proven, made into commits and told.

    `prove` writes the proposal to a directory. `directories` are what is checked out besides the changed files.
    """

    base: Base
    prove: Callable[[Path], Report]
    commits: Callable[[Report], tuple[TreeCommit, ...]]
    facts: Callable[[Report, Sequence[TreeCommit], Sequence[Ported]], DraftFacts]
    directories: Callable[[Report], tuple[PurePosixPath, ...]]
    port: Callable[[Report], tuple[Ported, ...]] = lambda _report: ()
    warnings: tuple[str, ...] = ()


def create(request: BranchOrder, find: Callable[[Clone, BranchOrder], Making], *, progress: Progress) -> PullRequest:
    """Prove the series on the base, then make the branch; nothing is made where a proof fails, or anything else.

    Raise ToolkitError for a clone, a base, a branch or a place that cannot be used.
    """
    request = replace(request, trailers=message.checked_trailers(request.trailers))
    clone = standing.open_clone(request.repo)
    message.require_disclosure(clones.people(clone), request.trailers)
    here = _here(clone) if request.in_place else None
    if here is not None:
        request = replace(request, branch=here.branch or "", base=str(here.commit))
        path = here.path
    else:
        path = request.worktree.absolute() if request.worktree is not None else _beside(clone, request.branch)
        _require_free(clone, request.branch, path)
    making = find(clone, request)
    base = making.base
    with contributions.replacing(clone.common, request.branch) as replacement:
        report = making.prove(replacement.place)
        if report.failed and not request.force:
            return PullRequest(clone=clone.top, report=report, made=None, warnings=making.warnings)
        ported = making.port(report)
        commits = making.commits(report)
        progress.step("committing")
        with committing.workshop(clone, signed=request.signed) as shop:
            messages = writing.messages(commits, request.trailers)
            files = [commit.files for commit in commits]
            oids = shop.series(base.commit, list(zip(files, messages, strict=True)))
            shop.keep()
        progress.step(f"checking out {path}")
        facts = making.facts(report, commits, ported)
        with _placing(clone, request, making.directories(report), commits, to=oids[-1], path=path, here=here):
            kept = writing.write(clone, base, request, facts, oids)
            if here is None:
                contributions.write(clone.common, kept)
            replacement.keep()
    subjects = [commit.subject for commit in commits]
    made = writing.told(clone, base, kept, facts, subjects=subjects, worktree=path, in_place=here is not None)
    before = here.commit if here is not None else None
    return PullRequest(
        clone=clone.top, report=report, made=made, matrix=ported, warnings=making.warnings, before=before
    )


def _here(clone: Clone) -> Worktree:
    """Return where the contributor stands; raise ToolkitError if nothing can be committed there."""
    here = worktrees.current(clone)
    if here.branch is not None and contributions.read(clone.common, here.branch) is not None:
        raise ToolkitError(f"{clone.top}: branch '{here.branch}' was made by unlet", hint="--update moves it")
    return here


def _placing(  # noqa: PLR0913 - commits, and the two places where they may go
    clone: Clone,
    request: BranchOrder,
    directories: Sequence[PurePosixPath],
    commits: Sequence[TreeCommit],
    *,
    to: Oid,
    path: Path,
    here: Worktree | None,
) -> AbstractContextManager[None]:
    """Return what puts the commits in their place, and takes them back if the block raises."""
    if here is not None:
        changed = dict.fromkeys(file.path for commit in commits for file in commit.files)
        return worktrees.advancing(clone, here, to=to, paths=tuple(changed))
    changed_files = (file.path for commit in commits for file in commit.files)
    others = (path for path in changed_files if not any(path.parent == directory for directory in directories))
    paths = tuple(dict.fromkeys((*directories, *others)))
    return worktrees.adding(clone, branch=request.branch, commit=to, path=path, paths=paths, fetching=request.fetch)


def _beside(clone: Clone, branch: str) -> Path:
    """Return where the worktree of a branch is by default: beside the clone, called after both."""
    name = clone.top.name.removesuffix(".git") or "nixpkgs"
    return clone.top.parent / f"{name}-{branch.replace('/', '-')}"


def _require_free(clone: Clone, branch: str, path: Path) -> None:
    """Raise ToolkitError where the branch or its place is there already."""
    if clones.branch_commit(clone, branch) is not None:
        if contributions.read(clone.common, branch) is not None:
            hint = "--update moves it to a newer base, --remove removes it, --branch NAME makes another"
        else:
            hint = "--branch NAME makes another"
        raise ToolkitError(f"{clone.top}: branch '{branch}' already exists", hint=hint)
    if (other := clones.branch_in_the_way(clone, branch)) is not None:
        fact = f"branch '{branch}' cannot be beside '{other}'"
        raise ToolkitError(f"{clone.top}: {fact}", hint="--branch NAME makes another")
    if os.path.lexists(path):
        raise ToolkitError(f"{path}: is there already", hint="--worktree DIR names another place for the worktree")
    if any(each.path == path for each in worktrees.worktrees(clone)):
        hint = f"git -C {quote(str(clone.top))} worktree prune, or --worktree DIR"
        raise ToolkitError(f"{path}: is the directory of a worktree that no longer exists", hint=hint)
    if not path.parent.is_dir():
        raise UsageError(f"--worktree: '{path.parent}' is not a directory")
