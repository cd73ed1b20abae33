from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.clones import BRANCH, REMOTE, SITUATIONS, TARGET, git, objects, snapshot
from toolkit.contribution import FileChange
from toolkit.external.git import clone as clones
from toolkit.external.git import committing, worktrees

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clones import Clone
    from toolkit.model import Oid

PATHS = (PurePosixPath(TARGET).parent,)


def prepare(clone: Clone, text: str = "changed\n", *, onto: str = "master") -> tuple[clones.Clone, Oid]:
    """Put two commits on a base into the clone, with what it lacks for them, and return the second."""
    opened = clones.open_clone(clone.repo, REMOTE)
    base = clones.find_base(opened, onto).commit
    clones.fetch_files(opened, base, PATHS)
    path = PurePosixPath(TARGET)
    with committing.workshop(opened) as shop:
        states = [shop.content(base, path), b"halfway\n", text.encode()]
        files = [(FileChange(path=path, before=before, after=after),) for before, after in pairwise(states)]
        made = shop.series(
            base, list(zip(files, ("docker: one\n\nBödy.\n", "docker: two\n\n# No comment.\n"), strict=True))
        )
        shop.keep()
    return opened, made[-1]


class TestAnySituation:
    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_branch_comes_moves_and_goes_and_nothing_else_changes(
        self, new_clone: Callable[..., Clone], situation: str, jane: str
    ) -> None:
        clone = SITUATIONS[situation](new_clone)
        before, had = snapshot(clone), objects(clone)
        place = clone.beside
        opened, commit = prepare(clone)
        assert snapshot(clone) == before
        _, later = prepare(clone, "changed again\n", onto="newer")
        with worktrees.adding(opened, branch=BRANCH, commit=commit, path=place, paths=PATHS):
            pass
        assert snapshot(clone, branch=BRANCH, worktree=place) == before
        assert (place / TARGET).read_bytes() == b"changed\n"
        assert git(place, "symbolic-ref", "HEAD") == f"refs/heads/{BRANCH}"
        assert git(place, "log", "-1", "--format=%an <%ae>|%cn <%ce>|%e", "--encoding=UTF-8") == f"{jane}|{jane}|"
        assert worktrees.changes(place) == ()
        worktrees.move(
            opened,
            next(each for each in worktrees.worktrees(opened) if each.branch == BRANCH),
            to=later,
            fetching=opened.partial,
        )
        assert snapshot(clone, branch=BRANCH, worktree=place) == before
        assert (place / TARGET).read_bytes() == b"changed again\n"
        assert git(place, "rev-parse", "HEAD") == str(later)
        worktrees.remove(opened, branch=BRANCH, path=place)
        assert snapshot(clone) == before
        assert objects(clone) >= had
        assert not (clone.common / "refs" / "heads" / BRANCH).exists()
        assert clone.hooks_run == []
