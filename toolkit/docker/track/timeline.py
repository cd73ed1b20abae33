"""The history of the defects: each version of the file is read once, and what changed between two is an event."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.docker.track import meaning
from toolkit.docker.track.report.document import Event, History, Overridable, Place, Reading, Version, date

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.track.knowing import Knowledge
    from toolkit.docker.track.memory import Memory
    from toolkit.docker.track.upstream import Found, Past, Upstream
    from toolkit.git.history import Step
    from toolkit.model import Progress

_SAVE_AFTER = 100

_LET, _PARAMETERS, _NONE = "bound in dockerGen's let", "overridable", "no moby"


class Timeline:
    """Reads the versions of a file, and remembers each as soon as it is read, so that an interrupt loses little."""

    def __init__(self, upstream: Upstream, knowledge: Knowledge, memory: Memory, progress: Progress) -> None:
        self._upstream = upstream
        self._knowledge = knowledge
        self._memory = memory
        self._progress = progress
        self._contents: dict[str, bytes] = {}
        self._read = 0

    def history(self, found: Found, *, most: int | None = None) -> History:
        """Return the history of the file at a ref, or of its newest `most` versions."""
        self._progress.step(f"listing the versions of the file at {found.wanted.name}")
        past = self._upstream.past(found, most=most)
        readings = self._readings(past)
        chain = _chain(past.steps)
        notes = list(past.notes)
        if chain and chain[-1].before is not None and most is None:
            notes.append(f"what came before {chain[-1].change.commit.short} is not in the list")
        members = {step.change.commit for step in chain}
        versions = tuple(
            _version(step, readings.get(step.change.commit.hex), mainline=step.change.commit in members)
            for step in reversed(past.steps)
        )
        mainline = [version for version in versions if version.mainline]
        events = tuple(event for pair in _pairs(mainline) for event in _events(*pair))
        return History(ref=found.wanted.name, versions=versions, events=events, read=self._read, notes=tuple(notes))

    def fixed_by(self, found: Found, *, most: int) -> Step | None:
        """Return the commit since which the file is fixed, where it is among the newest `most`."""
        past = self._upstream.past(found, most=most)
        readings = self._readings(past)
        since: Step | None = None
        for step in _chain(past.steps):
            reading = readings.get(step.change.commit.hex)
            if reading is None or reading.state.value != "fixed":
                return since
            since = step
        return since

    def _readings(self, past: Past) -> dict[str, Reading]:
        """Return the reading after each step by its commit; what has no content has none."""
        blobs = {step.change.commit.hex: self._blob(step) for step in past.steps}
        missing = [step for step in past.steps if (b := blobs[step.change.commit.hex]) is None or not self._known(b)]
        # Of equal contents one is enough, where the blob tells.
        distinct = list({str(step.blob) if step.blob else step.change.commit.hex: step for step in missing}.values())
        if distinct:
            self._progress.step(f"reading {len(distinct)} versions of the file")
        for count, (step, content) in enumerate(self._upstream.contents(distinct), start=1):
            if content is None:
                continue
            blob = self._remember(step, content)
            blobs[step.change.commit.hex] = blob
            self._knowledge.by_syntax(blob, content)
            self._contents[blob] = content
            self._read += 1
            if count % _SAVE_AFTER == 0:
                self._memory.save()
        self._memory.save()
        found = {blob: reading for blob in blobs.values() if blob and (reading := self._knowledge.by_syntax(blob))}
        found |= self._decided(found)
        return {commit: found[blob] for commit, blob in blobs.items() if blob is not None and blob in found}

    def _decided(self, found: dict[str, Reading]) -> dict[str, Reading]:
        """Let Nix decide of what would be good news; that a let is a let it could only repeat."""
        claims = self._knowledge.claims(found.items())
        known = {blob: self._contents.get(blob, b"") for blob in claims}
        asked = {blob: content for blob, content in known.items() if content or blob in self._memory.evaluated}
        return self._knowledge.decided({blob: found[blob] for blob in asked}, asked)

    def _blob(self, step: Step) -> str | None:
        if step.blob is not None:
            return str(step.blob)
        return self._memory.blobs.get(f"{step.change.commit}:{step.path}")

    def _known(self, blob: str) -> bool:
        reading = self._memory.readings.get(blob)
        if reading is None:
            return False
        return blob in self._memory.evaluated or not self._knowledge.claims([(blob, reading)])

    def _remember(self, step: Step, content: bytes) -> str:
        if step.blob is not None:
            return str(step.blob)
        from toolkit import git  # noqa: PLC0415 - only a server does not say the blob itself

        blob = str(git.blob_id(content))
        self._memory.blobs[f"{step.change.commit}:{step.path}"] = blob
        return blob


def _chain(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that led to the newest one, newest first: each begins with what the next one has left.

    Branches that were merged stand between them in git's list, and would look like a change back and forth. A server
    does not say what a step began with; there all count.
    """
    if all(step.blob is None and step.before is None for step in steps):
        return list(steps)
    chain: list[Step] = []
    wanted = None
    for step in steps:
        if not chain or (step.blob is not None and step.blob == wanted):
            chain.append(step)
            wanted = step.before
            if wanted is None:
                break
    return chain


