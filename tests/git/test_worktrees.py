import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath
from textwrap import dedent

import pytest

from tests.clones import BRANCH, REMOTE, TARGET, Clone, git, objects, snapshot
from tests.situations import SITUATIONS
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.model import FileChange, Oid


def prepare(
    clone: Clone, text: str = "changed\n", *, onto: str = "master"
) -> tuple[clones.Clone, Oid]:
    """Put two commits on a base into the clone, and return the second."""
    opened = clones.open_clone(clone.repo, REMOTE)
    base = clones.find_base(opened, onto).commit
    clones.fetch_files(opened, base)
    path = PurePosixPath(TARGET)
    with committing.workshop(opened) as shop:
        states = [shop.content(base, path), b"halfway\n", text.encode()]
        files = [
            (FileChange(path=path, before=before, after=after),)
            for before, after in pairwise(states)
        ]
        made = shop.series(
            base,
            list(
                zip(
                    files,
                    ("docker: one\n\nBödy.\n", "docker: two\n\n# No comment.\n"),
                    strict=True,
                )
            ),
        )
        shop.keep()
    return opened, made[-1]


@pytest.fixture
def clone(new_clone: Callable[..., Clone]) -> Clone:
    return new_clone()


class TestAnySituation:
    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_branch_comes_moves_and_goes_and_nothing_else_changes(
        self, new_clone: Callable[..., Clone], situation: str, jane: str
    ) -> None:
        clone = SITUATIONS[situation].make(new_clone)
        before, had = snapshot(clone), objects(clone)
        place = clone.beside
        opened, commit = prepare(clone)
        _, later = prepare(clone, "changed again\n", onto="newer")
        with worktrees.adding(opened, branch=BRANCH, commit=commit, path=place):
            pass
        assert snapshot(clone, branch=BRANCH, worktree=place) == before
        assert git(place, "cat-file", "blob", f"HEAD:{TARGET}") == "changed"
        assert git(place, "symbolic-ref", "HEAD") == f"refs/heads/{BRANCH}"
        assert (
            git(
                place,
                "log",
                "-1",
                "--format=%an <%ae>|%cn <%ce>|%e",
                "--encoding=UTF-8",
            )
            == f"{jane}|{jane}|"
        )
        assert worktrees.changes(place) == ()
        whole = (place / "big").exists()
        assert not (whole and situation.startswith("sparse"))
        worktrees.move(on_branch(opened), to=later)
        assert snapshot(clone, branch=BRANCH, worktree=place) == before
        assert git(place, "cat-file", "blob", f"HEAD:{TARGET}") == "changed again"
        assert (
            situation.startswith("sparse")
            or (place / TARGET).read_text() == "changed again\n"
        )
        assert (place / "big").exists() is whole
        assert git(place, "rev-parse", "HEAD") == str(later)
        worktrees.remove(opened, branch=BRANCH, tip=later, worktree=on_branch(opened))
        assert snapshot(clone) == before
        assert objects(clone) >= had
        assert not (clone.common / "refs" / "heads" / BRANCH).exists()
        assert clone.hooks_run == []


class TestAdding:
    @pytest.mark.parametrize("kind", ["file", "directory", "empty", "link", "branch"])
    def test_new_worktree_replaces_no_existing_directory(
        self, clone: Clone, kind: str
    ) -> None:
        opened, commit = prepare(clone)
        if kind == "branch":
            clone.git("branch", BRANCH, str(commit))
        elif kind == "file":
            clone.beside.write_text("mine\n")
        elif kind == "link":
            clone.beside.symlink_to("nowhere")
        else:
            clone.beside.mkdir()
        if kind == "directory":
            (clone.beside / "file").write_text("mine\n")
        before = snapshot(clone)
        said = (
            "reference already exists"
            if kind == "branch"
            else "the worktree cannot be created: File exists"
        )
        with (
            pytest.raises(ToolkitError, match=said),
            adding(opened, commit, clone.beside),
        ):
            pytest.fail("has been let in")
        assert snapshot(clone) == before

    def test_filters_of_the_clone_run_and_its_other_programs_do_not(
        self, clone: Clone, tmp_path: Path
    ) -> None:
        """A file of LFS is in each worktree what LFS makes of it.

        Nothing else is up to the user's habits.
        """
        run = tmp_path / "run"
        run.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/ran-too\nexit 1\n')
        run.chmod(0o755)
        clone.configure(
            core__fsmonitor=str(run), log__showSignature="true", gpg__program=str(run)
        )
        clone.configure(
            filter__upper__smudge="tr a-z A-Z", filter__upper__clean="tr A-Z a-z"
        )
        attributes = clone.common / "info/attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text(f"{TARGET} filter=upper\n")
        clone.install_hooks()
        opened, commit = prepare(clone)
        with adding(opened, commit, clone.beside):
            assert (clone.beside / TARGET).read_text() == "CHANGED\n"
            assert worktrees.changes(clone.beside) == ()
        assert (clone.hooks_run, (tmp_path / "ran-too").exists()) == ([], False)

    def test_failure_within_leaves_no_trace(self, clone: Clone) -> None:
        opened, commit = prepare(clone)
        before = snapshot(clone)
        with pytest.raises(ZeroDivisionError), adding(opened, commit, clone.beside):  # noqa: PT012 - it is within
            (clone.beside / "new").write_text("by somebody\n")
            raise ZeroDivisionError
        assert snapshot(clone) == before
        assert not (clone.common / "worktrees").exists()

    def test_full_disk_is_one_line_and_leaves_no_trace(
        self, clone: Clone, small_disk: Path
    ) -> None:
        opened, commit = prepare(clone, "x" * 400000)
        before = snapshot(clone)
        with (
            pytest.raises(
                ToolkitError, match="git cannot check out the branch there: "
            ) as caught,
            adding(opened, commit, small_disk / "x"),
        ):
            pytest.fail("has been let in")
        assert "\n" not in str(caught.value)
        assert list(small_disk.iterdir()) == []
        assert snapshot(clone) == before


