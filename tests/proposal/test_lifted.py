"""What is asked of Nix about a lift, and which answer is worse than which."""

import json

import pytest
from msgspec.structs import replace

from tests.proposal.nixpkgs import Nixpkgs
from toolkit import specimen
from toolkit.asking.trials import (
    ChangedMethod,
    Derivations,
    Effect,
    LiftQuestion,
    Method,
    ask,
)
from toolkit.proposal.lifted import Asking, joint_verdict, verdict
from toolkit.report.lifts import LIFTED, LiftFault, LiftOutcome, LiftVerdict

WORKS = Method(there=True, named=True, effect=Effect.WORKS)
ABSENT = Method(there=False)
SYSTEM = "x86_64-linux"


def answer(
    *methods: ChangedMethod, before: str | None = "/a.drv", after: str | None = "/a.drv"
) -> Derivations:
    return Derivations(
        before=before,
        after=after,
        methods={f"method {number}": method for number, method in enumerate(methods)},
    )


def method(
    after: Method = WORKS, before: Method = ABSENT, **follows: bool
) -> ChangedMethod:
    return ChangedMethod(before=before, after=after, follows=follows)


GOOD = method()
FAULTS = [
    (answer(GOOD, after="/b.drv"), LiftFault.DIFFERS),
    (answer(GOOD, after=None), LiftFault.DIFFERS),
    (answer(GOOD, method(ABSENT)), LiftFault.NOT_THERE),
    (answer(method(ABSENT)), LiftFault.ABSENT),
    (
        answer(GOOD, method(before=Method(there=False, named=True))),
        LiftFault.HIDES,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.PARTLY))),
        LiftFault.IN_PART,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.PARTLY, shown=True))),
        LiftFault.IN_PART,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.INEFFECTIVE))),
        LiftFault.UNREACHED,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.UNKNOWN))),
        LiftFault.UNREACHED,
    ),
    (answer(GOOD, method(src=True, version=False)), LiftFault.UNFOLLOWED),
]


@pytest.mark.parametrize(("found", "fault"), FAULTS)
def test_each_fault_has_its_verdict(found: Derivations, fault: LiftFault) -> None:
    wrong = LiftVerdict(fault=fault)
    assert verdict(found) == wrong
    is_local = fault in {LiftFault.UNREACHED, LiftFault.ABSENT}
    joint = LIFTED if is_local else wrong
    assert joint_verdict([answer(GOOD), found]) == joint
    assert joint_verdict([found, answer(GOOD)]) == joint
    assert joint_verdict([found]) == wrong


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (LiftFault.DIFFERS, LiftOutcome.FAILED),
        (LiftFault.ABSENT, LiftOutcome.FAILED),
        (LiftFault.NOT_JUDGED, LiftOutcome.FAILED),
        (LiftFault.HIDES, LiftOutcome.REFUSED),
        (LiftFault.IN_PART, LiftOutcome.REFUSED),
        (LiftFault.UNREACHED, LiftOutcome.REFUSED),
        (LiftFault.UNFOLLOWED, LiftOutcome.REFUSED),
        (LiftFault.NO_FUNCTION, LiftOutcome.REFUSED),
    ],
)
def test_each_fault_has_its_outcome(fault: LiftFault, outcome: LiftOutcome) -> None:
    assert LiftVerdict(fault=fault).outcome is outcome


def test_a_verdict_gives_its_reason_with_the_error_of_nix() -> None:
    assert LIFTED.why == ""
    assert LiftVerdict(fault=LiftFault.DIFFERS).why == "the derivation differs"
    late = LiftVerdict(fault=LiftFault.NOT_JUDGED, error="still running")
    assert late.why == "Nix could not compare the changed package: still running"


def test_right_change_is_lifted_and_one_without_a_base_is_not_judged() -> None:
    assert verdict(answer(GOOD, method(before=WORKS, src=True))) == LIFTED
    shown = Method(there=True, effect=Effect.INEFFECTIVE, shown=True)
    assert verdict(answer(method(shown))) == LIFTED
    unknown = Method(there=True, effect=Effect.UNKNOWN, shown=True)
    assert joint_verdict([answer(GOOD), answer(method(unknown))]) == LIFTED
    assert verdict(answer(GOOD, before=None)) is None
    assert joint_verdict([Derivations(methods={}), Derivations(methods={})]) is None
    assert joint_verdict([answer(before=None), answer(GOOD)]) == LIFTED


def test_an_error_is_a_failure_that_names_files_as_the_tree_does() -> None:
    broken = Derivations(
        methods={}, error="no such thing, at /x/y/pkgs/by-name/a.nix:1:2"
    )
    error = "no such thing, at pkgs/by-name/a.nix:1:2"
    assert verdict(broken) == LiftVerdict(fault=LiftFault.NOT_EVALUATED, error=error)
    late = Derivations(methods={}, error="still running after 60 s", limited=True)
    assert verdict(late) == LiftVerdict(
        fault=LiftFault.NOT_JUDGED, error="still running after 60 s"
    )
    function = Derivations(methods={}, error="expected a set but found a function")
    assert verdict(function) == LiftVerdict(fault=LiftFault.NO_FUNCTION)


def test_further_systems_are_asked_about_the_change_alone(nixpkgs: Nixpkgs) -> None:
    """The tree before it counts where a package evaluates first.

    One that only later systems have is compared there.
    """
    nixpkgs.edit('version = "4.2.0"', 'version = "4.2.1"')
    question = LiftQuestion(package="notes-server", methods={"src": ("src",)})
    systems = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")
    asking = Asking(
        trees=(specimen.path(), nixpkgs.root), own=question, systems=systems
    )
    answers = asking.answers()
    assert [answers[each].before != answers[each].after for each in systems] == [
        True,
        True,
        False,
    ]
    assert (
        answers[systems[2]].after == ask(*asking.trees, systems[2], [question])[0].after
    )
    effects = [answers[each].methods["src"].before.effect for each in systems]
    assert effects == [answers[systems[0]].methods["src"].after.effect] * 2 + [
        Effect.UNASKED
    ]
    assert [
        json.dumps({"compared": False})[1:-1] in each for each in asking.commands
    ] == [False, False, True]
    nowhere = dict.fromkeys(systems[:2], Derivations(methods={}))
    later = replace(asking, known=nowhere).answer(systems[2])
    assert later.before != later.after
    assert later.methods["src"].before.effect is effects[0]
