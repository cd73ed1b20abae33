"""Determine for each branch and channel whether nixpkgs has fixed a package.

The result includes advice on the user's overlay.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import __version__
from toolkit.errors import ToolkitError
from toolkit.git.history import FileCommit
from toolkit.git.reading import blob_id
from toolkit.model import Progress, Server
from toolkit.patches import tracked
from toolkit.proposal import overlays, registry
from toolkit.track import state, verdict
from toolkit.track.answer import Ref, RefKind, TrackAnswer
from toolkit.track.memory import Memory
from toolkit.track.package import Package
from toolkit.track.readings import Reading, State
from toolkit.track.repository import RepositoryRefs
from toolkit.track.state import Facts
from toolkit.track.upstream import FoundFile, Refs, TrackedPackage, WantedRef, kind_of
from toolkit.track.verdict import Used

# The number of versions in which the commit of a fix is searched.
_MOST_SINCE = 60
_AT_A_TIME = 8


class TrackRequest(Struct, frozen=True, kw_only=True):
    """A request to `track`.

    `target` is the package's attribute path, and `bindings` are the let-bound packages
    to examine, empty for all. `refs` are the refs to examine, empty for the usual ones.
    `git_dir` is a local clone; if it is None, `server` is used. `nixpkgs` is the user's
    own nixpkgs, and `used` the user's overlay. `state` is the file with the last
    result. `timeout` limits each request to the server, in seconds.
    """

    target: str = field(default_factory=registry.usual)
    bindings: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    git_dir: Path | None = None
    nixpkgs: str | None = None
    used: Used = field(default_factory=Used)
    state: Path | None = None
    server: Server = field(default_factory=Server)
    timeout: float = 30.0


def track(request: TrackRequest, *, progress: Progress) -> TrackAnswer:
    """Return the state of a package at each ref, with a verdict for the user.

    Raise ToolkitError if there are no refs, or if a user's file is invalid. A failure
    to read one ref is part of the result, and does not affect the other refs.
    """
    last = (
        state.load(request.state, request.target) if request.state is not None else None
    )
    memory = Memory()
    subject = _subject(request, memory, progress)
    upstream = _upstream(request, subject, memory)
    try:
        return _answer(request, last, upstream, memory, progress)
    finally:
        memory.save()


def _subject(
    request: TrackRequest, memory: Memory, progress: Progress
) -> TrackedPackage:
    if (named := registry.named().get(request.target)) is not None:
        subject: TrackedPackage = registry.loaded(named.subject)(memory)
        return subject
    return Package(
        request.target, request.used.bindings or request.bindings, memory, progress
    )


def _upstream(request: TrackRequest, subject: TrackedPackage, memory: Memory) -> Refs:
    if request.git_dir is not None:
        return RepositoryRefs(
            request.git_dir, request.server.repository or tracked().repository, subject
        )
    # A late import: it takes a quarter of a second, which a clone does not need.
    from toolkit.track.server import ServerRefs  # noqa: PLC0415

    return ServerRefs(request.server, subject, memory, timeout=request.timeout)


def _answer(
    request: TrackRequest,
    last: Facts | None,
    upstream: Refs,
    memory: Memory,
    progress: Progress,
) -> TrackAnswer:
    subject = upstream.subject
    found = _look(request, upstream, progress)
    own: list[FoundFile] = []
    if request.nixpkgs is not None:
        progress.step("reading your nixpkgs")
        repository = request.server.repository or tracked().repository
        own.append(
            verdict.pinned(request.nixpkgs, subject, upstream, repository, progress)
        )
    used = _used(request.used, own[0].tree if own else None)
    progress.step("reading the file")
    readings = subject.readings((*found, *own), upstream.repository)
    refs = tuple(
        _ref(each, reading, upstream, memory)
        for each, reading in zip((*found, *own), readings, strict=True)
    )
    judged = verdict.track_verdict(
        refs[: len(found)],
        refs[-1] if own else None,
        used=used,
        nixpkgs=request.nixpkgs,
        are_all=not any(kind_of(name) is RefKind.CHANNEL for name in upstream.missing),
    )
    now = state.facts_of(refs, judged)
    changes = state.changes(last, now)
    if request.state is not None:
        state.save(request.state, state.merged(last, now), request.target)
    return TrackAnswer(
        unlet=__version__,
        checked=datetime.now(UTC),
        source=upstream.source,
        package=request.target,
        target=subject.target,
        verdict=judged,
        refs=refs,
        missing=upstream.missing,
        changes=changes,
        first=last is None,
        exit_code=verdict.exit_code(judged, changed=bool(changes)),
        warnings=tuple(dict.fromkeys((*upstream.warnings, *memory.warnings))),
    )


def _used(used: Used, tree: Path | None) -> Used:
    """Return the user's overlay; `is_aside` is set if it does nothing in a tree."""
    if used.directory is None or tree is None:
        return used
    places = (used.directory, used.directory / "overlay")
    is_aside = any(overlays.is_aside(place, tree) for place in places)
    return replace(used, is_aside=is_aside)


