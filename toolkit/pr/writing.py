"""Write down what stands behind a branch: the messages of its commits, the text of the pull request, what is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.model import Contribution, Made
from toolkit.pr import contributions
from toolkit.report import message, pull_request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.git.clone import Base, Clone
    from toolkit.model import Oid, TreeCommit
    from toolkit.report.pull_request import DraftFacts

_MAIN = "master"
"""The branch of nixpkgs that a pull request goes to where its base is no branch."""


@dataclass(frozen=True, kw_only=True)
class BranchOrder:
    """A branch to make in the clone around `repo`.

    `worktree` is where it is checked out, None for a place beside the clone. With `in_place` the commits go on the
    branch that is checked out in `repo`, whatever `base` and `branch` are. `fetch` allows to use the network, `onto`
    are further branches to try. `signed` is as the user's git has it where it is None. With `force` a proof that fails
    is no reason to stop.
    """

    repo: Path
    base: str
    branch: str
    worktree: Path | None = None
    in_place: bool = False
    fetch: bool = False
    onto: tuple[str, ...] = ()
    trailers: tuple[str, ...] = ()
    signed: bool | None = None
    force: bool = False


def messages(made: Sequence[TreeCommit], trailers: Sequence[str]) -> tuple[str, ...]:
    """Return the messages of the commits; raise ToolkitError for one that upstream would not take."""
    composed = tuple(message.compose(commit.subject, commit.body, trailers) for commit in made)
    for text, commit in zip(composed, made, strict=True):
        if faults := message.faults(text, paths=[file.path for file in commit.files]):
            raise ToolkitError(f"commit message: {faults[0]}")
    return composed


def write(  # noqa: PLR0913 - all that a text and what is kept of a branch are made of
    clone: Clone,
    base: Base,
    order: BranchOrder,
    facts: DraftFacts,
    oids: Sequence[Oid],
    *,
    edited: bytes | None = None,
) -> Contribution:
    """Write pull-request.md beside the proposal; return what is to be kept of the branch.

    `edited` is the text as the contributor has changed it: it stays, and the new one is put beside it.
    """
    facts = replace(facts, trailers=order.trailers, commits=tuple(oids), base=base.commit)
    proposal = facts.report.proposal
    content = pull_request.draft(facts)
    kept = Contribution(
        branch=order.branch,
        target=proposal.package,
        base=order.base,
        base_commit=base.commit,
        commits=tuple(oids),
        steps=proposal.steps,
        extras=tuple(facts.extras),
        trailers=order.trailers,
        text=contributions.digest(content),
    )
    place = contributions.place(clone.common, order.branch)
    (place / contributions.TEXT).write_bytes(content if edited is None else edited)
    if edited is not None:
        (place / contributions.NEW_TEXT).write_bytes(content)
    (place / contributions.BOXES).write_bytes(pull_request.boxes(facts))
    return kept


def told(  # noqa: PLR0913 - a branch, and what was done with it
    clone: Clone,
    base: Base,
    kept: Contribution,
    facts: DraftFacts,
    *,
    subjects: Sequence[str],
    worktree: Path,
    own: Sequence[tuple[Oid, str]] = (),
    edited: bool = False,
    in_place: bool = False,
) -> Made:
    """Return what is told of a branch."""
    remote = clones.push_remote(clone, base)
    owner = clones.github_owner(clone.remotes.get(remote, "")) if remote is not None else None
    place = contributions.place(clone.common, kept.branch)
    return Made(
        contribution=kept,
        worktree=worktree,
        base_name=base.name,
        target_branch=base.branch or _MAIN,
        author=clones.people(clone)["author"],
        subjects=tuple(subjects),
        title=pull_request.title(facts.report, facts.texts),
        text=place / contributions.TEXT,
        push=remote,
        head=f"{owner or 'YOU'}:{kept.branch}",
        own=tuple(own),
        text_beside=place / contributions.NEW_TEXT if edited else None,
        in_place=in_place,
        related=tuple(each.number for each in facts.texts.earlier if each.open),
    )
