"""What git runs while it reads a clone in which every setting names a program."""

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

import pytest
from msgspec import Struct

from tests.clones import Clone, git
from toolkit.errors import CommandError, tried
from toolkit.git import calls, history, messages, reading
from toolkit.git import clone as clones

FILE = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")


class Trap(Struct, frozen=True):
    """A clone that runs a program at each turn; `ran` is what it was called with."""

    top: Path
    log: Path
    before: str
    head: str

    @property
    def ran(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def trap(new_clone: Callable[..., Clone], tmp_path: Path) -> Trap:
    place, top = tmp_path / "trap", new_clone().top
    place.mkdir()
    made = subprocess.check_output(
        ["sh", Path(__file__).with_name("trap.sh"), place], cwd=top, text=True
    )
    return Trap(top, place / "ran", *made.split())


def test_trap_goes_off_if_git_is_called_as_users_do(trap: Trap) -> None:
    for arguments in (("diff", "HEAD"), ("log", "-1", "--format=%ct"), ("status",)):
        trap.log.unlink(missing_ok=True)
        subprocess.run(
            ["git", *arguments], cwd=trap.top, check=False, capture_output=True
        )
        assert trap.ran, arguments


def test_reading_runs_no_program_of_the_clone(trap: Trap) -> None:
    located = reading.locate(trap.top)
    commit, before = located.commit, reading.locate(trap.top, "HEAD~1").commit
    repository = located.repository
    assert (str(commit), str(before)) == (trap.head, trap.before)
    asked: list[Callable[[], object]] = [
        lambda: clones.open_clone(trap.top, "https://github.com/NixOS/nixpkgs"),
        lambda: clones.branches(trap.top, "nixos/nixpkgs"),
        lambda: history.last_change(repository, commit, FILE),
        lambda: history.versions(repository, commit, FILE, most=9),
        lambda: history.common_ancestor(repository, commit, before),
        lambda: history.commits(repository, before, commit),
        lambda: history.differing(repository, before, commit),
        lambda: reading.read_objects(repository, [f"{commit}:{FILE}"]),
        lambda: reading.missing_files(repository, commit),
        lambda: calls.run_reading(
            trap.top, "ls-files", "--others", "--exclude-standard", found=False
        ),
    ]
    for number, call in enumerate(asked):
        call()
        assert (number, trap.ran) == (number, "")


def test_comparing_with_the_worktree_runs_no_program_of_the_clone(trap: Trap) -> None:
    index = (trap.top / ".git/index").read_bytes()
    assert history.changed(trap.top) == (FILE,)
    assert trap.ran == ""
    assert (trap.top / ".git/index").read_bytes() == index


def test_settings_of_the_users_own_stay_and_do_not_win(
    trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("COUNT", "2"),
        ("KEY_0", "core.fsmonitor"),
        ("VALUE_0", f"{trap.log}.sh"),
    ):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_KEY_1", "remote.theirs.url")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", "https://localhost.invalid")
    assert history.changed(trap.top) == (FILE,)
    assert trap.ran == ""
    assert ("theirs", "url", "https://localhost.invalid") in clones.settings(
        trap.top / ".git"
    )


def test_pipe_in_place_of_a_file_of_git_is_not_waited_for(
    trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_READING_SECONDS", 0.5)
    (trap.top / ".git/packed-refs").unlink(missing_ok=True)
    os.mkfifo(trap.top / ".git/packed-refs")
    with pytest.raises(CommandError, match="still running after"):
        calls.run_reading(trap.top, "for-each-ref", found=False)


READ = (
    ("for-each-ref",),
    ("log", "-1"),
    ("rev-parse", "HEAD"),
    ("rev-parse", "missing^{commit}"),
    ("ls-files", "-o"),
)


PLACES = (
    "packed-refs",
    "shallow",
    "commondir",
    "info/grafts",
    "info/attributes",
    "objects/info/alternates",
    "logs",
)


@pytest.mark.parametrize("without", ["nothing", "look"])
def test_line_of_a_file_that_a_link_of_git_leads_to_is_not_quoted(
    trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    if without == "look":

        def look(_: Path) -> None:
            pass

        monkeypatch.setattr(calls, "_refuse_links", look)
    (tmp_path / "secret").write_text("nobody is told this\n")
    for name in PLACES:
        place, kept = trap.top / ".git" / name, tmp_path / "kept"
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            place.rename(kept)
        place.symlink_to(tmp_path / "secret")
        for arguments in READ:
            done = tried(partial(calls.run_reading, trap.top, *arguments, found=False))
            assert "told" not in f"{done} {getattr(done, 'stderr', '')}"
            assert without == "look" or str(done).startswith(
                f"{place}: is a link that points outside the "
            )
        place.unlink()
        if kept.exists():
            kept.rename(place)


def test_value_of_a_file_that_a_configuration_includes_is_not_quoted(
    trap: Trap, tmp_path: Path
) -> None:
    asked: list[Callable[[], object]] = [
        *(
            partial(calls.run_reading, trap.top, *arguments, found=False)
            for arguments in READ
        ),
        lambda: history.changed(trap.top),
        lambda: reading.read_objects(trap.top / ".git", [f"{trap.head}:{FILE}"]),
    ]
    git(trap.top, "config", "include.path", str(tmp_path / "ini"))
    for setting in (
        "core.bigFileThreshold",
        "core.abbrev",
        "diff.algorithm",
        "color.diff",
        "core.bare",
    ):
        (tmp_path / "ini").unlink(missing_ok=True)
        git(tmp_path, "config", "--file", "ini", setting, "nobody is told this")
        for call in asked:
            done = tried(call)
            assert "told" not in f"{done} {getattr(done, 'stderr', '')}"


def test_message_shows_phrases_of_git_alone(tmp_path: Path) -> None:
    said = (
        f"error: cannot open {tmp_path}: told\nfatal: unable to read config file "
        f"'{tmp_path}': Permission denied\n"
        f"fatal: Invalid path '{tmp_path}/told': No such file or directory\nfatal: "
        "bad object told\n"
        "fatal: bad object HEAD\n"
    )
    assert messages.known(said, ("git", "HEAD")).splitlines() == [
        f"fatal: unable to read config file '{tmp_path}': Permission denied",
        "fatal: Invalid path …: No such file or directory",
        "fatal: bad object …",
        "fatal: bad object HEAD",
    ]


def test_command_that_says_nothing_known_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        calls.run_reading(tmp_path, "told", found=False)
    assert caught.value.stderr == f"'git -C {tmp_path} told' ended with status 1"


def test_an_edit_as_old_and_as_long_as_what_was_committed_is_seen(
    tmp_path: Path,
) -> None:
    git(tmp_path, "init", "--quiet")
    # The time of the last change of a file's status is not for tests to choose.
    git(tmp_path, "config", "core.trustCtime", "false")
    file, index = tmp_path / "file", tmp_path / ".git/index"
    when = (1_700_000_000, 1_700_000_000)
    file.write_text("one\n")
    os.utime(file, when)
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message=one")
    file.write_text("two\n")
    for path in (file, index):
        os.utime(path, when)
    assert history.changed(tmp_path) == (PurePosixPath("file"),)
