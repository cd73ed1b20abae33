"""Find out for each branch and channel whether upstream has fixed it, and what to do about the overlay."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import __version__, confined
from toolkit.docker import TARGET, choosing
from toolkit.docker.plan import Demotion, steps
from toolkit.docker.readings import UNKNOWN, State
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.rewrite.series import rewrite
from toolkit.errors import ToolkitError, reason_of
from toolkit.forge.nixpkgs import Server, tracked
from toolkit.git import patching
from toolkit.model import Commit
from toolkit.track import state, verdict
from toolkit.track.clone import CloneUpstream
from toolkit.track.memory import Memory
from toolkit.track.model import OurSeries, Ref, RefKind, SeriesFit, TrackAnswer, commit, moment
from toolkit.track.timeline import Timeline
from toolkit.track.upstream import WantedRef, kind_of
from toolkit.track.verdict import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.readings import Reading
    from toolkit.git.patching import Fitting
    from toolkit.model import Progress, SourceRequest
    from toolkit.track.model import Pull
    from toolkit.track.upstream import File, FoundFile, Upstream
    from toolkit.track.verdict import Used

# A fix that is older than so many versions is dated by none of them.
_MOST_SINCE = 60

_SKEW = timedelta(days=1)


class TrackRequest(Struct, frozen=True, kw_only=True):
    """One call of `track`.

    `refs` are those to look at, empty for the usual ones. `git_dir` is a local clone, None for the server. `own` names
    the user's nixpkgs, `used` the overlay on it. `pulls` are pull requests beside those of patches/; `with_pulls` False
    leaves all out. `history` asks for the timeline of the first ref, `last` bounds it. `proposal` is a directory with a
    series, `state` the file that remembers. The rest is how the server is reached; None means as patches/ says.
    """

    refs: tuple[str, ...] = ()
    git_dir: Path | None = None
    own: SourceRequest | None = None
    used: Used = ANY
    pulls: tuple[int, ...] = ()
    with_pulls: bool = True
    history: bool = False
    last: int | None = None
    proposal: Path | None = None
    state: Path | None = None
    server: Server = field(default_factory=Server)
    timeout: float = 30.0
    wait: float = 5.0


def track(request: TrackRequest, *, progress: Progress) -> TrackAnswer:
    """Answer the request; raise ToolkitError if there is nothing to ask, or a file of the user's is no good.

    What cannot be told of a ref or of a pull request is in its part of the answer, and keeps nothing else back.
    """
    last = state.load(request.state) if request.state is not None else state.Last(facts=None)
    memory = Memory()
    upstream = _upstream(request, memory)
    try:
        return _answer(request, last, memory, upstream, progress)
    finally:
        memory.save()


def _upstream(request: TrackRequest, memory: Memory) -> Upstream:
    if request.git_dir is not None:
        return CloneUpstream(request.git_dir, request.server.repository or tracked().repository)
    # A quarter of a second that a clone does not need.
    from toolkit.track.forge import Forge  # noqa: PLC0415

    return Forge(request.server, memory, timeout=request.timeout, wait=request.wait)


def _answer(
    request: TrackRequest, last: state.Last, memory: Memory, upstream: Upstream, progress: Progress
) -> TrackAnswer:
    found = _look(request, upstream, progress)
    own: list[FoundFile] = []
    if request.own is not None:
        progress.step("looking at your nixpkgs")
        repository = request.server.repository or tracked().repository
        own.append(verdict.pinned(request.own, upstream, repository, progress))
    heads: Sequence[tuple[Pull, File | None]] = ()
    if request.with_pulls:
        progress.step("looking at pull requests")
        heads = upstream.pulls(list(dict.fromkeys((*tracked().pulls, *request.pulls))), found)
    progress.step("reading the file")
    files = [*(each.file for each in (*found, *own)), *(file for _, file in heads)]
    readings = memory.read({file.blob: file.content for file in files if file is not None})
    ours = _of_proposal(request.proposal) if request.proposal is not None else _of_files((*found, *own), memory)
    timeline = Timeline(upstream=upstream, memory=memory, progress=progress)
    refs = tuple(_ref(each, readings, ours, timeline) for each in (*found, *own))
    pulls = tuple(_pull(pull, readings[file.blob], refs) if file is not None else pull for pull, file in heads)
    history = timeline.history(found[0], most=request.last) if request.history else None
    judged = verdict.judge(
        refs[: len(found)],
        refs[-1] if own else None,
        used=request.used,
        nixpkgs=request.own.nixpkgs if request.own is not None else None,
    )
    now = state.facts_of(refs, pulls, judged, with_series=request.proposal is not None)
    changes = state.changes(last.facts, now)
    if request.state is not None:
        state.save(request.state, state.merged(last.facts, now))
    network = upstream.finish()
    return TrackAnswer(
        unlet=__version__,
        checked=moment(time.time()),
        source=upstream.source,
        target=TARGET,
        verdict=judged,
        refs=refs,
        pulls=pulls,
        changes=changes,
        first=last.facts is None,
        exit_code=verdict.exit_code(judged, changed=bool(changes)),
        history=history,
        network=network,
        warnings=tuple(dict.fromkeys((*last.warnings, *upstream.warnings, *memory.warnings, *_skewed(refs)))),
    )


def _look(request: TrackRequest, upstream: Upstream, progress: Progress) -> list[FoundFile]:
    progress.step("looking for the branches")
    wanted = [WantedRef(name, kind_of(name)) for name in dict.fromkeys(request.refs)] or upstream.defaults()
    progress.step(f"fetching the file at {len(wanted)} refs")
    return upstream.look(wanted)


def _ref(found: FoundFile, readings: Mapping[str, Reading], ours: _Ours, timeline: Timeline) -> Ref:
    wanted, file = found.wanted, found.file
    if file is None:
        return Ref(name=wanted.name, kind=wanted.kind, state=State.UNKNOWN, reason=found.reason, commit=found.commit)
    reading = readings[file.blob]
    is_dated = reading.state is State.FIXED and wanted.kind is not RefKind.PIN
    return Ref(
        name=wanted.name,
        kind=wanted.kind,
        state=reading.state,
        reason=reading.reason if reading.state is State.UNKNOWN else None,
        commit=found.commit,
        path=file.path,
        moved=file.path != TARGET,
        blob=file.blob,
        reading=reading,
        changed=commit(file.change) if file.change is not None else None,
        fixed_by=timeline.fixed_by(found, most=_MOST_SINCE) if is_dated else None,
        series=ours.fit(file, reading),
    )


def _pull(pull: Pull, reading: Reading, refs: Sequence[Ref]) -> Pull:
    """Return a pull request with what its head does to the file."""
    base = next((ref.reading for ref in refs if ref.name == pull.base), refs[0].reading if refs else None)
    return replace(pull, reading=reading, effect=_effect(base, reading))


def _effect(base: Reading | None, head: Reading) -> str:
    """Say in words what a pull request does to each defect."""
    if head.state is State.UNKNOWN:
        return f"could not tell: {head.reason}"
    parts: list[str] = []
    for what, before, after in (
        ("components overridable", base.overridable if base is not None else UNKNOWN, head.overridable),
        ("rootlesskit", base.rootlesskit if base is not None else UNKNOWN, head.rootlesskit),
    ):
        parts.append(f"{what}: {after}" if before in {UNKNOWN, after} else f"{what}: {before} → {after}")
    return ", ".join(parts)


def _skewed(refs: Sequence[Ref]) -> list[str]:
    limit = moment(time.time()) + _SKEW
    return [
        f"{ref.name}: its last change is dated in the future; is this clock right?"
        for ref in refs
        if ref.changed is not None and ref.changed.date > limit
    ]


class _Ours(Struct, frozen=True, kw_only=True):
    """Our diff, and what it was made for: a proposal that was written, or the first file that can be rewritten."""

    diff: bytes | None = None
    made_for: str | None = None

    def fit(self, file: File, reading: Reading) -> OurSeries:
        """Tell whether the series applies to a file."""
        if reading.state is State.FIXED:
            return OurSeries(fit=SeriesFit.SUPERFLUOUS, made_for=self.made_for)
        if self.diff is None:
            return OurSeries(fit=SeriesFit.UNKNOWN, detail="no file that was read can be rewritten")
        found = _fitting(file.content, self.diff)
        if not found.applies:
            lines = ", ".join(map(str, found.conflicts))
            detail = f"at line {lines}" if lines else found.reason
            return OurSeries(fit=SeriesFit.CONFLICTS, detail=detail, made_for=self.made_for)
        if file.path != TARGET:
            return OurSeries(fit=SeriesFit.CONFLICTS, detail=f"the file is '{file.path}' now", made_for=self.made_for)
        if found.offset:
            return OurSeries(fit=SeriesFit.OFFSET, detail=f"{found.offset} lines", made_for=self.made_for)
        return OurSeries(fit=SeriesFit.CLEAN, made_for=self.made_for)


@cache
def _fitting(content: bytes, diff: bytes) -> Fitting:
    """Try the series on a content, which most refs have in common."""
    return patching.fit(content, TARGET, diff)


def _of_proposal(directory: Path) -> _Ours:
    """Return the series of a proposal that `unlet propose` wrote; raise ToolkitError for what is none."""
    try:
        return _Ours(diff=(directory / "upstream.diff").read_bytes(), made_for=str(directory))
    except OSError as error:
        reason = reason_of(error)
        hint = "'unlet propose' writes a proposal"
        raise ToolkitError(f"{directory / 'upstream.diff'}: {reason}", hint=hint) from None


def _of_files(found: Iterable[FoundFile], memory: Memory) -> _Ours:
    """Return the series that is made for the first file that can be rewritten."""
    for each in found:
        if each.file is None:
            continue
        blob = str(each.file.blob)
        if blob not in memory.known.diffs:
            memory.known.diffs[blob] = our_diff(each.file.content).decode()
        if diff := memory.known.diffs[blob]:
            return _Ours(diff=diff.encode(), made_for=each.wanted.name)
    return _Ours()


def our_diff(content: bytes) -> bytes:
    """Return our change of a file, nothing for one that is refused or too large to read."""
    (texts,) = confined.each(_rewritten, [content])
    contents = [content, *(text.encode() for text in texts or ())]
    commits = [Commit(subject="docker", body="", before=old, after=new) for old, new in pairwise(contents)]
    return patching.series(commits, TARGET).upstream_diff if commits else b""


def _rewritten(content: bytes) -> list[str]:
    """Return a file after each of our commits; nothing for one that is refused."""
    try:
        file = docker_file(content, name=TARGET.name)
        return list(rewrite(file, steps(choosing.by_age(file).strategy, Demotion.SUFFIX)))
    except ToolkitError:
        return []
