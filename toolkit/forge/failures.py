"""The errors of bad answers: one line each, never with the token."""

import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

import requests
from msgspec import Struct
from urllib3.exceptions import MaxRetryError, NewConnectionError

from toolkit import documents
from toolkit.errors import ToolkitError, UnreachableError
from toolkit.forge.token import Token
from toolkit.forge.urls import server, shown

_MINUTE = 60.0
_MOST_SAID = 200
_LONGEST_NUMBER = 18


class NotFoundError(ToolkitError):
    """404: the resource does not exist, or the token may not see it."""


class RateLimitError(ToolkitError):
    """403 or 429: too many requests. `until` is the time to retry, in seconds since the epoch by our clock."""

    def __init__(self, message: str, *, until: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.until = until


class _ErrorBody(Struct, frozen=True, kw_only=True):
    message: str


def rate_limit(answer: requests.Response, body: bytes, token: Token | None) -> RateLimitError | None:
    """Return the rate limit that a refusal describes, with the retry time by this machine's clock."""
    if answer.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    after, reset = _number(answer.headers, "Retry-After"), _number(answer.headers, "X-RateLimit-Reset")
    spent = _number(answer.headers, "X-RateLimit-Remaining") == 0
    forbidden = answer.status_code == HTTPStatus.FORBIDDEN
    if forbidden and after is None and not spent and b"rate limit" not in body.lower():
        return None
    if after is not None:
        until = time.time() + after
    else:
        until = float(reset + 1) if spent and reset is not None else time.time() + _MINUTE
    hint = None if token is not None else "a token in GITHUB_TOKEN, or 'gh auth login', allows more"
    return RateLimitError(
        f"{server(answer.url)}: rate limit reached; try again at {_local(until)}", until=until, hint=hint
    )


def refusal(answer: requests.Response, body: bytes, token: Token | None) -> ToolkitError | None:
    """Return the error for a bad status, None for a good one."""
    if answer.ok:
        return None
    status, where, said = answer.status_code, shown(answer.url), _message(body, token)
    # The second is what GitHub says of a commit that there is not.
    if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.UNPROCESSABLE_ENTITY and "No commit found" in said):
        return NotFoundError(f"{where}: not found")
    if status == HTTPStatus.GONE:
        return ToolkitError(f"{where}: gone: {said or 'deleted'}")
    if status == HTTPStatus.UNAUTHORIZED:
        who = f"the token from {token.origin}" if token is not None else "a request without a token"
        return ToolkitError(f"{where}: {who} is refused: {said or 'status 401'}", hint="renew it: gh auth login")
    if status == HTTPStatus.FORBIDDEN:
        who = f"the token from {token.origin} may not" if token is not None else "a request without a token may not"
        return ToolkitError(f"{where}: {who} read this: {said or 'status 403'}")
    return UnreachableError(f"{where}: HTTP status {status}{f': {said}' if said else ''}")


def unreachable(url: str, error: requests.RequestException, seconds: float) -> UnreachableError:
    """Return the error for a request without a complete answer within `seconds`."""
    hint = "check the network and the proxy variables; --git-dir needs none"
    if isinstance(error, requests.ReadTimeout):
        return UnreachableError(f"{server(url)}: no whole answer within {seconds:.3g} s", hint=hint)
    if isinstance(error, requests.exceptions.SSLError):
        hint = "REQUESTS_CA_BUNDLE names other certificates"
        return UnreachableError(f"{server(url)}: its certificate is not trusted", hint=hint)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return UnreachableError(f"{server(url)}: the answer was cut off", hint=hint)
    return UnreachableError(f"{server(url)}: cannot be reached", hint=hint)


def is_final(error: requests.RequestException) -> bool:
    """Return whether a retry is pointless: no such host, no listener, an untrusted certificate."""
    kinds = requests.exceptions
    if isinstance(error, kinds.SSLError | kinds.ProxyError | kinds.ConnectTimeout | kinds.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    """Return the number in a header."""
    value = headers.get(name, "").strip()
    return int(value) if value.isdecimal() and len(value) <= _LONGEST_NUMBER else None


def _local(seconds: float) -> str:
    """Return a time as a date here; what a server says may be in no calendar."""
    with suppress(ValueError, OverflowError, OSError):
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))
    return "no time that this clock knows"


def _message(body: bytes, token: Token | None) -> str:
    """Return what GitHub says of an error, in one line, and none of the secrets that were sent to it."""
    try:
        said = " ".join(documents.read(body, _ErrorBody, document="").message.split())
    except ToolkitError:
        return ""
    return (token.hidden_in(said) if token is not None else said)[:_MOST_SAID]
