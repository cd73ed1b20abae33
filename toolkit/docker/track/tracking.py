"""Find out for each branch and channel whether upstream has fixed it, and what to do about the overlay."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.docker import TARGET
from toolkit.docker.readings import UNKNOWN, State
from toolkit.docker.requests import Server
from toolkit.docker.track import series, state, used, verdict
from toolkit.docker.track.clone import CloneUpstream
from toolkit.docker.track.memory import Knowledge, Memory
from toolkit.docker.track.model import History, Ref, RefKind, TrackAnswer, commit, moment
from toolkit.docker.track.timeline import Timeline
from toolkit.docker.track.upstream import FoundFile, WantedRef, kind_of, tracked
from toolkit.docker.track.used import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.readings import Reading
    from toolkit.docker.track.model import Pull
    from toolkit.docker.track.upstream import Heads, UpstreamReader
    from toolkit.docker.track.used import Used
    from toolkit.model import Progress, SourceRequest

# A fix that is older than so many versions is dated by none of them.
_MOST_SINCE = 60

_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
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
    knowledge = Knowledge(memory)
    try:
        return _Tracking(
            request=request,
            memory=memory,
            upstream=upstream,
            knowledge=knowledge,
            timeline=Timeline(upstream=upstream, knowledge=knowledge, memory=memory, progress=progress),
            progress=progress,
        ).answer(last)
    finally:
        memory.save()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tracking:
    """One run."""

    request: TrackRequest
    memory: Memory
    upstream: UpstreamReader
    knowledge: Knowledge
    timeline: Timeline
    progress: Progress

    def answer(self, last: state.Last) -> TrackAnswer:
        found = self._look()
        own = self._own()
        heads = self._heads(found)
        at_refs = [*found, *([own] if own is not None else [])]
        self.progress.step("reading the file")
        files = [file for file in (each.file for each in at_refs) if file is not None]
        files += [each.file for head in heads for each in (head, *head.backports) if each.file is not None]
        readings = self.knowledge.read({str(file.blob): file.content for file in files})
        refs = self._refs(at_refs, readings)
        pin = refs[-1] if own is not None else None
        pulls = tuple(_pull(each, readings, refs) for each in heads)
        history = self._history(found)
        nixpkgs = self.request.own.nixpkgs if self.request.own is not None else None
        judged = verdict.judge(refs[: len(found)], pin, used=self.request.used, nixpkgs=nixpkgs)
        now = state.facts_of(refs, pulls, judged, with_series=self.request.proposal is not None)
        changes = state.changes(last.facts, now)
        if self.request.state is not None:
            state.save(self.request.state, state.merged(last.facts, now))
        network = self.upstream.finish()
        said = (*last.warnings, *self.upstream.warnings, *self.knowledge.warnings, *self.memory.warnings)
        return TrackAnswer(
            unlet=__version__,
            checked=moment(time.time()),
            source=self.upstream.source,
            target=TARGET,
            verdict=judged,
            refs=refs,
            pulls=pulls,
            changes=changes,
            first=last.facts is None,
            exit_code=verdict.exit_code(judged, changed=bool(changes)),
            history=history,
            network=network,
            warnings=tuple(dict.fromkeys((*said, *_skewed(refs)))),
        )

    def _look(self) -> list[FoundFile]:
        self.progress.step("looking for the branches")
        names = self.request.refs
        wanted = [WantedRef(n, kind_of(n)) for n in dict.fromkeys(names)] if names else list(self.upstream.defaults())
        self.progress.step(f"fetching the file at {len(wanted)} refs")
        return self.upstream.look(wanted)

    def _own(self) -> FoundFile | None:
        if self.request.own is None:
            return None
        self.progress.step("looking at your nixpkgs")
        repository = self.request.server.repository or tracked().repository
        return used.pinned(self.request.own, self.upstream, repository, self.progress)

    def _heads(self, found: Sequence[FoundFile]) -> tuple[Heads, ...]:
        if not self.request.with_pulls:
            return ()
        self.progress.step("looking at pull requests")
        return self.upstream.pulls(list(dict.fromkeys((*tracked().pulls, *self.request.pulls))), found)

    def _refs(self, found: Sequence[FoundFile], readings: Mapping[str, Reading]) -> tuple[Ref, ...]:
        proposal = self.request.proposal
        ours = series.of_proposal(proposal) if proposal is not None else series.of_files(found, self.memory)
        return tuple(self._ref(each, readings, ours) for each in found)

    def _ref(self, found: FoundFile, readings: Mapping[str, Reading], ours: series.Ours) -> Ref:
        wanted, file = found.wanted, found.file
        if file is None:
            return Ref(
                name=wanted.name, kind=wanted.kind, state=State.UNKNOWN, reason=found.reason, commit=found.commit
            )
        reading = readings[str(file.blob)]
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
            fixed_by=self.timeline.fixed_by(found, most=_MOST_SINCE) if is_dated else None,
            series=ours.fit(file, reading),
        )

    def _history(self, found: Sequence[FoundFile]) -> History | None:
        return self.timeline.history(found[0], most=self.request.last) if self.request.history else None


def _upstream(request: TrackRequest, memory: Memory) -> UpstreamReader:
    if request.git_dir is not None:
        return CloneUpstream(request.git_dir, request.server.repository or tracked().repository)
    # A quarter of a second that a clone does not need.
    from toolkit.docker.track.forge import Forge  # noqa: PLC0415

    return Forge(request, memory)


def _skewed(refs: Sequence[Ref]) -> list[str]:
    limit = moment(time.time()) + _SKEW
    return [
        f"{ref.name}: its last change is dated in the future; is this clock right?"
        for ref in refs
        if ref.changed is not None and ref.changed.date > limit
    ]


def _pull(heads: Heads, readings: Mapping[str, Reading], refs: Sequence[Ref]) -> Pull:
    """Return a pull request with what its head does to the file."""
    backports = tuple(_pull(each, readings, refs) for each in heads.backports)
    if heads.file is None:
        return replace(heads.pull, backports=backports)
    reading = readings[str(heads.file.blob)]
    base = next((ref.reading for ref in refs if ref.name == heads.pull.base), refs[0].reading if refs else None)
    return replace(heads.pull, reading=reading, effect=_effect(base, reading), backports=backports)


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
