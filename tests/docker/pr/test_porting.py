from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from tests import specimens
from tests.asking import docker
from tests.progress import Steps
from toolkit.docker.claims import catalogue as proofs
from toolkit.docker.steps import DESIGNS
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import Fit, SourceRequest, Status
from toolkit.pr.porting import port
from toolkit.proposal import proposing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.contribution import Ported
    from toolkit.proposal.leaf import Chosen

TARGET = "pkgs/applications/virtualization/docker/default.nix"


def run_git(directory: Path, *arguments: str | Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


class Clone(Struct):
    """A clone of a nixpkgs whose branches have nothing to do with one another."""

    path: Path

    def branch(self, name: str, tree: str = "29.6", change: Callable[[str], str] | None = None) -> None:
        """Make a branch of a specimen, with another docker file where there is a `change`."""
        run_git(self.path, "checkout", "--quiet", "--orphan", name)
        run_git(self.path, "rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")
        shutil.copytree(specimens.path(tree), self.path, dirs_exist_ok=True)
        if change is not None:
            file = self.path / TARGET
            text = file.read_text()
            file.write_text(changed := change(text))
            assert changed != text
        run_git(self.path, "add", "--all")
        run_git(self.path, "commit", "--quiet", f"--message={name}")

    def chosen(self, branch: str, strategy: Design | None = None) -> Chosen[Any]:
        """Return what is proposed for a branch."""
        run_git(self.path, "checkout", "--quiet", branch)
        source = SourceRequest(nixpkgs=str(self.path), offline=True)
        return proposing.choose(docker(source=source, strategy=strategy), progress=Steps())

    def port(self, *branches: str, strategy: Design | None = None, progress: Steps | None = None) -> tuple[Ported, ...]:
        """Port the series for `master`."""
        chosen = self.chosen("master", strategy)
        return port(
            chosen,
            proposing.draft(chosen, self.path / "overlay").proposal,
            repository=self.path,
            branches=branches,
            progress=progress or Steps(),
        )

    def text(self, branch: str) -> str:
        return run_git(self.path, "show", f"{branch}:{TARGET}")


def edit(*pairs: tuple[str, str]) -> Callable[[str], str]:
    """Return a change that replaces texts which stand once in the file."""

    def change(text: str) -> str:
        for old, new in pairs:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text

    return change


def with_another_release(text: str) -> str:
    """Return the file with one release more, as a release branch has one that master dropped."""
    block = text[text.index("  docker_25 =") : text.index("  docker_29 =")]
    return edit(("  docker_29 =", f"{block.replace('docker_25 =', 'docker_27 =')}  docker_29 ="))(text)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    path = tmp_path / "nixpkgs"
    path.mkdir()
    run_git(path, "init", "--quiet", "--initial-branch=nothing")
    made = Clone(path)
    made.branch("master")
    return made


def failed(ported: Ported) -> set[str]:
    return {proof.name for proof in ported.proofs if proof.status is Status.FAILED}


def proven(ported: Ported) -> bool:
    """Return whether the proofs ran, but for what may be missing on a machine, and none failed."""
    not_run = {proof.name for proof in ported.proofs if proof.status is Status.NOT_RUN}
    names = [proof.name for proof in ported.proofs]
    assert names == [claim.name for claim in proofs.CLAIMS if not claim.on_request]
    return not failed(ported) and not_run <= {"format"}


class TestFit:
    def test_series_fits_the_branch_that_it_was_made_for(self, clone: Clone) -> None:
        (ported,) = clone.port("master")
        assert (ported.branch, str(ported.commit)) == ("master", run_git(clone.path, "rev-parse", "master"))
        assert (ported.newest, ported.fit, ported.offset, ported.conflicts) == ("29.6.1", Fit.APPLIES, 0, ())
        assert (ported.afresh, ported.differing, ported.reason) == (True, 0, None)
        assert proven(ported)

    def test_moved_lines_are_an_offset_and_change_nothing_else(self, clone: Clone) -> None:
        clone.branch(
            "moved",
            change=edit(("      dockerCliPluginsDirs =", "      # one\n      # two\n      dockerCliPluginsDirs =")),
        )
        (ported,) = clone.port("moved")
        assert (ported.fit, ported.offset, ported.afresh, ported.reason) == (Fit.APPLIES, 2, True, None)
        assert proven(ported)

    def test_change_beside_a_hunk_is_merged_as_the_rewrite_would(self, clone: Clone) -> None:
        beside = "          # the daemon comes along with the client\n"
        clone.branch("beside", change=edit((beside, beside.replace("along with", "beside"))))
        (ported,) = clone.port("beside")
        assert (ported.fit, ported.afresh, ported.reason) == (Fit.MERGES, True, None)
        assert proven(ported)

    @pytest.mark.parametrize(("layout", "newest"), [("28.4", "28.4.0"), ("24.0", "24.0.5")])
    def test_rewrite_of_another_layout_is_proven_in_the_place_of_a_conflict(
        self, clone: Clone, layout: str, newest: str
    ) -> None:
        clone.branch("release-25.11", layout)
        (ported,) = clone.port("release-25.11")
        assert (ported.newest, ported.fit, ported.afresh, ported.differing) == (newest, Fit.CONFLICTS, None, 0)
        assert ported.reason == "commit 1 conflicts"
        assert ported.conflicts
        assert all(1 <= line <= clone.text("release-25.11").count("\n") + 1 for line in ported.conflicts)
        assert proven(ported)

    def test_conflict_is_where_the_branch_changed_the_same_lines(self, clone: Clone) -> None:
        changed = "-DMINIMAL=OFF"
        clone.branch("conflict", change=edit(("-DMINIMAL=ON", changed)))
        (ported,) = clone.port("conflict")
        (line,) = ported.conflicts
        # The definitions are indented anew: to git each of their lines is another.
        assert line <= 1 + clone.text("conflict")[: clone.text("conflict").index(changed)].count("\n")
        assert (ported.fit, ported.reason) == (Fit.CONFLICTS, "commit 1 conflicts")
        assert proven(ported)

    def test_second_commit_may_be_the_one_that_conflicts(self, clone: Clone) -> None:
        end = '$extraPath:$extraUserPath"\n'
        clone.branch(
            "wrapped",
            change=edit(
                (
                    f'--prefix PATH : "$out/libexec/docker:{end}',
                    f'--set A b \\\n              --prefix PATH : "$out/libexec/docker:{end}',
                )
            ),
        )
        (ported,) = clone.port("wrapped", strategy=Design.HIDDEN)
        assert (ported.fit, ported.reason) == (Fit.CONFLICTS, "commit 2 conflicts")
        (line,) = ported.conflicts
        assert clone.text("wrapped").split("\n")[line - 1].strip() == "--set A b \\"
        assert proven(ported)

    @pytest.mark.parametrize("strategy", DESIGNS)
    def test_every_strategy_is_carried_over(self, clone: Clone, strategy: Design) -> None:
        clone.branch("beside", change=lambda text: "# at the top\n" + text)
        (ported,) = clone.port("beside", strategy=strategy)
        assert ported.fit in {Fit.APPLIES, Fit.MERGES}
        assert ported.afresh is True
        assert failed(ported) == set()


class TestTextThatFitsAndIsWrong:
    def test_release_that_only_the_branch_has_is_missed(self, clone: Clone) -> None:
        clone.branch("release-25.11", change=with_another_release)
        (ported,) = clone.port("release-25.11", strategy=Design.HIDDEN)
        assert ported.fit is Fit.APPLIES
        # The call of the release that master does not have stays as it was, and is open to the package set.
        assert (ported.afresh, ported.differing) == (False, 1)
        assert failed(ported) >= {"capture-safe"}
        assert ported.reason == "rewritten there, it fails no proof"

    def test_second_use_of_a_name_of_ours_is_a_failure(self, clone: Clone) -> None:
        clone.branch(
            "taken",
            change=edit(("\nlet\n  dockerGen", "\nlet\n  callDocker = 7;\n\n  dockerGen")),
        )
        (ported,) = clone.port("taken", strategy=Design.HIDDEN)
        assert ported.fit in {Fit.APPLIES, Fit.MERGES}
        assert "parse" in failed(ported)
        assert ported.reason is not None
        assert ported.reason.startswith("cannot be made again: ")
        assert "'callDocker'" in ported.reason

    def test_half_of_it_done_is_merged_and_fails(self, clone: Clone) -> None:
        clone.branch("half", "states/half-demoted")
        (ported,) = clone.port("half", strategy=Design.HIDDEN)
        assert (ported.fit, ported.afresh) == (Fit.MERGES, None)
        assert "exact-change" in failed(ported)
        assert ported.reason is not None
        assert ported.reason.startswith("cannot be made again: half fixed: ")

    def test_file_that_was_broken_before_is_a_failure(self, clone: Clone) -> None:
        clone.branch("broken", change=lambda text: text.rstrip("\n").removesuffix("}"))
        (ported,) = clone.port("broken")
        assert (ported.fit, ported.afresh) == (Fit.APPLIES, None)
        (proof,) = ported.proofs
        assert (proof.name, proof.status) == ("parse", Status.FAILED)
        assert proof.reason is not None
        assert "syntax error" in proof.reason
        assert ported.reason == f"cannot be made again: {proof.reason}"

    def test_file_that_cannot_be_laid_out_is_a_failure(self, clone: Clone) -> None:
        clone.branch(
            "outside", change=edit(("\nlet\n  dockerGen =", "\nlet\n  other = ./../other.nix;\n\n  dockerGen ="))
        )
        (ported,) = clone.port("outside")
        (proof,) = ported.proofs
        assert proof.status is Status.FAILED
        assert proof.reason == f"{TARGET}: refers to './../other.nix', which is not below its directory"


class TestNothingToPort:
    @pytest.mark.parametrize(
        ("tree", "newest", "reason"), [("states/fixed", "29.6.1", "fixed: "), ("19.03", "19.03.8", "older than 20.10 ")]
    )
    def test_branch_without_need_is_named(self, clone: Clone, tree: str, newest: str, reason: str) -> None:
        clone.branch("done", tree)
        (ported,) = clone.port("done")
        assert (ported.fit, ported.newest, ported.afresh, ported.proofs) == (Fit.UNNEEDED, newest, None, ())
        assert ported.reason is not None
        assert ported.reason.startswith(reason)

    def test_branch_that_is_not_understood_does_not_fail_the_others(self, clone: Clone) -> None:
        clone.branch("unknown", "states/unknown")
        unknown, master = clone.port("unknown", "master")
        assert (unknown.fit, unknown.newest, unknown.proofs) == (Fit.CONFLICTS, None, ())
        assert unknown.reason is not None
        assert unknown.reason.startswith("commit 1 conflicts; cannot be made again: unknown layout: ")
        assert proven(master)

    def test_branch_without_the_file_is_told(self, clone: Clone) -> None:
        clone.branch("empty")
        run_git(clone.path, "rm", "--quiet", TARGET)
        run_git(clone.path, "commit", "--quiet", "--message=gone")
        empty, master = clone.port("empty", "master")
        assert (empty.fit, empty.newest, empty.proofs) == (Fit.CONFLICTS, None, ())
        assert empty.reason == f"has no '{TARGET}'"
        assert master.fit is Fit.APPLIES


class TestClone:
    def test_same_commit_is_proven_once(self, clone: Clone) -> None:
        run_git(clone.path, "branch", "staging", "master")
        progress = Steps()
        staging, master = clone.port("staging", "master", "staging", progress=progress)
        assert (staging.branch, master.branch, staging.commit) == ("staging", "master", master.commit)
        assert staging.proofs == master.proofs
        assert progress.steps.count("staging: proving no-rebuild") == 1
        assert all(step.startswith("staging: ") for step in progress.steps)
        # What the user sees of proofs is about the branch that was asked for first.
        assert progress.proofs == []

    def test_unknown_branch_is_told_before_anything_is_done(self, clone: Clone) -> None:
        progress = Steps()
        with pytest.raises(ToolkitError, match=r"has no commit, branch or tag 'release-99\.11'"):
            clone.port("master", "release-99.11", progress=progress)
        assert progress.steps == []

    def test_branch_of_a_remote_is_found(self, clone: Clone, tmp_path: Path) -> None:
        clone.branch("release-26.05", "states/fixed")
        run_git(clone.path, "checkout", "--quiet", "master")
        run_git(tmp_path, "clone", "--quiet", clone.path, "fork")
        fork = Clone(tmp_path / "fork")
        short, full = fork.port("release-26.05", "origin/release-26.05")
        assert short.commit == full.commit
        assert [each.fit for each in (short, full)] == [Fit.UNNEEDED] * 2

    def test_clone_is_only_read(self, clone: Clone) -> None:
        clone.branch("release-25.11", "28.4")
        run_git(clone.path, "checkout", "--quiet", "master")
        (clone.path / "mine").write_text("not committed\n")
        chosen = clone.chosen("master")
        proposal = proposing.draft(chosen, clone.path / "overlay").proposal
        before = {path: path.lstat().st_mtime_ns for path in clone.path.rglob("*")}
        port(
            chosen,
            proposal,
            repository=clone.path,
            branches=["release-25.11"],
            progress=Steps(),
        )
        assert {path: path.lstat().st_mtime_ns for path in clone.path.rglob("*")} == before

    def test_nothing_is_fetched_for_a_partial_clone(self, clone: Clone, tmp_path: Path) -> None:
        # No other test has it in the cache.
        clone.branch("release-25.11", change=lambda text: text + "# not here\n")
        run_git(clone.path, "checkout", "--quiet", "master")
        run_git(clone.path, "config", "uploadpack.allowFilter", "true")
        run_git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{clone.path}", "partial")
        with pytest.raises(ToolkitError, match=r"missing|lacks objects"):
            Clone(tmp_path / "partial").port("release-25.11")
