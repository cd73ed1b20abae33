"""What recorded calls do, and where: through links, open files, roots and names."""

from pathlib import Path

import pytest

from tests.effects.effect import Kind, Names, effects
from tests.effects.trace import TraceError

FOUR = '{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}'
SIX = (
    "{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), "
    'inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}'
)
LOCAL = '{sa_family=AF_UNIX, sun_path="s"}'


def done(*lines: str, **links: str) -> list[tuple[str, str]]:
    """Return what the calls of a process 7 in /w do, with links of /w."""
    names = Names(top="/w", links={f"/w/{name}": to for name, to in links.items()})
    numbered = (line if line[0].isdigit() else f"7 {line}" for line in lines)
    return [
        (effect.kind.value, effect.place)
        for effect in effects(numbered, directory="/w", names=names)
    ]


@pytest.mark.parametrize(
    ("line", "kind", "place"),
    [
        ('mkdir("a", 0777) = 0', "creates", "/w/a"),
        ('mkdirat(3</x>, "a", 0777) = 0', "creates", "/x/a"),
        ('mkdirat(AT_FDCWD</y>, "a", 0777) = 0', "creates", "/y/a"),
        ('symlink("/etc", "a/../l") = 0', "creates", "/w/l"),
        ('openat(AT_FDCWD</w>, "a", O_WRONLY|O_CREAT, 0666) = 3</r>', "creates", "/r"),
        ('openat(3</w>, "a", O_RDWR) = 4</w/a>', "writes", "/w/a"),
        ('openat(3</w>, "a", O_RDONLY) = 4</w/a>', "reads", "/w/a"),
        ('open("link", O_RDONLY|O_TRUNC) = -1 EACCES (x)', "writes", "/etc/x"),
        ('truncate("link", 0) = 0', "writes", "/etc/x"),
        ('unlink("link") = 0', "deletes", "/w/link"),
        ('unlinkat(3</w>, "link/", 0) = 0', "deletes", "/etc/x"),
        ('rmdir("above/a") = 0', "deletes", "/a"),
        ('chmod("link", 0700) = 0', "modes", "/etc/x"),
        ('fchmodat(AT_FDCWD</w>, "link", 0700) = 0', "modes", "/etc/x"),
        (
            'fchmodat2(AT_FDCWD</w>, "link", 0700, AT_SYMLINK_NOFOLLOW) = 0',
            "modes",
            "/w/link",
        ),
        ('fchmodat2(5</z>, "", 0700, AT_EMPTY_PATH) = 0', "modes", "/z"),
        ("fchmod(5</z>, 0700) = 0", "modes", "/z"),
        ("utimensat(5</z>, NULL, [], 0) = 0", "modes", "/z"),
        ('lchown("link", 1, 1) = 0', "modes", "/w/link"),
        ('rmdir("/deep") = -1 EPERM (Operation not permitted)', "deletes", "/deep"),
        (f"connect(3<TCP:[1]>, {FOUR}, 16) = 0", "connects", "10.0.0.1:53"),
        (f"connect(3<TCP:[1]>, {FOUR}, 16) = -1 EAGAIN (x)", "connects", "10.0.0.1:53"),
        (f"connect(3<TCP:[1]>, {SIX}, 28) = 0", "connects", "::1:80"),
        (f"connect(3<UNIX:[1]>, {LOCAL}, 110) = 0", "connects", "/w/s"),
        (f'sendto(3<UDP:[1]>, "x", 1, 0, {FOUR}, 16) = 1', "connects", "10.0.0.1:53"),
        (f"sendmsg(3<UDP:[1]>, {{msg_name={FOUR}}}, 0) = 1", "connects", "10.0.0.1:53"),
    ],
)
def test_call_has_an_effect_at_its_real_place(line: str, kind: str, place: str) -> None:
    assert done(line, link="/etc/x", above="../..") == [(kind, place)]


@pytest.mark.parametrize(
    "line",
    [
        'unlink("a") = -1 ENOENT (No such file or directory)',
        'mkdir("a", 0777) = -1 EEXIST (File exists)',
        'openat(3</w>, "a", O_RDONLY) = -1 EACCES (Permission denied)',
        'openat(3</w>, "a", O_RDONLY|O_PATH) = 4</w/a>',
        'write(4<pipe:[12]>, "x", 1) = 1',
        'connect(3<UDP:[1]>, {sa_family=AF_UNSPEC, sa_data=""}, 16) = 0',
        'sendto(3<TCP:[1]>, "sa_family=AF_INET", 17, 0, NULL, 0) = 17',
    ],
)
def test_call_without_an_effect(line: str) -> None:
    assert done(line) == []


