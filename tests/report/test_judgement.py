"""What a judgement says in words: one line a cause."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace

from toolkit.asking.packages import Answer
from toolkit.judge.comparing import compare
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Gap,
    Judgement,
    Kind,
    Weight,
)
from toolkit.judge.rebuilding import NextSteps
from toolkit.judge.subject import Compared
from toolkit.report import comment as comments
from toolkit.report import judgement as judgements
from toolkit.report import next_steps
from toolkit.report.markdown import plain
from toolkit.report.next_steps import BuildPlace
from toolkit.report.sentences import sentence

SCHEMA = Path(__file__).parents[2] / "docs/schema/judgement.json"
SYSTEMS = ("x86_64-linux", "aarch64-darwin")
SUBJECT = Compared(attribute="notes", system="x86_64-linux", root="/tree")


FAILS = Cause(fact=DifferenceFact.FAILS)
TESTS_FAIL = Cause(
    fact=DifferenceFact.FAILS, place=DifferencePlace.PARTS, names=("passthru.tests",)
)
BUILT = Cause(fact=DifferenceFact.BUILT_DIFFERENTLY)
PROGRAM_GONE = Cause(
    fact=DifferenceFact.GONE, place=DifferencePlace.META, name="mainProgram"
)


def judged(
    *differences: Difference, maintainers: dict[str, tuple[str, ...]] | None = None
) -> Judgement:
    return Judgement(
        subject="a change",
        base="a tree",
        files=1,
        systems=SYSTEMS,
        asked=3,
        same=0,
        differ=3,
        differences=differences,
        reached=dict.fromkeys(SYSTEMS, ("a", "b", "c")),
        maintainers=maintainers or {},
    )


def difference(
    attribute: str,
    kind: Kind,
    cause: Cause,
    system: str = SYSTEMS[1],
    **values: Any,  # noqa: ANN401 - JSON
) -> Difference:
    weight = values.pop("weight", Weight.REGRESSION)
    return Difference(
        attribute=attribute,
        system=system,
        kind=kind,
        weight=weight,
        cause=cause,
        **values,
    )


def lines(judgement: Judgement) -> list[str]:
    steps = next_steps.lines(judgement, NextSteps(), BuildPlace())
    return [line.text for line in (*judgements.lines(judgement), *steps)]


def test_one_reason_is_told_once() -> None:
    reason = "darwin.patch is missing"
    broken = [
        difference("a", Kind.EVALUATION, FAILS, after=reason),
        difference("b", Kind.EVALUATION, TESTS_FAIL, after=reason),
        difference("c", Kind.EVALUATION, FAILS, after=reason),
    ]
    (line,) = (line for line in lines(judged(*broken)) if line.startswith("regression"))
    assert line.endswith(
        f"{reason}: 3 attributes no longer evaluate (aarch64-darwin) (a, b, c)"
    )
    (line,) = (
        line for line in lines(judged(broken[1])) if line.startswith("regression")
    )
    assert line.endswith(
        f"b: its passthru.tests no longer evaluates (aarch64-darwin): {reason}"
    )


def test_what_evaluates_now_an_argument_that_is_gone_and_another_line_have_no_value() -> (
    None
):
    now = difference(
        "a",
        Kind.EVALUATION,
        Cause(fact=DifferenceFact.EVALUATES_NOW),
        before="it throws",
        after="/nix/store/x",
        weight=Weight.CHANGE,
    )
    assert any(
        line.endswith("a: evaluates now (aarch64-darwin)")
        for line in lines(judged(now))
    )
    sides = (
        Answer(kind="derivation", parts={"arguments": names})
        for names in ({"withX": True}, {})
    )
    (found,) = compare(SUBJECT, *sides)
    assert any(
        line.endswith("notes: the argument withX of override is gone (x86_64-linux)")
        for line in lines(judged(found))
    )
    sides = (
        Answer(kind="derivation", parts={"position": f"/tree/a.nix:{line}"})
        for line in (1, 2)
    )
    assert compare(SUBJECT, *sides) == []


def test_rebuilds_are_counted_by_system_and_what_regresses_has_its_maintainers() -> (
    None
):
    built = [
        difference(name, Kind.DERIVATION, BUILT, system, weight=Weight.CHANGE)
        for name, system in (("a", SYSTEMS[0]), ("b", SYSTEMS[0]), ("a", SYSTEMS[1]))
    ]
    gone = difference("a", Kind.META, PROGRAM_GONE)
    throwing = difference(
        "d",
        Kind.DERIVATION,
        Cause(fact=DifferenceFact.WOULD_DIFFER),
        weight=Weight.CHANGE,
        before={},
        after={},
    )
    judgement = replace(
        judged(*built, gone, throwing, maintainers={"a": ("ada", "team docker")}),
        reached={SYSTEMS[0]: ("a", "b", "c")},
        readers={SYSTEMS[0]: ("c", "d"), SYSTEMS[1]: ("a",)},
    )
    counts = "2 of 4 compared on x86_64-linux; 1 of 1 compared on aarch64-darwin"
    assert f"rebuilds  {counts}" in lines(judgement)
    comment = comments.to_comment(judgement, command="unlet check").decode()
    assert f"- rebuilds {plain(counts)}" in comment
    of_all = replace(judgement, everything=SYSTEMS[:1])
    assert "rebuilds  2 on x86_64-linux; 1 of 1 compared on aarch64-darwin" in lines(
        of_all
    )
    assert "- maintainers of the packages with regressions: ada, team docker" in comment
    document = json.loads(judgements.to_json(judgement))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["rebuilds"] == {"x86_64-linux": 2, "aarch64-darwin": 1}
    assert document["compared"] == {"x86_64-linux": 4, "aarch64-darwin": 1}
    assert document["maintainers"] == {"a": ["ada", "team docker"]}


def long(names: dict[str, str]) -> dict[str, object]:
    return {
        "#": str(names),
        "length": 438,
        "bare": str(names),
        "names": [*names],
        "each": names,
    }


@pytest.mark.parametrize(
    ("part", "before", "after", "said"),
    [
        ("meta", ["x", "y"], ["x", "z"], "meta.it − y, + z"),  # noqa: RUF001 - a minus
        ("meta", [{"github": "ada"}], [{"github": "bob"}], "meta.it − ada, + bob"),  # noqa: RUF001 - a minus
        ("meta", ["x", "y"], ["y", "x"], "meta.it has another order"),
        (
            "meta",
            long({"a": "1", "b": "1"}),
            long({"a": "1", "c": "1"}),
            "meta.it − b, + c",  # noqa: RUF001 - a minus
        ),
        ("meta", "x" * 70, "y" * 70, f"meta.it differs: {'x' * 60}… → {'y' * 60}…"),
        (
            "meta",
            "x" * 70 + "1",
            "x" * 70 + "2",
            f"meta.it differs: …{'x' * 12}1 → …{'x' * 12}2",
        ),
        (
            "passthru",
            long({"a": "1", "b": "1"}),
            long({"a": "1", "b": "2"}),
            "it differs in b",
        ),
        ("passthru", long({"a": "1", "b": "1"}), long({"a": "1"}), "it.b is gone"),
    ],
)
def test_what_came_and_went_is_named(
    part: str, before: object, after: object, said: str
) -> None:
    sides = (
        Answer(kind="derivation", parts={part: {"it": value}})
        for value in (before, after)
    )
    (found,) = compare(SUBJECT, *sides)
    (line,) = (
        line
        for line in lines(judged(found))
        if line.startswith(("regression", "change  ")) and "notes" in line
    )
    assert line.endswith(
        f"notes: {said} (x86_64-linux)"
        if "differs:" not in said
        else said.partition(": ")[2]
    )


def test_systems_with_the_same_gaps_are_one_line() -> None:
    gaps = tuple(
        Gap(
            what=f"{name} on {system}",
            reason="it throws",
            limit="60 s",
            attribute=name,
            system=system,
        )
        for system in SYSTEMS
        for name in ("a", "b")
    )
    found = lines(replace(judged(), not_covered=gaps, unanswered=gaps))
    assert (
        "not compared  a, b on x86_64-linux, aarch64-darwin: it throws; the rest of "
        "the set: --all"
    ) in found
    assert (
        "unanswered: 2 attributes on x86_64-linux, aarch64-darwin (a, b): 60 s" in found
    )


def test_what_was_not_compared_is_one_line_unless_all_is_asked_for() -> None:
    gaps = (
        Gap(what="README.md", reason="nothing to evaluate"),
        *(Gap(what=name, reason="it throws", attribute=name) for name in "ab"),
        Gap(what="c", reason="too slow", attribute="c", limit="60 s"),
    )
    judgement = replace(judged(), not_covered=gaps)
    found = [line for line in lines(judgement) if line.startswith("not compared")]
    assert found == [
        (
            "not compared  c: too slow; and 2 more things: --verbose; the rest of the "
            "set: --all"
        )
    ]
    texts = [line.text for line in judgements.lines(judgement, verbose=True)]
    assert [text for text in texts if text.startswith("not compared")] == [
        "not compared  c: too slow",
        "not compared  a, b: it throws",
        "not compared  README.md: nothing to evaluate",
        "not compared  the rest of the set: --all",
    ]
    comment = comments.to_comment(judgement, command="unlet check").decode()
    begin = comment.index("<details><summary>not compared</summary>\n\n- c: too slow\n")
    assert comment.index("\n\n</details>\n") > begin
    assert "4 things were not compared." in comment


def test_a_comment_with_a_fold_has_no_more_than_its_lines() -> None:
    gaps = tuple(Gap(what=str(n), reason=str(n), attribute=str(n)) for n in range(40))
    comment = comments.to_comment(
        replace(judged(), not_covered=gaps), command="unlet check"
    ).decode()
    assert len(comment.splitlines()) == comments.LINES
    assert "more\n\n</details>\n\n" in comment
    assert "\n\n\n" not in comment


def test_what_no_longer_evaluates_is_one_regression_of_its_package() -> None:
    ends: dict[str, str] = dict.fromkeys(
        ("derivation", "kinds", "passthru.go"), "no such file"
    )
    (found,) = compare(
        SUBJECT, Answer(kind="derivation"), Answer(kind="derivation", ends=ends)
    )
    assert (sentence(found), found.after) == ("no longer evaluates", "no such file")
    own: dict[str, Any] = {
        "out": "o",
        "outputs": {},
        "name": "a",
        "version": "1",
        "attributes": {},
    }
    throws = {"!": "throws"}
    before, after = (
        Answer(
            kind="derivation",
            parts={
                "derivation": {**own, "drv": drv, "out": drv},
                "passthru": {"web": drv},
            },
        )
        for drv in ("/nix/store/a.drv", throws)
    )
    assert [sentence(each) for each in compare(SUBJECT, before, after)] == [
        "no longer evaluates"
    ]


def test_packages_of_a_set_that_are_built_differently_are_one_line() -> None:
    found = [
        Difference(
            kind=Kind.PASSTHRU,
            weight=Weight.CHANGE,
            cause=replace(BUILT, place=DifferencePlace.PASSTHRU, name=name),
            attribute="tools",
            system=SYSTEMS[0],
        )
        for name in ("one", "two")
    ]
    told = [line for line in lines(judged(*found)) if line.startswith("change  ")]
    assert told[1:] == [
        "change     passthru      tools.one, tools.two: is built differently (x86_64-linux)"
    ]


def test_what_a_derivation_that_throws_would_be_built_with_is_named_by_its_members() -> (
    None
):
    store = "/nix/store/00000000000000000000000000000000-"
    found = difference(
        "a",
        Kind.DERIVATION,
        Cause(fact=DifferenceFact.WOULD_DIFFER, names=("inputs", "strictDeps")),
        before={"inputs": [f"{store}one-1"], "strictDeps": False},
        after={"inputs": [f"{store}two-1"], "strictDeps": True},
        weight=Weight.CHANGE,
    )
    (line,) = (line for line in lines(judged(found)) if "derivation" in line)
    assert line.endswith(
        "a: its derivation throws, and would be built in another way: "
        "inputs − one-1, + two-1, strictDeps false → true (aarch64-darwin)"  # noqa: RUF001 - a minus
    )


def test_a_value_that_is_set_now_is_shown_and_two_that_are_not_known_are_not() -> None:
    cause = Cause(
        fact=DifferenceFact.DIFFERS, place=DifferencePlace.PASSTHRU, name="pyproject"
    )
    for after, end in ((True, "differs: nothing → true"), (None, "differs")):
        found = difference("a", Kind.PASSTHRU, cause, SYSTEMS[0], after=after)
        (line,) = (line for line in lines(judged(found)) if "pyproject" in line)
        assert line.endswith(
            f"a: pyproject {end.replace('differs', 'differs (x86_64-linux)')}"
        )
