"""The user's own nixpkgs: which commit it is, and the file there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import git, patches
from toolkit.docker import staging
from toolkit.docker.plan import plan
from toolkit.docker.track.model import RefKind
from toolkit.docker.track.upstream import File, FoundFile, WantedRef
from toolkit.errors import UnreachableError, without_passwords
from toolkit.git import clone
from toolkit.sources import locks

if TYPE_CHECKING:
    from toolkit.docker.track.upstream import UpstreamReader
    from toolkit.model import Progress, SourceRequest


def find(request: SourceRequest, upstream: UpstreamReader, repository: str, progress: Progress) -> FoundFile:
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
    file = File(path=plan().target, content=source.content, blob=git.blob_id(source.content))
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
