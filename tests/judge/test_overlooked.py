"""Changes that build the same, or differently, and do something else beside that."""

import re

import pytest

from tests.judge.test_specimen import (
    CHANGES,
    DOCKER,
    NATIVE,
    NOTES,
    OWN,
    Edits,
    cache,
    case_of,
    change,
    judged,
    second,
    shared,
)
from tests.progress import Steps
from toolkit.judge import JudgeRequest, judge, versions
from toolkit.judge.differences import Difference, Kind, Weight
from toolkit.report.sentences import sentence

__all__ = ["cache", "shared"]

LUAS = CHANGES["the new versions of a package set"].steps


def said(
    differences: tuple[Difference, ...], weight: Weight = Weight.REGRESSION
) -> set[tuple[str, str]]:
    return {
        (each.attribute, sentence(each))
        for each in differences
        if each.weight is weight
    }


def test_who_looks_for_a_new_name_in_passthru_is_compared() -> None:
    reads = (
        "notes-server ? web-ui",
        'builtins.hasAttr "web-ui" notes-server',
        'builtins.elem "web-ui" (builtins.attrNames notes-server)',
        "(p: p.web-ui or null != null) notes-server",
        "(p: p ? web-ui) (notes-server)",
        "notes-server.passthru ? web-ui",
    )
    first: Edits = {
        case_of(
            number
        ): f'{{ stdenv, notes-server }}:\nstdenv.mkDerivation {{ name = "x"; has = {each}; }}\n'
        for number, each in enumerate(reads)
    }
    then: Edits = {NOTES: ("passthru = {", "passthru = {\n    inherit web-ui;")}
    found = second(first, then, systems=(NATIVE, "cross")).differences
    assert {
        (each.attribute, each.system) for each in found if each.kind is Kind.DERIVATION
    } >= {(f"case-{number}", NATIVE) for number in range(len(reads))}


def test_a_line_of_what_a_package_says_is_noted() -> None:
    before = OWN.replace(
        "stdenv.mkDerivation {\n  pname",
        "lib.warn ''\n  it is\n  old\n'' stdenv.mkDerivation {\n  pname",
    )
    found = second(
        {NOTES: before}, {NOTES: before.replace("  old\n", "  gone\n")}
    ).differences
    assert [(each.before, each.after) for each in found] == [(("old",), ("gone",))]


HELD = 'passthru = {\n    jre = stdenv.mkDerivation { name = "jre-17"; };'


def test_a_rebuild_hides_nothing_else() -> None:
    before = OWN.replace("passthru = {", HELD)
    after = (
        before.replace("echo notes", "echo others")
        .replace("jre-17", "jre-11")
        .replace("mainProgram", "program")
    )
    found = second({NOTES: before}, {NOTES: after}).differences
    (jre,) = (each for each in found if sentence(each).startswith("jre"))
    assert (jre.weight, jre.kind, jre.before, jre.after) == (
        Weight.CHANGE,
        Kind.PASSTHRU,
        "jre-17",
        "jre-11",
    )
    assert ("notes-server", "meta.mainProgram is gone") in said(found)


def test_a_value_that_an_argument_refuses_is_no_override() -> None:
    text = '{ stdenv, flag ? null }:\nstdenv.mkDerivation { name = "x"; it = flag != null && flag; }\n'
    found = second(
        {NOTES: text}, {NOTES: text.replace("it =", "at =")}, systems=(NATIVE,)
    )
    assert [
        each.reason for each in found.not_covered if each.attribute == "notes-server"
    ] == []


def test_who_maintains_what_regresses_is_known() -> None:
    judgement = judged({DOCKER: ('mainProgram = "docker";', "")})
    assert judgement.maintainers["docker"] == ("nobody",)


def test_of_versions_that_are_too_many_the_derivation_is_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(versions, "_MOST", 1)
    found = second(*LUAS).differences
    assert {each.attribute for each in found if each.kind is Kind.DERIVATION} == {
        f"lua{name}Packages.one" for name in ("", 52, 53)
    }


def test_versions_that_are_not_compared_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(versions, "_MOST_ATTRIBUTES", 1)
    unknown = second(*LUAS).unknown
    assert [(gap.what, gap.reason) for gap in unknown] == [
        (
            "lua52Packages, lua53Packages",
            "the package sets have too many versions; --all compares them",
        )
    ]


def test_what_is_compared_is_counted_on_the_way() -> None:
    told = Steps()
    judge(
        change({NOTES: ("echo notes", "echo counted")}),
        JudgeRequest(systems=(NATIVE,)),
        progress=told,
    )
    assert any(
        re.fullmatch(r"comparing \d+ attributes?, after", each) for each in told.steps
    )
    assert any(
        re.fullmatch(rf"comparing \d+ of \d+ on {NATIVE}, after", each)
        for each in told.steps
    )
