"""Search a whole tree for packages defined in lets, on all processors."""

import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import inf
from multiprocessing.connection import wait
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import inside, landlock, process
from toolkit.errors import NixSyntaxError, RefusalError, ToolkitError, did_you_mean
from toolkit.inside import EntryKind
from toolkit.lift.bindings import Binding, Reachability, find
from toolkit.lift.kinds import BindingKind
from toolkit.lift.locating import locate
from toolkit.lift.shape import read
from toolkit.nix import limits
from toolkit.nix.tree import parsed, readable
from toolkit.sources.package_files import PACKAGES, CalledNames, called_names, has_let

_CHUNK = 8
_ENDS = (signal.SIGTERM, signal.SIGHUP)
_AT_ONCE = 200

_MAXIMUM_BYTES = 32 << 20
"""The largest file to read, in bytes; hackage-packages.nix has 20 MB."""

_SECONDS = 50.0
"""The CPU seconds of one process; two of them need 20 s each for a whole nixpkgs."""


class BoundPackage(Struct, frozen=True, kw_only=True):
    """A package that a let defines, in `file` of the tree.

    `package` is the attribute path of the file's package, or the file's path if no name
    is known.
    """

    file: PurePosixPath
    package: str
    binding: Binding

    @property
    def rank(self) -> tuple[object, ...]:
        """The sort key of findings: the most useful lifts come first."""
        kinds, states = list(BindingKind), list(Reachability)
        return (
            kinds.index(self.binding.kind),
            self.binding.reason is None,
            states.index(self.binding.state),
            not self.binding.shares,
            self.package,
            self.binding.line,
        )


class Survey(Struct, frozen=True, kw_only=True):
    """The findings in `files` files.

    `unread` are the files that the parser cannot read, or not in time.

    `late` are the ones among them that the time limit excluded.
    """

    findings: tuple[BoundPackage, ...]
    files: int
    unread: tuple[PurePosixPath, ...]
    late: tuple[PurePosixPath, ...] = ()


class SurveyedFile(Struct, frozen=True, kw_only=True):
    """A file with a `let`; `bindings` are the packages that it defines.

    `returns_function` is true if the file's function returns another function.
    """

    path: str
    returns_function: bool = False
    bindings: tuple[Binding, ...] = ()
    readable: bool = True
    late: bool = False


def survey(root: Path, packages: Sequence[str] = ()) -> Survey:
    """Find packages that lets define in a tree, or in some `packages`, or files.

    Raise ToolkitError for a tree without `pkgs`, and for an unknown package.
    """
    if not inside.is_directory(root, PACKAGES):
        raise ToolkitError(
            f"{root}: this directory has no '{PACKAGES}'",
            hint="name a nixpkgs tree with --nixpkgs",
        )
    names = called_names(root)
    if packages:
        places = dict.fromkeys(
            str(place) for name in packages for place in _places(root, names, name)
        )
        end = _used() + max(limits.seconds(_SECONDS), _SECONDS)
        parts = [_look_below(root, place, end) for place in places]
    else:
        parts = list(_look_everywhere(root))
    looked = [file for _, files in parts for file in files]
    found: list[BoundPackage] = []
    for file in looked:
        path = PurePosixPath(file.path)
        # What callPackage makes of it is a function, as buildTeleport is.
        if not packages and file.returns_function and names.calls(path):
            continue
        package = names.known(path) or str(path)
        found += (
            BoundPackage(file=path, package=package, binding=binding)
            for binding in file.bindings
        )
    return Survey(
        findings=tuple(sorted(found, key=lambda finding: finding.rank)),
        files=sum(count for count, _ in parts),
        unread=tuple(PurePosixPath(file.path) for file in looked if not file.readable),
        late=tuple(PurePosixPath(file.path) for file in looked if file.late),
    )


