"""Find out for each branch and channel whether upstream has fixed it, and whether the overlay may go."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.docker import plan as plans
from toolkit.docker.track import pin as pins
from toolkit.docker.track import series, state, verdict
from toolkit.docker.track.clone import Clone
from toolkit.docker.track.knowing import Knowledge
from toolkit.docker.track.memory import Memory
from toolkit.docker.track.report.document import Answer, Commit, History, Pull, Reading, Ref, State, date
from toolkit.docker.track.timeline import Timeline
from toolkit.docker.track.tracked import tracked
from toolkit.docker.track.upstream import PIN, Found, Wanted, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.plan import Plan
    from toolkit.docker.track.tracked import Tracked
    from toolkit.docker.track.upstream import Heads, Upstream
    from toolkit.git.history import Change
    from toolkit.model import Progress, SourceRequest

# A fix that is older than so many versions is dated by none of them.
_MOST_SINCE = 60

_SKEW_SECONDS = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
    """One call of `track`.

    `refs` are those to look at, empty for the usual ones. `git_dir` is a local clone, None for the server. `own` names
    the user's nixpkgs. `pulls` are pull requests beside those of patches/; `with_pulls` False leaves all out. `history`
    asks for the timeline of the first ref, `last` bounds it. `proposal` is a directory with a series, `state` the file
    that remembers. The rest is how the server is reached; None means as patches/ says.
    """

    refs: tuple[str, ...] = ()
    git_dir: Path | None = None
    own: SourceRequest | None = None
    pulls: tuple[int, ...] = ()
    with_pulls: bool = True
    history: bool = False
    last: int | None = None
    proposal: Path | None = None
    state: Path | None = None
    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None
    timeout: float = 30.0
    wait: float = 5.0


def track(request: TrackRequest, *, progress: Progress) -> Answer:
    """Answer the request; raise ToolkitError where there is nothing to ask, or a file of the user's is no good.

    What cannot be told of a ref or of a pull request is in its part of the answer, and keeps nothing else back.
    """
    plan, what = plans.plan(), tracked()
    last = state.load(request.state) if request.state is not None else state.Last(facts=None)
    memory = Memory(plan)
    upstream = _upstream(request, plan, what, memory)
    try:
        return _Tracking(
            request=request, plan=plan, what=what, memory=memory, upstream=upstream, progress=progress
        ).answer(last)
    finally:
        memory.save()


class _Tracking:
    """One run: each step needs what the ones before it found."""

    def __init__(  # noqa: PLR0913 - the parts of one run
        self,
        *,
        request: TrackRequest,
        plan: Plan,
        what: Tracked,
        memory: Memory,
        upstream: Upstream,
        progress: Progress,
    ) -> None:
        self._request = request
        self._plan = plan
        self._what = what
        self._memory = memory
        self._upstream = upstream
        self._progress = progress
        self._knowledge = Knowledge(plan, memory)
        self._timeline = Timeline(upstream, self._knowledge, memory, progress)

    def answer(self, last: state.Last) -> Answer:
        found = self._look()
        own = self._own()
        heads = self._heads(found)
        files = [each.file for each in (*found, *((own,) if own is not None else ()), *heads) if each.file is not None]
        self._progress.step("reading the file")
        readings = self._knowledge.read({str(file.blob): file.content for file in files})
        refs = self._refs(found, readings)
        pin = self._refs([own], readings)[0] if own is not None else None
        pulls = tuple(_pull(each, readings, refs) for each in heads)
        history = self._history(found)
        judged = verdict.judge(refs, pin)
        everything = (*refs, *((pin,) if pin is not None else ()))
        now = state.facts_of(everything, pulls, judged, with_series=self._request.proposal is not None)
        changes = state.changes(last.facts, now)
        if self._request.state is not None:
            state.save(self._request.state, state.merged(last.facts, now))
        network = self._upstream.finish()
        return Answer(
            unlet=__version__,
            checked=date(time.time()),
            source=self._upstream.source,
            target=str(self._plan.target),
            verdict=judged,
            refs=everything,
            pulls=pulls,
            changes=changes,
            first=last.facts is None,
            exit_code=verdict.exit_code(judged, changed=bool(changes)),
            history=history,
            network=network,
            warnings=self._warnings(last, found),
        )

    def _look(self) -> list[Found]:
        self._progress.step("looking for the branches")
        names = self._request.refs
        wanted = [Wanted(n, kind_of(n)) for n in dict.fromkeys(names)] if names else list(self._upstream.defaults())
        self._progress.step(f"fetching the file at {len(wanted)} refs")
        return self._upstream.look(wanted)

    def _own(self) -> Found | None:
        if self._request.own is None:
            return None
        self._progress.step("looking at your nixpkgs")
        repository = self._request.repository or self._what.repository
        return pins.find(self._request.own, self._upstream, self._plan, repository, self._progress)

    def _heads(self, found: Sequence[Found]) -> tuple[Heads, ...]:
        if not self._request.with_pulls:
            return ()
        self._progress.step("looking at pull requests")
        return self._upstream.pulls(list(dict.fromkeys((*self._what.pulls, *self._request.pulls))), found)

    def _refs(self, found: Sequence[Found], readings: Mapping[str, Reading]) -> tuple[Ref, ...]:
        ours = (
            series.of_proposal(self._request.proposal)
            if self._request.proposal is not None
            else series.of_files(found, self._plan)
        )
        return tuple(self._ref(each, readings, ours) for each in found)

    def _ref(self, found: Found, readings: Mapping[str, Reading], ours: series.Ours) -> Ref:
        wanted = found.wanted
        commit = str(found.commit) if found.commit is not None else None
        if found.file is None:
            return Ref(name=wanted.name, kind=wanted.kind, state=State.UNKNOWN, reason=found.reason, commit=commit)
        file = found.file
        reading = readings[str(file.blob)]
        is_dated = reading.state is State.FIXED and wanted.kind != PIN
        fixed = self._timeline.fixed_by(found, most=_MOST_SINCE) if is_dated else None
        return Ref(
            name=wanted.name,
            kind=wanted.kind,
            state=reading.state,
            reason=reading.reason if reading.state is State.UNKNOWN else None,
            commit=commit,
            path=str(file.path),
            moved=file.path != self._plan.target,
            blob=str(file.blob),
            reading=reading,
            changed=_commit(file.change) if file.change is not None else None,
            fixed_by=_commit(fixed.change) if fixed is not None else None,
            series=ours.fit(file, reading, self._plan),
        )

    def _history(self, found: Sequence[Found]) -> History | None:
        if not self._request.history:
            return None
        return self._timeline.history(found[0], most=self._request.last)

    def _warnings(self, last: state.Last, found: Sequence[Found]) -> tuple[str, ...]:
        limit = time.time() + _SKEW_SECONDS
        skewed = [
            f"{each.wanted.name}: its last change is dated in the future; is this clock right?"
            for each in found
            if each.file is not None and each.file.change is not None and each.file.change.committed > limit
        ]
        said = (*last.warnings, *self._upstream.warnings, *self._knowledge.warnings, *self._memory.warnings, *skewed)
        return tuple(dict.fromkeys(said))


def _upstream(request: TrackRequest, plan: Plan, what: Tracked, memory: Memory) -> Upstream:
    if request.git_dir is not None:
        return Clone(request.git_dir, plan, what, request.repository or what.repository)
    # A quarter of a second that a clone does not need.
    from toolkit.docker.track.connecting import connect  # noqa: PLC0415

    return connect(request, plan, what, memory)


def _commit(change: Change) -> Commit:
    return Commit(commit=str(change.commit), date=date(change.committed), subject=change.subject)


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
        ("components overridable", base.overridable if base is not None else None, head.overridable),
        ("rootlesskit", base.rootlesskit if base is not None else None, head.rootlesskit),
    ):
        known = before is not None and before.value != State.UNKNOWN.value
        parts.append(f"{what}: {before} → {after}" if known and before != after else f"{what}: {after}")
    return ", ".join(parts)
