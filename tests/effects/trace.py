"""The lines of strace(1) as calls: each call whole, with its arguments and its result.

`OPTIONS` are the options of strace by which a trace has all that `effects` needs. A
call that another process interrupts stands in two lines; `calls` joins them, and yields
the call in the place of the second one.
"""

import os
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

MOVES = ("chdir", "fchdir", "chroot", "pivot_root", "setns", "unshare")
FORKS = ("clone", "clone3", "fork", "vfork")
OPENS = ("open", "openat", "openat2", "creat")
STARTS = ("execve", "execveat")
ENDED = "ended"
"""No call: the name of what `calls` yields when a process is gone."""
NAMES = (
    *("mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat"),
    *("link", "linkat", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "rmdir", "truncate", "bind", "connect"),
)
MODES = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown"),
    *("fchownat", "utime", "utimes", "futimesat", "utimensat"),
    *("setxattr", "lsetxattr", "fsetxattr"),
)
WRITES = (
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile"),
    *("copy_file_range", "splice", "fallocate", "ftruncate"),
)
SENDS = ("sendto", "sendmsg", "sendmmsg")
TRACED = (*MOVES, *FORKS, *OPENS, *STARTS, *NAMES, *MODES, *WRITES, *SENDS)

OPTIONS = (
    *("-f", "-y", "-yy", "-s", "200", "-e", "signal=none", "--seccomp-bpf"),
    *("--decode-pids=pidns", "-e", f"trace=?{',?'.join(TRACED)}"),
)
"""`-y` shows the path of each open file, `-yy` the address of each socket."""

_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_BEGUN = re.compile(r"(?P<begin>\w+\(.*?),? *<unfinished \.\.\.>(?:\) += \?)?")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<end>.*)")
_SUPERSEDED = re.compile(r"\+\+\+ superseded by execve in pid (?P<pid>\d+) \+\+\+")
_ENDED = re.compile(r"\+\+\+ (?:exited|killed) .*\+\+\+")
# A file's path stands behind its number; strace writes `>` in a path as an octal
# number, but not the arrow in an address.
_ATOM = re.compile(
    r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?'
    r"|(?<=[0-9DT])<.*?>(?:\(deleted\))?(?=[ ,)\]}]|$)"
    r"|/\*.*?\*/|[(\[{]|[)\]}]|, |."
)
_RESULT = re.compile(r" *= (?P<result>-?\w+|\?)(?P<more>.*)")
_QUOTED = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"(?P<cut>\.\.\.)?')
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_OPENED = re.compile(
    r"(?:-?\d+|AT_FDCWD)<(?P<path>.*?)(?:<(?:char|block) [^<>]*>)?>(?:\(deleted\))?"
)
_CONTROLS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}


class TraceError(Exception):
    """A trace has what the reader does not know: nothing in it may be passed over."""


class Call(Struct, frozen=True, kw_only=True):
    """A system call. `number` is the line of its end; `begun` that of its beginning."""

    process: int
    name: str
    arguments: tuple[str, ...]
    """As strace writes them, see `text`, `opened` and `texts`."""
    result: str
    """A number, or `?` if the process ended in the call."""
    more: str
    """What strace adds to the result: an opened file, or the error's name."""
    number: int
    begun: int
    line: str

    @property
    def value(self) -> int:
        """The result, or -1 if it is not known."""
        return int(self.result, 0) if self.result != "?" else -1

    @property
    def is_done(self) -> bool:
        """Whether the call succeeded, or may have: its process ended in it."""
        return self.result == "?" or self.value >= 0

    @property
    def error(self) -> str:
        """The name of the error, such as ENOENT, empty without one."""
        return "" if self.is_done else self.more.split()[0]


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """Yield the calls of a trace. Raise TraceError for a line of an unknown form."""
    halves = _Halves()
    for number, line in enumerate(lines, 1):
        if (match := _LINE.fullmatch(line.rstrip("\n"))) is None:
            raise TraceError(f"line {number}: {line!r}")
        process = int(match["pid"])
        for text, begun in halves.joined(process, match["rest"], number):
            yield _call(process, text, number=number, begun=begun)
    for process, (begin, begun) in halves.pending.items():
        yield _call(process, f"{begin}) = ?", number=begun, begun=begun)


