import time
from collections.abc import Callable

import pytest

from tests.forge.server import Fault, Forge
from tests.track.conftest import Nixpkgs, layout, ref
from toolkit.track.answer import Advice, TrackAnswer
from toolkit.track.readings import State

Ask = Callable[..., TrackAnswer]


def test_server_tells_what_a_clone_tells(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask
) -> None:
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


def test_repeated_run_downloads_no_body_and_asks_once_a_ref(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask
) -> None:
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    first = ask(forge)
    del forge.requests[:]
    again = ask(forge)
    assert [(each.state, each.fixed_by) for each in again.refs] == [
        (each.state, each.fixed_by) for each in first.refs
    ]
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
        (
            Fault(status=429, headers={"Retry-After": "3600"}),
            "rate limit is reached; try again at 20",
        ),
        (Fault(status=401), "HTTP status 401"),
        (Fault(status=200, body=b"{ ", cut=True), "the answer ended too early"),
        (Fault(status=200, body=b"\xe9\xff"), "is not UTF-8"),
        (
            Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}),
            "cannot be reached",
        ),
    ],
)
def test_fault_at_one_ref_is_told_there_and_keeps_no_other(
    forge: Forge, ask: Ask, fault: Fault, reason: str
) -> None:
    forge.faults["/nixos-unstable/"] = [fault] * 20
    answer = ask(forge, "master", "nixos-unstable")
    assert ref(answer, "nixos-unstable").state is State.UNKNOWN
    assert reason in (ref(answer, "nixos-unstable").reason or "")
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)
    if fault.status != 429:
        assert ref(answer, "master").state is State.NOT_FIXED


def test_missing_answer_of_the_server_is_a_warning(forge: Forge, ask: Ask) -> None:
    forge.faults["/matching-refs/"] = [
        Fault(status=401, body=b'{"message": "Bad credentials"}') for _ in range(9)
    ]
    forge.faults["/commits?"] = [
        Fault(status=403, headers={"Retry-After": "3600"}) for _ in range(9)
    ]
    answer = ask(forge)
    master = ref(answer, "master")
    assert (master.state, master.changed) == (State.NOT_FIXED, None)
    for fact in (
        "unlet cannot find the newest releases",
        "unlet cannot determine the last change",
    ):
        assert any(fact in warning for warning in answer.warnings)


def test_release_that_has_come_since_last_time_is_found(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask
) -> None:
    ask(forge)
    nixpkgs.git("branch", "release-26.05")
    names = [each.name for each in ask(forge).refs]
    assert [name for name in names if name.startswith("release-")] == [
        "release-26.05",
        "release-25.11",
    ]


def test_nobody_there_is_told_for_each_ref(nixpkgs: Nixpkgs, ask: Ask) -> None:
    answer = ask(
        nixpkgs,
        git_dir=None,
        api_url="http://127.0.0.1:9",
        raw_url="http://127.0.0.1:9",
    )
    assert {each.reason for each in answer.refs} == {"127.0.0.1:9: cannot be reached"}
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)
    assert answer.verdict.next[-1].command == "unlet track --git-dir CLONE"
