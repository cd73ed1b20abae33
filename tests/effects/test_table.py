"""What goes beyond a table is named with its call; what does not, is not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.effects.effect import Effect, Kind
from tests.effects.table import (
    Outcome,
    Permission,
    Table,
    programs,
    read,
    symbolic,
    violations,
)

PLACES = {"HOME": "/h", "CACHE": "/h/cache", "PYTHON": "/usr/bin/python3.13"}
PERMISSION = Permission(
    starts=(
        "git init",
        "git log --format=*",
        "sh -c 'du *'",
        "CACHE/*/sh",
        "PYTHON -P",
    ),
    changes=("CACHE",),
    deletes=("HOME/.*-new", "HOME/links/*/gitdir"),
    connects=("10.0.0.1:80",),
    reads=("/.", "HOME/.gitconfig", "HOME/src/.", "/proc/*/maps"),
    written=2,
    memory=50,
)
GIT = "/usr/bin/git"


def beyond(*effects: Effect, peak: int = 0) -> list[str]:
    return violations(
        PERMISSION,
        Outcome(
            effects=effects,
            peak=peak,
            places=PLACES,
            programs={"git": [GIT], "sh": ["/usr/bin/dash"]},
        ),
    )


def at(kind: Kind, place: str, size: int = 0) -> Effect:
    return Effect(kind=kind, place=place, line="a call", size=size)


def start(place: str, *words: str, is_done: bool = True) -> Effect:
    return Effect(
        kind=Kind.START, place=place, words=words, line="execve", is_done=is_done
    )


@pytest.mark.parametrize(
    "effect",
    [
        at(Kind.CREATE, "/h/cache"),
        at(Kind.MODE, "/h/cache/a/b"),
        at(Kind.DELETE, "/h/.a-new/x"),
        at(Kind.DELETE, "/h/links/x/gitdir"),
        at(Kind.CONNECT, "10.0.0.1:80"),
        at(Kind.READ, "/h/.gitconfig"),
        at(Kind.READ, "/proc/77/maps"),
        at(Kind.READ, "/h/src"),
        at(Kind.READ, "/"),
        at(Kind.WRITE, "/h/cache/a", size=2 << 20),
        start(GIT, "git", "init", "--quiet"),
        start(GIT, "git", "-C", "/h", "-c", "a.b=c", "--git-dir=/h", "init"),
        start(GIT, "git", "log", "--format=%H"),
        start("/usr/bin/dash", "sh", "-c", "du x", "sh"),
        start("/h/cache/1/sh", "sh", "-e"),
        start("/usr/bin/python3.13", "python", "-P", "-m", "toolkit"),
        start("/opt/bin/git", "git", "init", is_done=False),
    ],
)
def test_what_is_permitted_is_not_named(effect: Effect) -> None:
    assert beyond(effect, peak=50 << 10) == []


@pytest.mark.parametrize(
    ("effect", "shown"),
    [
        (at(Kind.CREATE, "/h/cached"), "creates HOME/cached: a call"),
        (at(Kind.DELETE, "/h/links/x"), "deletes HOME/links/x: a call"),
        (at(Kind.DELETE, "/h/new"), "deletes HOME/new: a call"),
        (at(Kind.RENAME, "/h/.a-new"), "renames HOME/.a-new: a call"),
        (at(Kind.WRITE, "/etc/passwd"), "writes /etc/passwd: a call"),
        (at(Kind.MODE, "/other"), "modes /other: a call"),
        (at(Kind.CONNECT, "10.0.0.1:53"), "connects 10.0.0.1:53: a call"),
        (at(Kind.READ, "/h/.ssh/id"), "reads HOME/.ssh/id: a call"),
        (at(Kind.READ, "/x"), "reads /x: a call"),
        (at(Kind.READ, "/h/src/x"), "reads HOME/src/x: a call"),
        (at(Kind.READ, "/h/cache/x"), "reads CACHE/x: a call"),
        (
            at(Kind.WRITE, "/h/cache/a", size=3 << 20),
            "written: 3 MiB, more than 2 MiB",
        ),
        (start(GIT, "git", "gc"), "starts /usr/bin/git gc: execve"),
        (start(GIT, "git", "log", "-p"), "starts /usr/bin/git log -p: execve"),
        (start(GIT, "git"), "starts /usr/bin/git: execve"),
        (start(GIT, "sh", "-c", "du x"), "starts /usr/bin/git -c 'du x': execve"),
        (start("/h/bin/git", "git", "init"), "starts HOME/bin/git init: execve"),
        (start("/h/bin/hg", "hg"), "starts HOME/bin/hg: execve"),
        (
            start("/bin/hg", "hg", is_done=False),
            "starts /bin/hg (refused): execve",
        ),
        (start("/usr/bin/dash", "sh", "-c", "x"), "starts /usr/bin/dash -c x: execve"),
    ],
)
def test_what_is_not_permitted_is_named_with_its_call(
    effect: Effect, shown: str
) -> None:
    assert beyond(effect) == [shown]


def test_memory_is_that_of_the_largest_process() -> None:
    assert beyond(peak=51 << 10) == ["memory: 51 MiB, more than 50 MiB"]


def test_bytes_are_added_up() -> None:
    one = at(Kind.WRITE, "/h/cache/a", size=1 << 20)
    assert beyond(one, one) == []
    assert beyond(one, one, one) == ["written: 3 MiB, more than 2 MiB"]


def test_the_same_is_named_once() -> None:
    one = at(Kind.CREATE, "/h/x")
    assert len(beyond(one, one, at(Kind.DELETE, "/h/x"))) == 2


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/h", "HOME"), ("/h/cache/x", "CACHE/x"), ("/hx", "/hx"), ("AF_NETLINK",) * 2],
)
def test_a_path_is_shown_below_its_innermost_place(path: str, shown: str) -> None:
    places: Mapping[str, str] = PLACES
    assert symbolic(path, places) == shown


def test_a_command_may_do_what_its_parts_may() -> None:
    parts = {
        "git": Permission(starts=("git init",), reads=("HOME",), written=3),
        "both": Permission(use=("git",), changes=("TMP",), memory=9),
    }
    command = Permission(use=("both",), starts=("PYTHON",), written=1)
    assert Table(parts=parts, commands={"x": command}).whole("x") == Permission(
        starts=("PYTHON", "git init"),
        reads=("HOME",),
        changes=("TMP",),
        written=3,
        memory=9,
    )


def test_a_command_takes_more_with_files_of_strangers_if_it_evaluates() -> None:
    parts = {"nix": Permission(memory=2), "strangers": Permission(memory=9)}
    commands = {"x": Permission(use=("nix",)), "y": Permission(memory=1)}
    table = Table(parts=parts, commands=commands)
    assert [
        table.whole(command, of_strangers=of_strangers).memory
        for command in ("x", "y")
        for of_strangers in (False, True)
    ] == [2, 9, 1, 1]


def test_a_table_has_no_unknown_fields(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[parts]\n[commands.x]\nstart = []\n")
    with pytest.raises(Exception, match="start"):
        read(path)


def test_programs_are_named_without_places() -> None:
    table = Table(parts={}, commands={"x": PERMISSION})
    assert programs(table) == {"git", "sh"}
