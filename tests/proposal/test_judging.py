"""The finding of a claim from the judge's answer: differences, coverage, unknowns."""

import shutil
from pathlib import Path, PurePosixPath

import pytest

from toolkit import specimen
from toolkit.git.reading import TreeFile
from toolkit.judge import SYSTEMS
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
from toolkit.model import SourceRequest
from toolkit.proposal.judged import (
    META,
    NO_REBUILD,
    OVERRIDES,
    PASSTHRU,
    Aspect,
    Judging,
    systems,
)
from toolkit.sources.changes import Change, ChangeStep, FileEdit
from toolkit.sources.trees import NixpkgsTree

ONE, OTHER = "x86_64-linux", "aarch64-linux"
COMMAND = (
    "unlet check --patch upstream.diff --nixpkgs nix --rev main --system "
    f"{ONE} --expect same"
)


def judging(
    answer: Judgement,
    *,
    named: tuple[str, ...] = ("--patch", "upstream.diff"),
    on: tuple[str, ...] = (ONE,),
    updated: tuple[str, ...] = (),
) -> Judging:
    change = Change(
        subject="a change",
        origin="a test",
        source=SourceRequest(nixpkgs="nix", rev="main"),
        base=NixpkgsTree(root=Path("/none"), key="none"),
        steps=(ChangeStep(subject="a change", edits=()),),
    )
    asked = Judging(change=change, systems=on, named=named, updated=updated)
    vars(asked)["judgement"] = answer
    return asked


def answer(
    *differences: Difference,
    reached: dict[str, tuple[str, ...]] | None = None,
    readers: dict[str, tuple[str, ...]] | None = None,
    unknown: tuple[Gap, ...] = (),
    not_covered: tuple[Gap, ...] = (),
) -> Judgement:
    return Judgement(
        subject="a change",
        base="main",
        files=1,
        systems=(ONE,),
        asked=1,
        same=0,
        differ=0,
        differences=differences,
        reached={ONE: ("app",)} if reached is None else reached,
        readers=readers or {},
        unknown=unknown,
        not_covered=not_covered,
    )


CAUSES = {
    kind: Cause(fact=DifferenceFact.GONE, place=DifferencePlace.META, name=kind)
    for kind in Kind
}


def differs(
    kind: Kind,
    attribute: str = "app",
    *,
    on: str = ONE,
    weight: Weight = Weight.CHANGE,
    to: object = None,
) -> Difference:
    return Difference(
        attribute=attribute,
        system=on,
        kind=kind,
        weight=weight,
        cause=CAUSES[kind],
        before="old",
        after=to,
    )


@pytest.mark.parametrize(
    ("aspect", "kinds"),
    [
        (
            NO_REBUILD,
            {
                Kind.DERIVATION,
                Kind.FIXED_OUTPUT,
                Kind.EVALUATION,
                Kind.REMOVED,
                Kind.ALIAS,
                Kind.ADDED,
            },
        ),
        (PASSTHRU, {Kind.PASSTHRU}),
        (META, {Kind.META, Kind.POSITION}),
        (OVERRIDES, {Kind.OVERRIDE, Kind.ARGUMENTS}),
    ],
)
def test_each_kind_of_difference_is_that_of_one_claim(
    aspect: Aspect, kinds: set[Kind]
) -> None:
    for kind in Kind:
        finding = judging(answer(differs(kind))).kept(aspect)
        assert finding.failures == (
            (f"app: meta.{kind} is gone ({ONE})",) if kind in kinds else ()
        )
        assert (finding.covers, finding.commands) == (f"app on {ONE}", (COMMAND,))


def test_a_difference_is_one_line_with_its_systems_and_values() -> None:
    found = answer(
        differs(Kind.META, to="new"),
        differs(Kind.META, on=OTHER, to="new"),
        differs(Kind.META, on=OTHER, to=["x"]),
        differs(Kind.POSITION, weight=Weight.NOTE),
        reached={ONE: ("app",), OTHER: ("app",)},
    )
    finding = judging(found).kept(META, ["first"])
    assert finding.failures == (
        f"app: meta.meta is gone: old → new ({ONE}, {OTHER})",
        f"app: meta.meta is gone ({OTHER})",
    )
    assert finding.evidence == (
        "first",
        f"app: meta.position is gone ({ONE})",
    )
    assert finding.covers == f"app on {ONE}, {OTHER}"


def test_readers_are_not_what_the_file_makes() -> None:
    found = answer(
        differs(Kind.DERIVATION, "reader"),
        differs(Kind.DERIVATION, "app.tests"),
        differs(Kind.EVALUATION, "gone"),
        readers={ONE: ("reader",)},
    )
    assert judging(found).kept(NO_REBUILD).failures == (
        f"app.tests: meta.derivation is gone ({ONE})",
        f"gone: meta.evaluation is gone ({ONE})",
    )
    finding = judging(found).readers()
    assert (finding.covers, finding.failures) == (
        f"reader on {ONE}",
        (f"reader: meta.derivation is gone ({ONE})",),
    )
    alone = judging(answer()).readers()
    assert (alone.covers, alone.failures, alone.commands) == (
        "no package in pkgs uses or overrides it",
        (),
        (COMMAND,),
    )
    rest = (
        Gap(what="NixOS", reason="no module is evaluated"),
        Gap(what="app on x", reason="late", attribute="app"),
    )
    finding = judging(answer(readers={ONE: ("reader",)}, not_covered=rest)).readers()
    assert finding.evidence == ("not compared: NixOS: no module is evaluated",)


