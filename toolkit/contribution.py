"""The values of `unlet pr`: a branch in the user's clone, and its commits.

This module does no I/O, and formats nothing for people.
"""

from pathlib import Path

from msgspec import Struct

from toolkit.model import Attempt, Oid, Proof, Report, Status, Step


class Contribution(Struct, frozen=True, kw_only=True):
    """A record of a branch by `unlet pr`, for moving and removing the branch later.

    `target` is the package, `base` the user's name for the base and `base_commit` its
    commit. `commits` are unlet's commits, oldest first; the contributor's own may
    follow. `text` is the SHA-256 (hexadecimal) of pull-request.md as written. `only`
    names the chosen steps, or is empty for all steps. `bindings` and `follow` are the
    user's choices for a lift. `others` are the further packages of a batch.
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
    """The current state of a branch that `unlet pr` made."""

    contribution: Contribution
    worktree: Path
    base_name: str
    target_branch: str
    """The branch of nixpkgs that the pull request is for."""
    author: str
    """The author of the commits, as `NAME <EMAIL>`."""
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
    """The contributor's own commits after unlet's, with subjects, oldest first."""
    text_beside: Path | None = None
    """The file with the new text, if the contributor has edited pull-request.md."""
    related: tuple[int, ...] = ()
    """The numbers of open pull requests with the same goal."""


class PullRequest(Struct, frozen=True, kw_only=True):
    """The result of `unlet pr` in the clone whose top directory is `clone`.

    `made` is the branch, or None if a proof failed or no package remains. `attempts`
    are the results for each package alone. `own_proofs` are about all commits of a
    batch together, or about the file after the contributor's own commits; they are
    empty if those commits do not change the file. `before` is the commit to which the
    branch pointed earlier.
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
        """Return whether a proof of unlet's or the contributor's commits failed."""
        proofs = (
            *(proof for each in self.reports for proof in each.proofs),
            *self.own_proofs,
        )
        return any(proof.status is Status.FAILED for proof in proofs)


class Removed(Struct, frozen=True, kw_only=True):
    """A branch that `unlet pr` has deleted from the clone.

    `commit` is the commit to which the branch pointed, or None if only its files
    remained.
    """

    clone: Path
    branch: str
    worktree: Path | None
    commit: Oid | None
