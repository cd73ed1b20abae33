"""Ask binary caches of Nix over HTTP which store paths they have."""

import time
from collections.abc import Collection
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import requests

from toolkit import http
from toolkit.errors import UnreachableError, UsageError, without_passwords

_SECONDS = 20.0
_MOST_BYTES = 1 << 20
_HASH = 32


def held(url: str, paths: Collection[str]) -> frozenset[str]:
    """Return the store paths that a cache has, of those given.

    Raise UsageError for a URL that is not HTTP. Raise UnreachableError if the cache
    does not answer in time, or answers with another error than that it lacks a path.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise UsageError(f"--substituters: '{url}' is not an http or https URL")
    session, end = http.HttpSession(), time.monotonic() + _SECONDS
    return frozenset(path for path in paths if _has(session, url, path, end))


def _has(session: requests.Session, url: str, path: str, end: float) -> bool:
    """Return whether the cache has a description of a path."""
    place = f"{url.rstrip('/')}/{PurePosixPath(path).name[:_HASH]}.narinfo"
    try:
        answer, _ = http.ask(session, place, most=_MOST_BYTES, end=end)
    except requests.RequestException as error:
        reason = type(error).__name__
        raise UnreachableError(
            f"{without_passwords(url)}: does not answer: {reason}"
        ) from error
    if answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
        # A bucket that may not be listed answers 403 for a path that it lacks.
        return False
    if answer.status_code != HTTPStatus.OK:
        status = answer.status_code
        raise UnreachableError(
            f"{without_passwords(url)}: answers with HTTP status {status}"
        )
    return True
