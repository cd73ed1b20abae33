"""What an answer says: of a rate limit, of a refusal, of the time; pure, and never with the token in a message."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from toolkit.errors import ToolkitError
from toolkit.forge.failures import AccessError, GoneError, NotFoundError, RateLimitError, UnreachableError
from toolkit.record import Record

if TYPE_CHECKING:
    from requests import Response

    from toolkit.forge.token import Token

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_MINUTE = 60.0


def rate_limit(answer: Response, body: bytes, token: Token | None) -> RateLimitError | None:
    """Return what a refusal says of a rate limit, with the time to come back by this machine's clock."""
    if answer.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    after, reset = number(answer, "Retry-After"), number(answer, "X-RateLimit-Reset")
    spent = number(answer, "X-RateLimit-Remaining") == 0
    forbidden = answer.status_code == HTTPStatus.FORBIDDEN
    if forbidden and after is None and not spent and b"rate limit" not in body.lower():
        return None
    if after is not None:
        seconds = float(after)
    elif spent and reset is not None:
        # Both times are the server's, so that a wrong clock here does no harm.
        seconds = max(0.0, reset - _server_time(answer)) + 1
    else:
        seconds = _MINUTE
    until = time.time() + seconds
    back = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(until))
    hint = None if token is not None else "a token in GITHUB_TOKEN, or 'gh auth login', allows more"
    host = urlsplit(answer.url).netloc
    return RateLimitError(f"{host}: rate limit reached; come back at {back}", until=until, hint=hint)


def raise_for(answer: Response, body: bytes, token: Token | None) -> None:
    """Raise what a bad status means; return for a good one."""
    status, where = answer.status_code, shown(answer.url)
    if answer.ok:
        return
    said = _message(body)
    # The second is what GitHub says of a commit that there is not.
    if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.UNPROCESSABLE_ENTITY and "No commit found" in said):
        raise NotFoundError(f"{where}: not found")
    if status == HTTPStatus.GONE:
        raise GoneError(f"{where}: gone: {said or 'deleted'}")
    if status == HTTPStatus.UNAUTHORIZED:
        who = f"the token from {token.origin}" if token is not None else "a request without a token"
        raise AccessError(f"{where}: {who} is refused: {said or 'status 401'}", hint="renew it: gh auth login")
    if status == HTTPStatus.FORBIDDEN:
        who = f"the token from {token.origin} has no right" if token is not None else "nobody has the right without one"
        raise AccessError(f"{where}: {who} to read this: {said or 'status 403'}")
    raise UnreachableError(f"{where}: HTTP status {status}{f': {said}' if said else ''}")


def origin(url: str) -> tuple[str, str]:
    """Return the scheme and the server of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def is_private(url: str) -> bool:
    """Tell whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def resource(url: str) -> str:
    """Return what a rate limit is for: the search has one of its own, as has each server."""
    parts = urlsplit(url)
    return f"{parts.netloc} search" if "/search/" in parts.path else parts.netloc


def shown(url: str) -> str:
    """Return a URL for messages, without a password and without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def number(answer: Response, header: str) -> int | None:
    """Return the number in a header; a date in `Retry-After` becomes the seconds until then."""
    value = answer.headers.get(header, "").strip()
    if header == "Retry-After" and value and not value.isdigit():
        # The other form is a date (RFC 9110, 10.2.3).
        with suppress(ValueError):
            return max(0, round(parsedate_to_datetime(value).timestamp() - _server_time(answer)))
    return int(value) if value.isdigit() else None


def _server_time(answer: Response) -> float:
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()


def _message(body: bytes) -> str:
    """Return what GitHub says of an error, in one line."""
    try:
        return " ".join(Record(json.loads(body), document="").text("message").split())[:200]
    except (ValueError, RecursionError, ToolkitError):
        return ""


def is_final(error: requests.RequestException) -> bool:
    """Tell whether another try is pointless: no such host, nothing listens, a certificate that nobody trusts."""
    kinds = requests.exceptions
    if isinstance(error, kinds.SSLError | kinds.ProxyError | kinds.ConnectTimeout | kinds.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def unreachable(url: str, error: requests.RequestException, seconds: float) -> UnreachableError:
    """Return the error for a request that got no whole answer within `seconds`."""
    host = urlsplit(url).netloc
    hint = "check the network and the proxy variables; --git-dir needs none"
    if isinstance(error, requests.ReadTimeout):
        return UnreachableError(f"{host}: no whole answer within {seconds:g} s", hint=hint)
    if isinstance(error, requests.exceptions.SSLError):
        return UnreachableError(f"{host}: its certificate is not trusted", hint="REQUESTS_CA_BUNDLE names another one")
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return UnreachableError(f"{host}: the answer was cut off", hint=hint)
    return UnreachableError(f"{host}: cannot be reached", hint=hint)
