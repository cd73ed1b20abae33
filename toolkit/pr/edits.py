"""Separate the contributor's changes of a branch from unlet's, and move them."""

from collections.abc import Sequence
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from toolkit import patches
from toolkit.contribution import Contribution
from toolkit.errors import ToolkitError
from toolkit.git import history
from toolkit.git import reading as git_reading
from toolkit.git.clone import Base, Clone
from toolkit.git.committing import Workshop
from toolkit.git.objects import DecodedCommit
from toolkit.model import Message, Oid, Progress
from toolkit.pr import grounds
from toolkit.proposal.requests import Request


class Edits(Struct, frozen=True, kw_only=True):
    """The contributor's changes of a branch that starts after the commit `fork`.

    `ours` are unlet's commits, unchanged except perhaps for their messages; `messages`
    are the contributor's, None for an unchanged one. `own` are the commits on top; if
    unlet's commits were changed, it is a single commit with everything.
    """

    fork: Oid
    ours: tuple[DecodedCommit, ...]
    messages: tuple[str | None, ...]
    own: tuple[DecodedCommit, ...]

    def are_like(self, made: Sequence[DecodedCommit]) -> bool:
        """Return whether the branch has these commits, apart from their dates."""
        if not self.ours or not made or made[0].parents != self.ours[0].parents:
            return False
        return [(each.tree, each.message) for each in made] == [
            (each.tree, each.message) for each in self.ours
        ]

    def kept_messages(
        self, kept: Contribution, packages: Sequence[str], written: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the new messages, but keep those that the contributor changed.

        A batch may have lost `packages`.
        """
        before = product(kept.packages, range(len(kept.commits) // len(kept.packages)))
        theirs = dict(zip(before, self.messages, strict=False))
        after = product(packages, range(len(written) // len(packages)))
        return tuple(
            theirs.get(key) or ours for key, ours in zip(after, written, strict=True)
        )


def find(  # noqa: PLR0913 - a branch, what it was made for, and where it goes
    shop: Workshop,
    kept: Contribution,
    request: Request,
    tip: Oid,
    base: Oid,
    *,
    progress: Progress,
) -> Edits:
    """Find the contributor's commits and messages.

    Raise ToolkitError for a branch of another shape.
    """
    clone = shop.clone
    fork = _fork(clone, kept, tip, base)
    there = shop.recorded(fork, tip)
    if merge := next((commit for commit in there if len(commit.parents) != 1), None):
        hint = f"run git rebase {fork.short} in its worktree to make the history linear"
        raise ToolkitError(
            f"{clone.top}: commit {merge.hexsha[:12]} on '{kept.branch}' is a merge",
            hint=hint,
        )
    made = _made(shop, kept, request, fork, progress=progress)
    messages: list[str | None] = []
    for ours, commit in zip(made, there, strict=False):
        if commit.tree != ours.tree:
            break
        messages.append(str(commit.message) if commit.message != ours.message else None)
    rest = there[len(messages) :]
    if len(messages) < len(made):
        rest = _folded(shop, made[-1], tip, there, kept.target)
    return Edits(
        fork=fork, ours=there[: len(messages)], messages=tuple(messages), own=rest
    )


def carry(
    shop: Workshop, edits: Edits, onto: Oid
) -> tuple[list[tuple[Oid, str]], list[str]]:
    """Apply the contributor's commits to `onto`; return them with their subjects.

    The second list has the subjects of those that became empty.

    Raise ToolkitError for a conflict.
    """
    own: list[tuple[Oid, str]] = []
    dropped: list[str] = []
    for commit in edits.own:
        picked = shop.pick(commit, own[-1][0] if own else onto)
        if picked is None:
            dropped.append(str(commit.summary))
        else:
            own.append((picked, str(commit.summary)))
    return own, dropped


def _fork(clone: Clone, kept: Contribution, tip: Oid, base: Oid) -> Oid:
    """Return the commit after which the branch begins.

    It is the base on which the branch was created, or that of the contributor's rebase.
    """
    shared = history.common_ancestor(clone.common, tip, base)
    if history.common_ancestor(clone.common, tip, kept.base_commit) != kept.base_commit:
        if shared is None:
            raise ToolkitError(
                f"{clone.top}: branch '{kept.branch}' shares no commit with its base"
            )
        return shared
    rebased = (
        shared is not None
        and history.common_ancestor(clone.common, shared, kept.base_commit)
        == kept.base_commit
    )
    return shared if shared is not None and rebased else kept.base_commit


def _made(
    shop: Workshop,
    kept: Contribution,
    request: Request,
    fork: Oid,
    *,
    progress: Progress,
) -> tuple[DecodedCommit, ...]:
    """Return unlet's commits on top of `fork`; create them there if necessary."""
    clone = shop.clone
    if fork == kept.base_commit and not git_reading.missing_objects(
        clone.common, kept.commits
    ):
        return shop.recorded(fork, kept.commits[-1])
    requests = [replace(request, target=package) for package in kept.packages]
    ground = grounds.branch_ground(
        clone, Base(name=str(fork), commit=fork), requests, progress=progress
    )
    oids = ground.committed(shop, grounds.messages(ground.commits, kept.trailers))
    return shop.recorded(fork, oids[-1])


def _folded(
    shop: Workshop,
    last: DecodedCommit,
    tip: Oid,
    there: Sequence[DecodedCommit],
    package: str,
) -> tuple[DecodedCommit, ...]:
    """Return one commit from unlet's last commit to the content of the branch.

    It serves a contributor who changed unlet's commits.
    """
    tree = shop.repo.commit(tip).tree
    if tree == last.tree:
        return ()
    subjects = "\n".join(f"- {commit.summary!s}" for commit in there)
    said = patches.read_toml(
        patches.shipped() / "by-hand.toml", Message, names={"package": package}
    )
    message = f"{said.subject}\n\n{said.body}\n\n{subjects}\n"
    return shop.recorded(
        Oid(last.hexsha), shop.commit_tree(Oid(tree.hexsha), Oid(last.hexsha), message)
    )
