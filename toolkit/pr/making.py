"""The parts of a new branch: its base, its place, and its commit messages."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from msgspec.structs import replace

from toolkit import files
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import clone as clones
from toolkit.git import worktrees
from toolkit.git.clone import Base, Clone
from toolkit.git.worktrees import Worktree
from toolkit.model import Progress, TreeCommit
from toolkit.pr import BranchOrder, contributions
from toolkit.report import message

_OLD_DAYS = 14

# CONTRIBUTING.md of nixpkgs: channel branches are moved by Hydra alone.
_CHANNEL = re.compile(r"(?:nixos|nixpkgs)-(?P<release>unstable|\d\d\.\d\d)(?:-small|-darwin|-aarch64)?$")


def find_base(clone: Clone, order: BranchOrder, *, progress: Progress) -> Base:
    """Return the base, after a fetch on request; raise ToolkitError if the clone lacks it."""
    if order.fetch:
        progress.step("fetching")
        clones.fetch_branches(clone, () if order.in_place else (order.base,))
    base = clones.find_base(clone, order.base)
    if order.in_place and (upstream := clones.followed(clone, order.branch)) is not None:
        base = replace(base, remote=upstream[0], branch=upstream[1])
    return base


def base_warnings(base: Base) -> Iterator[str]:
    """Yield a line if the base was fetched long ago, and one if it takes no pull requests."""
    if base.fetched is not None and (days := int((time.time() - base.fetched) / 86400)) >= _OLD_DAYS:
        yield f"{base.name}: was fetched {days} days ago; --fetch gets a newer one"
    if (channel := _CHANNEL.match(base.branch or "")) is not None:
        release = channel["release"]
        instead = "master" if release == "unstable" else f"release-{release}"
        yield f"{base.name}: is a channel branch, which takes no pull requests; --base {instead}"


def messages(made: Sequence[TreeCommit], trailers: Sequence[str]) -> tuple[str, ...]:
    """Return the messages of the commits; raise ToolkitError for one that upstream would reject."""
    for commit in made:
        message.require_form(commit.subject, commit.body, paths=[file.path for file in commit.files])
    return tuple(message.compose(commit.subject, commit.body, trailers) for commit in made)


def here(clone: Clone) -> Worktree:
    """Return the contributor's worktree; raise ToolkitError if nothing can be committed there."""
    here = worktrees.current(clone)
    if here.branch is not None and contributions.read(clone.common, here.branch) is not None:
        raise ToolkitError(f"{clone.top}: branch '{here.branch}' was made by unlet", hint="--update moves it")
    return here


def beside(clone: Clone, branch: str) -> Path:
    """Return the default worktree of a branch: beside the clone, named after both."""
    name = clone.top.name.removesuffix(".git") or "nixpkgs"
    return clone.top.parent / f"{name}-{branch.replace('/', '-')}"


def require_free(clone: Clone, branch: str, path: Path) -> None:
    """Raise ToolkitError if the branch or its place already exists."""
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
    files.refuse_in_repository(path)
