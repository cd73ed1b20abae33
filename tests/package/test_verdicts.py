from __future__ import annotations

from toolkit.prove.lifted import UNREACHED, Answer, Door, Reach, Verdict, judge, verdict

NOWHERE = Reach(built=False, shown=False, evaluates=True)
BUILT = Reach(built=True, shown=False, evaluates=False)


def answer(before: str | None = "/a.drv", after: str | None = "/a.drv", *, thrown: Reach = BUILT) -> Answer:
    door = Door(there=True, before=False, hides=False, thrown=thrown, replaced=thrown)
    return Answer(before=before, after=after, doors={"ui": door})


def test_a_package_that_evaluates_nowhere_is_not_judged() -> None:
    assert judge([Answer(doors={}), Answer(doors={})]) is None


def test_one_system_on_which_the_part_is_used_is_enough() -> None:
    assert judge([answer(thrown=NOWHERE), answer(), Answer(doors={})]) == Verdict(outcome="lifted")


def test_a_door_without_effect_anywhere_is_refused() -> None:
    assert judge([answer(thrown=NOWHERE), answer(thrown=NOWHERE)]) == Verdict(outcome="refused", why=UNREACHED)


def test_another_derivation_on_one_system_is_a_failure() -> None:
    assert judge([answer(), answer(after="/b.drv")]) == Verdict(outcome="failed", why="the derivation differs")


def test_a_builder_that_takes_no_function_is_refused_by_its_reason() -> None:
    said = verdict(Answer(doors={}, error="expected a set but found a function: «lambda @ /x/pkgs/a.nix:1:1»"))
    assert said == Verdict(outcome="refused", why="the builder takes no function of the final attributes")
