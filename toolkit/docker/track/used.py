"""The overlay that the user has: what it does, and whether a version of the file still needs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolkit import documents
from toolkit.docker.readings import Overridable, Place, Reading, State
from toolkit.errors import ToolkitError
from toolkit.files import REPORT

if TYPE_CHECKING:
    from pathlib import Path


class Way(StrEnum):
    """How rootless docker gets its ports: README, "NixOS users"; ANY is for whoever does not say."""

    ANY = "any"
    NAME = "wrapper-name"
    REWRAP = "rewrap"
    PATCHED = "patched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """An overlay; `blob` is the docker file that it was made from, where that is known, `directory` where it is."""

    way: Way = Way.ANY
    blob: str | None = None
    directory: Path | None = None

    def is_needed(self, reading: Reading) -> bool | None:
        """Tell whether the overlay does something that this version of the file lacks; None if that is not known."""
        place = reading.rootlesskit
        match self.way:
            case Way.NAME:
                return False
            case Way.REWRAP:
                return None if place is Place.UNKNOWN else place in {Place.PREFIX, Place.BOTH}
            case Way.PATCHED if reading.overridable is Overridable.NOT_APPLICABLE:
                return None
            case _:
                return None if reading.state is State.UNKNOWN else reading.state is not State.FIXED


ANY = Used()
"""An overlay that nothing is known of; it may be any of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """The part of a report.json that is read; `unlet propose` writes one without a kind."""

    source: _Source
    kind: Way = Way.PATCHED


def read(directory: Path) -> Used:
    """Return the overlay that `unlet overlay` or `unlet propose` wrote to a directory, by its report.json.

    Raise ToolkitError for a directory that has none. A proposal has it beside its `overlay/`.
    """
    for place in (directory, directory.resolve().parent):
        try:
            content = (place / REPORT).read_bytes()
        except OSError:
            continue
        report = documents.read(content, _Report, document=str(place / REPORT))
        return Used(way=report.kind, blob=report.source.blob, directory=directory)
    hint = "name the kind with --kind if unlet did not write the overlay"
    raise ToolkitError(f"{directory}: has no {REPORT} that names the kind of overlay", hint=hint)
