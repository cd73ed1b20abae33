from __future__ import annotations

from msgspec.structs import replace

from toolkit.prove.lifted import UNREACHED, ChangedAttribute, Derivations, LiftVerdict, Reach, judge, verdict

NOWHERE = Reach(built=False, shown=False, evaluates=True)
BUILT = Reach(built=True, shown=False, evaluates=False)


def answer(before: str | None = "/a.drv", after: str | None = "/a.drv", *, thrown: Reach = BUILT) -> Derivations:
    door = ChangedAttribute(there=True, before=False, hides=False, thrown=thrown, replaced=thrown)
    return Derivations(before=before, after=after, doors={"ui": door})


def test_a_package_that_evaluates_nowhere_is_not_judged() -> None:
    assert judge([Derivations(doors={}), Derivations(doors={})]) is None


def test_one_system_on_which_the_part_is_used_is_enough() -> None:
    assert judge([answer(thrown=NOWHERE), answer(), Derivations(doors={})]) == LiftVerdict(outcome="lifted")


def test_a_door_without_effect_anywhere_is_refused() -> None:
    assert judge([answer(thrown=NOWHERE), answer(thrown=NOWHERE)]) == LiftVerdict(outcome="refused", why=UNREACHED)


def test_another_derivation_on_one_system_is_a_failure() -> None:
    assert judge([answer(), answer(after="/b.drv")]) == LiftVerdict(outcome="failed", why="the derivation differs")


def test_another_attribute_that_differs_is_a_failure() -> None:
    shown = replace(answer(), same_shown=False)
    assert judge([answer(), shown]) == LiftVerdict(outcome="failed", why="the derivation differs")


def test_a_builder_that_takes_no_function_is_refused_by_its_reason() -> None:
    error = "expected a set but found a function: «lambda @ /x/pkgs/a.nix:1:1»"
    said = verdict(Derivations(doors={}, error=error, refuses_function=True))
    assert said == LiftVerdict(outcome="refused", why="the builder takes no function of the final attributes")
