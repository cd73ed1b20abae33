"""Send requests to GitHub, cache the answers, and explain a bad answer in one line.

The token goes only to the two servers that the user named, and over plain HTTP only to
this machine. It is added just before a request is sent, so that cached or shown answers
never contain it.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec
import requests
from msgspec import Struct

from toolkit import documents, http
from toolkit.cache import Cache
from toolkit.errors import ToolkitError, UnreachableError, UsageError, without_passwords
from toolkit.forge.token import Token

T = TypeVar("T")

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_MOST_SHOWN = 200
_MOST_REDIRECTS = 5
_PAUSES = (0.5, 1.0)
"""The delays before each retry, in seconds."""

_LIMIT_SECONDS = 60
"""The seconds to wait after a rate limit that names no time."""

_MOST_BYTES = 32 << 20
_MOST_PAGES = 200


class NotFoundError(ToolkitError):
    """404: the resource does not exist, or the token may not see it."""


class _Page(Struct, frozen=True, kw_only=True):
    """The body of a successful answer.

    `next` is the URL of the next page, from its `Link` header.
    """

    body: bytes
    etag: str
    next: str | None


class _Wanted(Struct, frozen=True, kw_only=True):
    """A request for at most `most` bytes of a type.

    `check` decides whether an answer is complete.
    """

    accept: str
    most: int
    check: Callable[[bytes], object]


class _ErrorBody(Struct, frozen=True, kw_only=True):
    message: str


class TransientError(UnreachableError):
    """An error after which another attempt may succeed."""


class Client:
    """The two servers: REST API and raw files. Several threads may use a client.

    The URLs are those of `base_url`. `timeout` is the limit in seconds for one answer
    with all retries.
    """

    def __init__(
        self,
        *,
        api_url: str,
        raw_url: str,
        token: Token | None,
        cache: Cache,
        timeout: float = 30.0,
    ) -> None:
        self.api_url = api_url
        self.raw_url = raw_url
        self.timeout = timeout
        self._token = token
        # Nobody on the network can read the requests to these.
        private = (
            url
            for url in (api_url, raw_url)
            if _parts(url).scheme == "https" or _parts(url).hostname in _LOOPBACK
        )
        self._trusted = {*map(_origin, private)}
        self._cache = cache
        self._refused: dict[str, ToolkitError] = {}
        self._session = http.HttpSession()
        self._session.headers["X-GitHub-Api-Version"] = "2022-11-28"

    def raw(self, path: str, *, most: int) -> bytes:
        """Return a file of at most `most` bytes from the raw server."""
        return self._answer(
            f"{self.raw_url}/{path}", _Wanted(accept="*/*", most=most, check=len)
        ).body

    def json(self, path: str, kind: type[T]) -> T:
        """Return a JSON document from the API."""
        return self._json(f"{self.api_url}/{path}", kind)[0]

    def pages(self, path: str, kind: type[T]) -> Iterator[T]:
        """Yield the items of a list and of its next pages, by the `Link` headers."""
        url: str | None = f"{self.api_url}/{path}"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= _MOST_PAGES:
                raise ToolkitError(
                    f"{_shown(url)}: the server keeps sending further pages"
                )
            if _origin(url) != _origin(self.api_url):
                raise ToolkitError(
                    f"{_shown(url)}: the server names a next page on another server"
                )
            seen.add(url)
            found, url = self._json(url, list[kind])  # type: ignore[valid-type] # msgspec takes it at run time
            yield from found

    def _json(self, url: str, kind: type[T]) -> tuple[T, str | None]:
        def check(body: bytes) -> T:
            return documents.read(body, kind, document=_shown(url))

        answer = self._answer(
            url,
            _Wanted(
                accept="application/vnd.github+json", most=_MOST_BYTES, check=check
            ),
        )
        return check(answer.body), answer.next

    def _answer(self, url: str, wanted: _Wanted) -> _Page:
        """Return a successful answer, after redirects and retries.

        Raise ToolkitError for any other answer.
        """
        end = time.monotonic() + self.timeout
        where = url
        for _ in range(_MOST_REDIRECTS):
            answer = self._patiently(where, wanted, end)
            if isinstance(answer, _Page):
                return answer
            try:
                target = urljoin(where, answer)
            except ValueError:
                raise UnreachableError(
                    f"{_shown(where)}: the server redirects to something that is not "
                    "a URL"
                ) from None
            if (
                _parts(target).scheme not in {"https", _parts(where).scheme}
                or target == where
            ):
                raise UnreachableError(
                    f"{_shown(url)}: the server redirects to the same address or away "
                    "from https, so unlet does not follow"
                )
            where = target
        raise UnreachableError(
            f"{_shown(url)}: the server redirects more than {_MOST_REDIRECTS} times"
        )

    def _patiently(self, url: str, wanted: _Wanted, end: float) -> _Page | str:
        """Return an answer, or the address that it redirects to.

        Repeat the request after an error that may pass.
        """
        for pause in _PAUSES:
            try:
                return self._once(url, wanted, end)
            except TransientError:
                if time.monotonic() + pause >= end:
                    raise
                time.sleep(pause)
        return self._once(url, wanted, end)

    def _once(self, url: str, wanted: _Wanted, end: float) -> _Page | str:
        if (known := self._refused.get(_server(url))) is not None:
            raise known
        kept = self._kept(url)
        headers = {
            "Accept": wanted.accept,
            **({"If-None-Match": kept.etag} if kept is not None else {}),
        }
        auth = self._authorized if _origin(url) in self._trusted else http.unauthorized
        try:
            answer, body = http.ask(
                self._session,
                url,
                most=wanted.most,
                end=end,
                headers=headers,
                auth=auth,
            )
        except requests.RequestException as error:
            failure = _unreachable(url, error, self.timeout)
            if not isinstance(failure, TransientError):
                self._refused[_server(url)] = failure
            raise failure from None
        if self._token is not None:
            body = self._token.hidden_in(body)
        if kept is not None and answer.status_code == HTTPStatus.NOT_MODIFIED:
            return kept
        if answer.status_code in http.REDIRECTS:
            return answer.headers.get("Location", "")
        if not answer.ok:
            raise self._refusal(answer, body)
        try:
            wanted.check(body)
        except documents.BrokenError as error:
            raise TransientError(
                f"{_shown(url)}: the answer is not JSON, or is incomplete"
            ) from error
        etag = answer.headers.get("ETag", "")
        new = _Page(body=body, etag=etag, next=answer.links.get("next", {}).get("url"))
        if etag:
            # A cache that cannot be written keeps nothing; that is no failure.
            with suppress(ToolkitError):
                self._cache.keep(*_place(url), msgspec.msgpack.encode(new))
        return new

    def _kept(self, url: str) -> _Page | None:
        content = self._cache.read(*_place(url))
        with suppress(msgspec.DecodeError):
            return (
                msgspec.msgpack.decode(content, type=documents.prepared(_Page))
                if content is not None
                else None
            )
        return None

    def _authorized(
        self, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request

    def _refusal(self, answer: requests.Response, body: bytes) -> ToolkitError:
        """Return the error for a bad status, in one line, without the token."""
        status, where = answer.status_code, _shown(answer.url)
        said = ""
        with suppress(ToolkitError):
            said = " ".join(
                documents.read(body, _ErrorBody, document="").message.split()
            )
        if self._token is not None:
            said = self._token.hidden_in(said.encode(errors="replace")).decode()
        said = said[:_MOST_SHOWN]
        if (wait := _limited(answer, said)) is not None:
            again = time.strftime(
                "%Y-%m-%d %H:%M:%S %Z", time.localtime(time.time() + wait)
            )
            hint = (
                None
                if self._token is not None
                else "set GITHUB_TOKEN or run 'gh auth login' for a higher limit"
            )
            limit = ToolkitError(
                f"{_server(where)}: the server's rate limit is reached; try again at "
                f"{again}",
                hint=hint,
            )
            return self._refused.setdefault(_server(where), limit)
        # The second is what GitHub says of a commit that there is not.
        if status == HTTPStatus.NOT_FOUND or (
            status == HTTPStatus.UNPROCESSABLE_ENTITY and "No commit found" in said
        ):
            return NotFoundError(f"{where}: not found")
        if status == HTTPStatus.UNAUTHORIZED and self._token is not None:
            fact = (
                f"the server refuses the token from {self._token.origin}: "
                f"{said or 'status 401'}"
            )
            return ToolkitError(
                f"{where}: {fact}", hint="renew the token: gh auth login"
            )
        kind = (
            TransientError
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else UnreachableError
        )
        return kind(f"{where}: HTTP status {status}{f': {said}' if said else ''}")


def _limited(answer: requests.Response, said: str) -> float | None:
    """Return the seconds until a rate limit ends, or None for another refusal."""
    if answer.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    after, reset = _number(answer, "Retry-After"), _number(answer, "X-RateLimit-Reset")
    spent = _number(answer, "X-RateLimit-Remaining") == 0
    if after is not None:
        return after
    if spent and reset is not None:
        return max(0.0, reset + 1 - time.time())
    is_limit = (
        spent
        or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        or "rate limit" in said.lower()
    )
    return _LIMIT_SECONDS if is_limit else None


def _number(answer: requests.Response, name: str) -> int | None:
    """Return the number in a header, or None: the header may contain anything."""
    found = re.fullmatch(r"\s*([0-9]{1,10})\s*", answer.headers.get(name, ""))
    return int(found[1]) if found is not None else None


def _unreachable(
    url: str, error: requests.RequestException, seconds: float
) -> UnreachableError:
    """Return the error for a request that got no complete answer in time."""
    reasons: tuple[tuple[type[requests.RequestException], str], ...] = (
        (requests.ReadTimeout, f"the answer was not complete within {seconds:.3g} s"),
        (requests.exceptions.SSLError, "this machine does not trust its certificate"),
        (requests.exceptions.ChunkedEncodingError, "the answer ended too early"),
    )
    reason = next(
        (said for kind, said in reasons if isinstance(error, kind)), "cannot be reached"
    )
    hint = (
        "check the network, the proxy variables and REQUESTS_CA_BUNDLE, or use "
        "--git-dir, which needs no network"
    )
    kind = (
        UnreachableError
        if isinstance(error, requests.ConnectionError)
        else TransientError
    )
    return kind(f"{_server(url)}: {reason}", hint=hint)


def base_url(url: str, option: str) -> str:
    """Return the user's URL without a final slash.

    Raise UsageError if it is not a URL.
    """
    with suppress(UnreachableError):
        parts = _parts(url)
        if parts.username is not None or parts.password is not None:
            raise UsageError(
                f"{option}: contains a user name or password",
                hint="put the token into GITHUB_TOKEN instead",
            )
        if (
            parts.scheme in {"http", "https"}
            and parts.hostname
            and not parts.query
            and not parts.fragment
        ):
            return url.rstrip("/")
    raise UsageError(f"{option}: '{url}' is not an http or https URL")


def _parts(url: str) -> SplitResult:
    """Return the parts of a URL, which a server may have sent.

    Raise UnreachableError if it is not a URL.
    """
    try:
        parts = urlsplit(url)
        # An address in brackets, a port: both are looked at when they are asked for.
        _ = parts.hostname, parts.port
    except ValueError:
        raise UnreachableError(
            f"{without_passwords(url)[:_MOST_SHOWN]!r}: is not a URL"
        ) from None
    return parts


def _server(url: str) -> str:
    return _parts(url).netloc.rpartition("@")[2]


def _shown(url: str) -> str:
    """Return a URL without password and query, for messages."""
    return f"{_parts(url).scheme}://{_server(url)}{_parts(url).path}"


def _origin(url: str) -> tuple[str, str]:
    """Return the part of a URL that decides whether it gets the token."""
    return _parts(url).scheme, _parts(url).netloc


def _place(url: str) -> tuple[str, str, str]:
    """Return the place in the cache for the answer of a URL."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", _server(url))
    return "answers", f"h_{host}", hashlib.sha256(url.encode()).hexdigest()
