"""The values of `unlet pr`: a branch and its commits.

No I/O, no formatting for people.
"""

from pathlib import Path

from msgspec import Struct

from toolkit.model import Attempt, Oid, Proof, Report, Status, Step


class Contribution(Struct, frozen=True, kw_only=True):
    """A record of a branch, so that it can be moved and removed later.

    `target` is the package, `base` the user's name for the base and `base_commit` its
    commit. `commits` are unlet's, oldest first; the contributor's own may follow.
    `text` is the SHA-256 (hexadecimal) of pull-request.md as written. `only` names the
    steps, empty for all; `bindings` and `follow` are the user's choices for a lift.
    `others` are the further packages of a batch.
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
    others: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that the branch changes, in the order of the commits."""
        return self.target, *self.others


class MadeBranch(Struct, frozen=True, kw_only=True):
    """The current state of a branch."""

    contribution: Contribution
    worktree: Path
    base_name: str
    target_branch: str
    """The branch of nixpkgs that the pull request is for."""
    author: str
    """`NAME <EMAIL>`."""
    subjects: tuple[str, ...]
    title: str
    text: Path
    """The path of pull-request.md."""
    push: str | None
    """The remote to push to; None if no remote of the clone is the user's."""
    head: str
    """The branch's name as GitHub shows it."""
    pushed: bool = False
    """Whether the remote already has a branch of this name."""
    own: tuple[tuple[Oid, str], ...] = ()
    """The contributor's commits on top, with their subjects, oldest first."""
    text_beside: Path | None = None
    """The file with the new text, if the contributor has edited the old one."""
    related: tuple[int, ...] = ()
    """The numbers of open pull requests with the same goal."""


class PullRequest(Struct, frozen=True, kw_only=True):
    """The result of `pr` in the clone whose top is `clone`.

    `made` is the branch; None if a proof failed or no package remains.

    `attempts` are about each package alone. `own_proofs` are about all commits of a
    batch together, or about the file after the contributor's own commits; empty if they
    do not change it. `before` is the commit that the branch pointed to before.
    """

    clone: Path
    attempts: tuple[Attempt, ...]
    made: MadeBranch | None
    warnings: tuple[str, ...] = ()
    own_proofs: tuple[Proof, ...] = ()
    before: Oid | None = None

    @property
    def reports(self) -> tuple[Report, ...]:
        """The reports of the packages that were not refused."""
        return tuple(
            each.result for each in self.attempts if isinstance(each.result, Report)
        )

    @property
    def failed(self) -> bool:
        """Return whether a proof failed, for unlet's commits or the contributor's."""
        proofs = (
            *(proof for each in self.reports for proof in each.proofs),
            *self.own_proofs,
        )
        return any(proof.status is Status.FAILED for proof in proofs)


class Removed(Struct, frozen=True, kw_only=True):
    """A branch that was deleted from the clone.

    `commit` is the one it pointed to; None if only its files remained.
    """

    clone: Path
    branch: str
    worktree: Path | None
    commit: Oid | None