def _version(step: Step, reading: Reading | None, *, mainline: bool) -> Version:
    if reading is None:
        why = "the file was deleted" if step.blob is None and step.before is not None else "its content cannot be had"
        reading = meaning.unknown(why)
    return Version(
        commit=str(step.change.commit),
        date=date(step.change.committed),
        subject=step.change.subject,
        path=str(step.path),
        blob=str(step.blob) if step.blob is not None else None,
        state=reading.state,
        overridable=reading.overridable,
        rootlesskit=reading.rootlesskit,
        todo=reading.todo,
        layout=reading.layout,
        newest=reading.newest,
        mainline=mainline,
        reason=reading.reason,
    )


def _pairs(versions: Sequence[Version]) -> Iterator[tuple[Version | None, Version]]:
    """Yield each version with the one before it, in which what could not be told is as it last was."""
    before: Version | None = None
    for version in versions:
        yield before, version
        before = version if before is None else _carried(before, version)


def _carried(before: Version, version: Version) -> Version:
    return replace(
        version,
        overridable=before.overridable if version.overridable is Overridable.UNKNOWN else version.overridable,
        rootlesskit=before.rootlesskit if version.rootlesskit is Place.UNKNOWN else version.rootlesskit,
        todo=before.todo if version.todo is None else version.todo,
        layout=before.layout if version.layout is None else version.layout,
    )


def _events(old: Version | None, new: Version) -> Iterator[Event]:
    """Yield what is different in a version; nothing of what could not be told in one of them is made an event."""

    def event(what: str, before: str | None, after: str | None, text: str) -> Event:
        return Event(
            commit=new.commit, date=new.date, subject=new.subject, what=what, before=before, after=after, text=text
        )

    if old is None:
        docker = f", docker {new.newest}" if new.newest else ""
        yield event("file", None, new.path, f"the list begins: '{new.path}'{docker}")
    elif old.path != new.path:
        yield event("file", old.path, new.path, f"moved to '{new.path}'")
    if new.reason is not None and (old is None or old.reason != new.reason):
        yield event("file", None, new.reason, f"could not tell: {new.reason}")
    yield from _components(old, new, event)
    yield from _places(old, new, event)
    if new.todo is not None and (old.todo if old is not None and old.todo is not None else False) != new.todo:
        yield event("todo", *_words(new.todo), "the TODO comes" if new.todo else "the TODO goes")
    if old is not None and None not in {old.layout, new.layout} and old.layout != new.layout:
        yield event("layout", old.layout, new.layout, f"now {new.layout}")


def _words(todo: bool) -> tuple[str, str]:  # noqa: FBT001 - the value itself
    return ("gone", "there") if todo else ("there", "gone")


def _components(old: Version | None, new: Version, event: _Maker) -> Iterator[Event]:
    before = old.overridable if old is not None else None
    after = new.overridable
    if after == before or after.value == "unknown" or (old is None and after.value == "not applicable"):
        return
    said = {"no": _LET, "yes": _PARAMETERS, "partly": "partly overridable", "not applicable": _NONE}[after.value]
    if before is not None and before.value == "not applicable" and after.value == "no":
        said = "moby is split off, in dockerGen's let"
    yield event("components", before.value if before is not None else None, after.value, f"components: {said}")


def _places(old: Version | None, new: Version, event: _Maker) -> Iterator[Event]:
    before = old.rootlesskit if old is not None else None
    after = new.rootlesskit
    if after == before or after is Place.UNKNOWN or (old is None and after is Place.NO_WRAPPER):
        return
    came = before is Place.NO_WRAPPER or (before is None and after is not Place.NO_WRAPPER)
    text = {
        Place.NO_WRAPPER: "the wrapper goes",
        Place.ABSENT: "rootlesskit not in the wrapper's PATH",
    }.get(after, f"rootlesskit in the wrapper's PATH {after.value}")
    head = "the dockerd-rootless wrapper comes, " if came and after is not Place.NO_WRAPPER and old is not None else ""
    yield event("rootlesskit", before.value if before is not None else None, after.value, head + text)


if TYPE_CHECKING:
    from collections.abc import Callable

    _Maker = Callable[[str, str | None, str | None, str], Event]
