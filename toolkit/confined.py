"""Parse untrusted bytes in a child process with limits on time and memory.

The parser is a C library that Python's signal handlers cannot interrupt, and some
inputs take quadratic or cubic time. The child process ends at its limit, or when its
parent forwards a signal.
"""

import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import takewhile
from math import inf
from pathlib import Path
from typing import TypeVar, get_type_hints

import msgspec
from msgspec import Struct

from toolkit import documents, environment, process
from toolkit.errors import CommandError
from toolkit.files import MAXIMUM_BYTES
from toolkit.landlock import Confinement, python, started

T = TypeVar("T")

CPU_SECONDS = 3
"""The limit of processor seconds for one input; a file of nixpkgs takes a sixtieth of
the limit.
"""

_MEBIBYTES = 1024
_LENGTH = struct.Struct(">I")
_LATE, _RAISED = 64, 65
"""Exit statuses of the child: no time is left, or its function raised an exception."""

# The first program may be a wrapper that starts the second.
_PROGRAMS = (Path(sys.executable), Path("/proc/self/exe"))
_START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); from "
    "toolkit.confined import main; main()"
)


class Unread(Struct, frozen=True):
    """An input that could not be read.

    `reason` continues a sentence that begins with the input's name.
    """

    reason: str


TOO_LARGE = Unread("is too large to read")


def each(
    function: Callable[[bytes], T], contents: Sequence[bytes], *, seconds: float = inf
) -> list[T | Unread]:
    """Apply a module-level function to each input and return the results.

    An input is too large if it exceeds MAXIMUM_BYTES, CPU_SECONDS or a gibibyte of
    memory. If the function raises for one input, the result is an `Unread`, and the
    other inputs are still read. After `seconds`, no further input is read. The
    function's result must be annotated, and consist of JSON types and Structs.
    """
    kind: type[T] = get_type_hints(function)["return"]
    end = time.monotonic() + seconds
    results: list[T | Unread] = []
    while len(results) < len(contents):
        left = list(
            takewhile(
                lambda content: len(content) <= MAXIMUM_BYTES, contents[len(results) :]
            )
        )
        if not left:
            results.append(TOO_LARGE)
            continue
        if time.monotonic() >= end:
            spent = (
                f"reading the input took all of the {seconds:.3g} s that were allowed"
                if seconds > 0
                else "no time is left to read it"
            )
            late = Unread(f"is not read: {spent}")
            return [*results, *[late] * (len(contents) - len(results))]
        done = _run(function, left, end)
        lines = done.stdout.splitlines()
        results += [
            documents.read(line, kind, document=function.__name__) for line in lines
        ]
        if len(lines) == len(left) or done.status == _LATE:
            continue
        if done.status == _RAISED:
            last = (done.stderr.splitlines() or [""])[-1]
            results.append(Unread(f"cannot be read because of a bug in unlet: {last}"))
            continue
        if done.status > 0:
            raise CommandError(done.argv, status=done.status, stderr=done.stderr)
        # A signal ended the child at the first input that has no result.
        results.append(TOO_LARGE)
    return results


def _run(
    function: Callable[[bytes], object], contents: Sequence[bytes], end: float
) -> process.Completed:
    path = "\n".join(entry for entry in sys.path if entry)
    own = Confinement(read=python(), run=started(*map(Path.resolve, _PROGRAMS)))
    argv = (
        sys.executable,
        "-I",
        "-c",
        _START,
        path,
        function.__module__,
        function.__name__,
        str(CPU_SECONDS),
        str(end),
    )
    framed = b"".join(_LENGTH.pack(len(content)) + content for content in contents)
    kept = environment.variables(environment.PARSING)
    with process.echoing(lambda _: None):
        return process.run(argv, env=kept, stdin=framed, ok=None, within=own)


def ends(call: Callable[[], object], *, seconds: float) -> bool:
    """Return whether a call ends within some CPU seconds, in a fork of this process.

    Use this function for library code that starts no program and writes nothing; the
    call's result and exceptions are ignored. An interrupt ends the fork.
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
        # A signal may come when the fork has just ended.
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        raise
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT:
        raise KeyboardInterrupt
    return status == 0


def main() -> None:
    """Run in the child process: read inputs from stdin, and write results as JSON.

    Each input is preceded by its length; each result is a line.
    """
    module, name, seconds, end = sys.argv[1:]
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, _MEBIBYTES << 20)
    function = getattr(import_module(module), name)
    while head := sys.stdin.buffer.read(_LENGTH.size):
        content = sys.stdin.buffer.read(*_LENGTH.unpack(head))
        if time.monotonic() >= float(end):
            sys.exit(_LATE)
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + int(seconds))
        try:
            sys.stdout.buffer.write(msgspec.json.encode(function(content)) + b"\n")
            sys.stdout.buffer.flush()
        except (MemoryError, RecursionError):
            os.kill(os.getpid(), signal.SIGKILL)
        except Exception as error:  # noqa: BLE001 - the parent reports the error and continues with the next input
            sys.stderr.write(
                f"{type(error).__name__}: {' '.join(str(error).split())[:200]}\n"
            )
            sys.exit(_RAISED)


def _limit(what: int, most: int) -> None:
    # Ignore a system that does not have this limit, or has a lower one.
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (most, resource.getrlimit(what)[1]))
