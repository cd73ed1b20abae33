"""What calls do to the machine: programs, files and sockets, at their real places.

A process has a directory and a root of its own, which it shares with its threads; a
path may lead through links, and a file may have several names. `effects` follows all of
this, from what stood in the directories before (`Names`) and from the calls themselves.
"""

import os
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path

from msgspec import Struct, field

from tests.effects import trace
from tests.effects.trace import Call, TraceError

DENIED = frozenset(["EACCES", "EPERM", "EROFS", "EXDEV"])
"""A wall refused the call, which was tried all the same."""
_MOST_LINKS = 40
_CREATING = re.compile(r"\b(?:O_CREAT|O_TMPFILE)\b")
_WRITING = re.compile(r"\b(?:O_WRONLY|O_RDWR|O_TRUNC)\b")
_SHARED = re.compile(r"\bCLONE_FS\b")
_OWN = re.compile(r"\bCLONE_(?:FS|NEWNS|NEWUSER)\b")
_ADDRESS = re.compile(
    r'sa_family=(?P<family>\w+)(?:.*?sun_path=@?(?P<path>"(?:[^"\\]|\\.)*"))?'
    r"(?:.*?port=htons\((?P<port>\d+)\))?"
    r'(?:.*?inet_(?:addr\(|pton\(AF_INET6, )"(?P<host>[^"]*)")?'
)


class Kind(Enum):
    """What an effect does to its place; the value is its name in the table."""

    START = "starts"
    CREATE = "creates"
    WRITE = "writes"
    DELETE = "deletes"
    RENAME = "renames"
    MODE = "modes"
    CONNECT = "connects"
    READ = "reads"


class Effect(Struct, frozen=True, kw_only=True):
    """What a call did, or was kept from doing, at one place."""

    kind: Kind
    place: str
    """A real path, or the address of a socket."""
    line: str
    words: tuple[str, ...] = ()
    """The words of a program that was started."""
    is_done: bool = True
    size: int = 0
    """How many bytes were written."""


class Names(Struct, kw_only=True):
    """The links below a directory, and the files with several names, at a time."""

    top: str
    links: dict[str, str] = field(default_factory=dict[str, str])
    twins: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """The names of a file, itself included, by each of them."""

    @classmethod
    def below(cls, top: Path) -> "Names":
        """Return the names as they are now."""
        names = cls(top=str(top))
        files: dict[tuple[int, int], set[str]] = {}
        for parent, directories, plain in os.walk(top):
            for path in (os.path.join(parent, name) for name in directories + plain):  # noqa: PTH118 - there are many
                status = os.lstat(path)
                if os.path.islink(path):  # noqa: PTH114 - as above
                    names.links[path] = os.readlink(path)  # noqa: PTH115 - as above
                elif status.st_nlink > 1 and path.rpartition("/")[2] in plain:
                    same = files.setdefault((status.st_dev, status.st_ino), set())
                    same.add(path)
                    names.twins[path] = same
        return names

    def real(self, path: str, *, follow: bool = True, root: str = "/") -> str:
        """Return a path without links; `follow` also the last one."""
        waiting = path.split("/")[::-1]
        follow = follow or path.endswith("/")
        place, links = "", 0
        while waiting:
            part = waiting.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                place = place.rpartition("/")[0]
                continue
            step = f"{place}/{part}"
            is_last = not any(waiting)
            target = self._target(step) if follow or not is_last else None
            if target is None or (links := links + 1) > _MOST_LINKS:
                place = step
            else:
                place = root.rstrip("/") if target.startswith("/") else place
                waiting += target.split("/")[::-1]
        return place or "/"

    def _target(self, path: str) -> str | None:
        if path.startswith(f"{self.top}/") or not os.path.islink(path):  # noqa: PTH114 - as above
            return self.links.get(path)
        # The kernel makes these, for whoever looks.
        return None if path.startswith("/proc/") else os.readlink(path)  # noqa: PTH115 - as above

    def join(self, old: str, new: str) -> None:
        """Give a file one more name."""
        if old in self.links:
            self.links[new] = self.links[old]
        same = self.twins.setdefault(old, {old})
        same.add(new)
        self.twins[new] = same

    def drop(self, path: str) -> None:
        """Take a name away."""
        self.links.pop(path, None)
        self.twins.pop(path, {path}).discard(path)

    def move(self, old: str, new: str) -> None:
        """Rename a file, or a directory with all that is below it."""
        self.drop(new)
        for path in [path for path in self.links if _is_below(path, old)]:
            self.links[new + path[len(old) :]] = self.links.pop(path)
        for path in [path for path in self.twins if _is_below(path, old)]:
            same = self.twins.pop(path)
            same.discard(path)
            same.add(new + path[len(old) :])
            self.twins[new + path[len(old) :]] = same

    def exchange(self, one: str, other: str) -> None:
        """Exchange two names, with all that is below them."""
        aside = f"{one}\0"
        self.move(one, aside)
        self.move(other, one)
        self.move(aside, other)


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")


