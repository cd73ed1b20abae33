"""A clone in which the branch has been made, once for all tests; each gets a copy."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.clones import BRANCH, TARGET, Clone, copy_clone, git, make_clone, snapshot
from tests.dockers import docker
from tests.progress import Steps
from toolkit.contribution import Contribution, PullRequest, Removed
from toolkit.pr import BranchOrder, contributions
from toolkit.pr.branches import create, update
from toolkit.pr.contributions import remove

UNFORMATTED = """\
if [ "$1" = --version ]; then echo nixfmt 1; exit; fi
text=$(cat; echo x); case "$text" in *finalAttrs.moby*) exit 1;; esac; printf %s "${text%x}"
"""
"""A nixfmt that has something against the first commit."""


class Contributed(Struct, frozen=True, kw_only=True):
    """A clone with a branch of ours, which is checked out in `worktree`."""

    clone: Clone
    worktree: Path

    def git(self, *arguments: str | Path, **env: str) -> str:
        """Run git in the worktree of the branch."""
        return git(self.worktree, *arguments, **env)

    @property
    def tip(self) -> str:
        return self.clone.git("rev-parse", f"refs/heads/{BRANCH}")

    @property
    def kept(self) -> Contribution | None:
        return contributions.read(self.clone.common, BRANCH)

    @property
    def files(self) -> Path:
        """Where the text is, and all else that is kept of the branch."""
        return contributions.place(self.clone.common, BRANCH)

    def commit(
        self,
        message: str,
        files: Mapping[str, str],
        *,
        author: str = "Joe <joe@example.org>",
    ) -> str:
        """Commit files, given by their paths, and return the commit's id."""
        for name, content in files.items():
            (self.worktree / name).write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}", f"--author={author}")
        return self.git("rev-parse", "HEAD")

    def edit_target(
        self, old: str, new: str, message: str = "docker: edit", *, amend: bool = False
    ) -> str:
        """Replace a text that stands once in docker's file, and commit that."""
        path = self.worktree / TARGET
        text = path.read_text()
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new))
        how = ("--amend", "--no-edit") if amend else (f"--message={message}",)
        self.git("commit", "--quiet", "--all", *how)
        return self.git("rev-parse", "HEAD")

    def subjects(self, base: str = "upstream/master") -> list[str]:
        """Return the subjects of the branch's commits, the oldest first."""
        return self.git("log", "--reverse", "--format=%s", f"{base}..HEAD").splitlines()

    def update(self, **wanted: object) -> PullRequest:
        progress = wanted.pop("progress", Steps())
        order = BranchOrder(repo=self.clone.repo)
        ordered = {
            name: wanted.pop(name) for name in order.__struct_fields__ if name in wanted
        }
        done = update(replace(order, **ordered), docker(**wanted), progress=progress)  # type: ignore[arg-type]
        assert isinstance(done, PullRequest)
        return done

    def remove(self, branch: str | None = None, *, force: bool = False) -> Removed:
        return remove(self.clone.repo, branch, force=force)

    def state(self) -> dict[str, object]:
        """Return all of the clone, with the branch, its worktree, and what is kept of it."""
        return snapshot(self.clone)


def ask(clone: Clone, **wanted: object) -> PullRequest:
    """Make the branch, by default on master."""
    progress = wanted.pop("progress", Steps())
    order = BranchOrder(repo=clone.repo, base="master", branch=BRANCH)
    ordered = {
        name: wanted.pop(name) for name in order.__struct_fields__ if name in wanted
    }
    return create(replace(order, **ordered), docker(**wanted), progress=progress)  # type: ignore[arg-type]


def branched(
    upstream: Path, shared: Path, tmp_path: Path, *, only: tuple[str, ...] = ()
) -> Contributed:
    """Return a copy of a clone with a branch of all steps or of some, which is made once."""
    template = shared / "-".join(("contributed", *only))
    if not template.exists():
        template.mkdir()
        ask(make_clone(upstream, template), only=only)
    clone = copy_clone(template, tmp_path)
    return Contributed(clone=clone, worktree=clone.beside)


@pytest.fixture
def contributed(upstream: Path, shared: Path, tmp_path: Path, jane: str) -> Contributed:
    made = branched(upstream, shared, tmp_path)
    assert made.git("log", "-1", "--format=%an <%ae>") == jane
    return made


@pytest.fixture
def demotion(upstream: Path, shared: Path, tmp_path: Path) -> Contributed:
    """Return a branch of one commit, which is proven in a third of the time."""
    return branched(upstream, shared, tmp_path, only=("demote",))
