from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from toolkit.contribution import Ported
from toolkit.model import Fit, Oid, Proof, Status
from toolkit.report import contribution

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMIT = Oid("4" * 40)


def proofs(failed: Mapping[str, str] | None = None, not_run: str = "format") -> tuple[Proof, ...]:
    """Return the results of four proofs."""
    reasons = failed or {}

    def status(name: str) -> Status:
        if name == not_run:
            return Status.NOT_RUN
        return Status.FAILED if name in reasons else Status.PASSED

    return tuple(
        Proof(name=name, claim=f"it has {name}", status=status(name), covers="all", reason=reasons.get(name))
        for name in ("parse", "format", "no-rebuild", "builds")
    )


def applies(branch: str) -> Ported:
    return Ported(branch=branch, commit=COMMIT, newest="29.6.1", fit=Fit.APPLIES, afresh=True, proofs=proofs())


CONFLICTS = Ported(
    branch="release-24.05",
    commit=COMMIT,
    newest="24.0.5",
    fit=Fit.CONFLICTS,
    conflicts=(3, 82),
    reason="commit 1 conflicts",
    proofs=proofs(),
)
WRONG = Ported(
    branch="release-25.11",
    commit=COMMIT,
    newest="29.1.0",
    fit=Fit.APPLIES,
    offset=20,
    afresh=False,
    differing=1,
    reason="rewritten there, it fails no proof",
    proofs=proofs({"no-rebuild": "nix-instantiate: no function", "builds": "nix-instantiate: no function"}),
)
DONE = Ported(branch="release-26.05", commit=COMMIT, newest="29.6.1", fit=Fit.UNNEEDED, reason="fixed: a | b")


def row(ported: Ported) -> list[str]:
    head, cells = contribution.table([ported])
    assert len(head) == len(cells)
    return cells


def advice(*ported: Ported, behaviour: str = "it differs") -> str:
    return "\n".join(contribution.backports(ported, behaviour, repository="~/nix pkgs", branch="docker-parts"))


class TestTable:
    def test_branch_that_takes_the_series_is_one_row_and_no_more(self) -> None:
        assert contribution.markdown([applies("master")]) == [
            "| branch | release | the series | made afresh | proofs |",
            "|---|---|---|---|---|",
            "| master | 29.6.1 | applies | the same | 3 passed, 1 not run |",
        ]

    def test_conflict_names_its_lines_and_whose_proofs_they_are(self) -> None:
        assert row(CONFLICTS) == [
            "release-24.05",
            "24.0.5",
            "conflicts at line 3, 82",
            "instead",
            "3 passed, 1 not run",
        ]

    def test_failure_is_counted_though_the_text_applies(self) -> None:
        assert row(WRONG)[2:] == ["applies, moved by 20 lines", "1 line differs", "1 passed, 2 failed, 1 not run"]

    def test_numbers_are_those_of_one_and_of_many(self) -> None:
        assert row(replace(WRONG, offset=1, differing=7))[2:4] == ["applies, moved by 1 line", "7 lines differ"]

    def test_what_cherry_pick_does_not_take_is_told(self) -> None:
        assert row(replace(applies("a"), conflicts=(9,)))[2] == "applies, cherry-pick conflicts at line 9"

    def test_nothing_is_passed_by_absence(self) -> None:
        assert row(DONE)[2:] == ["not needed", "-", "-"]
        assert row(replace(CONFLICTS, newest=None, proofs=()))[1:] == ["-", "conflicts at line 3, 82", "-", "-"]

    def test_notes_say_what_stood_in_the_way_and_each_reason_once(self) -> None:
        lines = contribution.markdown([applies("master"), DONE, WRONG])
        assert lines[2].startswith("| master |")
        assert lines[5:] == [
            "",
            "- release-26.05: fixed: a | b",
            "- release-25.11: rewritten there, it fails no proof",
            "- release-25.11: no-rebuild, builds failed: nix-instantiate: no function",
        ]

    def test_places_of_copies_do_not_keep_reasons_apart(self) -> None:
        said = "nix: no function: «lambda dockerGen @ {}/default.nix:218:5»"
        reasons = {"no-rebuild": said.format("/cache/1"), "builds": said.format("/cache/2/demoted")}
        _, note = contribution.notes([replace(WRONG, proofs=proofs(reasons))])
        assert note.endswith("failed: nix: no function: «lambda dockerGen @ default.nix:218:5»")

    def test_cells_cannot_end_early(self) -> None:
        assert contribution.markdown([applies("a|b")])[2].startswith("| a\\|b |")

    def test_no_branch_no_lines(self) -> None:
        assert contribution.markdown([]) == []
        assert advice() == ""


class TestDocument:
    def test_it_is_json_and_has_every_field(self) -> None:
        document = contribution.document(WRONG, repository="nixpkgs", branch="b")
        assert json.loads(json.dumps(document)) == {
            "branch": "release-25.11",
            "commit": "4" * 40,
            "newest": "29.1.0",
            "fit": "applies",
            "offset": 20,
            "conflicts": [],
            "afresh": False,
            "differing": 1,
            "reason": "rewritten there, it fails no proof",
            "proofs": {"parse": "passed", "format": "not run", "no-rebuild": "failed", "builds": "failed"},
            "failures": {"no-rebuild": "nix-instantiate: no function", "builds": "nix-instantiate: no function"},
            "label": None,
            "command": "unlet pr --repo nixpkgs --base release-25.11 --branch b-25.11",
        }

    def test_label_is_there_in_the_place_of_a_command(self) -> None:
        document = contribution.document(applies("upstream/release-26.05"), repository="nixpkgs", branch=None)
        assert (document["label"], document["command"]) == ("backport release-26.05", None)