def _places(root: Path, names: CalledNames, package: str) -> tuple[PurePosixPath, ...]:
    if "/" in package and inside.exists(root, package):
        return (PurePosixPath(package),)
    if places := names.places(root, package):
        return places
    if (found := locate(root, [package]).get(package)) is not None:
        return (found.file,)
    hint = did_you_mean(
        package,
        names.all(root),
        otherwise="name a package by its attribute path, or by its path in the tree",
    )
    raise ToolkitError(
        f"{package}: this nixpkgs has no package of this name", hint=hint
    )


def _look_everywhere(root: Path) -> Iterator[tuple[int, list[SurveyedFile]]]:
    # Directories of the second level are many enough to share, and few enough to hand
    # over.
    first = inside.listed(root, PACKAGES)
    directories = [entry.path for entry in first if entry.kind is EntryKind.DIRECTORY]
    shares = [
        entry.path for place in directories for entry in inside.listed(root, place)
    ]
    shares += [entry.path for entry in first if entry.kind is not EntryKind.DIRECTORY]
    context = multiprocessing.get_context("spawn")
    look = partial(_look_below, root, end=limits.seconds(_SECONDS))
    with ProcessPoolExecutor(
        mp_context=context, initializer=_begin, initargs=(root,)
    ) as workers:
        # A worker that is not told all it needs would complain. The workers inherit
        # that an interrupt does not reach them: this process ends them. Another of its
        # threads may take the signal, so that it is held as well.
        held = process.HeldSignals()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, *_ENDS])
        try:
            try:
                parts = workers.map(look, shares, chunksize=_CHUNK)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, *_ENDS])
                held.release()
            yield from parts
        except KeyboardInterrupt:
            workers.shutdown(wait=False, cancel_futures=True)
            # They would read their shares to the end.
            for worker in multiprocessing.active_children():
                worker.kill()
            raise


def _used() -> float:
    """Return the CPU seconds that this process and its children have used."""
    usages = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _begin(root: Path) -> None:
    """Start a worker process, which ends with its parent and reads only the tree."""
    landlock.confine(landlock.Confinement(read=(root, *landlock.python())))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _look_below(root: Path, place: str, end: float) -> tuple[int, list[SurveyedFile]]:
    """Read all files at or below a path.

    Return their number, and the files that have a `let`.
    """
    paths = list(files_of(root, place))
    parts = (
        paths[begin : begin + _AT_ONCE] for begin in range(0, len(paths), _AT_ONCE)
    )
    return len(paths), [file for part in parts for file in read_files(root, part, end)]


def read_files(
    root: Path, paths: Sequence[str], end: float = inf
) -> Iterator[SurveyedFile]:
    """Yield the files with a `let` and the packages defined there, and unreadable ones.

    `end` is a time in CPU seconds of this process; later files are `late`.
    """
    texts: dict[str, str] = {}
    for path in paths:
        try:
            content = inside.read(root, path, most=_MAXIMUM_BYTES)
        except ToolkitError:
            yield SurveyedFile(path=path, readable=False)
            continue
        if not has_let(content):
            continue
        try:
            texts[path] = content.decode()
        except UnicodeDecodeError:
            yield SurveyedFile(path=path, readable=False)
    are_parsable = readable([*texts.values()], most=max(end - _used(), 0))
    for (path, text), parsable in zip(texts.items(), are_parsable, strict=True):
        try:
            if not parsable or _used() >= end:
                yield SurveyedFile(path=path, readable=False, late=_used() >= end)
                continue
            shape = read(parsed(text, name=path, known=True))
            yield SurveyedFile(
                path=path,
                bindings=find(shape),
                returns_function=len(shape.functions) > 1,
            )
        except (NixSyntaxError, RefusalError, RecursionError):
            yield SurveyedFile(path=path, readable=False)


def files_of(root: Path, place: str) -> Iterator[str]:
    """Yield the paths of the Nix files at or below a path, including links to files."""
    if place.endswith(".nix") and inside.is_file(root, place):
        yield place
    elif inside.link(root, place) is None:
        for entry in inside.entries(root, place):
            if entry.path.endswith(".nix") and (
                entry.kind is EntryKind.FILE
                or (entry.kind is EntryKind.LINK and inside.is_file(root, entry.path))
            ):
                yield entry.path
