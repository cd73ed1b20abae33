import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.forge.server import Fault, Forge
from tests.track.conftest import BY_NAME, TARGET, Nixpkgs, layout, ref
from toolkit import confined
from toolkit.track.answer import Advice, TrackAnswer
from toolkit.track.readings import State

Ask = Callable[..., TrackAnswer]


def test_server_tells_what_a_clone_tells(nixpkgs: Nixpkgs, forge: Forge, ask: Ask) -> None:
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.git("branch", "--force", "nixos-unstable", "master")
    local, remote = ask(nixpkgs), ask(forge)
    names = [each.name for each in local.refs]
    assert [each.name for each in remote.refs] == names
    for name in names:
        here, there = ref(local, name), ref(remote, name)
        assert (there.reading, there.changed) == (here.reading, here.changed)
        assert there.fixed_by == here.fixed_by
    assert remote.verdict == local.verdict


def test_repeated_run_downloads_no_body_and_asks_once_a_ref(nixpkgs: Nixpkgs, forge: Forge, ask: Ask) -> None:
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    first = ask(forge)
    del forge.requests[:]
    again = ask(forge)
    assert [(each.state, each.fixed_by) for each in again.refs] == [(each.state, each.fixed_by) for each in first.refs]
    assert {request.status for request in forge.requests} == {304}
    assert len(forge.asked("/raw/")) == len(again.refs)
    assert len(forge.requests) == len(again.refs) + 2


def test_refs_are_asked_for_side_by_side(forge: Forge, ask: Ask) -> None:
    ask(forge)
    forge.faults["/raw/"] = [Fault(slow=0.5, truth=True) for _ in range(7)]
    began = time.monotonic()
    answer = ask(forge)
    assert len(answer.refs) == 7
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=500), "HTTP status 500"),
        (Fault(status=429, headers={"Retry-After": "3600"}), "rate limit reached; try again at 20"),
        (Fault(status=401), "is refused"),
        (Fault(status=200, body=b"{ ", cut=True), "the answer was cut off"),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "cannot be reached"),
    ],
)
def test_fault_at_one_ref_is_told_there_and_keeps_no_other(forge: Forge, ask: Ask, fault: Fault, reason: str) -> None:
    forge.faults["/nixos-unstable/"] = [fault] * 20
    answer = ask(forge, "master", "nixos-unstable")
    assert ref(answer, "nixos-unstable").state is State.UNKNOWN
    assert reason in (ref(answer, "nixos-unstable").reason or "")
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)
    if fault.status != 429:
        assert ref(answer, "master").state is State.NOT_FIXED


def test_answer_without_the_releases_is_marked_as_partial(forge: Forge, ask: Ask) -> None:
    forge.faults["/matching-refs/"] = [Fault(status=401, body=b'{"message": "Bad credentials"}') for _ in range(9)]
    answer = ask(forge)
    assert "master" in [each.name for each in answer.refs]
    assert any("the newest releases cannot be found" in warning for warning in answer.warnings)


def test_last_change_that_cannot_be_told_is_a_warning(forge: Forge, ask: Ask) -> None:
    forge.faults["/commits?"] = [Fault(status=403, headers={"Retry-After": "3600"}) for _ in range(9)]
    answer = ask(forge, "master")
    assert ref(answer, "master").state is State.NOT_FIXED
    assert ref(answer, "master").changed is None
    assert any("the last change cannot be determined" in warning for warning in answer.warnings)


def test_release_that_has_come_since_last_time_is_found(nixpkgs: Nixpkgs, forge: Forge, ask: Ask) -> None:
    ask(forge)
    nixpkgs.git("branch", "release-26.05")
    names = [each.name for each in ask(forge).refs]
    assert [name for name in names if name.startswith("release-")] == ["release-26.05", "release-25.11"]


def test_nobody_there_is_told_for_each_ref(nixpkgs: Nixpkgs, ask: Ask) -> None:
    answer = ask(nixpkgs, git_dir=None, api_url="http://127.0.0.1:9", raw_url="http://127.0.0.1:9")
    assert {each.reason for each in answer.refs} == {"127.0.0.1:9: cannot be reached"}
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)
    assert answer.verdict.next[-1].command == "unlet track --git-dir CLONE"


@pytest.fixture
def proposed(nixpkgs: Nixpkgs, forge: Forge) -> Forge:
    """Pull requests: 549926 fixes it, 7 touches nothing of ours, 8 touches the file and changes nothing."""
    nixpkgs.git("checkout", "--quiet", "-b", "fix")
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    forge.pull(549926, head="fix")
    nixpkgs.git("checkout", "--quiet", "-b", "comment", "master")
    nixpkgs.commit("docker: comment", "#\n" + layout("29.6"))
    forge.pull(7, head="comment", files={"README.md": "modified"})
    forge.pull(8, head="comment")
    nixpkgs.git("checkout", "--quiet", "master")
    return forge


