"""Strangers' bytes are read in a child process, with limits of time and memory from the first byte on.

The parser library is C, which no signal handler of Python's interrupts, and some inputs take it the square or the cube
of their length. A child ends by the limit, or by the signal that its parent passes on.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
import time
from contextlib import suppress
from importlib import import_module
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar, get_type_hints

import msgspec

from toolkit import documents, process
from toolkit.errors import CommandError
from toolkit.files import MAXIMUM_BYTES
from toolkit.landlock import Reach, python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

CPU_SECONDS = 3
"""For one content; a file of nixpkgs takes a sixtieth of it."""

_MEBIBYTES = 1024
_LENGTH = struct.Struct(">I")
# A token of the user's is none of its business.
_KEPT = ("PATH", "HOME", "NIX_", "UNLET_", "XDG_CACHE", "TMPDIR")
_START = "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); from toolkit.confined import main; main()"


def each(function: Callable[[bytes], T], contents: Sequence[bytes]) -> list[T | None]:
    """Return what a function of a module, not nested in another, returns for each content; None if that is too much.

    It is too much if it has more than MAXIMUM_BYTES, or takes more than CPU_SECONDS of a processor or a gibibyte of
    memory. The function's result is annotated, and made of what JSON has and Structs. Raise CommandError for an
    exception in the function.
    """
    kind: type[T] = get_type_hints(function)["return"]
    results: list[T | None] = []
    while len(results) < len(contents):
        left = list(takewhile(lambda content: len(content) <= MAXIMUM_BYTES, contents[len(results) :]))
        if not left:
            results.append(None)
            continue
        done = _run(function, left)
        lines = done.stdout.splitlines()
        results += [documents.read(line, kind, document=function.__name__) for line in lines]
        if len(lines) == len(left):
            continue
        if done.status > 0:
            raise CommandError(done.argv, status=done.status, stderr=done.stderr)
        # A signal has ended it at the first content that is without a result.
        results.append(None)
    return results


def _run(function: Callable[[bytes], object], contents: Sequence[bytes]) -> process.Completed:
    path = "\n".join(entry for entry in sys.path if entry)
    own = Reach(read=python())
    argv = (sys.executable, "-I", "-c", _START, path, function.__module__, function.__name__, str(CPU_SECONDS))
    framed = b"".join(_LENGTH.pack(len(content)) + content for content in contents)
    gone: dict[str, str | None] = {name: None for name in os.environ if not name.startswith(_KEPT)}
    with process.echoing(lambda _: None):
        return process.run(argv, env=gone, stdin=framed, ok=None, within=own)


def ends(call: Callable[[], object], *, seconds: float) -> bool:
    """Return whether a call, made in a copy of this process, ends within some seconds of a processor.

    For a library's code, which neither starts nor writes anything. What it returns or raises is not of interest.
    An interrupt ends the copy, even of a process that it does not reach, and is raised as KeyboardInterrupt.
    """
    child = os.fork()
    if child == 0:
        try:
            for reaching in (signal.SIGPROF, signal.SIGINT):
                signal.signal(reaching, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            signal.setitimer(signal.ITIMER_PROF, seconds)
            call()
        finally:
            os._exit(0)
    try:
        status = os.waitpid(child, 0)[1]
    except BaseException:
        # A signal may come when the copy has just ended.
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        raise
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT:
        raise KeyboardInterrupt
    return status == 0


def main() -> None:
    """Be the child: read contents from stdin, and write a line of JSON for each to stdout."""
    module, name, seconds = sys.argv[1:]
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, _MEBIBYTES << 20)
    function = getattr(import_module(module), name)
    while head := sys.stdin.buffer.read(_LENGTH.size):
        content = sys.stdin.buffer.read(*_LENGTH.unpack(head))
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + int(seconds))
        try:
            sys.stdout.buffer.write(msgspec.json.encode(function(content)) + b"\n")
            sys.stdout.buffer.flush()
        except (MemoryError, RecursionError):
            os.kill(os.getpid(), signal.SIGKILL)


def _limit(what: int, most: int) -> None:
    # A system that does not know this limit, or has a lower one, is left as it is.
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (most, resource.getrlimit(what)[1]))
