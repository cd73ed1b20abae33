import re
from collections.abc import Callable

import pytest

from tests import designs
from tests.docker.conftest import Draft
from tests.docker.spoiled import designed
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.model import Status

SET = "the specimen's package set"


def doors(series: Draft, stage: str = "after") -> dict[str, str]:
    """Return what the proof says of each component, before or after."""
    lines = series.prove("overridable").evidence
    return dict(line.removeprefix(f"{stage}: ").split(": ", 1) for line in lines if line.startswith(f"{stage}: "))


def test_proof_tells_what_it_covered() -> None:
    # On the first system of both releases, on the others of the newest; Darwin has no components.
    assert (
        designed("move").prove("overridable").covers == f"80 overrides, 4 components; 2 releases, 3 systems, in {SET}"
    )


def test_questions_do_not_grow_with_the_releases(draft: Callable[..., Draft]) -> None:
    block = draft().case().after.file.release_blocks()["docker_29"]
    covered: list[str] = []
    for count in (2, 8):
        more = "\n\n  ".join(block.replace("docker_29 =", f"docker_{30 + each} =") for each in range(count))
        proof = draft().edit(BEFORE, block, f"{block}\n\n  {more}").prove("overridable")
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        covered.append(proof.covers)
    assert covered == [f"120 overrides, 4 components; 4 releases, 3 systems, in {SET}"] * 2


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


class TestCompatible:
    def test_rows_that_a_layout_cannot_have_say_why(self, draft: Callable[..., Draft]) -> None:
        evidence = draft("20.10.14").prove("compatible").evidence
        assert [line for line in evidence if "not applicable: no release has these parameters" in line] == [
            "row 6, override { initSupport = true; }: not applicable: no release has these parameters"
        ]

    def test_every_row_is_counted(self, draft: Callable[..., Draft]) -> None:
        proof = draft().prove("compatible")
        assert proof.covers == f"12 of 12 rows, 85 overrides, in {SET}"
        assert len(proof.evidence) == 18

    def test_override_that_comes_to_have_its_effect_is_no_difference_and_is_said(self) -> None:
        proof = designed("move").prove("compatible")
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        gained = [line for line in proof.evidence if line.endswith("4 had no effect before and have it now")]
        assert [line.partition(":")[0] for line in gained] == [
            "row 10, overrideAttrs (old",
            "row 10, row 10, then override { iptables = …; }",
            "row 10, row 10, then overrideAttrs { docker-runc = …; }",
            "row 10, overrideAttrs { docker-runc = …; }, then row 10",
        ]

    def test_daemon_that_is_not_in_the_client_is_looked_for_in_vain_as_before(self) -> None:
        evidence = designed("move").prove("compatible").evidence
        assert "row 10, row 10, then override { clientOnly = true; }: 4 of 4 equal" in evidence


class TestCaptureSafe:
    @pytest.mark.parametrize("name", ["override-attrs", "component-overrides"])
    def test_new_option_is_said_to_be_taken_from_a_set_that_has_it(self, name: str) -> None:
        proof = designed(name).prove("capture-safe")
        assert proof.status is Status.PASSED
        assert re.fullmatch(
            r"callPackage would take (component|override).* from a set that has them", proof.evidence[-1]
        )

    def test_patch_that_lifts_nothing_is_not_judged(self, draft: Callable[..., Draft]) -> None:
        proof = draft().prove("capture-safe", without={"lift"})
        assert (proof.status, proof.covers) == (Status.NOT_RUN, "nothing")
        assert proof.reason == "because the patch leaves the components where they are"
