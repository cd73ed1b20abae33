"""A branch in the user's own clone for a pull request about any package: ordered, made, kept, found again, removed."""

from pathlib import Path

from msgspec import Struct


class BranchOrder(Struct, frozen=True, kw_only=True):
    """A branch to make in the clone around `repo`, or to move to where its base is now.

    Of one that moves, `base` and `trailers` stay as they are if they are empty; without a name it is the one that is
    checked out in `repo`, if this program made it, else the only one. `worktree` is where it is checked out, None for a
    place beside the clone. With `in_place` the commits go on the branch that is checked out in `repo`, whatever `base`
    and `branch` are. `fetch` allows to use the network. With `force` a proof that fails is no reason to stop.
    """

    repo: Path
    base: str = ""
    branch: str = ""
    worktree: Path | None = None
    in_place: bool = False
    fetch: bool = False
    trailers: tuple[str, ...] = ()
    force: bool = False
