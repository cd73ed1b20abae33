"""Run programs: the only module that starts a process.

Every child leads its own session, so that an interrupt or a time-out ends it with all
its descendants. A child has no terminal, so no program can wait for a user's input.
"""

from __future__ import annotations

import errno
import math
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import inf, isinf
from pathlib import Path
from types import FrameType
from typing import TypedDict, Unpack

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import environment, landlock
from toolkit.errors import (
    CommandError,
    LimitError,
    ToolkitError,
    reason_of,
    without_passwords,
)
from toolkit.pipes import Stream, drain, exchange

# The maximum size of stderr: a program with endless error output must not fill the
# memory.
_KEPT_BYTES = 16 << 20

_HINTS = {
    "find": "install findutils (Debian, Ubuntu: apt install findutils)",
    "git": "install git (Debian, Ubuntu: apt install git)",
    "ssh": "install ssh (Debian, Ubuntu: apt install openssh-client)",
    "nix": "install Nix (Debian, Ubuntu: apt install nix-bin)",
}

# If a program does not get a variable with this prefix, the displayed command unsets
# the variable, because the program would use it.
_HEEDED = {"git": "GIT_", "nix": "NIX_"}

_echo: ContextVar[Callable[[str], None] | None] = ContextVar("_echo", default=None)
_group: ContextVar[_Living | None] = ContextVar("_group", default=None)


class Pace(Struct, frozen=True):
    """The time limit in seconds for each task of a program.

    `left` returns the remaining seconds of the current task.
    """

    seconds: float
    left: Callable[[], float]


class Command(Struct, frozen=True, kw_only=True):
    """A program to run, with its limits.

    If the program writes a very long stderr, only the end is kept.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(
        default_factory=lambda: environment.variables(environment.TOOLS)
    )
    """The whole environment; see `toolkit.environment`."""
    stdin: bytes | None = None
    ok: Collection[int] | None = (0,)
    """The exit statuses that mean success; None means any status."""
    timeout: float | None = None
    """The time limit in seconds."""
    on_stderr: Callable[[str], None] | None = None
    """A function that gets each line of stderr while the program runs.

    A carriage return ends a line, too.
    """
    most: int | None = None
    """The maximum number of bytes on stdout; unlet ends a program that writes more."""
    within: landlock.Confinement | None = None
    """The paths to which the kernel confines the program, if it has Landlock."""
    turn: threading.Semaphore | None = None
    """A semaphore that limits how many programs run at once; waiting for it counts
    towards `timeout`.
    """
    memory: int | None = None
    """The MiB of its own memory that Linux lets the program use.

    Such a program also ends by itself after the processor time of its `timeout` on all
    cores, even if unlet was killed.
    """
    writes: int | None = None
    """The MiB that Linux lets the program and its descendants write to files."""
    pace: Pace | None = None
    """The time limit for each task of a program that answers several questions."""
    grace: float = 3.0
    """The seconds between SIGTERM and SIGKILL, in which Nix ends its builders.

    If it is 0, unlet sends SIGKILL at once.
    """
    shown: Callable[[str, Sequence[str]], str] | None = None
    """A function that returns the displayable text of a line of stderr or of `argv`."""

    @property
    def line(self) -> str:
        """The command as a shell line, without stdin and without passwords in URLs."""
        added = [
            f"{name}={shlex.quote(value)}"
            for name, value in self.env.items()
            if os.environ.get(name) != value
        ]
        heeded = _HEEDED.get(Path(self.argv[0]).name.partition("-")[0], " ")
        unset = [name for name in os.environ if name not in self.env]
        gone = [f"-u {name}" for name in unset if name.startswith(heeded)]
        words = list(map(without_passwords, self.argv))
        if "PATH" in self.env and (place := find(words[0])) is not None:
            words[0] = (
                words[0] if self.env["PATH"] == environment.path() else str(place)
            )
        run = " ".join((*(("env", *gone) if gone else ()), *added, shlex.join(words)))
        return (
            f"cd {shlex.quote(str(self.cwd))} && {run}" if self.cwd is not None else run
        )


class Completed(Struct, frozen=True, kw_only=True):
    """The output of a program that ended with a status that its caller accepts."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Stdout as text, without the line feed at its end."""
        return self.stdout.decode("utf-8", "replace").removesuffix("\n")

    @property
    def names(self) -> str:
        """Stdout as text that keeps every byte of file names, as os.fsdecode does."""
        return os.fsdecode(self.stdout).removesuffix("\n")


@contextmanager
def echoing(observer: Callable[[str], None]) -> Generator[None]:
    """Pass each command that the block starts to `observer`.

    The observer gets one line that can be pasted into a shell.
    """
    token = _echo.set(observer)
    try:
        yield
    finally:
        _echo.reset(token)


@contextmanager
def ending_together() -> Generator[None]:
    """End all programs that the block started if an exception leaves the block.

    This includes programs that other threads with the same context started. Nested
    blocks end with the outer one.
    """
    living = _Living(_group.get())
    token = _group.set(living)
    try:
        yield
    except BaseException:
        living.stop()
        raise
    finally:
        _group.reset(token)


