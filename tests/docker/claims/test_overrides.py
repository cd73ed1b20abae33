from tests import designs
from tests.docker.conftest import drafted
from tests.docker.spoiled import designed
from toolkit.docker.case import DEMOTED, LIFTED, spread
from toolkit.model import Status

SET = "the specimen's package set"


def test_proof_tells_what_it_covered() -> None:
    covers = designed("move").prove("overridable").covers
    assert (
        covers
        == f"{', '.join(designs.COMPONENTS)}; docker_29, docker_25 on x86_64-linux, "
        f"in {SET}"
    )


def test_questions_do_not_grow_with_the_releases() -> None:
    releases = tuple(f"docker_{number}" for number in range(20, 30))
    assert spread(releases) == ("docker_29", "docker_26", "docker_23", "docker_20")
    assert spread(releases[:2]) == ("docker_21", "docker_20")
    assert spread(()) == ()


def test_replacement_that_the_file_makes_anew_is_known_again() -> None:
    """What is linked is what the file makes of the replacement, and so is the attribute."""
    old = "if args.docker-tini != null then args.docker-tini"
    series = designed("sentinel").edit(
        LIFTED, old, f"{old}.overrideAttrs {{ stamped = true; }}"
    )
    assert series.passes("overridable")


def test_error_that_nix_cannot_catch_ends_one_method_and_no_other() -> None:
    series = designed("both")
    text = series.texts[LIFTED].replace(
        "docker-runc = if docker-runc != null then docker-runc",
        "docker-runc = if docker-runc != null then docker-runc.nothingOfTheKind",
    )
    series = series.rewritten(LIFTED, lambda _: text).rewritten(
        DEMOTED, lambda _: designs.demoted(text)
    )
    found = series.prove("overridable")
    assert (found.status, found.found) == (
        Status.PASSED,
        "by overrideAttrs { NAME = …; } (before: in part)",
    )


class TestCompatible:
    def test_rows_that_a_layout_cannot_have_say_why(self) -> None:
        evidence = drafted("20.10.14").prove("compatible").evidence
        assert (
            "override { initSupport = true; }: not applicable: no package takes these "
            "arguments" in evidence
        )

    def test_every_row_is_counted_and_override_that_comes_to_have_its_effect_is_said_to(
        self,
    ) -> None:
        proof = designed("move").prove("compatible")
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        assert (
            proof.covers
            == f"36 overrides, 18 kinds; docker_29, docker_25 on x86_64-linux, in {SET}"
        )
        assert len(proof.evidence) == 18
        gained = [
            line for line in proof.evidence if line.endswith("2 newly have an effect")
        ]
        assert [line.rpartition(":")[0] for line in gained] == [
            "overrideAttrs (old: { moby = old.moby.overrideAttrs …; })",
            "that, then override { iptables = …; }",
            "that, then overrideAttrs { docker-runc = …; }",
            "overrideAttrs { docker-runc = …; }, then that",
        ]
