"""Confine a program with Landlock, a security module of Linux 5.13 and newer.

unlet confines programs that parse or evaluate untrusted files. Landlock needs no
privileges. Without it, `abi` is 0 and this module restricts nothing; `toolkit.inside`
and Nix's restricted mode still protect. Sources: landlock(7), linux/landlock.h.
"""

import os
import struct
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from toolkit import kernel
from toolkit.errors import reason_of

T = TypeVar("T")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_EXECUTE, _READ_FILE, _READ_DIRECTORY = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIRECTORY
_OF_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""The bit masks of the rights to files that Landlock has, by the version that
introduced the last of these rights.
"""

_WRITE_FILE, _TRUNCATE, _DEVICE_CONTROL = 1 << 1, 1 << 14, 1 << 15
_NOT_DIRECTORY = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_TCP = 0b11
_OUTSIDE = 0b11
"""Access to abstract sockets, and to signals, of processes outside the confinement."""

_NET_SINCE, _SCOPE_SINCE = 4, 6

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
)
_SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/dev/urandom",
    "/dev/random",
    "/proc/stat",
    "/proc/meminfo",
)
_WRITABLE_FILES = ("/dev/null",)


class Confinement(Struct, frozen=True, kw_only=True):
    """The paths that a program may use, in addition to the system's and the store.

    All of these paths exist. The program may list every directory below `list`. It may
    start only the programs `run`; if `run` is None, it may start every program that it
    may read.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    list: tuple[Path, ...] = ()
    run: tuple[Path, ...] | None = None


def python() -> tuple[Path, ...]:
    """Return the paths that this Python reads: its program, library and modules."""
    return tuple(
        map(
            Path, (sys.executable, sys.prefix, sys.base_prefix, *filter(None, sys.path))
        )
    )


def started(*programs: Path) -> tuple[Path, ...] | None:
    """Return some programs together with the loaders with which Linux starts them.

    Return None if a program is not a 64-bit ELF file, such as a script.
    """
    paths: list[Path] = []
    for program in filter(Path.exists, programs):
        loader = interpreter(program)
        if loader is None:
            return None
        paths += [program, Path(loader)] if loader else [program]
    return tuple(paths)


def interpreter(program: Path) -> str | None:
    """Return the path of the loader of a 64-bit ELF file (elf(5), PT_INTERP).

    Return an empty path if the file has no loader, and None for files of other kinds.
    """
    with program.open("rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return None
        offset, size, count = (
            int.from_bytes(head[begin:end], "little")
            for begin, end in ((32, 40), (54, 56), (56, 58))
        )
        file.seek(offset)
        headers = file.read(size * count)
        for at in range(0, size * count, size):
            if headers[at : at + 4] == b"\x03\x00\x00\x00":
                file.seek(int.from_bytes(headers[at + 8 : at + 16], "little"))
                length = int.from_bytes(headers[at + 32 : at + 40], "little")
                return os.fsdecode(file.read(length).rstrip(b"\0"))
    return ""


_RULE = struct.Struct("=Qi")
"""`struct landlock_path_beneath_attr`: rights, and an open directory or file."""


@cache
def abi() -> int:
    """Return this kernel's version of Landlock, or 0 if it has none."""
    if sys.platform != "linux":
        return 0
    return max(kernel.call(_CREATE_RULESET, None, 0, _VERSION), 0)


def walls() -> tuple[str, ...]:
    """Return the names of the active protections against untrusted files.

    The protections are `reader` (`toolkit.inside`), and Landlock with its version.
    """
    return ("reader", f"landlock {abi()}") if abi() else ("reader",)


def confine(reach: Confinement) -> None:
    """Confine the calling thread, and all processes that it starts, for good.

    Do nothing if `abi` is 0. Raise OSError if the kernel refuses.
    """
    version = abi()
    if not version:
        return
    handled = max(rights for since, rights in _OF_FILES.items() if since <= version)
    # Newer kernels have more fields.
    fields = [handled]
    if version >= _NET_SINCE:
        fields.append(_TCP)
    if version >= _SCOPE_SINCE:
        fields.append(_OUTSIDE)
    ruleset = struct.pack(f"={len(fields)}Q", *fields)
    rules = _done(kernel.call(_CREATE_RULESET, ruleset, len(ruleset), 0))
    try:
        starting = _EXECUTE if reach.run is None else 0
        _allow(
            rules, (*SYSTEM, *_SYSTEM_FILES, *reach.read), _READ & ~_EXECUTE | starting
        )
        _allow(rules, reach.run or (), _READ)
        _allow(rules, reach.list, _READ_DIRECTORY)
        _allow(rules, _WRITABLE_FILES, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & handled)
        _allow(rules, reach.write, handled & ~_EXECUTE | starting)
        _done(kernel.function("prctl")(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _done(kernel.call(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def confined(reach: Confinement, start: Callable[[], T]) -> T:
    """Make a call in a confined thread and return its result.

    The processes that the call starts are confined too. Landlock confines a thread, not
    a whole process (landlock(7)); so no code needs to run between fork and exec.
    """
    if not abi():
        return start()
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(confine, reach).result()
        return pool.submit(start).result()


def _allow(rules: int, paths: Iterable[str | Path], rights: int) -> None:
    for path in paths:
        # A path that does not exist needs no rule.
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                there = rights if os.path.isdir(place) else rights & _NOT_DIRECTORY  # noqa: PTH112 - `place` is an open file descriptor
                if there:
                    _done(
                        kernel.call(
                            _ADD_RULE, rules, _PATH_BENEATH, _RULE.pack(there, place), 0
                        )
                    )
            finally:
                os.close(place)


def _done(result: int) -> int:
    if result < 0:
        code = kernel.code()
        raise OSError(code, f"landlock: {reason_of(OSError(code, os.strerror(code)))}")
    return result
