from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit.docker.claims.case import DEMOTED, LIFTED
from toolkit.model import Status, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft


@pytest.mark.parametrize("strategy", [Strategy.SENTINEL, Strategy.IN_PLACE])
@pytest.mark.parametrize("layout", ["20.10.14", "24.0", "27.5", "29.6"])
def test_overrides_and_foreign_names_do_no_harm(draft: Callable[..., Draft], layout: str, strategy: Strategy) -> None:
    assert draft(layout, strategy=strategy).passes("compatible")
    assert draft(layout, strategy=strategy).passes("capture-safe")


class TestCompatible:
    def test_rows_that_a_layout_cannot_have_say_why(self, draft: Callable[..., Draft]) -> None:
        evidence = draft("20.10.14").prove("compatible").evidence
        assert [line for line in evidence if "not applicable: no release has these parameters" in line] == [
            "row 6, override { initSupport = true; }: not applicable: no release has these parameters"
        ]

    def test_every_row_is_counted(self, draft: Callable[..., Draft]) -> None:
        proof = draft().prove("compatible")
        assert proof.covers == "12 of 12 rows, 98 overrides"
        assert len(proof.evidence) == 13

    def test_override_that_stops_to_reach_moby_is_named(self, draft: Callable[..., Draft]) -> None:
        """As if the components were built outside of dockerGen: they do not follow an overridden argument."""
        failure = (
            draft()
            .edit(
                LIFTED,
                "          inherit\n            clientOnly\n",
                "          iptables = stdenv;\n          inherit\n            clientOnly\n",
            )
            .failure("compatible")
        )
        assert "override { iptables = …; }: /nix/store/" in failure
        assert "x86_64-linux docker_29" in failure

    def test_lost_derivation_attribute_is_named(self, draft: Callable[..., Draft]) -> None:
        lost = draft().edit(
            LIFTED, "          docker-tini\n          moby\n          ;\n", "          docker-tini\n          ;\n"
        )
        assert "overrideAttrs (old: { moby = old.moby.overrideAttrs …; })" in lost.failure("compatible")

    def test_second_commit_must_not_touch_what_holds_no_moby(self, draft: Callable[..., Draft]) -> None:
        failure = draft().edit(DEMOTED, "export BUILDTIME=1970", "export BUILDTIME=1971").failure("compatible")
        assert "override { clientOnly = true; } is changed, though it does not contain moby" in failure


class TestCaptureSafe:
    def test_parameter_is_captured_and_the_proof_says_by_what(self, draft: Callable[..., Draft]) -> None:
        failure = draft(strategy=Strategy.PARAMETER).failure("capture-safe")
        assert "an unrelated package of each component's name: " in failure
        assert "an alias of each component's name that throws: " in failure
        assert "an overlay that defines each component from docker's own attribute (row 11): " in failure
        assert failure.count("6 of 8 dockers change") >= 2

    def test_patch_that_lifts_nothing_is_not_judged(self, draft: Callable[..., Draft]) -> None:
        proof = draft().prove("capture-safe", without={"lift"})
        assert (proof.status, proof.covers) == (Status.NOT_RUN, "nothing")
        assert proof.reason == "because the patch leaves the components where they are"