class _Halves:
    """The first halves of calls, by their processes, until the second ones come."""

    def __init__(self) -> None:
        self.pending: dict[int, tuple[str, int]] = {}

    def joined(self, process: int, rest: str, number: int) -> Iterator[tuple[str, int]]:
        """Yield the calls that end in a line, and the line in which each began."""
        if (over := _SUPERSEDED.fullmatch(rest)) is not None:
            # A thread that starts a program goes on as the first thread.
            if (by := int(over["pid"])) in self.pending:
                self.pending[process] = self.pending.pop(by)
        elif rest.startswith("???("):
            # Its process was killed before the call could begin.
            return
        elif _ENDED.fullmatch(rest) is not None:
            if process in self.pending:
                begin, begun = self.pending.pop(process)
                yield f"{begin}) = ?", begun
            yield f"{ENDED}() = 0", number
        elif (resumed := _RESUMED.fullmatch(rest)) is not None:
            if process not in self.pending:
                raise TraceError(f"line {number}: resumes nothing: {rest!r}")
            begin, begun = self.pending.pop(process)
            yield f"{begin}{_joint(begin, resumed['end'])}{resumed['end']}", begun
        elif (cut := _BEGUN.fullmatch(rest)) is not None:
            self.pending[process] = (cut["begin"], number)
        else:
            yield rest, number


def _joint(begin: str, end: str) -> str:
    """Return the comma that `_BEGUN` takes away from between two halves, if any."""
    at_edge = begin.endswith("(") or end.lstrip().startswith((")", "=>", ","))
    return "" if at_edge else ", "


def _call(process: int, text: str, *, number: int, begun: int) -> Call:
    name, bracket, rest = text.partition("(")
    arguments, end = _split(rest)
    result = _RESULT.fullmatch(rest, end)
    if not bracket or not name.isidentifier() or result is None:
        raise TraceError(f"line {number}: {text!r}")
    return Call(
        process=process,
        name=name,
        arguments=arguments,
        result=result["result"],
        more=result["more"],
        number=number,
        begun=begun,
        line=text,
    )


def _split(text: str) -> tuple[tuple[str, ...], int]:
    """Return the arguments at the beginning of a text, and where their bracket ends."""
    arguments: list[str] = []
    depth, begin = 0, 0
    for atom in _ATOM.finditer(text):
        if atom[0] in "([{":
            depth += 1
        elif depth and atom[0] in ")]}":
            depth -= 1
        elif atom[0] in ")]}":
            last = text[begin : atom.start()]
            return (*arguments, last) if last else tuple(arguments), atom.end()
        elif atom[0] == ", " and depth == 0:
            arguments.append(text[begin : atom.start()])
            begin = atom.end()
    return tuple(arguments), len(text)


def text(argument: str) -> str | None:
    """Return a quoted argument as the process wrote it, None for another one."""
    match = _QUOTED.fullmatch(argument)
    return None if match is None else _plain(match["text"])


def texts(argument: str) -> tuple[str, ...]:
    """Return all quoted texts in an argument, such as a program's words."""
    return tuple(_plain(match["text"]) for match in _QUOTED.finditer(argument))


def opened(argument: str) -> str | None:
    """Return the path that strace shows behind a file's number, None without one."""
    match = _OPENED.fullmatch(argument.strip())
    return None if match is None else _plain(match["path"])


def _plain(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted
    return os.fsdecode(_ESCAPED.sub(_unescaped, os.fsencode(quoted)))


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code.isdigit():
        return bytes([int(code, 8)])
    return _CONTROLS.get(code, code)
