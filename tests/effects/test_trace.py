"""Calls as strace writes them, whole or cut; lines of another form are refused."""

import pytest

from tests.effects import trace
from tests.effects.trace import Call, TraceError, calls, opened, text, texts

WHOLE = '7 openat(AT_FDCWD</w>, "a, b\\"", O_RDONLY|O_CLOEXEC) = 3</w/a, b">'
IN_TWO = [
    '7 mkdir("/one", 0777 <unfinished ...>',
    '8 unlinkat(5</d>, "f", 0 <unfinished ...>',
    "7 <... mkdir resumed>)             = 0",
    "8 <... unlinkat resumed>)          = -1 ENOENT (No such file or directory)",
]


def one(line: str) -> Call:
    (call,) = calls([line])
    return call


def test_a_call_has_its_arguments_and_its_result() -> None:
    call = one(WHOLE)
    assert (call.process, call.name, call.value) == (7, "openat", 3)
    assert call.arguments == (
        "AT_FDCWD</w>",
        '"a, b\\""',
        "O_RDONLY|O_CLOEXEC",
    )
    assert text(call.arguments[1]) == 'a, b"'
    assert opened(call.arguments[0]) == "/w"
    assert opened(f"0{call.more}") == '/w/a, b"'


def test_calls_of_several_processes_are_joined() -> None:
    first, second = calls(IN_TWO)
    assert (first.process, first.name, first.value, first.begun) == (7, "mkdir", 0, 1)
    assert (second.process, second.error, second.number) == (8, "ENOENT", 4)
    assert second.arguments == ("5</d>", '"f"', "0")


@pytest.mark.parametrize(
    ("begin", "end", "arguments"),
    [
        ("sendfile(3</a>, 4</b>, ", "[0] => [2], 9) = 2", ("[0] => [2]", "9")),
        ("clone3({flags=CLONE_VM}, 88", ") = 9", ("88",)),
        ("clone3({flags=CLONE_VM}", " => {parent_tid=[9]}, 88) = 9", ("88",)),
        ("clone(flags=SIGCHLD", ", child_tidptr=0x7) = 9", ("child_tidptr=0x7",)),
        ("vfork(", ") = 9", ()),
        ("write(1</o>, ", '"x", 1) = 1', ('"x"', "1")),
    ],
)
def test_a_call_is_cut_anywhere(begin: str, end: str, arguments: tuple[str]) -> None:
    name = begin.partition("(")[0]
    lines = [f"7 {begin} <unfinished ...>", f"7 <... {name} resumed>{end}"]
    (call,) = calls(lines)
    assert call.name == name
    assert call.arguments[len(call.arguments) - len(arguments) :] == arguments


def test_what_a_process_began_when_it_ended_may_have_been_done() -> None:
    lines = ['7 unlink("/x" <unfinished ...>', "7 +++ killed by SIGKILL +++"]
    call, end = calls(lines)
    assert (call.name, call.result, call.is_done) == ("unlink", "?", True)
    assert end.name == trace.ENDED
    (call,) = calls(lines[:1])
    assert call.is_done


def test_a_call_that_never_began_is_none() -> None:
    lines = ["7 ???()                             = ?", "7 +++ killed by SIGKILL +++"]
    assert [call.name for call in calls(lines)] == [trace.ENDED]


def test_a_thread_that_starts_a_program_goes_on_as_the_first_one() -> None:
    lines = [
        '9 execve("/bin/sh", ["sh"], 0x7 /* 1 var */ <unfinished ...>',
        "7 +++ superseded by execve in pid 9 +++",
        "7 <... execve resumed>)            = 0",
    ]
    (call,) = calls(lines)
    assert (call.process, call.name, call.value) == (7, "execve", 0)


def test_words_and_bytes_are_read_as_they_were() -> None:
    call = one('7 execve("/b", ["sh", "-c", "a\\n\\"b\\", \\303\\251"], 0x1) = 0')
    assert texts(call.arguments[1]) == ("sh", "-c", 'a\n"b", é')
    call = one('7 rmdir("/a\\377<unfinished ...>") = 0')
    assert text(call.arguments[0]) == "/a\udcff<unfinished ...>"


def test_paths_of_open_files_are_read_as_they_are() -> None:
    call = one('7 write(4</a \\74b\\76, 3>(deleted), "x", 1) = 1')
    assert opened(call.arguments[0]) == "/a <b>, 3"
    call = one('7 write(4</dev/null<char 1:3>>, "x", 1) = 1')
    assert opened(call.arguments[0]) == "/dev/null"
    call = one("7 sendto(3<TCP:[127.0.0.1:1->127.0.0.1:2]>, NULL, 0, 0, NULL, 0) = 0")
    assert opened(call.arguments[0]) == "TCP:[127.0.0.1:1->127.0.0.1:2]"
    assert len(call.arguments) == 6
    assert opened("-1") is None


@pytest.mark.parametrize(
    "line",
    [
        "no call",
        "7 openat(3, 4)",
        '7 openat(3, "a',
        "7 <... openat resumed>) = 3",
        "7 --- SIGCHLD {si_signo=SIGCHLD} ---",
    ],
)
def test_an_unknown_line_is_refused(line: str) -> None:
    with pytest.raises(TraceError, match="line 1"):
        list(calls([line]))
