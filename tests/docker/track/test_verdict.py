from __future__ import annotations

import pytest

from toolkit.docker.track import verdict
from toolkit.docker.track.report.document import Commit, Judgement, Ref, State, Verdict

FIX = Commit(commit="a" * 40, date="2026-08-03T10:00:00Z", subject="docker: fix")


def at(name: str, state: str, kind: str = "channel") -> Ref:
    return Ref(name=name, kind=kind, state=State(state), reason="why", fixed_by=FIX if state == "fixed" else None)


def judge(*refs: Ref, pin: Ref | None = None) -> Verdict:
    return verdict.judge(refs, pin)


PIN_OLD, PIN_NEW, PIN_ODD = at("lock", "not fixed", "pin"), at("lock", "fixed", "pin"), at("lock", "unknown", "pin")


@pytest.mark.parametrize(
    ("refs", "pin", "judgement", "text", "code"),
    [
        ([at("u", "not fixed")], None, "keep", "keep the overlay: fixed nowhere yet", 0),
        ([at("u", "half fixed")], None, "keep", "keep the overlay: half fixed in u, fixed nowhere", 0),
        (
            [at("master", "fixed", "branch"), at("u", "not fixed")],
            None,
            "keep",
            "keep the overlay: fixed in master since 2026-08-03, but in no channel yet",
            0,
        ),
        (
            [at("u", "fixed"), at("v", "fixed")],
            None,
            "update",
            "fixed in u, v since 2026-08-03: you can remove the overlay as soon as your nixpkgs is one of these",
            10,
        ),
        (
            [at("u", "fixed")],
            PIN_OLD,
            "update",
            "fixed in u since 2026-08-03; your pin (lock) does not have it yet",
            10,
        ),
        ([at("u", "not fixed")], PIN_NEW, "remove", "fixed in your nixpkgs (lock): remove the overlay", 10),
        ([at("u", "unknown")], PIN_NEW, "remove", "fixed in your nixpkgs (lock): remove the overlay", 10),
        ([at("u", "fixed")], PIN_ODD, "unknown", "could not tell for your nixpkgs (lock): why", 11),
        (
            [at("u", "not fixed"), at("v", "unknown")],
            None,
            "unknown",
            "could not tell whether it is fixed in v: keep the overlay until that is known",
            11,
        ),
        ([at("u", "fixed"), at("v", "unknown")], None, "update", "fixed in u since 2026-08-03", 10),
        ([at("u", "not fixed"), at("master", "unknown", "branch")], None, "keep", "keep the overlay", 11),
        ([at("master", "fixed", "branch")], None, "update", "fixed in master since 2026-08-03", 10),
        ([at("u", "not applicable")], None, "keep", "keep the overlay: fixed nowhere yet", 0),
    ],
)
def test_answers_come_to_a_verdict_and_an_exit_code(
    refs: list[Ref], pin: Ref | None, judgement: str, text: str, code: int
) -> None:
    found = judge(*refs, pin=pin)
    assert found.judgement is Judgement(judgement)
    assert found.text.startswith(text)
    assert verdict.exit_code(found, changed=False) == code
    assert verdict.exit_code(found, changed=True) == (code or 1)


def test_state_that_is_not_known_is_named_and_never_counted_as_unfixed() -> None:
    found = judge(at("u", "unknown"), at("master", "unknown", "branch"))
    assert found.unknown == ("u", "master")
    assert found.judgement is Judgement.UNKNOWN
    assert "not fixed" not in found.text