def find(program: str) -> Path | None:
    """Return the path of `program` on PATH, or None if it is not there."""
    found = shutil.which(program, path=environment.path())
    return Path(found) if found else None


class CommandFields(TypedDict, total=False):
    """The fields of a Command other than its words, as keyword arguments."""

    cwd: Path | None
    env: Mapping[str, str]
    stdin: bytes | None
    ok: Collection[int] | None
    timeout: float | None
    on_stderr: Callable[[str], None] | None
    within: landlock.Confinement | None


def run(argv: Sequence[str], **fields: Unpack[CommandFields]) -> Completed:
    """Run a program to its end, and return its output.

    Raise CommandError for a status outside `ok` and for a time-out, ToolkitError if the
    program cannot be started. An exception, even KeyboardInterrupt, ends the program
    before it is raised.
    """
    return execute(Command(argv=tuple(argv), **fields))


def execute(command: Command) -> Completed:
    """Run a command to its end, and return its output; raise as `run` does."""
    if command.turn is None:
        return _execute(command)
    began = time.monotonic()
    if not command.turn.acquire(timeout=command.timeout):
        raise _too_long(command, "")
    try:
        left = (
            None
            if command.timeout is None
            else max(command.timeout - time.monotonic() + began, 0)
        )
        return _execute(replace(command, timeout=left))
    finally:
        command.turn.release()


class _Watch:
    """The output of a running program, and the limits that remain for it."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._began = time.monotonic()
        self.stdout = Stream(most=command.most)
        self.stderr = Stream(kept=_KEPT_BYTES, observer=command.on_stderr)
        self.missed: Pace | None = None
        """The time limit of the current task, if that limit ends before the whole one."""
        self.pid = 0

    def left(self) -> float:
        """Return the remaining seconds; raise TimeoutError or LimitError at a limit."""
        command = self._command
        passed = time.monotonic() - self._began
        whole = inf if command.timeout is None else command.timeout - passed
        task = inf if command.pace is None else command.pace.left()
        self.missed = command.pace if task < whole else None
        if (seconds := min(whole, task)) <= 0:
            raise TimeoutError
        if command.writes is not None:
            printed = self.stdout.size + self.stderr.size
            if written(self.pid) - printed > command.writes << 20:
                raise _too_much(command)
        return seconds


def _execute(command: Command) -> Completed:
    _tell(command)
    living = _group.get() or _Living()
    watch = _Watch(command)
    stdout, stderr = watch.stdout, watch.stderr
    # No interrupt may come between the start of the program and the `try` that ends it.
    signals = HeldSignals()
    try:
        process = living.start(command)
    except BaseException:
        signals.release()
        raise
    try:
        watch.pid = process.pid
        signals.release()
        # A child of the program may still have its output open.
        outputs = ((process.stdout, stdout), (process.stderr, stderr))
        exchange(process.stdin, command.stdin or b"", outputs, watch.left, process.poll)
        if stdout.is_full:
            end(process, grace=command.grace)
            drain(process.stderr, stderr)
        else:
            process.wait(None if isinf(seconds := watch.left()) else seconds)
    except (TimeoutError, subprocess.TimeoutExpired):
        end(process, grace=command.grace)
        drain(process.stderr, stderr)
        raise _too_long(
            command, _shown(command, stderr.text, -signal.SIGTERM), watch.missed
        ) from None
    except BaseException:
        end(process, grace=command.grace)
        raise
    finally:
        living.ended(process)
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()
    return _completed(command, process.returncode, watch)


def _completed(command: Command, status: int, watch: _Watch) -> Completed:
    """Return a program's output; raise an error if the program ended badly."""
    said = _shown(command, watch.stderr.text, status)
    if watch.stdout.is_full:
        limit = f"it wrote more than the {command.most} bytes that are allowed"
        raise LimitError(command.argv, status=status, stderr=said, limit=limit)
    if command.writes is not None and status == -signal.SIGXFSZ:
        raise _too_much(command)
    if command.ok is not None and status not in command.ok:
        raise CommandError(command.argv, status=status, stderr=said)
    return Completed(
        argv=command.argv, status=status, stdout=watch.stdout.content, stderr=said
    )


def _tell(command: Command) -> None:
    if (observer := _echo.get()) is not None:
        observer(command.line)


def _shown(command: Command, said: str, status: int) -> str:
    """Return the displayable text of a program's stderr.

    If no text remains, return which command ended and how.
    """
    if command.shown is None or not said.strip():
        return said
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    return (
        command.shown(said, command.argv)
        or f"'{shlex.join(command.argv)}' ended with {ended}"
    )