class TestLabel:
    @pytest.mark.parametrize(
        "ported",
        [
            CONFLICTS,
            WRONG,
            DONE,
            applies("master"),
            applies("staging-26.05"),
            applies("nixos-26.05"),
            applies("release-26.05-darwin"),
            replace(applies("release-26.05"), proofs=()),
            replace(applies("release-26.05"), proofs=proofs(not_run="no-rebuild")),
            replace(applies("release-26.05"), conflicts=(7,)),
        ],
    )
    def test_label_is_for_what_can_be_picked_and_is_proven_on_a_release(self, ported: Ported) -> None:
        assert contribution.label(ported) is None

    @pytest.mark.parametrize("fit", [Fit.APPLIES, Fit.MERGES])
    def test_label_names_the_branch(self, fit: Fit) -> None:
        assert contribution.label(replace(applies("release-26.05"), fit=fit)) == "backport release-26.05"


class TestCommand:
    def test_conflict_and_wrong_text_want_a_branch_of_their_own(self) -> None:
        assert contribution.command(CONFLICTS) == "unlet pr --repo REPO --base release-24.05"
        assert contribution.command(WRONG) == "unlet pr --repo REPO --base release-25.11"

    def test_what_only_am_takes_wants_one_as_well(self) -> None:
        assert contribution.command(replace(applies("release-26.05"), conflicts=(7,))) is not None

    @pytest.mark.parametrize(
        "ported",
        [
            DONE,
            applies("release-26.05"),
            replace(CONFLICTS, branch="staging"),
            replace(CONFLICTS, proofs=()),
            replace(CONFLICTS, proofs=proofs({"builds": "no"})),
            replace(WRONG, afresh=True),
            replace(WRONG, afresh=None),
        ],
    )
    def test_no_command_where_it_would_not_help(self, ported: Ported) -> None:
        assert contribution.command(ported) is None


class TestBackports:
    def test_label_is_asked_for_and_what_it_does_is_said(self) -> None:
        said = advice(applies("master"), applies("release-26.05"))
        assert said.startswith("- `release-26.05`: ask for the label `backport release-26.05`.\n\nA label works on")
        assert "`git cherry-pick -x`" in said
        assert "Not-cherry-picked-because" not in said

    def test_command_is_a_block_and_what_upstream_checks_is_said(self) -> None:
        said = advice(CONFLICTS)
        command = "unlet pr --repo '~/nix pkgs' --base release-24.05 --branch docker-parts-24.05"
        assert (
            f"the commits cannot be picked there. This makes a branch of its own:\n\n  ```sh\n  {command}\n  ```\n"
            in said
        )
        assert "`Not-cherry-picked-because: REASON`" in said
        assert "A label works on" not in said

    def test_text_that_would_be_wrong_is_called_so(self) -> None:
        assert "`release-25.11`: picked, the commits are wrong there." in advice(WRONG)

    def test_no_way_and_no_need_are_told(self) -> None:
        assert "- `release-26.05`: nothing to backport.\n" in advice(DONE)
        hopeless = replace(CONFLICTS, proofs=())
        assert "- `release-24.05`: the commits cannot be picked, and no rewrite of its file is proven.\n" in advice(
            hopeless
        )

    def test_no_rebuild_is_claimed_for_the_branches_that_it_is_proven_on(self) -> None:
        said = advice(applies("master"), applies("release-26.05"), WRONG, CONFLICTS)
        assert "That is proven on release-26.05, release-24.05.\n" in said
        assert "<!-- Not proven on any of them. -->" in advice(WRONG)

    def test_second_commit_is_said_to_change_behaviour(self) -> None:
        said = advice(applies("release-26.05"), behaviour="the daemon waits")
        (line,) = (line for line in said.splitlines() if line.startswith("- Commit 2"))
        assert "changes behaviour: the daemon waits. " in line

    @pytest.mark.parametrize(
        ("branch", "source"),
        [
            ("staging", "master"),
            ("staging-next", "master"),
            ("origin/staging", "master"),
            ("staging-26.05", "release-26.05"),
            ("staging-next-26.05", "release-26.05"),
        ],
    )
    def test_staging_needs_no_pull_request(self, branch: str, source: str) -> None:
        said = advice(applies(branch))
        assert said.startswith(
            f"- `{branch}` is for mass rebuilds and needs no pull request: upstream merges `{source}`"
        )
        assert "looked at" not in said
        # GitHub would break it wherever the text does.
        assert "\n" not in said

    def test_clash_with_staging_is_told(self) -> None:
        assert advice(replace(CONFLICTS, branch="staging")).endswith("Somebody has to review that merge.")

    @pytest.mark.parametrize("branch", ["nixos-26.05", "nixos-unstable", "nixpkgs-26.05-darwin"])
    def test_channel_takes_no_pull_requests(self, branch: str) -> None:
        assert advice(applies(branch)).startswith(f"- `{branch}` is a channel: it takes no pull requests")

    def test_branch_of_ones_own_needs_no_advice(self) -> None:
        assert advice(applies("master"), applies("mine")) == ""
