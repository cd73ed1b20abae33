from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.clones import BRANCH, TARGET
from tests.progress import Steps
from toolkit.errors import ToolkitError
from toolkit.model import Status
from toolkit.pr.moving import explain
from toolkit.report import explanation

if TYPE_CHECKING:
    from tests.docker.pr.conftest import Contributed
    from toolkit.contribution import Explanation


def explained(contributed: Contributed) -> Explanation:
    """Explain the branch, which changes nothing."""
    before = contributed.state()
    found = explain(contributed.clone.repo, None, progress=Steps())
    assert contributed.state() == before
    return found


def test_each_hunk_of_ours_has_a_reason_and_proofs_that_ran(contributed: Contributed) -> None:
    found = explained(contributed)
    assert found.branch == BRANCH
    assert contributed.kept is not None
    assert [commit.oid for commit in found.commits] == [*contributed.kept.commits]
    hunks = [hunk for commit in found.commits for hunk in commit.hunks]
    assert {str(hunk.path) for hunk in hunks} == {TARGET}
    assert explanation.unknown(found) == 0
    named = {name for hunk in hunks for reason in hunk.reasons for name in reason.proofs}
    assert {name for name in named if name in found.proofs} == named - {"runs"}
    assert found.proofs["no-rebuild"].status is Status.PASSED


def test_no_reason_is_made_up_for_the_contributors_commits(contributed: Contributed) -> None:
    # It looks like what the rewrite does: what proves that was run without it.
    contributed.edit_target("# which has CAP_NET_BIND_SERVICE", "# with CAP_NET_BIND_SERVICE", "docker: mine")
    contributed.commit("readme: mine", {"README.mine": "mine\n"})
    (*ours, own, other) = explained(contributed).commits
    assert all(hunk.reasons for commit in ours for hunk in commit.hunks)
    assert [hunk.reasons for commit in (own, other) for hunk in commit.hunks] == [(), ()]


def test_commit_that_was_changed_is_the_contributors_and_one_with_another_message_is_not(
    contributed: Contributed,
) -> None:
    contributed.git("commit", "--quiet", "--amend", "--message=docker: said in other words")
    assert explanation.unknown(explained(contributed)) == 0
    contributed.edit_target("# which has CAP_NET_BIND_SERVICE", "# with CAP_NET_BIND_SERVICE", amend=True)
    lift, demote = explained(contributed).commits
    assert all(hunk.reasons for hunk in lift.hunks)
    assert not any(hunk.reasons for hunk in demote.hunks)


def test_branch_that_is_gone_is_one_line(contributed: Contributed) -> None:
    contributed.git("switch", "--quiet", "--detach")
    contributed.git("branch", "--quiet", "-D", BRANCH)
    with pytest.raises(ToolkitError, match=f"branch '{BRANCH}' is gone"):
        explain(contributed.clone.repo, None, progress=Steps())


def test_report_that_is_gone_is_one_line(contributed: Contributed) -> None:
    (contributed.files / "report.json").unlink()
    with pytest.raises(ToolkitError, match=r"report\.json: cannot be read"):
        explain(contributed.clone.repo, None, progress=Steps())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": [{"name": "lift", "design": "magic"}]}, "design 'magic' is unknown; known are move"),
        ({"extras": ["everything"]}, "extra 'everything' is unknown; known are nixos-test"),
    ],
)
def test_a_way_to_make_a_branch_that_is_not_known_is_named(
    contributed: Contributed, change: dict[str, object], message: str
) -> None:
    path = contributed.files / "branch.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ToolkitError, match=re.escape(message)):
        explain(contributed.clone.repo, None, progress=Steps())
