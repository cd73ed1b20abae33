import pytest

from toolkit.proposal.lifted import (
    IN_PART,
    UNREACHED,
    ChangedMethod,
    Derivations,
    Effect,
    LiftVerdict,
    Method,
    judge,
    verdict,
)

NOWHERE = Effect.INEFFECTIVE


def answer(
    before: str | None = "/a.drv", after: str | None = "/a.drv", *, effect: Effect = Effect.WORKS, shown: bool = False
) -> Derivations:
    method = Method(there=True, effect=effect, shown=shown)
    return Derivations(
        before=before, after=after, methods={"ui": ChangedMethod(before=Method(there=False), after=method)}
    )


def test_a_package_that_evaluates_nowhere_is_not_judged() -> None:
    assert judge([Derivations(methods={}), Derivations(methods={})]) is None


def test_one_system_on_which_the_part_is_used_is_enough() -> None:
    assert judge([answer(effect=NOWHERE), answer(), Derivations(methods={})]) == LiftVerdict(outcome="lifted")


def test_a_method_without_effect_anywhere_is_refused() -> None:
    assert judge([answer(effect=NOWHERE), answer(effect=NOWHERE)]) == LiftVerdict(outcome="refused", why=UNREACHED)


def test_another_derivation_on_one_system_is_a_failure() -> None:
    assert judge([answer(), answer(after="/b.drv")]) == LiftVerdict(outcome="failed", why="the derivation differs")


@pytest.mark.parametrize(
    ("found", "outcome", "why"),
    [
        (answer(effect=Effect.PARTLY), "refused", IN_PART),
        (answer(effect=Effect.PARTLY, shown=True), "refused", IN_PART),
        (answer(effect=Effect.UNKNOWN, shown=True), "lifted", ""),
        (answer(effect=NOWHERE, shown=True), "lifted", ""),
    ],
)
def test_only_a_method_that_reaches_all_uses_is_one(found: Derivations, outcome: str, why: str) -> None:
    assert judge([answer(), found]) == LiftVerdict(outcome=outcome, why=why)


def test_a_builder_that_takes_no_function_is_refused_by_its_reason() -> None:
    error = "expected a set but found a function: «lambda @ /x/pkgs/a.nix:1:1»"
    said = verdict(Derivations(methods={}, error=error, refuses_function=True))
    assert said == LiftVerdict(outcome="refused", why="the builder takes no function of the final attributes")
