"""A branch in a user's clone for a pull request about any package: request, creation, record, removal."""

from pathlib import Path

from msgspec import Struct


class BranchOrder(Struct, frozen=True, kw_only=True):
    """A branch to create in the clone around `repo`, or to move to the current base.

    When moving, empty `base` and `trailers` keep their old values; without a name, it is the branch checked out in
    `repo` if unlet made it, else the only one. `worktree` is its checkout, None for a place beside the clone. With
    `in_place`, the commits go on the branch checked out in `repo`, whatever `base` and `branch` are. `fetch` permits
    network access. `force` continues despite a failed proof.
    """

    repo: Path
    base: str = ""
    branch: str = ""
    worktree: Path | None = None
    in_place: bool = False
    fetch: bool = False
    trailers: tuple[str, ...] = ()
    force: bool = False
