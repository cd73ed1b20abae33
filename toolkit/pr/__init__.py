"""A branch in a user's clone for a pull request: request it, create it, remove it."""

from pathlib import Path

from msgspec import Struct

CHOICES = ("bindings", "follow", "called", "recipe", "only")
"""The choices of a request that the record of its branch keeps."""


class BranchOrder(Struct, frozen=True, kw_only=True):
    """A branch to create in the clone around `repo`, or to move to the current base.

    When moving, empty `base` and `trailers` keep their old values; without a name, it
    is the branch checked out in `repo` if unlet made it, else the only one. `worktree`
    is its checkout, None for a place beside the clone. `fetch` permits network access.
    `force` continues despite a failed proof. A batch is about the `packages`, which may
    be directories of a nixpkgs, or about those of a `maintainer`; other branches are
    about the request's target.
    """

    repo: Path
    base: str = ""
    branch: str = ""
    worktree: Path | None = None
    fetch: bool = False
    trailers: tuple[str, ...] = ()
    force: bool = False
    packages: tuple[str, ...] = ()
    maintainer: str = ""
