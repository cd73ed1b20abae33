"""What the user has: an overlay, what it does, whether a version of the file still needs it; and their own nixpkgs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import documents, git, patches
from toolkit.docker import TARGET, staging
from toolkit.docker.readings import Overridable, Place, Reading, State
from toolkit.docker.track.model import RefKind
from toolkit.docker.track.upstream import File, FoundFile, WantedRef
from toolkit.errors import ToolkitError, UnreachableError, without_passwords
from toolkit.files import REPORT
from toolkit.git import clone
from toolkit.sources import locks

if TYPE_CHECKING:
    from toolkit.docker.track.upstream import UpstreamReader
    from toolkit.model import Progress, SourceRequest


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


def pinned(request: SourceRequest, upstream: UpstreamReader, repository: str, progress: Progress) -> FoundFile:
    """Return the file of the user's nixpkgs.

    A commit that a lock file names is looked up where all refs are and nowhere else: in the clone without a network,
    on the server by one small request. What is on this machine is read there. Raise ToolkitError for what is no
    nixpkgs; one that cannot be had now is returned with the reason.
    """
    name = without_passwords(request.nixpkgs or request.pin or str(request.file))
    locked = _locked(request, repository)
    if locked is not None:
        (found,) = upstream.look([WantedRef(locked, RefKind.PIN)])
        return replace(found, wanted=WantedRef(f"{name} {locked[:12]}", RefKind.PIN))
    try:
        source = staging.nixpkgs(request, progress=progress)
    except UnreachableError as error:
        return FoundFile(wanted=WantedRef(name, RefKind.PIN), reason=error.message)
    file = File(path=TARGET, content=source.content, blob=git.blob_id(source.content))
    shown = f"{name} {source.commit.short}" if source.commit is not None else name
    return FoundFile(wanted=WantedRef(shown, RefKind.PIN), commit=source.commit, file=file)


def _locked(request: SourceRequest, repository: str) -> str | None:
    """Return the commit of the repository that is pinned; None for all else."""
    if request.pin is not None:
        return str(patches.pin(request.pin).commit)
    if request.nixpkgs is None or request.rev is not None:
        return None
    path, _, entry = request.nixpkgs.partition("#")
    file = Path(path).expanduser()
    if not file.is_file():
        return None
    locked = locks.read(file, entry or "nixpkgs")
    if not isinstance(locked, locks.AtCommit) or not re.fullmatch(r"[0-9a-f]{40}", locked.rev):
        return None
    ours = locked.url is None or clone.owner_and_name(locked.url) == repository.lower()
    return locked.rev if ours else None
