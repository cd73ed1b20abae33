from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from toolkit.emit.pull_request import BOXES, NO_REBUILD, draft
from toolkit.model import Demotion, Proof, Report, Status, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

RELEASES = ("docker_28", "docker_29")


def _with(report: Report, *proofs: Proof) -> Report:
    return replace(report, proofs=proofs)


def _proof(name: str, status: Status = Status.PASSED) -> Proof:
    return Proof(name=name, claim="a claim", status=status, covers="something")


def _ticked(text: str) -> Iterable[str]:
    return re.findall(r"^ *- \[x\] (.*)$", text, re.MULTILINE)


def test_proofs_on_stand_ins_tick_no_box(report: Report) -> None:
    names = ("parse", "applies", NO_REBUILD, "exact-change", "overridable", "builds", "update.sh")
    proofs = [_proof(name) for name in names]
    text = draft(_with(report, *proofs), releases=RELEASES).decode()
    assert not _ticked(text)
    assert text.count("- [ ]") == len(BOXES)


def test_a_proof_of_a_real_build_ticks_its_platform_only(report: Report) -> None:
    text = draft(_with(report, _proof("built-x86_64-linux")), releases=RELEASES).decode()
    assert _ticked(text) == ["x86_64-linux"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_RUN])
def test_a_proof_that_did_not_pass_ticks_nothing(report: Report, status: Status) -> None:
    text = draft(_with(report, _proof("built-x86_64-linux", status)), releases=RELEASES).decode()
    assert not _ticked(text)


def test_zero_rebuild_claim_has_the_exact_command(report: Report) -> None:
    text = draft(report, releases=RELEASES).decode()
    assert "-A docker -A docker-client -A docker_28 -A docker_29 \\\n    -A docker.moby" in text
    assert "12 derivations | 4 systems" in text


def test_nothing_of_the_machine_is_in_the_draft(report: Report) -> None:
    source = replace(report.proposal.source, commit=None, origin="/home/me/nixpkgs")
    private = replace(report.proofs[0], commands=("nix-instantiate /home/me/x",), evidence=("/home/me/y",))
    changed = replace(report, proposal=replace(report.proposal, source=source), proofs=(private,))
    assert b"/home/me" not in draft(changed, releases=RELEASES)


def test_without_its_proof_the_zero_rebuild_claim_is_marked_as_unproven(report: Report) -> None:
    text = draft(_with(report, _proof(NO_REBUILD, Status.FAILED)), releases=RELEASES).decode()
    assert "unlet did not prove this" in text
    assert "it was found so for" not in text


def test_draft_names_the_tool_the_earlier_attempts_and_the_usage(report: Report) -> None:
    text = draft(report, releases=RELEASES).decode()
    for part in ("`unlet`, a deterministic tool", "#549926", "#202437", "#192887", "docker.override {", "Things done"):
        assert part in text


def test_suffix_is_defended_and_drop_is_called_a_breakage(report: Report) -> None:
    assert "rootlesskit-docker-proxy" in draft(report, releases=RELEASES).decode()
    dropped = replace(report, proposal=replace(report.proposal, demotion=Demotion.DROP))
    assert "**This breaks users" in draft(dropped, releases=RELEASES).decode()


@pytest.mark.parametrize("strategy", Strategy)
def test_each_strategy_is_explained(report: Report, strategy: Strategy) -> None:
    changed = replace(report, proposal=replace(report.proposal, strategy=strategy))
    assert "## First commit: how" in draft(changed, releases=RELEASES).decode()
    assert draft(changed, releases=RELEASES) == draft(changed, releases=RELEASES)
