"""The values of `unlet pr`: a branch and its commits. No I/O, no formatting for people."""

from pathlib import Path

from msgspec import Struct

from toolkit.model import Oid, Proof, Report, Status, Step


class Contribution(Struct, frozen=True, kw_only=True):
    """What is remembered of a branch that was made, so that it can be moved and removed.

    `target` is the package, `base` what the user called it, `base_commit` the commit that it was. `commits` are ours,
    oldest first; the contributor's own may follow. `text` is the SHA-256 of pull-request.md as it was
    written, in hexadecimal digits. `only` are the names of what is made, none for every step;
    `bindings` and `follow` are what the user named of a lift.
    """

    branch: str
    target: str
    base: str
    base_commit: Oid
    commits: tuple[Oid, ...]
    steps: tuple[Step, ...]
    trailers: tuple[str, ...]
    text: str
    only: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    called: dict[str, str] = {}
    recipe: str | None = None
    settings: dict[str, str] = {}


class MadeBranch(Struct, frozen=True, kw_only=True):
    """A branch as it is now.

    `target_branch` is what the pull request is for, `author` is `NAME <EMAIL>`. `own` are the contributor's commits on
    top, with their subjects, oldest first. `text` is pull-request.md, `text_beside` where the new text was put instead
    because the contributor had edited it. `push` is the remote to push to, None where the clone has none of the user's,
    `head` what GitHub calls the branch; `pushed` is true if the remote has such a branch, `in_place` if that
    branch and checkout are the contributor's own.
    `related` are the numbers of open pull requests with the same goal.
    """

    contribution: Contribution
    worktree: Path
    base_name: str
    target_branch: str
    author: str
    subjects: tuple[str, ...]
    title: str
    text: Path
    push: str | None
    head: str
    pushed: bool = False
    own: tuple[tuple[Oid, str], ...] = ()
    text_beside: Path | None = None
    in_place: bool = False
    related: tuple[int, ...] = ()


class PullRequest(Struct, frozen=True, kw_only=True):
    """What `pr` did in the clone whose top is `clone`. `made` is None where a proof failed: then nothing was written.

    `own_proofs` are those of the file as the contributor's own commits leave it, empty where they leave it alone.
    `range_diff` are the lines of git-range-diff(1) between the branch as it was, which is `before`, and as it is.
    """

    clone: Path
    report: Report
    made: MadeBranch | None
    warnings: tuple[str, ...] = ()
    own_proofs: tuple[Proof, ...] = ()
    before: Oid | None = None
    range_diff: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Return whether a proof failed: of our commits, or of the contributor's."""
        return bool(self.report.failed) or any(proof.status is Status.FAILED for proof in self.own_proofs)


class Unchanged(Struct, frozen=True, kw_only=True):
    """A branch that has nothing to move to: it is as it was made, at `commit`, and so is `base`, called `base_name`."""

    clone: Path
    branch: str
    commit: Oid
    base_name: str
    base: Oid


class Removed(Struct, frozen=True, kw_only=True):
    """A branch that is no longer in the clone; `commit` is where it was, None where only its files were left."""

    clone: Path
    branch: str
    worktree: Path | None
    commit: Oid | None
