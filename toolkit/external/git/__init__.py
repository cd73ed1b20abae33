"""git: the calls that the rest of the program makes, each of them one function.

Repositories of the user's are only read; what is written is in the cache or in a temporary directory.
"""

from __future__ import annotations

from toolkit.external.git.applying import Applied, Patched, applies, apply
from toolkit.external.git.fetching import Fetched, UnreachableError, fetch, resolve_remote, shown
from toolkit.external.git.program import blob_id
from toolkit.external.git.reading import (
    Entry,
    Located,
    check_rev,
    export,
    fact,
    is_repository,
    locate,
    rev_parse,
    show,
)
from toolkit.external.git.series import Series, addition, series
from toolkit.external.git.stacking import Stacked, changes, stack, touched

__all__ = [
    "Applied",
    "Entry",
    "Fetched",
    "Located",
    "Patched",
    "Series",
    "Stacked",
    "UnreachableError",
    "addition",
    "applies",
    "apply",
    "blob_id",
    "changes",
    "check_rev",
    "export",
    "fact",
    "fetch",
    "is_repository",
    "locate",
    "resolve_remote",
    "rev_parse",
    "series",
    "show",
    "shown",
    "stack",
    "touched",
]
