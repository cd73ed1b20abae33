"""git: the calls that most of the program makes, each of them one function; others are in modules beside.

Repositories of the user's are only read; what is written is in the cache or in a temporary directory.
"""

from __future__ import annotations

from toolkit.git.fetching import Fetched, fetch, resolve_remote
from toolkit.git.patching import Applied, applies, apply
from toolkit.git.reading import (
    Entry,
    Located,
    TreeFile,
    blob_id,
    check_rev,
    export,
    fact,
    for_checkout,
    is_repository,
    locate,
    missing_files,
)
from toolkit.git.scratch import Series, addition, series

__all__ = [
    "Applied",
    "Entry",
    "Fetched",
    "Located",
    "Series",
    "TreeFile",
    "addition",
    "applies",
    "apply",
    "blob_id",
    "check_rev",
    "export",
    "fact",
    "fetch",
    "for_checkout",
    "is_repository",
    "locate",
    "missing_files",
    "resolve_remote",
    "series",
]