def _look(request: TrackRequest, upstream: Refs, progress: Progress) -> list[FoundFile]:
    progress.step("looking for the branches")
    wanted = [
        WantedRef(name, kind_of(name)) for name in dict.fromkeys(request.refs)
    ] or upstream.defaults()
    progress.step(f"fetching the file at {len(wanted)} refs")
    return upstream.look(wanted)


def _ref(
    found: FoundFile, reading: Reading | None, upstream: Refs, memory: Memory
) -> Ref:
    wanted, file = found.wanted, found.file
    if file is None or reading is None:
        what = State.ABSENT if found.absent else State.UNKNOWN
        return Ref(
            name=wanted.name,
            kind=wanted.kind,
            state=what,
            reason=found.reason,
            commit=found.commit,
        )
    is_dated = reading.state is State.FIXED and wanted.kind is not RefKind.PIN
    return Ref(
        name=wanted.name,
        kind=wanted.kind,
        state=reading.state,
        reason=reading.reason if reading.state is State.UNKNOWN else None,
        commit=found.commit,
        path=file.path,
        moved=file.path != upstream.subject.target
        and upstream.subject.package in registry.named(),
        blob=file.blob,
        reading=reading,
        changed=file.change,
        fixed_by=_fixed_by(found, reading, upstream, memory) if is_dated else None,
    )


def _fixed_by(
    found: FoundFile, reading: Reading, upstream: Refs, memory: Memory
) -> FileCommit | None:
    """Return the commit since which the file is fixed, or None if unknown.

    The commit must be among the newest commits that changed the file, and all older
    versions up to the first unfixed one must be readable.
    """
    newest = found.file.change if found.file is not None else None
    parts = (each.name for each in reading.components)
    key = (
        " ".join((upstream.subject.package, *parts, str(newest.commit)))
        if newest is not None
        else ""
    )
    since = memory.known.since.get(key)
    if since is not None:
        return since
    try:
        for change, what in _states(found, upstream):
            if what is not State.FIXED:
                if since is not None and key and what is not State.UNKNOWN:
                    memory.known.since[key] = since
                return since
            since = change
    except ToolkitError as error:
        name = found.wanted.name
        upstream.warnings.append(
            f"{name}: unlet cannot determine which commit fixed it: {error.message}"
        )
    return None


def _states(found: FoundFile, upstream: Refs) -> Iterator[tuple[FileCommit, State]]:
    """Yield the newest commits that changed a file, and the file's state after each.

    The versions are read in groups of _AT_A_TIME.
    """
    versions = upstream.versions(found, most=_MOST_SINCE)
    while some := list(islice(versions, _AT_A_TIME)):
        contents = {
            str(blob_id(content)): content for _, content in some if content is not None
        }
        readings = upstream.subject.read(contents)
        for change, content in some:
            yield (
                change,
                readings[blob_id(content)].state
                if content is not None
                else State.UNKNOWN,
            )