def _too_long(command: Command, said: str, pace: Pace | None = None) -> LimitError:
    seconds = pace.seconds if pace is not None else command.timeout or 0
    return LimitError(
        command.argv,
        status=-signal.SIGTERM,
        stderr=said,
        limit=f"still running after {seconds:.3g} s",
        of_time=True,
        of_pace=pace is not None,
    )


def _too_much(command: Command) -> LimitError:
    limit = f"it wrote more than the {command.writes} MiB to files that are allowed"
    return LimitError(
        command.argv, status=-signal.SIGXFSZ, stderr="", limit=limit, of_disk=True
    )


def written(pid: int) -> int:
    """Return the number of bytes that a process and its descendants have written.

    The source is proc(5), io. The bytes of a descendant count until it ends, and again
    once its parent has waited for it. Return 0 if the system does not count written
    bytes.
    """
    try:
        place = Path(f"/proc/{pid}")
        counted = re.search(r"^wchar: (\d+)$", (place / "io").read_text(), re.MULTILINE)
        tasks = [task / "children" for task in (place / "task").iterdir()]
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return 0
    own = 0 if counted is None else int(counted[1])
    return own + sum(map(written, children))


def begin(command: Command) -> subprocess.Popen[bytes]:
    """Start a program that reads requests on stdin and responds on stdout.

    The program ends when its stdin ends. Raise ToolkitError if it cannot be started.
    """
    _tell(command)
    return _start(replace(command, stdin=b""))


class _Living:
    """The running processes of one call, so that another thread can end them."""

    def __init__(self, around: _Living | None = None) -> None:
        self._lock = threading.Lock()
        self._processes: dict[subprocess.Popen[bytes], float] = {}
        self._stopped = False
        self._around = around

    def start(self, command: Command) -> subprocess.Popen[bytes]:
        """Start a program that ends with this group, and with all groups around it."""
        with self._lock:
            if self._stopped:
                raise CommandError(
                    command.argv,
                    status=-signal.SIGTERM,
                    stderr="not started, because another program failed",
                )
            process = (
                _start(command) if self._around is None else self._around.start(command)
            )
            self._processes[process] = command.grace
            return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.pop(process, None)
        if self._around is not None:
            self._around.ended(process)

    def stop(self) -> None:
        """End all processes of the group; the threads that wait for them reap them."""
        with self._lock:
            self._stopped = True
            processes = self._processes.copy()
        patient = [process for process, grace in processes.items() if grace]
        for process in patient:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + max(processes.values(), default=0.0)
        while (
            any(process.poll() is None for process in patient)
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        for process in processes:
            _signal(process, signal.SIGKILL)


class HeldSignals:
    """Delays the signals that raise an exception in the main thread, until `release`.

    The signals are not blocked, because a program that starts meanwhile would inherit
    the block.
    """

    def __init__(self) -> None:
        self._came: list[tuple[int, FrameType | None]] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(
                    number, lambda number, frame: self._came.append((number, frame))
                )

    def release(self) -> None:
        """Restore the handlers, and call them for signals that arrived meanwhile."""
        for number, handler in reversed(self._handlers.items()):
            signal.signal(number, handler)
        for number, frame in self._came:
            self._handlers[number](number, frame)


def _start(command: Command) -> subprocess.Popen[bytes]:
    program = command.argv[0]
    # The PATH in `command.env` may be empty.
    found = None if os.sep in program else find(program)
    temporary = os.environ.get("TMPDIR")
    if temporary and not os.access(temporary, os.W_OK | os.X_OK):
        raise ToolkitError(f"TMPDIR: '{temporary}' is not a writable directory")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command.argv,
            executable=found,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    try:
        process = (
            start()
            if command.within is None
            else landlock.confined(command.within, start)
        )
    except OSError as error:
        if command.cwd is not None and not command.cwd.is_dir():
            message = f"{program}: cannot run in '{command.cwd}': no such directory"
            raise ToolkitError(message) from None
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            where = "no such program" if os.sep in program else "not found on PATH"
            raise ToolkitError(
                f"{program}: {where}",
                hint=_HINTS.get(Path(program).name.partition("-")[0]),
            ) from None
        message = f"{program}: cannot be started: {reason_of(error)}"
        raise ToolkitError(message) from None
    if command.writes is not None:
        _limit(process.pid, resource.RLIMIT_FSIZE, command.writes << 20)
    if command.memory is not None:
        _limit(process.pid, resource.RLIMIT_DATA, command.memory << 20)
        if command.timeout is not None:
            seconds = math.ceil(command.timeout) * (os.cpu_count() or 1)
            _limit(process.pid, resource.RLIMIT_CPU, seconds)
    return process


def _limit(pid: int, kind: int, most: int) -> None:
    """Set a resource limit of a process, on Linux; ignore a process that has ended."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            resource.prlimit(pid, kind, (most, most))


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def end(process: subprocess.Popen[bytes], *, grace: float) -> None:
    """End a process and its process group.

    Send SIGTERM and, after `grace` seconds, SIGKILL; without grace, send SIGKILL at
    once.
    """
    try:
        if grace:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()
