"""A record on this machine of the source for which a report was written.

A report may be anyone's, so unlet shows the paths in it but never reads them. A path
counts only if a run on this machine wrote the report.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from toolkit import documents
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError, without_passwords
from toolkit.model import Source, SourceRequest

_KIND, _NAME = "reports", "request.json"


def record(report: bytes, source: Source, request: SourceRequest) -> None:
    """Record the source of a report.json, if the cache can be written."""
    with suppress(ToolkitError):
        default_cache().keep(
            _KIND, _key(report), _NAME, documents.write(_lasting(source, request))
        )


def find(report: bytes) -> SourceRequest | None:
    """Return the source of a report.json; None if no run on this machine wrote it."""
    content = default_cache().read(_KIND, _key(report), _NAME)
    return (
        documents.read(content, SourceRequest, document=_NAME)
        if content is not None
        else None
    )


def _key(report: bytes) -> str:
    return hashlib.sha256(report).hexdigest()


def _lasting(source: Source, request: SourceRequest) -> SourceRequest:
    """Return a request that gives the same source elsewhere and later."""
    where = request.nixpkgs
    place = Path(where).expanduser() if where is not None else None
    if place is not None and place.exists():
        where = str(place.absolute())
    if request.file is not None:
        return SourceRequest(file=request.file.absolute())
    if source.commit is None:
        return replace(request, nixpkgs=where)
    # Of a lock file the commit that it names now.
    named = where is not None and (
        where.startswith("<") or where == source.remote or Path(where).is_dir()
    )
    return SourceRequest(
        nixpkgs=without_passwords(where) if named and where else None, rev=source.commit
    )