def test_pull_requests_that_are_listed_or_named_are_told(proposed: Forge, ask: Ask) -> None:
    proposed.reviews[549926] = [
        {"user": {"login": "a"}, "state": "CHANGES_REQUESTED"},
        {"user": {"login": "a"}, "state": "APPROVED"},
        {"user": None, "state": "COMMENTED"},
    ]
    pulls = {pull.number: pull for pull in ask(proposed, with_pulls=True, pulls=(8, 7)).pulls}
    assert list(pulls) == [549926, 8, 7]
    listed = pulls[549926]
    assert (listed.state, listed.mergeable, listed.review) == ("open", True, "approved")
    assert listed.effect == "components overridable: no → yes, rootlesskit: prefix → suffix"
    assert pulls[8].effect == "components overridable: no, rootlesskit: prefix"
    assert (pulls[7].touches, pulls[7].effect) == (False, None)
    assert [pull.number for pull in ask(proposed, with_pulls=True).pulls] == [549926]


def test_pull_request_is_read_where_the_file_is_now(proposed: Forge, nixpkgs: Nixpkgs, ask: Ask) -> None:
    nixpkgs.move(TARGET, BY_NAME)
    nixpkgs.commit("docker: by name")
    nixpkgs.git("checkout", "--quiet", "-b", "later")
    nixpkgs.commit("docker: fix", layout("states/fixed"), path=BY_NAME)
    proposed.pull(8, head="later", files={BY_NAME: "modified"})
    pulls = {pull.number: pull for pull in ask(proposed, with_pulls=True, pulls=(8,)).pulls}
    assert pulls[8].effect == "components overridable: no → yes, rootlesskit: prefix → suffix"


def test_merged_pull_request_is_told_apart_from_one_in_a_channel(proposed: Forge, ask: Ask) -> None:
    proposed.git("merge", "--quiet", "--no-ff", "--message=Merge pull request #549926", "fix")
    proposed.git("branch", "--force", "nixos-unstable", "master")
    merge = proposed.git("rev-parse", "HEAD").strip()
    proposed.pull(
        549926, head="fix", state="closed", merged=True, merge_commit_sha=merge, merged_at="2026-08-03T10:00:00Z"
    )
    pull = next(p for p in ask(proposed, with_pulls=True).pulls if p.number == 549926)
    assert (pull.state, pull.merged) == ("merged", datetime(2026, 8, 3, 10, tzinfo=UTC))
    assert [arrival.ref for arrival in pull.arrivals if arrival.arrived] == ["master", "nixos-unstable"]


def test_pull_request_of_a_hostile_file_is_too_large_to_read_and_that_is_remembered(
    proposed: Forge, nixpkgs: Nixpkgs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)
    nixpkgs.git("checkout", "--quiet", "-b", "hostile")
    nixpkgs.commit("docker: sum", "+".join(["1"] * 200_000))
    proposed.pull(549926, head="hostile")
    effects: list[str | None] = []
    seconds: list[float] = []
    for _ in range(2):
        before = os.times().children_user
        effects += [p.effect for p in ask(proposed, "master", with_pulls=True).pulls if p.number == 549926]
        seconds.append(os.times().children_user - before)
    assert effects[0] == effects[1]
    assert str(effects[0]).startswith("unknown: takes unlet's parser more than ")
    assert seconds[1] < seconds[0] / 2


def test_pull_requests_that_hang_cost_one_time_limit(proposed: Forge, ask: Ask) -> None:
    for number in (549926, 7, 8):
        proposed.faults[f"/pulls/{number}"] = [Fault(slow=60.0, truth=True)] * 9
    began = time.monotonic()
    pulls = ask(proposed, "master", with_pulls=True, pulls=(7, 8), timeout=3.0).pulls
    assert time.monotonic() - began < 3 + 5
    assert {(pull.number, pull.state) for pull in pulls} == {(549926, "unknown"), (7, "unknown"), (8, "unknown")}
    assert all("no whole answer within" in (pull.reason or "") for pull in pulls)


@pytest.mark.parametrize("status", [404, 410])
def test_pull_request_that_is_gone_is_told(proposed: Forge, ask: Ask, status: int) -> None:
    proposed.faults["/pulls/549926"] = [Fault(status=status, body=b'{"message": "x"}')] * 9
    pull = next(p for p in ask(proposed, with_pulls=True).pulls if p.number == 549926)
    assert pull.state == "unknown"
    assert pull.reason is not None


def test_pull_request_that_moves_the_file_is_read_where_it_puts_it(proposed: Forge, nixpkgs: Nixpkgs, ask: Ask) -> None:
    nixpkgs.git("checkout", "--quiet", "-b", "moving")
    nixpkgs.git("rm", "--quiet", TARGET)
    nixpkgs.commit("docker: move", layout("states/half-lifted"), path=BY_NAME)
    proposed.pull(549926, head="moving")
    proposed.files[549926] = [{"filename": BY_NAME, "status": "renamed", "previous_filename": TARGET}]
    pull = next(p for p in ask(proposed, with_pulls=True).pulls if p.number == 549926)
    assert pull.effect == "components overridable: no → partly, rootlesskit: prefix"


def test_file_that_is_no_text_leaves_the_other_refs_their_answers(forge: Forge, ask: Ask) -> None:
    forge.faults["/raw/NixOS/nixpkgs/nixos-unstable/"] = [Fault(status=200, body=b"\xe9\xff")] * 9
    answer = ask(forge, "nixos-unstable", "master")
    states = {ref.name: str(ref.state) for ref in answer.refs}
    assert states["nixos-unstable"] == "unknown"
    assert states["master"] != "unknown"
    assert answer.exit_code == 11
