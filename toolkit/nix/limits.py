"""The limits of an evaluation: memory and, for strangers' files, time and access.

Nix gets our configuration and nothing from the user: one setting or variable could
permit what the others forbid.
"""

import os
import re
import time
from collections.abc import Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path
from threading import BoundedSemaphore

from msgspec import Struct
from msgspec.structs import replace

from toolkit import environment, landlock, process
from toolkit.cache import default_cache
from toolkit.environment import EVALUATING
from toolkit.landlock import Confinement
from toolkit.process import Command, Completed, Pace

_INITIAL_MIB = 32
_NIX_INITIAL_MIB = 384
"""The largest initial heap in MiB; a smaller one makes Nix slower."""

MEMORY_MIB = 2048
"""The memory limit in MiB of one evaluation, or of several that share it."""

DISK_MIB = 256
"""How many MiB a sealed evaluation may write to its store."""

SECONDS = 60.0
"""The time limit of one evaluation in seconds."""

TOGETHER_SECONDS = 50.0
"""The seconds for all evaluations in a stand-in tree together."""

_AT_ONCE = min(os.cpu_count() or 1, 3)
"""How many evaluations may run at once, by the memory of a large file."""

_BESIDE_MIB = 256
"""The memory of Nix outside its heap in MiB, mainly for the parsed files."""

_SHORTEST = 0.001

_GIT = ".git"
_STORE = Path("/nix/store")


class _Limits(Struct, frozen=True, kw_only=True):
    """The limits of an evaluation that the user gave."""

    seconds: float | None = None
    memory: int | None = None
    disk: int | None = None


_allowed: ContextVar[_Limits | None] = ContextVar("_allowed", default=None)

ANSWER_BYTES = 128 << 20
"""The limit of an answer in bytes: Nix prints a shared value once for each use."""

SETTINGS = Path(__file__).with_name("sealed")
"""Nix's configuration for evaluating strangers' files."""

CONFIGURATION = {
    "NIX_CONF_DIR": str(SETTINGS),
    "NIX_USER_CONF_FILES": "",
    # A HOME that exists has to be the user's, else Nix looks for that.
    "HOME": "/homeless-shelter",
    # No fetcher finds its program, and each fails that looks into the cache of fetches
    # first.
    **dict.fromkeys(
        (
            "PATH",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
        ),
        os.devnull,
    ),
}
"""The environment variables of a sealed Nix."""

_turn = BoundedSemaphore(_AT_ONCE)
_seal: ContextVar[tuple[tuple[Path, ...], float] | None] = ContextVar(
    "_seal", default=None
)


@contextmanager
def sealed(*reach: Path, seconds: float = inf) -> Generator[None]:
    """Seal each evaluation in the block.

    It reads only `reach`, the directory of its expression, and the paths in its
    arguments. Each has at most SECONDS and MEMORY_MIB, or the user's limits. With
    `seconds`, all evaluations together have that time and memory. The limits of an
    enclosing block still apply.
    """
    around = _seal.get()
    end = time.monotonic() + seconds
    token = _seal.set((reach, end if around is None else min(end, around[1])))
    try:
        yield
    finally:
        _seal.reset(token)


class Budget:
    """A number of seconds that evaluations in several blocks share."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def spending(self) -> Generator[float]:
        """Yield the remaining seconds, and subtract the block's time from them."""
        began = time.monotonic()
        try:
            yield self.left
        finally:
            self.spend(time.monotonic() - began)

    def spend(self, seconds: float) -> None:
        """Subtract used seconds from the remaining time."""
        self.left = max(self.left - seconds, 0.0)


