"""The history of the defects: each version of the file is read once, and what changed between two is an event."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit.git.reading import blob_id
from toolkit.proposal import registry
from toolkit.track import readings
from toolkit.track.model import Event, History, Version, commit
from toolkit.track.readings import Overridable, Place, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.git.history import HistoryStep
    from toolkit.model import Oid, Progress
    from toolkit.track.memory import Memory
    from toolkit.track.model import TrackedCommit
    from toolkit.track.readings import Reading
    from toolkit.track.upstream import FoundFile, Past, Subject, Upstream

_SAVE_AFTER = 100

_COMPONENTS = {
    Overridable.NO: "bound in dockerGen's let",
    Overridable.YES: "overridable",
    Overridable.PARTLY: "partly overridable",
    Overridable.NOT_APPLICABLE: "no moby",
}


_BINDINGS = {
    Overridable.NO: "bound in a let, out of reach",
    Overridable.YES: "within reach",
    Overridable.PARTLY: "within reach in part",
    Overridable.NOT_APPLICABLE: "none is bound in a let",
}


class Timeline(Struct, kw_only=True):
    """Reads the versions of a file, and remembers them some at a time, so that an interrupt loses little.

    `read` counts those that it had to read.
    """

    upstream: Upstream
    subject: Subject
    memory: Memory
    progress: Progress
    read: int = 0

    def history(self, found: FoundFile, *, most: int | None = None) -> History:
        """Return the history of the file at a ref, or of its newest `most` versions."""
        self.progress.step(f"listing the versions of the file at {found.wanted.name}")
        past = self.upstream.past(found, most=most)
        # What the refs have taken is not taken from their history.
        self.memory.renew()
        readings = self._readings(past)
        chain = _chain(past.steps)
        notes = list(past.notes)
        if chain and chain[-1].before is not None and most is None:
            notes.append(f"versions before {chain[-1].change.commit.short} are not in the list")
        members = {step.change.commit for step in chain}
        versions = tuple(
            _version(step, readings.get(step.change.commit), mainline=step.change.commit in members)
            for step in reversed(past.steps)
        )
        events = tuple(_events((version for version in versions if version.mainline), self.subject.package))
        return History(ref=found.wanted.name, versions=versions, events=events, read=self.read, notes=tuple(notes))

    def fixed_by(self, found: FoundFile, *, most: int) -> TrackedCommit | None:
        """Return the commit since which the file is fixed, if it is among the newest `most`."""
        past = self.upstream.past(found, most=most)
        readings = self._readings(past)
        since: HistoryStep | None = None
        for step in _chain(past.steps):
            reading = readings.get(step.change.commit)
            if reading is None or reading.state is not State.FIXED:
                return commit(since.change) if since is not None else None
            since = step
        return None

    def _readings(self, past: Past) -> dict[Oid, Reading]:
        """Return the reading after each step by its commit; what has no content has none."""
        # A server does not tell the blobs; those of contents that were read are remembered.
        known = self.memory.known.blobs
        blobs = {step.change.commit: step.blob or known.get(_place(step)) for step in past.steps}
        found: dict[str, Reading] = {}
        for blob in filter(None, blobs.values()):
            if (reading := self.subject.reading(blob, past=True)) is not None:
                found[blob] = reading
        missing = [step for step in past.steps if blobs[step.change.commit] not in found]
        # Of equal contents one is enough, if the blob tells.
        distinct = list({blobs[step.change.commit] or step.change.commit: step for step in missing}.values())
        if distinct:
            self.progress.step(f"reading {len(distinct)} versions of the file")
        contents = ((step, content) for step, content in self.upstream.contents(distinct) if content is not None)
        while some := list(islice(contents, _SAVE_AFTER)):
            read: dict[str, bytes] = {}
            for step, content in some:
                blob = step.blob or known.setdefault(_place(step), blob_id(content))
                blobs[step.change.commit] = blob
                read[blob] = content
            found |= self.subject.read(read, past=True)
            self.memory.save()
            self.read += len(some)
        return {commit: found[blob] for commit, blob in blobs.items() if blob in found}


def _place(step: HistoryStep) -> str:
    return f"{step.change.commit}:{step.path}"


def _chain(steps: Sequence[HistoryStep]) -> list[HistoryStep]:
    """Return the steps that led to the newest one, newest first: each begins with what the next one has left.

    Branches that were merged stand between them in git's list, and would look like a change back and forth. A server
    does not say what a step began with; there all count.
    """
    if all(step.blob is None and step.before is None for step in steps):
        return list(steps)
    chain: list[HistoryStep] = []
    wanted = None
    for step in steps:
        if not chain or (step.blob is not None and step.blob == wanted):
            chain.append(step)
            wanted = step.before
            if wanted is None:
                break
    return chain


def _version(step: HistoryStep, reading: Reading | None, *, mainline: bool) -> Version:
    if reading is None:
        why = "the file was deleted" if step.blob is None and step.before is not None else "its content is missing"
        reading = readings.unknown(why)
    return Version(commit=commit(step.change), path=step.path, blob=step.blob, reading=reading, mainline=mainline)


_What = tuple[str, str | None, str | None, str]
"""What an event is about, before, after, and in words."""


def _events(versions: Iterator[Version], package: str) -> Iterator[Event]:
    """Yield what is different in each version; what could not be told in one is as it last was."""
    path, before = None, None
    for version in versions:
        reading = version.reading
        found: list[_What] = []
        if path is None:
            newest = f", {package} {reading.newest}" if reading.newest else ""
            found.append(("file", None, str(version.path), f"the list begins: '{version.path}'{newest}"))
        elif path != version.path:
            found.append(("file", str(path), str(version.path), f"moved to '{version.path}'"))
        found += _differences(before, reading, package)
        for what, old, new, text in found:
            yield Event(commit=version.commit, what=what, before=old, after=new, text=text)
        path, before = version.path, reading if before is None else _carried(before, reading)


def _carried(before: Reading, reading: Reading) -> Reading:
    return replace(
        reading,
        overridable=before.overridable if reading.overridable is Overridable.UNKNOWN else reading.overridable,
        rootlesskit=before.rootlesskit if reading.rootlesskit is Place.UNKNOWN else reading.rootlesskit,
        todo=before.todo if reading.todo is None else reading.todo,
        layout=before.layout if reading.layout is None else reading.layout,
    )


def _differences(old: Reading | None, new: Reading, package: str) -> Iterator[_What]:
    if new.reason is not None and (old is None or old.reason != new.reason):
        yield "file", None, new.reason, f"could not tell: {new.reason}"
    had_reach = old.overridable if old is not None else None
    yield from _components(had_reach, new.overridable, package=package)
    yield from _places(old.rootlesskit if old is not None else None, new.rootlesskit)
    had = bool(old is not None and old.todo)
    if new.todo is not None and had != new.todo:
        before, after = ("gone", "there") if new.todo else ("there", "gone")
        yield "todo", before, after, f"the TODO is {after}"
    if old is not None and None not in {old.layout, new.layout} and old.layout != new.layout:
        yield "layout", old.layout, new.layout, f"now {new.layout}"


def _components(old: Overridable | None, new: Overridable, *, package: str) -> Iterator[_What]:
    if new in {old, Overridable.UNKNOWN} or (old is None and new is Overridable.NOT_APPLICABLE):
        return
    text = f"components: {_COMPONENTS[new]}" if registry.is_named(package) else f"bindings: {_BINDINGS[new]}"
    if registry.is_named(package) and old is Overridable.NOT_APPLICABLE and new is Overridable.NO:
        text = "components: moby is split off, in dockerGen's let"
    yield "components", old, new, text


def _places(old: Place | None, new: Place) -> Iterator[_What]:
    if new in {old, Place.UNKNOWN} or (old is None and new is Place.NO_WRAPPER):
        return
    others = {Place.NO_WRAPPER: "the wrapper is gone", Place.ABSENT: "rootlesskit not in the wrapper's PATH"}
    text = others.get(new, f"rootlesskit in the wrapper's PATH {new}")
    head = "dockerd-rootless is wrapped, " if old is Place.NO_WRAPPER else ""
    yield "rootlesskit", old, new, head + text
