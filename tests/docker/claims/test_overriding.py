from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import designs
from tests.docker.conftest import Draft, source_of
from toolkit.docker.claims.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.plan import Demotion
from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSED = "no override has an effect on the build"


def designed(name: str) -> Draft:
    """Return a series whose first commit lifts the components by a design of the tests, and whose second demotes."""
    source = source_of("29.6")
    before = source.content.decode()
    lifted = designs.DESIGNS[name](before)
    texts = {BEFORE: before, LIFTED: lifted, DEMOTED: designs.demoted(lifted)}
    return Draft(source=source, demotion=Demotion.SUFFIX, texts=texts)


def doors(series: Draft, stage: str = "after") -> dict[str, str]:
    """Return what the proof says of each component, before or after."""
    lines = series.prove("overridable").evidence
    return dict(line.removeprefix(f"{stage}: ").split(": ", 1) for line in lines if line.startswith(f"{stage}: "))


@pytest.mark.parametrize("name", designs.DESIGNS)
def test_design_is_judged_by_what_its_overrides_do(name: str) -> None:
    series = designed(name)
    assert series.passes("overridable")
    assert doors(series) == {
        component: ", ".join(shown.replace("NAME", component) for shown in designs.DOORS[name](component))
        for component in designs.COMPONENTS
    }
    assert doors(series, BEFORE) == dict.fromkeys(designs.COMPONENTS, CLOSED)


@pytest.mark.parametrize("layout", ["20.10.14", "24.0", "29.6"])
def test_series_of_the_rewrites_is_proven(draft: Callable[..., Draft], layout: str) -> None:
    assert draft(layout).passes("overridable")


def test_proof_tells_what_it_covered() -> None:
    # On the first system of both releases, on the others of the newest; Darwin has no components.
    assert designed("attrs-first").prove("overridable").covers == "80 overrides, 4 components; 2 releases, 3 systems"


def test_questions_do_not_grow_with_the_releases(draft: Callable[..., Draft]) -> None:
    block = draft().case().after.file.release_blocks()["docker_29"]
    covered: list[str] = []
    for count in (2, 8):
        more = "\n\n  ".join(block.replace("docker_29 =", f"docker_{30 + each} =") for each in range(count))
        proof = draft().edit(BEFORE, block, f"{block}\n\n  {more}").prove("overridable")
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        covered.append(proof.covers)
    assert covered == ["120 overrides, 4 components; 4 releases, 3 systems"] * 2


def test_argument_that_is_ignored_is_named() -> None:
    text = "if args.docker-tini != null then args.docker-tini else made.docker-tini"
    failure = designed("sentinel").edit(LIFTED, text, "made.docker-tini").failure("overridable")
    facts = [line for line in failure.splitlines() if "cannot be overridden" in line]
    assert len(facts) == 1
    assert facts[0].startswith("docker-tini cannot be overridden: changes nothing: override { docker-tini = …; }, ")
    assert facts[0].endswith("(x86_64-linux docker_25 and 3 more)")


def test_argument_that_is_not_linked_is_named() -> None:
    series = designed("sentinel")
    text = series.texts[LIFTED].replace("${moby}/", "${made.moby}/")
    failure = series.rewritten(LIFTED, lambda _: text).rewritten(DEMOTED, lambda _: designs.demoted(text))
    assert "moby cannot be overridden: does not reach the build: override { moby = …; }, " in failure.failure(
        "overridable"
    )


def test_argument_that_is_linked_in_part_is_named() -> None:
    series = designed("sentinel").edit(
        LIFTED, "${moby}/bin/dockerd ${moby}/bin", "${moby}/bin/dockerd ${made.moby}/bin"
    )
    assert "moby cannot be overridden: leaves the replaced package in the build: override { moby = …; };" in (
        series.failure("overridable")
    )