class Allowance:
    """A time limit for each of many things, over all evaluations that examine it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._spent: dict[Hashable, float] = {}

    def left(self, thing: Hashable) -> float:
        """Return the remaining seconds of a thing."""
        return max(self.seconds - self._spent.get(thing, 0.0), 0.0)

    def execute(
        self, command: Command, things: Sequence[Hashable], *, mark: str
    ) -> Completed:
        """Run a command that examines things in this order.

        A stderr line with the mark starts each.

        Raise LimitError at the first thing whose time is up, and errors as
        process.execute does.
        """
        began: list[float] = [time.monotonic()]
        has_begun = False

        def observe(line: str) -> None:
            nonlocal has_begun
            if mark in line:
                # The first begins with the program.
                began.extend([time.monotonic()] if has_begun else [])
                has_begun = True
            if command.on_stderr is not None:
                command.on_stderr(line)

        def left() -> float:
            at = len(began) - 1
            return (
                began[at]
                + (self.left(things[at]) if at < len(things) else self.seconds)
                - time.monotonic()
            )

        try:
            return process.execute(
                replace(command, pace=Pace(self.seconds, left), on_stderr=observe)
            )
        finally:
            for thing, (begin, end) in zip(
                things, pairwise((*began, time.monotonic())), strict=False
            ):
                self._spent[thing] = self._spent.get(thing, 0.0) + end - begin


_shared: ContextVar[Allowance | None] = ContextVar("_shared", default=None)


@contextmanager
def sharing(allowed: Allowance) -> Generator[None]:
    """Share one Allowance among all evaluations in the block."""
    token = _shared.set(allowed)
    try:
        yield
    finally:
        _shared.reset(token)


def allowance(most: float | None = None) -> Allowance:
    """Return the time limits of a system's attributes, shared in the block."""
    return _shared.get() or Allowance(seconds() if most is None else most)


@contextmanager
def allowing(
    seconds: float | None, memory: int | None, disk: int | None = None
) -> Generator[None]:
    """Replace the default limits of evaluations in the block with the user's.

    `memory` and `disk` are in MiB. None keeps the default.
    """
    token = _allowed.set(_Limits(seconds=seconds, memory=memory, disk=disk))
    try:
        yield
    finally:
        _allowed.reset(token)


def raised_by(option: str, limit: str) -> str:
    """Return the limit that was reached, with the option that raises it."""
    return (
        f"{limit}; raise the limit with {option}"
        if _allowed.get() is not None
        else limit
    )


def no_time() -> str:
    """Return the reason for a missing answer, if many things share a time limit."""
    return raised_by(
        "--timeout", "the time limit was reached before this was evaluated"
    )


def seconds(default: float | None = None) -> float:
    """Return the time limit of an evaluation in seconds, or of all that share one."""
    return _given().seconds or (SECONDS if default is None else default)


def memory(default: int | None = None) -> int:
    """Return the memory limit in MiB of an evaluation, or of all that share one."""
    return _given().memory or (MEMORY_MIB if default is None else default)


def disk() -> int:
    """Return how many MiB a sealed evaluation may write."""
    return _given().disk or DISK_MIB


def _given() -> _Limits:
    return _allowed.get() or _Limits()


def left() -> float:
    """Return the remaining seconds of all evaluations in this block, or infinity."""
    seal = _seal.get()
    return inf if seal is None else max(seal[1] - time.monotonic(), _SHORTEST)


def is_sealed() -> bool:
    """Return whether evaluations in this block are sealed."""
    return _seal.get() is not None


def restrict(
    command: Command, *named: Path, writes: Sequence[Path] | None = ()
) -> Command:
    """Return a command with this block's restrictions.

    `named` are the paths in its arguments.

    Each is a directory that the user named or that unlet created, never a path in a
    stranger's tree. The command may write to `writes`, confined by the kernel; None if
    it cannot work confined.
    """
    if (seal := _seal.get()) is None:
        return command
    reach, end = seal
    # Nix follows a link only to where it may already read.
    roots = dict.fromkeys(
        root for path in (*reach, *named) for root in (path.resolve(), path)
    )
    tops = [root for root in roots if roots.keys().isdisjoint(root.parents)]
    readable = [place for root in tops for place in without_git(root)]
    # What stands before the first `=` in an entry would be a name.
    entries = (
        f"reach={place}" if "=" in str(place) else str(place) for place in readable
    )
    words = [word for entry in entries for word in ("-I", entry)]
    together = isfinite(end)
    alone = replace(command, env=variables(command.env))
    within = bounded(
        alone, memory() // _AT_ONCE if together else memory(), strictly=True
    )
    return replace(
        within,
        argv=(*command.argv, *words),
        timeout=max(
            _SHORTEST, min(command.timeout or seconds(), end - time.monotonic())
        ),
        most=ANSWER_BYTES,
        writes=disk(),
        within=None
        if writes is None
        else confinement(*readable, writes=writes, lists=tops),
        turn=_turn if together else None,
        # An evaluation heeds no signal while a function runs.
        grace=0.0,
    )


