"""What is known of versions of the file from earlier runs, by blob: a version is read once.

It lives in the cache under a key of the code that reads, so that what other code has read is never believed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from toolkit.cache import default_cache
from toolkit.docker.track.evaluating import Evaluated
from toolkit.docker.track.report.document import Component, Overridable, Place, Reading, State
from toolkit.errors import ToolkitError
from toolkit.git.history import Change
from toolkit.model import Oid
from toolkit.record import Record
from toolkit.shipped import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.docker.plan import Plan

T = TypeVar("T")

_KIND = "readings"
_FILE = "readings.json"
_CODE = ("docker", "nix")


class Memory:
    """Readings by blob, what Nix said by blob, last changes by place, blobs by commit and path, refs by repository."""

    def __init__(self, plan: Plan) -> None:
        """Read what is there; what is damaged is set aside, and `warnings` says so."""
        self.readings: dict[str, Reading] = {}
        self.evaluated: dict[str, Evaluated] = {}
        self.changes: dict[str, Change] = {}
        self.blobs: dict[str, str] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.warnings: tuple[str, ...] = ()
        self._cache = default_cache()
        self._key = _key(plan)
        self._saved: tuple[object, ...] = ()
        self._load()

    def save(self) -> None:
        """Write what is new; a cache that cannot be written keeps nothing."""
        if self._saved == self._sizes():
            return
        try:
            self._cache.replace(_KIND, self._key, make=lambda path: _write(path / _FILE, self._document()))
        except ToolkitError as error:
            self.warnings = (*self.warnings, error.message)
        self._saved = self._sizes()

    def _sizes(self) -> tuple[object, ...]:
        return (
            len(self.readings),
            len(self.evaluated),
            len(self.changes),
            len(self.blobs),
            dict(self.names),
        )

    def _load(self) -> None:
        path = self._cache.root / _KIND / self._key
        if not path.is_dir():
            return
        try:
            self._read(Record(_content(path / _FILE), document=str(path / _FILE)))
        except (OSError, ValueError, RecursionError, ToolkitError):
            self.warnings = (f"{path / _FILE}: is damaged; set aside, and everything is read again",)
            self.readings, self.evaluated, self.changes, self.blobs, self.names = {}, {}, {}, {}, {}
            self._set_aside()
            return
        self._saved = self._sizes()
        self._cache.find(_KIND, self._key, check=Path.is_dir)

    def _set_aside(self) -> None:
        try:
            self._cache.obtain(
                _KIND, self._key, make=lambda path: _write(path / _FILE, self._document()), check=lambda _: False
            )
        except ToolkitError as error:
            self.warnings = (*self.warnings, error.message)

    def _document(self) -> dict[str, object]:
        return {
            "readings": {blob: asdict(reading) for blob, reading in self.readings.items()},
            "evaluated": {
                blob: {"works": dict(found.works), "place": found.place} for blob, found in self.evaluated.items()
            },
            "changes": {
                place: {"commit": str(change.commit), "committed": change.committed, "subject": change.subject}
                for place, change in self.changes.items()
            },
            "blobs": self.blobs,
            "names": self.names,
        }

    def _read(self, record: Record) -> None:
        self.readings = _each(record.record("readings"), _reading)
        self.evaluated = _each(record.record("evaluated"), _evaluated)
        self.changes = _each(record.record("changes"), _change)
        blobs = record.record("blobs")
        self.blobs = {place: str(blobs.oid(place)) for place in blobs.names()}
        names = record.record("names")
        self.names = {repository: names.texts(repository) for repository in names.names()}


def _key(plan: Plan) -> str:
    digest = hashlib.sha256(repr((plan.components, plan.prefix_entry)).encode())
    for folder in _CODE:
        for path in sorted(PACKAGE.joinpath(folder).glob("*.*")):
            if path.suffix in {".py", ".nix"}:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _write(path: Path, document: object) -> None:
    """Write a document behind the digest of its bytes."""
    content = json.dumps(document, ensure_ascii=False).encode(errors="backslashreplace")
    path.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def _content(path: Path) -> object:
    digest, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError(path)
    value: object = json.loads(content)
    return value


def _each(record: Record, read: Callable[[Record], T]) -> dict[str, T]:
    return {name: read(record.record(name)) for name in record.names()}


def _reading(record: Record) -> Reading:
    releases = record.record("releases")
    return Reading(
        state=record.choice("state", State),
        overridable=record.choice("overridable", Overridable),
        overridable_by=record.optional("overridable_by", record.text),
        rootlesskit=record.choice("rootlesskit", Place),
        rootlesskit_by=record.optional("rootlesskit_by", record.text),
        todo=record.optional("todo", record.boolean),
        layout=record.optional("layout", record.text),
        newest=record.optional("newest", record.text),
        releases={name: releases.optional(name, releases.text) for name in releases.names()},
        components=tuple(
            Component(
                name=part.text("name"),
                bound=part.text("bound"),
                overridable=part.optional("overridable", part.boolean),
            )
            for part in record.records("components")
        ),
        reason=record.optional("reason", record.text),
    )


def _evaluated(record: Record) -> Evaluated:
    works = record.record("works")
    place = record.choice("place", Place) if "place" in record else None
    return Evaluated(works={name: works.boolean(name) for name in works.names()}, place=place)


def _change(record: Record) -> Change:
    return Change(
        commit=Oid(record.text("commit")), committed=record.integer("committed"), subject=record.text("subject")
    )