def test_difference_in_a_set_counts_for_the_attribute_around_it() -> None:
    found = answer(
        differs(Kind.PASSTHRU, "set.app.tests"),
        differs(Kind.PASSTHRU, "set.other"),
        reached={ONE: ("set.app",)},
        readers={ONE: ("set.other",)},
    )
    assert judging(found).kept(PASSTHRU).failures == (
        f"set.app.tests: meta.passthru is gone ({ONE})",
    )


def test_a_difference_fails_though_nothing_else_of_it_is_known() -> None:
    gap = Gap(
        what=f"app on {ONE}",
        reason="took too long",
        attribute="app",
        system=ONE,
        parts=("meta",),
    )
    finding = judging(answer(differs(Kind.META), unknown=(gap,))).kept(META)
    assert (finding.covers, finding.failures, finding.not_run) == (
        "nothing",
        (f"app: meta.meta is gone ({ONE})",),
        None,
    )


def test_the_judge_is_asked_once_about_the_change_on_its_systems(
    tmp_path: Path,
) -> None:
    shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    page = FileEdit(
        path=PurePosixPath("README.md"), before=None, after=TreeFile(content=b"text")
    )
    step = ChangeStep(subject="a page", edits=(page,))
    change = Change(
        subject="a change",
        origin="a test",
        source=SourceRequest(nixpkgs="nix"),
        base=NixpkgsTree(root=tmp_path / "nixpkgs", key="test"),
        steps=(step, step),
    )
    asked = Judging(change=change, systems=(OTHER,))
    found = asked.judgement
    assert (found.systems, found.files, len(found.steps)) == ((OTHER,), 1, 2)
    assert found.not_covered == (Gap(what="README.md", reason="nothing to evaluate"),)
    assert asked.judgement is found


def test_attribute_with_an_unknown_part_is_not_covered() -> None:
    gap = Gap(
        what=f"app on {ONE}",
        reason="took too long",
        attribute="app",
        system=ONE,
        parts=("meta",),
    )
    found = answer(unknown=(gap,), reached={ONE: ("app", "lts"), OTHER: ("app", "lts")})
    finding = judging(found).kept(META)
    assert finding.covers == f"lts on {ONE}; app, lts on {OTHER}"
    assert (finding.gaps, finding.not_run) == ((f"app on {ONE}: took too long",), None)
    assert judging(found).kept(PASSTHRU).gaps == ()
    assert judging(found).kept(PASSTHRU).covers == f"app, lts on {ONE}, {OTHER}"
    nothing = judging(answer(unknown=(gap,))).kept(META)
    assert (nothing.covers, nothing.not_run) == (
        "nothing",
        f"because app on {ONE}: took too long",
    )


def test_a_change_that_could_not_be_judged_as_a_whole_passes_nothing() -> None:
    gap = Gap(what="pkgs/top-level", reason="changes all packages")
    for finding in (
        judging(answer(unknown=(gap,))).kept(NO_REBUILD),
        judging(answer(unknown=(gap,))).readers(),
    ):
        assert (finding.covers, finding.not_run) == (
            "nothing",
            "because pkgs/top-level: changes all packages",
        )
        assert finding.commands == (COMMAND,)
    failed = judging(answer(differs(Kind.DERIVATION), unknown=(gap,))).kept(NO_REBUILD)
    assert failed.failures == (f"app: meta.derivation is gone ({ONE})",)
    none = judging(answer(reached={})).kept(NO_REBUILD)
    assert none.not_run == "because no attribute comes from the changed files"
    assert (
        judging(answer(reached={})).readers().not_run
        == "because no attribute comes from the changed files"
    )


def test_the_command_names_the_change_and_where_it_is_asked() -> None:
    assert (
        judging(answer(), named=("HEAD",)).command
        == f"unlet check HEAD --system {ONE} --expect same"
    )
    everywhere = judging(answer(), on=SYSTEMS).command
    assert (
        everywhere
        == "unlet check --patch upstream.diff --nixpkgs nix --rev main --expect same"
    )


@pytest.mark.parametrize(
    ("asked", "narrowed", "judged"),
    [
        ((ONE, OTHER, f"{ONE} → {OTHER}"), False, (ONE, OTHER, "cross", "static")),
        ((ONE, OTHER, f"{ONE} → {OTHER}"), True, (ONE, OTHER, "cross")),
        ((OTHER,), False, (OTHER,)),
    ],
)
def test_the_judge_is_asked_on_the_systems_of_the_package(
    asked: tuple[str, ...], narrowed: object, judged: tuple[str, ...]
) -> None:
    assert systems(asked, narrowed=bool(narrowed)) == judged


def test_the_arguments_that_a_change_means_to_add_are_a_note_and_others_are_not() -> (
    None
):
    script, words = ["nix-update"], ["--subpackage", "ui"]
    for name, after, weight in (
        ("updateScript", [*script, *words], Weight.NOTE),
        ("updateScript", [*script, "--flake", *words], Weight.CHANGE),
        ("updateScript", [*script, "--subpackage", "docs"], Weight.CHANGE),
        ("other", [*script, *words], Weight.CHANGE),
    ):
        found = Difference(
            attribute="app",
            system=ONE,
            kind=Kind.PASSTHRU,
            weight=Weight.CHANGE,
            cause=Cause(
                fact=DifferenceFact.DIFFERS, place=DifferencePlace.PASSTHRU, name=name
            ),
            before=script,
            after=after,
        )
        finding = judging(answer(found), updated=("ui",)).kept(PASSTHRU)
        assert bool(finding.failures) is (weight is Weight.CHANGE)
        if weight is Weight.NOTE:
            assert finding.evidence == (
                f"app: updateScript names ui with --subpackage, as intended ({ONE})",
            )