def variables(among: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """Return the environment of a Nix that parses or evaluates strangers' files."""
    return environment.variables(EVALUATING, CONFIGURATION, among=among)


@cache
def without_git(root: Path) -> tuple[Path, ...]:
    """Return the readable parts of a root, without `.git`, which may hold a password.

    Nix may list the directories above these parts, but not read them. A link comes
    after its target, and is omitted if its target is: Nix would not start.
    """
    if any(root.is_relative_to(place) for place in (_STORE, default_cache().root)):
        return (root,)
    above: set[Path] = set()
    waiting = [str(root)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name == _GIT:
                    above |= {
                        place
                        for place in Path(entry.path).parents
                        if place.is_relative_to(root)
                    }
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    if not above:
        return (root,)
    beside = (place for directory in above for place in directory.iterdir())
    readable = [
        place
        for place in beside
        if place not in above and place.name != _GIT and _is_readable(place, root)
    ]
    return tuple(sorted(readable, key=Path.is_symlink))


def _is_readable(place: Path, root: Path) -> bool:
    if not place.is_symlink():
        return True
    target = Path(os.path.normpath(place.parent / place.readlink()))
    return (
        target == place.resolve()
        and target.is_relative_to(root)
        and _GIT not in target.relative_to(root).parts
    )


def confinement(
    *roots: Path, writes: Sequence[Path] = (), lists: Sequence[Path] = ()
) -> Confinement:
    """Return what a Nix with our configuration may read and list."""
    found = process.find("nix-instantiate")
    own, runs = _program(found) if found is not None else ((), None)
    return Confinement(
        read=(SETTINGS, *own, *roots), write=tuple(writes), list=tuple(lists), run=runs
    )


@cache
def _program(found: Path) -> tuple[tuple[Path, ...], tuple[Path, ...] | None]:
    """Return a program with its libraries, and what it may start."""
    real = found.resolve()
    return (
        real,
        real.parents[1] / "lib",
        real.parents[1] / "libexec",
    ), landlock.started(real)


def available() -> int | None:
    """Return the free memory in MiB (proc(5)), or None if unknown."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", told, re.MULTILINE)
    return int(found[1]) >> 10 if found else None


def jobs(*, each: int) -> int:
    """Return how many evaluations of `each` MiB the free memory permits."""
    processors, memory = os.cpu_count() or 1, available()
    return processors if memory is None else max(1, min(processors, memory // each))


def bounded(
    command: Command, mebibytes: int | None, *, strictly: bool = False
) -> Command:
    """Return the command with a limit on the heap of Nix's evaluator.

    Nix reports if it exceeds the limit.

    The variables are those of Nix's garbage collector. `strictly` limits what Nix keeps
    outside of it, too.
    """
    if mebibytes is None:
        return command
    heap = {"GC_MAXIMUM_HEAP_SIZE": str(mebibytes << 20)}
    # The less the collector begins with, the more often it looks through all that there
    # is.
    initial = (
        mebibytes // 2
        if mebibytes >= 2 * _NIX_INITIAL_MIB
        else min(_INITIAL_MIB, mebibytes)
    )
    heap["GC_INITIAL_HEAP_SIZE"] = str(initial << 20)
    return replace(
        command,
        env={**command.env, **heap},
        memory=mebibytes + _BESIDE_MIB if strictly else None,
    )