def test_a_program_that_is_sought_along_the_path_counts() -> None:
    assert done('execve("/usr/bin/hg", ["hg", "x"], 0x1) = -1 ENOENT (x)') == [
        ("starts", "/usr/bin/hg")
    ]


def test_a_relative_path_is_below_its_own_process() -> None:
    assert done(
        "vfork( <unfinished ...>",
        '8 chdir("sub") = 0',
        '8 mkdir("a", 0777) = 0',
        "<... vfork resumed>) = 8",
        'mkdir("a", 0777) = 0',
        "8 +++ exited with 0 +++",
        # Its number is given away again.
        "clone(flags=SIGCHLD) = 8",
        '8 mkdir("a", 0777) = 0',
    ) == [("creates", place) for place in ("/w/sub/a", "/w/a", "/w/a")]


def test_threads_share_a_directory_until_one_leaves() -> None:
    assert done(
        "clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD}, 88) = 8",
        '8 chdir("sub") = 0',
        'mkdir("a", 0777) = 0',
        "8 unshare(CLONE_FS) = 0",
        '8 chdir("/x") = 0',
        'mkdir("a", 0777) = 0',
    ) == [("creates", "/w/sub/a"), ("creates", "/w/sub/a")]


def test_paths_are_those_outside_of_a_root() -> None:
    assert done(
        "clone(flags=CLONE_NEWPID|SIGCHLD) = 2 /* 9 in strace's PID NS */",
        '9 chdir("/w/new") = 0',
        '9 pivot_root(".", "old") = 0',
        '9 mkdir("/a", 0777) = 0',
        '9 symlink("/b", "/l") = 0',
        '9 mkdir("/l/c", 0777) = 0',
        '9 openat(AT_FDCWD</>, "/a/f", O_WRONLY|O_CREAT, 0666) = 3</a/f>',
        'mkdir("/a", 0777) = 0',
    ) == [
        ("creates", f"{place}")
        for place in ("/w/new/a", "/w/new/l", "/w/new/b/c", "/w/new/a/f", "/a")
    ]


def test_links_go_with_their_directory() -> None:
    assert done(
        'rename("d", "e") = 0',
        'unlink("e/link/x") = 0',
        'unlink("e/link") = 0',
        'unlink("e/link/x") = 0',
        **{"d/link": "/etc"},
    ) == [
        ("renames", "/w/d"),
        ("renames", "/w/e"),
        ("deletes", "/etc/x"),
        ("deletes", "/w/e/link"),
        ("deletes", "/w/e/link/x"),
    ]


def test_a_file_changes_under_all_of_its_names() -> None:
    assert done(
        'link("users", "ours") = 0',
        'rename("ours", "kept") = 0',
        'chmod("kept", 0600) = 0',
        'openat(3</w>, "kept", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4</w/kept>',
        'write(4</w/kept>, "xy", 2) = 2',
        'unlink("kept") = 0',
        'chmod("kept", 0600) = 0',
    ) == [
        ("creates", "/w/ours"),
        ("renames", "/w/ours"),
        ("renames", "/w/kept"),
        ("modes", "/w/kept"),
        ("modes", "/w/users"),
        ("creates", "/w/kept"),
        ("writes", "/w/users"),
        ("writes", "/w/kept"),
        ("writes", "/w/users"),
        ("deletes", "/w/kept"),
        ("modes", "/w/kept"),
    ]


def test_bytes_are_counted_where_they_go() -> None:
    lines = [
        '7 pwrite64(4</a>, "x"..., 500, 0) = 400',
        "7 sendfile(4</a>, 5</b>, NULL, 9) = 9",
        "7 copy_file_range(5</b>, NULL, 4</a>, NULL, 9, 0) = 7",
        "7 fallocate(4</a>, 0, 0, 1000) = 0",
    ]
    all_of_it = effects(lines, directory="/w", names=Names(top="/w"))
    assert [(each.kind, each.place, each.size) for each in all_of_it] == [
        (Kind.WRITE, "/a", size) for size in (400, 9, 7, 1000)
    ]


def test_names_are_as_they_stand_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("x")
    (tmp_path / "hard").hardlink_to(tmp_path / "d/f")
    (tmp_path / "l").symlink_to("d")
    names = Names.below(tmp_path)
    assert names.real(f"{tmp_path}/l/f") == f"{tmp_path}/d/f"
    assert names.twins[f"{tmp_path}/hard"] == {f"{tmp_path}/hard", f"{tmp_path}/d/f"}


def test_a_process_that_nobody_started_is_refused() -> None:
    with pytest.raises(TraceError, match="process 8"):
        done("vfork() = 9", '8 mkdir("a", 0777) = 0')