class TestMoving:
    def made(self, clone: Clone) -> tuple[clones.Clone, worktrees.Worktree, Oid]:
        """Make the branch, and return it with a commit to move it to."""
        opened, commit = prepare(clone)
        _, later = prepare(clone, "changed again\n", onto="newer")
        with adding(opened, commit, clone.beside):
            pass
        return opened, on_branch(opened), later

    @pytest.mark.parametrize("kind", ["edit", "new", "commit", "switch", "detach"])
    def test_worktree_that_has_changed_stays(self, clone: Clone, kind: str) -> None:
        _opened, worktree, later = self.made(clone)
        clone.configure(status__showUntrackedFiles="no")
        if kind in {"edit", "new"}:
            (clone.beside / ("new" if kind == "new" else "README.md")).write_text(
                "mine\n"
            )
        else:
            how = {
                "commit": ("commit", "--allow-empty", "-m", "mine"),
                "switch": ("checkout", "-b", "mine"),
                "detach": ("checkout", "--detach"),
            }
            git(clone.beside, *how[kind])
        before = snapshot(clone)
        with pytest.raises(ToolkitError, match="changed while unlet was running"):
            worktrees.move(worktree, to=later)
        assert snapshot(clone) == before

    def test_ignored_files_stay(self, clone: Clone) -> None:
        _opened, worktree, later = self.made(clone)
        (clone.beside / "result").symlink_to("/nix/store/nowhere")
        worktrees.move(worktree, to=later)
        assert (clone.beside / "result").is_symlink()

    def test_failure_leaves_everything(self, clone: Clone) -> None:
        _opened, worktree, later = self.made(clone)
        name = git(clone.top, "rev-parse", f"{later}:{TARGET}")
        blob = clone.common / "objects" / name[:2] / name[2:]
        content = blob.read_bytes()
        blob.unlink()
        before = (
            git(clone.beside, "rev-parse", "HEAD"),
            (clone.beside / TARGET).read_bytes(),
        )
        with pytest.raises(ToolkitError, match="git cannot move the branch: "):
            worktrees.move(worktree, to=later)
        assert (
            git(clone.beside, "rev-parse", "HEAD"),
            (clone.beside / TARGET).read_bytes(),
        ) == before
        assert worktrees.changes(clone.beside) == ()
        assert content


class TestListing:
    def test_each_is_told_with_its_state(self, new_clone: Callable[..., Clone]) -> None:
        clone = SITUATIONS["others"].make(new_clone)
        opened, commit = prepare(clone)
        with adding(opened, commit, clone.beside):
            listed = {each.path.name: each for each in worktrees.worktrees(opened)}
        assert next(iter(listed)) == "nixpkgs"
        assert {
            name: (each.branch, each.made_for, each.locked)
            for name, each in listed.items()
        } == {
            "nixpkgs": ("master", None, None),
            "locked": ("locked", None, "on a stick\nthat is away"),
            "detached": (None, None, None),
            "gone": ("gone", None, None),
            clone.beside.name: (BRANCH, BRANCH, None),
        }
        assert listed[clone.beside.name].commit == commit
        place = clone.top.with_name("moved")
        clone.git("worktree", "move", clone.beside, place)
        assert (
            next(
                each for each in worktrees.worktrees(opened) if each.path == place
            ).made_for
            == BRANCH
        )