class _Position(Struct):
    """The directory and the root of a process, as they are outside of its root."""

    directory: str
    root: str = "/"


def effects(lines: Iterable[str], *, directory: str, names: Names) -> list[Effect]:
    """Return what the calls of a trace do; the first process begins in `directory`.

    `names` is as before the first call, and becomes as after the last. Raise TraceError
    for a process of which nobody knows where it began.
    """
    return list(_Reading(list(trace.calls(lines)), directory, names).effects())


class _Reading:
    def __init__(self, calls: list[Call], directory: str, names: Names) -> None:
        self._calls = calls
        self._names = names
        # A child may do something before its parent's call has ended.
        self._parents: dict[int, list[Call]] = {}
        for call in calls:
            if call.name in trace.FORKS and call.is_done:
                self._parents.setdefault(_child(call), []).append(call)
        self._positions: dict[int, _Position] = {}
        if calls:
            first = min(calls, key=lambda call: call.begun)
            self._positions[first.process] = _Position(directory)

    def effects(self) -> Iterator[Effect]:
        for call in self._calls:
            if call.name == trace.ENDED:
                # Another process may get its number.
                self._positions.pop(call.process, None)
            elif call.name in trace.MOVES and call.is_done:
                self._move(call, self._position(call.process))
            elif call.name in trace.FORKS:
                if call in self._parents.get(_child(call), ()):
                    self._position(_child(call))
            else:
                yield from self._effects_of(call, self._position(call.process))

    def _position(self, process: int) -> _Position:
        if (position := self._positions.get(process)) is not None:
            return position
        if not (started := self._parents.get(process)):
            raise TraceError(f"process {process}: nobody started it")
        call = started.pop(0)
        above = self._position(call.process)
        is_shared = call.name.startswith("clone") and _SHARED.search(
            " ".join(call.arguments)
        )
        position = above if is_shared else _Position(above.directory, above.root)
        self._positions[process] = position
        return position

    def _move(self, call: Call, position: _Position) -> None:
        match call.name:
            case "chdir":
                position.directory = self._path(call, position, 0)
            case "fchdir":
                position.directory = self._open(call, position, 0)
            case "chroot":
                position.root = self._path(call, position, 0)
            case "pivot_root":
                position.root = self._path(call, position, 0)
                position.directory = position.root
            case "setns" if "CLONE_NEWNS" in call.arguments[1]:
                self._positions[call.process] = _Position("/")
            case "unshare" if _OWN.search(call.arguments[0]):
                self._positions[call.process] = _Position(
                    position.directory, position.root
                )
            case _:
                pass

    def _effects_of(self, call: Call, position: _Position) -> Iterator[Effect]:
        if call.name in trace.STARTS:
            yield from self._started(call, position)
        elif call.name in trace.OPENS:
            yield from self._opened(call, position)
        elif call.name in trace.WRITES:
            yield from self._written(call, position)
        elif call.name in trace.SENDS or call.name in {"connect", "bind"}:
            yield from self._sent(call, position)
        elif call.is_done or call.error in DENIED:
            yield from self._named(call, position)

    def _started(self, call: Call, position: _Position) -> Iterator[Effect]:
        at, first = (1, 0) if call.name == "execveat" else (0, None)
        yield Effect(
            kind=Kind.START,
            place=self._path(call, position, at, directory=first),
            words=trace.texts(call.arguments[at + 1]),
            is_done=call.is_done,
            line=call.line,
        )

    def _opened(self, call: Call, position: _Position) -> Iterator[Effect]:
        is_at = call.name.startswith("openat")
        flags = "O_CREAT" if call.name == "creat" else call.arguments[1 + is_at]
        creating, writing = _CREATING.search(flags), _WRITING.search(flags)
        tried = call.is_done or (call.error in DENIED and (creating or writing))
        if not tried or ("O_PATH" in flags and not creating):
            return
        if (shown := trace.opened(f"0{call.more}")) is not None:
            place = _outside(shown, position)
        elif is_at:
            place = self._path(call, position, 1, directory=0)
        else:
            place = self._path(call, position, 0)
        if creating:
            yield self._effect(Kind.CREATE, place, call)
        elif writing:
            yield self._effect(Kind.WRITE, place, call)
        elif place.startswith("/"):
            yield self._effect(Kind.READ, place, call)
        if "O_TRUNC" in flags:
            yield from self._twins(Kind.WRITE, place, call)

    def _written(self, call: Call, position: _Position) -> Iterator[Effect]:
        at = 2 if call.name in {"copy_file_range", "splice"} else 0
        place = trace.opened(call.arguments[at])
        if place is None or not place.startswith("/") or not call.is_done:
            return
        match call.name:
            case "fallocate":
                size = int(call.arguments[3])
            case "ftruncate":
                size = int(call.arguments[1])
            case _:
                size = max(call.value, 0)
        place = _outside(place, position)
        yield Effect(kind=Kind.WRITE, place=place, size=size, line=call.line)
        yield from self._twins(Kind.WRITE, place, call)

    def _sent(self, call: Call, position: _Position) -> Iterator[Effect]:
        address = {"connect": 1, "bind": 1, "sendto": 4}.get(call.name)
        text = (
            " ".join(call.arguments[1:]).partition("msg_name=")[2]
            if address is None
            else call.arguments[address]
        )
        match = _ADDRESS.match(text.lstrip("{"))
        if match is None or match["family"] == "AF_UNSPEC":
            return
        place = match["family"]
        if match["path"] is not None:
            place = self._names.real(
                _joined(position.directory, trace.text(match["path"]) or "")
            )
            if call.name == "bind":
                yield self._effect(Kind.CREATE, place, call)
        elif match["port"] is not None:
            place = f"{match['host']}:{match['port']}"
        yield self._effect(Kind.CONNECT, place, call)

    def _named(self, call: Call, position: _Position) -> Iterator[Effect]:
        """Yield what a call does to files by their names, and let `names` follow."""
        name, names = call.name, self._names
        first = 0 if name.endswith(("at", "at2")) else None
        at = 0 if first is None else 1
        if name.startswith(("mkdir", "mknod")):
            path = self._path(call, position, at, directory=first, follow=False)
            yield self._effect(Kind.CREATE, path, call)
        elif name.startswith("symlink"):
            at, first = (2, 1) if name == "symlinkat" else (1, None)
            path = self._path(call, position, at, directory=first, follow=False)
            if call.is_done:
                names.links[path] = trace.text(call.arguments[0]) or ""
            yield self._effect(Kind.CREATE, path, call)
        elif name.startswith(("link", "rename")):
            yield from self._renamed(call, position)
        elif name.startswith(("unlink", "rmdir")):
            path = self._path(call, position, at, directory=first, follow=False)
            if call.is_done:
                names.drop(path)
            yield self._effect(Kind.DELETE, path, call)
        elif name == "truncate":
            path = self._path(call, position, 0)
            yield self._effect(Kind.WRITE, path, call)
            yield from self._twins(Kind.WRITE, path, call)
        else:
            path = self._of_mode(call, position)
            yield self._effect(Kind.MODE, path, call)
            yield from self._twins(Kind.MODE, path, call)

    def _renamed(self, call: Call, position: _Position) -> Iterator[Effect]:
        is_at = call.name not in {"link", "rename"}
        flags = call.arguments[4] if len(call.arguments) > 4 else ""
        follow = "AT_SYMLINK_FOLLOW" in flags
        old, new = (
            (
                self._path(call, position, 1, directory=0, follow=follow),
                self._path(call, position, 3, directory=2, follow=False),
            )
            if is_at
            else (
                self._path(call, position, 0, follow=False),
                self._path(call, position, 1, follow=False),
            )
        )
        if call.name.startswith("link"):
            yield self._effect(Kind.CREATE, new, call)
            if call.is_done:
                self._names.join(old, new)
            return
        yield self._effect(Kind.RENAME, old, call)
        yield self._effect(Kind.RENAME, new, call)
        if call.is_done:
            is_exchange = "RENAME_EXCHANGE" in flags
            (self._names.exchange if is_exchange else self._names.move)(old, new)

    def _of_mode(self, call: Call, position: _Position) -> str:
        if call.name in {"fchmod", "fchown", "fsetxattr"}:
            return self._open(call, position, 0)
        follow = not call.name.startswith("l") and not any(
            "AT_SYMLINK_NOFOLLOW" in argument for argument in call.arguments[2:]
        )
        if call.name in {"fchmodat", "fchmodat2", "fchownat", "futimesat", "utimensat"}:
            return self._path(call, position, 1, directory=0, follow=follow)
        return self._path(call, position, 0, follow=follow)

    def _effect(self, kind: Kind, place: str, call: Call) -> Effect:
        return Effect(kind=kind, place=place, is_done=call.is_done, line=call.line)

    def _twins(self, kind: Kind, place: str, call: Call) -> Iterator[Effect]:
        """Yield the same effect on the other names of a file."""
        for name in sorted(self._names.twins.get(place, set()) - {place}):
            yield self._effect(kind, name, call)

    def _path(
        self,
        call: Call,
        position: _Position,
        at: int,
        *,
        directory: int | None = None,
        follow: bool = True,
    ) -> str:
        """Return the real path in an argument.

        `directory` is the argument with the directory that a relative path is below.
        """
        path = trace.text(call.arguments[at])
        above = position.directory
        if directory is not None:
            shown = trace.opened(call.arguments[directory])
            above = above if shown is None else _outside(shown, position)
        if not path:
            # An empty path, or none, is the open file itself.
            return above
        if path.startswith("/"):
            return self._names.real(
                f"{position.root.rstrip('/')}{path}", follow=follow, root=position.root
            )
        return self._names.real(_joined(above, path), follow=follow, root=position.root)

    def _open(self, call: Call, position: _Position, at: int) -> str:
        if (shown := trace.opened(call.arguments[at])) is None:
            raise TraceError(f"line {call.number}: no path: {call.line}")
        return _outside(shown, position)


def _joined(directory: str, path: str) -> str:
    return path if path.startswith("/") else f"{directory}/{path}"


def _outside(shown: str, position: _Position) -> str:
    """Return the path of an open file outside of its process's root."""
    root = position.root.rstrip("/")
    if not shown.startswith("/") or _is_below(shown, root) or not root:
        return shown
    return f"{root}{shown}"


def _child(call: Call) -> int:
    """Return a new process's number, as strace sees it."""
    shown = re.match(r" /\* (?P<outer>\d+) in strace's PID NS \*/", call.more)
    return call.value if shown is None else int(shown["outer"])