def test_attribute_that_does_not_reach_moby_is_named() -> None:
    series = designed("attrs-first")
    text = series.texts[LIFTED].replace("${finalAttrs.docker-runc}", "${runc}")
    failure = series.rewritten(LIFTED, lambda _: text).rewritten(DEMOTED, lambda _: designs.demoted(text))
    assert "docker-runc cannot be overridden: does not evaluate: override { docker-runc = …; }, " in failure.failure(
        "overridable"
    )


def test_argument_that_only_takes_the_old_one_away_is_named() -> None:
    text = "if args.docker-runc != null then args.docker-runc else"
    failure = designed("sentinel").edit(LIFTED, text, text.replace("then args.docker-runc", "then runc"))
    assert "docker-runc cannot be overridden: does not reach the build: override { docker-runc = …; }" in (
        failure.failure("overridable")
    )


def test_file_that_is_lifted_no_more_is_named() -> None:
    series = designed("hidden")
    failure = series.rewritten(DEMOTED, lambda _: series.texts[BEFORE]).failure("overridable")
    assert "moby cannot be overridden: does not evaluate: override { moby = …; }, override (old: { moby = …; });" in (
        failure
    )


def test_file_that_was_overridable_before_is_named() -> None:
    series = designed("hidden")
    failure = series.rewritten(BEFORE, lambda _: series.texts[LIFTED]).failure("overridable")
    assert "moby could be overridden before, by override { moby = …; }, and in no new way after" in failure


def test_door_that_is_shut_again_is_named() -> None:
    before, after = designed("hidden"), designed("attrs-first")
    failure = after.rewritten(BEFORE, lambda _: before.texts[LIFTED]).failure("overridable")
    assert "override { moby = …; } worked before and does not evaluate after" in failure


def test_component_that_is_no_attribute_any_more_is_named() -> None:
    text = "          docker-tini\n          moby\n          ;\n      }\n    );"
    series = designed("hidden").edit(LIFTED, text, text.replace("          docker-tini\n", ""))
    assert "docker no longer has the attribute docker-tini" in series.failure("overridable")


def test_replacement_that_the_file_makes_anew_is_known_again() -> None:
    """What is linked is what the file makes of the replacement, and so is the attribute."""
    old = "if args.docker-tini != null then args.docker-tini"
    series = designed("sentinel").edit(LIFTED, old, f"{old}.overrideAttrs {{ stamped = true; }}")
    assert doors(series)["docker-tini"] == "override { docker-tini = …; }"


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param("given.preBuild or null != null", id="by one made of itself"),
        pytest.param("given.drvPath or null == made.docker-runc.drvPath", id="by one that throws"),
    ],
)
def test_component_that_no_other_package_can_stand_for_is_tried_otherwise(condition: str) -> None:
    old = "if args.docker-runc != null then args.docker-runc"
    given = f'(let given = args.docker-runc; in if {condition} then given else throw "no runc")'
    series = designed("sentinel").edit(LIFTED, old, old.replace("then args.docker-runc", f"then {given}"))
    assert doors(series)["docker-runc"] == "override { docker-runc = …; }"


def test_error_that_nix_cannot_catch_ends_one_door_and_no_other() -> None:
    series = designed("both")
    text = series.texts[LIFTED].replace(
        "docker-runc = if docker-runc != null then docker-runc",
        "docker-runc = if docker-runc != null then docker-runc.nothingOfTheKind",
    )
    series = series.rewritten(LIFTED, lambda _: text).rewritten(DEMOTED, lambda _: designs.demoted(text))
    assert (
        doors(series)["docker-runc"] == "overrideAttrs { docker-runc = …; }, overrideAttrs (old: { docker-runc = …; })"
    )
    assert doors(series)["moby"].startswith("override { moby = …; }, ")
    assert series.passes("overridable")


def test_patch_that_lifts_nothing_is_not_judged() -> None:
    proof = designed("hidden").prove("overridable", without={"lift"})
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because the patch leaves the components where they are")