class TestInterrupts:
    """Git is interrupted, or has just done what it was told, when the signal comes."""

    @pytest.mark.parametrize(
        ("command", "when"),
        [
            ("update-ref -m", "after"),
            ("worktree add", "before"),
            ("worktree add", "after"),
            ("rev-parse --absolute", "before"),
            ("reset --quiet --hard", "before"),
            ("reset --quiet --hard", "after"),
        ],
    )
    def test_adding_leaves_no_trace(
        self, clone: Clone, command: str, when: str
    ) -> None:
        _, commit = prepare(clone)
        before = snapshot(clone)
        interrupt(
            clone,
            command,
            when,
            f"""
            commit, path = Oid({str(commit)!r}), Path({str(clone.beside)!r})
            with worktrees.adding(clone, branch={BRANCH!r}, commit=commit, path=path):
                print("in")
        """,
        )
        assert snapshot(clone) == before
        assert not (clone.common / "worktrees").exists()

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_moving_leaves_everything(self, clone: Clone, when: str) -> None:
        opened, commit = prepare(clone)
        _, later = prepare(clone, "changed again\n", onto="newer")
        with adding(opened, commit, clone.beside):
            pass
        before = snapshot(clone, branch=BRANCH, worktree=clone.beside)
        interrupt(
            clone,
            "reset --quiet --keep",
            when,
            f"""
            (worktree,) = [each for each in worktrees.worktrees(clone) if each.branch == {BRANCH!r}]
            worktrees.move(worktree, to=Oid({str(later)!r}))
            print("in")
        """,
        )
        assert snapshot(clone, branch=BRANCH, worktree=clone.beside) == before
        assert clone.git("rev-parse", BRANCH) == str(commit)
        assert (clone.beside / TARGET).read_text() == "changed\n"
        assert worktrees.changes(clone.beside) == ()

    @pytest.mark.parametrize(
        ("command", "when", "signal"),
        [
            ("update-ref -d", "before", "KILL"),
            ("update-ref -d", "after", "INT"),
            ("update-ref -d", "after", "KILL"),
            ("config --remove-section", "before", "INT"),
            ("config --remove-section", "after", "KILL"),
            ("worktree remove", "before", "KILL"),
            ("worktree remove", "after", "INT"),
            ("worktree remove", "after", "KILL"),
        ],
    )
    def test_removal_is_all_or_nothing(
        self, clone: Clone, command: str, signal: str, when: str
    ) -> None:
        none = snapshot(clone)
        opened, commit = prepare(clone)
        with adding(opened, commit, clone.beside):
            (clone.beside / "mine").write_text("mine\n")
        made = snapshot(clone)
        removal = (
            f"worktrees.remove(clone, branch={BRANCH!r}, tip=Oid({str(commit)!r}), "
            "worktree=worktrees.worktrees(clone)[1])"
        )
        interrupt(clone, command, when, removal, signal=signal)
        if signal == "KILL":
            # As far as it may have come with deleting.
            for path in clone.beside.parent.glob(f".{clone.beside.name}.*/*"):
                is_deleted = clone.git("branch", "--list", BRANCH) == ""
                if is_deleted and path.is_file() and path.name != ".git":
                    path.unlink()
            worktrees.recover(opened)
        stays = command == "update-ref -d" and when == "before"
        assert snapshot(clone) == (made if stays else none)
        worktrees.remove(
            opened,
            branch=BRANCH,
            tip=commit if stays else None,
            worktree=on_branch(opened) if stays else None,
        )
        assert snapshot(clone) == none
        assert not (clone.common / "worktrees").exists()


def interrupt(
    clone: Clone, command: str, when: str, code: str, *, signal: str = "INT"
) -> None:
    """Run Python in a process that gets a signal around one of git's commands."""
    directory = clone.upstream.parent.parent / "bin"
    directory.mkdir()
    program = directory / "git"
    run = f'"{shutil.which("git")}" "$@"'
    kill = f"kill -{signal} $PPID; exec sleep {30 if signal == 'INT' else 0}"
    act = f"{run}; {kill}" if when == "after" else kill
    # Whatever it is told with `-c` stands before the command.
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" {command}"*) mkdir "$0.once" && {{ {act}; }};; esac\nexec {run}\n'
    )
    program.chmod(0o755)
    script = f"""
import signal, sys
from pathlib import Path, PurePosixPath
from toolkit.git import clone as clones, worktrees
from toolkit.model import Oid
# A shell that starts this in the background lets the signal be ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
clone = clones.open_clone(Path({str(clone.repo)!r}), {REMOTE!r})
try:
    exec({dedent(code)!r})
except KeyboardInterrupt:
    sys.exit(130)
"""
    env = {
        **os.environ,
        "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (130 if signal == "INT" else -9, ""), (
        done.stderr
    )


@contextmanager
def adding(opened: clones.Clone, commit: Oid, place: Path) -> Generator[None]:
    with worktrees.adding(opened, branch=BRANCH, commit=commit, path=place):
        yield


def on_branch(opened: clones.Clone) -> worktrees.Worktree:
    return next(each for each in worktrees.worktrees(opened) if each.branch == BRANCH)
