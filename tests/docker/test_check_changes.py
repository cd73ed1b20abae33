"""Pull requests and one's own edits, judged as a patch of the same change is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.designs import demoted, final_let
from tests.docker.conftest import Steps
from tests.forge.server import Forge, serving
from tests.track.conftest import TARGET, Nixpkgs, empty, layout
from toolkit.errors import ToolkitError
from toolkit.forge.nixpkgs import Server
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from toolkit.model import Report

__all__ = ["empty"]

NAMES = ("no-rebuild", "exact-change", "overridable")


@pytest.fixture
def nixpkgs(empty: Nixpkgs) -> Nixpkgs:
    """A clone whose `master` goes on after `lifted`, a branch of two commits, has left it."""
    empty.commit("docker: 29.6", layout("29.6"))
    empty.git("checkout", "--quiet", "-b", "lifted")
    empty.commit("docker: a first step", layout("29.6").replace("TODO", "TODO, soon"))
    empty.commit("docker: lift", final_let(layout("29.6")))
    empty.git("checkout", "--quiet", "master")
    empty.commit("docker: something else", layout("29.6").replace("29.6.1", "29.6.2"))
    return empty


@pytest.fixture
def forge(nixpkgs: Nixpkgs) -> Generator[Forge]:
    yield from serving(nixpkgs.path)


@pytest.fixture
def judge() -> Callable[..., Report]:
    def judge(where: Nixpkgs | Forge, **what: object) -> Report:
        if isinstance(where, Forge):
            what["server"] = Server(api_url=where.api, raw_url=where.raw)
        else:
            what["clone"] = where.path
        return check(CheckRequest(target="docker", proofs=NAMES, **what), progress=Steps())  # type: ignore[arg-type] # by name

    return judge


def outcome(report: Report) -> list[str]:
    return [str(proof.status) for proof in report.proofs]


def test_pull_request_is_judged_against_the_commit_at_which_it_left_its_base(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report]
) -> None:
    forge.pull(7, head="lifted", files={TARGET: "modified", "doc/x.md": "added"}, title="docker: lift")
    report = judge(forge, pull=7)
    assert outcome(report) == ["passed", "not run", "passed"]
    assert report.proposal.commits[0].subject == "#7 docker: lift"
    assert report.proposal.commits[0].before.decode() == layout("29.6")
    assert report.warnings == ("not covered by the proofs, other files of the patch: doc/x.md",)
    nixpkgs.git("update-ref", "refs/pull/7/head", "lifted")
    assert outcome(judge(nixpkgs, pull=7)) == outcome(report)


def test_pull_request_that_moves_the_file_is_judged_where_it_went(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report]
) -> None:
    nixpkgs.git("checkout", "--quiet", "lifted")
    nixpkgs.move(TARGET, "pkgs/by-name/do/docker/package.nix")
    nixpkgs.commit("docker: move")
    forge.pull(8, head="lifted")
    forge.files[8] = [
        {"filename": "pkgs/by-name/do/docker/package.nix", "status": "renamed", "previous_filename": TARGET}
    ]
    assert outcome(judge(forge, pull=8)) == ["passed", "not run", "passed"]


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("{ }: { }\n", "unknown layout: no function dockerGen"),
        ("+".join(["1"] * 200_000), "takes unlet's parser more than"),
        ("<<<<<<< x\n", "merge conflict marker"),
    ],
)
def test_pull_request_of_nonsense_is_one_line(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report], content: str, fact: str
) -> None:
    nixpkgs.git("checkout", "--quiet", "-b", "bad")
    nixpkgs.commit("docker: nonsense", content)
    forge.pull(9, head="bad")
    with pytest.raises(ToolkitError, match=fact):
        judge(forge, pull=9)


def test_pull_request_that_is_about_something_else_is_one_line(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report]
) -> None:
    forge.pull(10, head="lifted", files={"doc/x.md": "modified"})
    with pytest.raises(ToolkitError, match=f"^#10: does not change '{TARGET}'$"):
        judge(forge, pull=10)
    with pytest.raises(ToolkitError, match=r"/pulls/11: "):
        judge(forge, pull=11)
    with pytest.raises(ToolkitError, match=r"has nothing of #12$"):
        judge(nixpkgs, pull=12)


def test_commit_counts_with_all_since_it_left_the_main_branch(nixpkgs: Nixpkgs, judge: Callable[..., Report]) -> None:
    report = judge(nixpkgs, rev="lifted")
    assert outcome(report) == ["passed", "not run", "passed"]
    assert report.proposal.commits[0].before.decode() == layout("29.6")
    nixpkgs.commit("docker: demote", demoted(layout("29.6").replace("29.6.1", "29.6.2")))
    nixpkgs.git("update-ref", "refs/heads/main-as-fetched", "HEAD")
    assert outcome(judge(nixpkgs, rev="master")) == ["not run", "passed", "not run"]
    nixpkgs.commit("nothing")
    with pytest.raises(ToolkitError, match="is the same in HEAD and in "):
        judge(nixpkgs, rev="HEAD")


def test_edits_that_are_not_committed_are_judged_from_anywhere_in_the_clone(
    nixpkgs: Nixpkgs, judge: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ToolkitError, match="has no changes that are not committed"):
        judge(nixpkgs)
    worktree = tmp_path / "worktree"
    nixpkgs.git("worktree", "add", "--quiet", str(worktree), "lifted")
    (worktree / TARGET).write_text(demoted(final_let(layout("29.6"))))
    (worktree / "untouched").write_text("not tracked")
    monkeypatch.chdir((worktree / TARGET).parent)
    report = check(CheckRequest(target="docker", proofs=NAMES), progress=Steps())
    assert outcome(report) == ["not run", "passed", "not run"]
    assert report.proposal.commits[0].subject == f"the uncommitted changes in {worktree}"
    assert report.warnings == ()
