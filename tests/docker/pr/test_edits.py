from collections.abc import Callable, Generator
from contextlib import ExitStack

import pytest

from tests.asking import docker
from tests.clones import BRANCH, REMOTE
from tests.docker.pr.conftest import Contributed
from tests.progress import Steps
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing
from toolkit.model import Oid
from toolkit.pr import edits
from toolkit.pr.edits import Edits


@pytest.fixture
def find() -> Generator[Callable[[Contributed], Edits]]:
    shops = ExitStack()

    def found(contributed: Contributed) -> Edits:
        clone = clones.open_clone(contributed.clone.repo, REMOTE)
        kept, base = contributed.kept, clones.find_base(clone, "master").commit
        assert kept is not None
        shop = shops.enter_context(committing.workshop(clone))
        return edits.find(shop, kept, docker(), Oid(contributed.tip), base, progress=Steps())

    with shops:
        yield found


def subjects(found: Edits) -> tuple[int, list[str]]:
    return len(found.ours), [str(commit.summary) for commit in found.own]


def test_our_commits_that_are_gone_are_edits(contributed: Contributed, find: Callable[[Contributed], Edits]) -> None:
    contributed.git("reset", "--quiet", "--hard", "HEAD~1")
    count, (folded,) = subjects(find(contributed))
    assert count == 1
    assert folded


def test_branch_that_was_set_back_to_its_base(contributed: Contributed, find: Callable[[Contributed], Edits]) -> None:
    contributed.git("reset", "--quiet", "--hard", "upstream/master")
    count, own = subjects(find(contributed))
    assert (count, len(own)) == (0, 1)


def test_branch_of_another_history_is_refused(contributed: Contributed, find: Callable[[Contributed], Edits]) -> None:
    contributed.git("checkout", "--quiet", "--orphan", "alone")
    contributed.git("commit", "--quiet", "--message=alone")
    contributed.git("branch", "--quiet", "--force", BRANCH, "alone")
    with pytest.raises(ToolkitError, match="has no commit in common with its base"):
        find(contributed)


def test_branch_onto_an_older_base_is_understood(
    contributed: Contributed, find: Callable[[Contributed], Edits]
) -> None:
    tip = contributed.commit("one", {"one": "1\n"})
    contributed.clone.advance()
    contributed.update()
    assert subjects(find(contributed)) == (2, ["one"])
    contributed.git("reset", "--quiet", "--hard", tip)
    found = find(contributed)
    assert subjects(found) == (2, ["one"])
    assert str(found.fork) == contributed.git("rev-parse", "HEAD~3")
