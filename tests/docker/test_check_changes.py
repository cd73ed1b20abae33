"""Pull requests and one's own edits, judged as a patch of the same change is."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.designs import demoted, final_let
from tests.forge.server import Forge, serving
from tests.progress import Steps
from tests.track.conftest import TARGET, Nixpkgs, empty, layout
from toolkit.errors import ToolkitError
from toolkit.model import Report, Server
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest, PullRef

__all__ = ["empty"]

NAMES = ("no-rebuild", "exact-change", "overridable")


@pytest.fixture
def nixpkgs(empty: Nixpkgs) -> Nixpkgs:
    """A clone whose `master` goes on after `lifted`, a branch of two commits, has left it."""
    empty.commit("docker: 29.6", layout("29.6"))
    empty.git("checkout", "--quiet", "-b", "lifted")
    (empty.path / "other.md").write_text("theirs\n")
    empty.git("add", "other.md")
    empty.commit("docker: a first step", layout("29.6").replace("TODO", "TODO, soon"))
    empty.commit("docker: lift", final_let(layout("29.6")))
    empty.git("checkout", "--quiet", "master")
    empty.commit("docker: something else", layout("29.6").replace("29.6.1", "29.6.2"))
    return empty


@pytest.fixture
def forge(nixpkgs: Nixpkgs) -> Generator[Forge]:
    yield from serving(nixpkgs.path)


@pytest.fixture
def judge(nixpkgs: Nixpkgs, tmp_path: Path) -> Callable[..., Report]:
    def judge(where: Nixpkgs | Forge, *, number: int | None = None, rev: str | None = None) -> Report:
        server = Server(api_url=where.api, raw_url=where.raw) if isinstance(where, Forge) else None
        pull = PullRef(number=number) if number is not None else None
        # What is asked of the server is not in a clone.
        clone = tmp_path if isinstance(where, Forge) else where.path
        change = ChangeRequest(pull=pull, rev=rev, clone=clone, remote=str(nixpkgs.path))
        return check(CheckRequest(target="docker", proofs=NAMES, change=change, server=server), progress=Steps())

    return judge


def outcome(report: Report) -> list[str]:
    return [str(proof.status) for proof in report.proofs]


def test_pull_request_is_judged_against_the_commit_at_which_it_left_its_base(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report]
) -> None:
    forge.pull(7, head="lifted", title="docker: lift")
    report = judge(forge, number=7)
    assert outcome(report) == ["passed", "not run", "passed"]
    assert report.proposal.commits[0].subject == "#7 docker: lift"
    assert report.proposal.commits[0].before.decode() == layout("29.6")
    assert report.warnings == ("not covered by the proofs, other files of the patch: other.md",)
    nixpkgs.git("update-ref", "refs/pull/7/head", "lifted")
    assert outcome(judge(nixpkgs, number=7)) == outcome(report)


def test_pull_request_that_moves_the_file_is_judged_where_it_went(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report]
) -> None:
    nixpkgs.git("checkout", "--quiet", "lifted")
    nixpkgs.move(TARGET, "pkgs/by-name/do/docker/package.nix")
    nixpkgs.commit("docker: move")
    forge.pull(8, head="lifted")
    assert outcome(judge(forge, number=8)) == ["passed", "not run", "passed"]


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
        judge(forge, number=9)


def test_pull_request_that_is_about_something_else_is_one_line(
    nixpkgs: Nixpkgs, forge: Forge, judge: Callable[..., Report]
) -> None:
    nixpkgs.git("checkout", "--quiet", "-b", "elsewhere")
    (nixpkgs.path / "other.md").write_text("other\n")
    nixpkgs.git("add", "other.md")
    nixpkgs.git("commit", "--quiet", "--message", "doc")
    forge.pull(10, head="elsewhere")
    with pytest.raises(ToolkitError, match=f"^{TARGET}: is not changed by #10"):
        judge(forge, number=10)
    with pytest.raises(ToolkitError, match=r"/pulls/11: "):
        judge(forge, number=11)
    with pytest.raises(ToolkitError, match=r"has nothing of #12$"):
        judge(nixpkgs, number=12)


def test_commit_counts_with_all_since_it_left_the_main_branch(nixpkgs: Nixpkgs, judge: Callable[..., Report]) -> None:
    report = judge(nixpkgs, rev="lifted")
    assert outcome(report) == ["passed", "not run", "passed"]
    assert report.proposal.commits[0].before.decode() == layout("29.6")
    nixpkgs.commit("docker: demote", demoted(layout("29.6").replace("29.6.1", "29.6.2")))
    nixpkgs.git("update-ref", "refs/heads/main-as-fetched", "HEAD")
    assert outcome(judge(nixpkgs, rev="master")) == ["not run", "passed", "not run"]
    nixpkgs.commit("nothing")
    with pytest.raises(ToolkitError, match="'HEAD' changes nothing since "):
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
    assert report.proposal.commits[0].subject == "the uncommitted changes"
    assert report.warnings == ("not covered by the proofs, other files of the patch: untouched",)
