from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import designs
from tests.docker.claims.test_overriding import designed
from toolkit.docker.claims.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.plan import Strategy
from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft


@pytest.mark.parametrize("strategy", [None, Strategy.HIDDEN])
@pytest.mark.parametrize("layout", ["20.10.14", "24.0", "27.5", "29.6"])
def test_overrides_and_foreign_names_do_no_harm(
    draft: Callable[..., Draft], layout: str, strategy: Strategy | None
) -> None:
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
        assert proof.covers == "12 of 12 rows, 85 overrides"
        assert len(proof.evidence) == 18

    def test_override_that_comes_to_have_its_effect_is_no_difference_and_is_said(self) -> None:
        proof = designed("attrs-first").prove("compatible")
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        gained = [line for line in proof.evidence if line.endswith("4 had no effect before and have it now")]
        assert [line.partition(":")[0] for line in gained] == [
            "row 10, overrideAttrs (old",
            "row 10, row 10, then override { iptables = …; }",
            "row 10, row 10, then overrideAttrs { docker-runc = …; }",
            "row 10, overrideAttrs { docker-runc = …; }, then row 10",
        ]

    def test_override_that_loses_its_effect_is_named(self) -> None:
        after = designed("attrs-first")
        back = after.rewritten(BEFORE, lambda _: after.texts[LIFTED]).rewritten(LIFTED, lambda _: after.texts[BEFORE])
        assert "row 10, then override { iptables = …; }: /nix/store/" in back.failure("compatible")

    def test_override_that_gives_another_package_without_effect_is_named(self) -> None:
        """The attribute differs from before, and what is built is still not made of it."""
        series = designed("hidden").edit(
            LIFTED, "          moby\n          ;", "          ;\n        moby = moby // { };"
        )
        text = series.texts[LIFTED].replace("moby = moby // { };", "moby = moby.overrideAttrs { stamped = true; };")
        failure = series.rewritten(LIFTED, lambda _: text).failure("compatible")
        assert "overrideAttrs (old: { moby = old.moby.overrideAttrs …; }): /nix/store/" in failure

    def test_daemon_that_is_not_in_the_client_is_looked_for_in_vain_as_before(self) -> None:
        evidence = designed("attrs-first").prove("compatible").evidence
        assert "row 10, row 10, then override { clientOnly = true; }: 4 of 4 equal" in evidence

    def test_override_that_stops_to_reach_moby_is_named(self, draft: Callable[..., Draft]) -> None:
        """As if the components were built outside of dockerGen: they do not follow an overridden argument."""
        series = draft(strategy=Strategy.HIDDEN).edit(
            LIFTED,
            "  callDocker = callPackage (",
            "  callDocker = release: shown (release // { inherit (shown release) moby; });\n  shown = callPackage (",
        )
        failure = series.failure("compatible")
        assert "override { iptables = …; }: /nix/store/" in failure
        assert "x86_64-linux docker_29" in failure

    def test_lost_derivation_attribute_is_named(self, draft: Callable[..., Draft]) -> None:
        lost = draft(strategy=Strategy.HIDDEN).edit(
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

    @pytest.mark.parametrize("name", ["override-attrs", "component-overrides"])
    def test_new_option_is_said_to_be_taken_from_a_set_that_has_it(self, name: str) -> None:
        proof = designed(name).prove("capture-safe")
        assert proof.status is Status.PASSED
        assert re.fullmatch(
            r"callPackage would take (component|override).* from a set that has them", proof.evidence[-1]
        )

    def test_package_under_another_name_is_captured_all_the_same(self) -> None:
        before = designed("parameter").texts[BEFORE]
        value = designs.value(before, "docker-tini")
        text = designs.replaced(before, f" docker-tini = {value};", " docker-tini = dockerTini;")
        text = designs.with_formals(text, [f"dockerTini ? {value}"])
        series = designed("hidden").rewritten(LIFTED, lambda _: text)
        failure = series.rewritten(DEMOTED, lambda _: text).failure("capture-safe")
        assert "an alias of each component's name that throws: x86_64-linux docker_25: " in failure

    def test_patch_that_lifts_nothing_is_not_judged(self, draft: Callable[..., Draft]) -> None:
        proof = draft().prove("capture-safe", without={"lift"})
        assert (proof.status, proof.covers) == (Status.NOT_RUN, "nothing")
        assert proof.reason == "because the patch leaves the components where they are"
