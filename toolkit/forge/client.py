"""Send requests to GitHub, cache the answers, and explain a bad answer in one line.

The token goes only to the two servers that the user named, and over plain HTTP only to this machine. It is added as a
request leaves; cached or shown answers never contain it.
"""

import hashlib
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http import HTTPStatus
from typing import TypeVar

import msgspec
import requests
from msgspec import Struct

from toolkit import documents, http
from toolkit.cache import Cache
from toolkit.errors import ToolkitError, UnreachableError
from toolkit.forge.failures import RateLimitError, is_final, rate_limit, refusal, unreachable
from toolkit.forge.token import Token
from toolkit.forge.urls import base_url, is_private, joined, origin, parts_of, server, shown

T = TypeVar("T")

_MOST_REDIRECTS = 5
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.5
"""The delay before the first retry; it doubles."""

_WAIT_SECONDS = 5.0
"""The longest accepted wait for a rate limit."""

_MOST_BYTES = 32 << 20
_MOST_PAGES = 200

_end: ContextVar[float] = ContextVar("_end", default=float("inf"))


class _Page(Struct, frozen=True, kw_only=True):
    """The body of a good answer; `next` is the URL that its `Link` header calls the next page."""

    body: bytes
    etag: str
    next: str | None


class _Wanted(Struct, frozen=True, kw_only=True):
    """A request: at most `most` bytes of the type `accept`, complete if `check` accepts them."""

    accept: str
    most: int
    check: Callable[[bytes], object]


class _AgainError(Exception):
    """Another try may help, after some `seconds`; if there is none, it is this failure."""

    def __init__(self, failure: ToolkitError, seconds: float | None = None) -> None:
        super().__init__(failure)
        self.failure = failure
        self.seconds = seconds


@contextmanager
def budget(seconds: float) -> Generator[None]:
    """Limit all requests within the block, in any thread with this context, to so many seconds together."""
    token = _end.set(min(_end.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _end.reset(token)


class Client:
    """The two servers: REST API and raw files. Several threads may use a client."""

    def __init__(self, *, api_url: str, raw_url: str, token: Token | None, cache: Cache, timeout: float = 30.0) -> None:
        """Take the base URLs; raise UsageError for what is none. One answer with all retries has `timeout` seconds."""
        self.api_url = base_url(api_url, "--api-url")
        self.raw_url = base_url(raw_url, "--raw-url")
        self.timeout = timeout
        self._token = token
        self._trusted = {origin(url) for url in (self.api_url, self.raw_url) if is_private(url)}
        self._cache = cache
        self._closed: dict[str, RateLimitError] = {}
        self._gone: dict[str, UnreachableError] = {}
        self._session = http.HttpSession()
        self._session.headers["X-GitHub-Api-Version"] = "2022-11-28"

    def raw(self, path: str, *, most: int) -> bytes:
        """Return a file of at most `most` bytes from the raw server."""
        wanted = _Wanted(accept="*/*", most=most, check=len)
        return self._answer(f"{self.raw_url}/{path}", wanted).body

    def json(self, path: str, kind: type[T]) -> T:
        """Return a document from the API."""
        return self._json(f"{self.api_url}/{path}", kind)[0]

    def pages(self, path: str, kind: type[T]) -> Iterator[T]:
        """Yield the items of a list and of its next pages, by the `Link` headers."""
        url: str | None = f"{self.api_url}/{path}"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= _MOST_PAGES:
                raise ToolkitError(f"{shown(url)}: its pages do not end")
            if origin(url) != origin(self.api_url):
                raise ToolkitError(f"{shown(url)}: the next page is on another server")
            seen.add(url)
            found, url = self._json(url, list[kind])  # type: ignore[valid-type] # msgspec takes it at run time
            yield from found

    def _json(self, url: str, kind: type[T]) -> tuple[T, str | None]:
        def check(body: bytes) -> T:
            return documents.read(body, kind, document=shown(url))

        wanted = _Wanted(accept="application/vnd.github+json", most=_MOST_BYTES, check=check)
        answer = self._answer(url, wanted)
        return check(answer.body), answer.next

    def _answer(self, url: str, wanted: _Wanted) -> _Page:
        """Return a good answer, after redirects and repetitions; raise one of `failures` for another."""
        end = min(_end.get(), time.monotonic() + self.timeout)
        where = url
        for _ in range(_MOST_REDIRECTS):
            answer = self._patiently(where, wanted, end)
            if isinstance(answer, _Page):
                return answer
            target = joined(where, answer)
            if parts_of(target).scheme not in {"https", parts_of(where).scheme} or target == where:
                raise UnreachableError(f"{shown(url)}: is redirected to itself or away from https, and not followed")
            where = target
        raise UnreachableError(f"{shown(url)}: is redirected more than {_MOST_REDIRECTS} times")

    def _patiently(self, url: str, wanted: _Wanted, end: float) -> _Page | str:
        """Return an answer, or the place that it redirects to; try again what may pass."""
        for attempt in range(_ATTEMPTS):
            try:
                return self._once(url, wanted, end)
            except _AgainError as again:
                pause = again.seconds if again.seconds is not None else _PAUSE_SECONDS * 2**attempt
                if attempt + 1 == _ATTEMPTS or time.monotonic() + pause >= end:
                    if isinstance(again.failure, RateLimitError):
                        self._closed[server(url)] = again.failure
                    raise again.failure from None
                time.sleep(pause)
        raise AssertionError(url)

    def _once(self, url: str, wanted: _Wanted, end: float) -> _Page | str:
        self._refuse(url, end)
        kept = self._kept(url)
        began = time.monotonic()
        try:
            answer, body = self._send(url, wanted, kept, end)
        except requests.RequestException as error:
            failure = unreachable(url, error, end - began)
            if not is_final(error):
                raise _AgainError(failure) from None
            self._gone[server(url)] = failure
            raise failure from None
        if kept is not None and answer.status_code == HTTPStatus.NOT_MODIFIED:
            return kept
        if answer.status_code in http.REDIRECTS:
            return answer.headers.get("Location", "")
        limit = rate_limit(answer, body, self._token)
        if limit is not None:
            if (seconds := limit.until - time.time()) <= _WAIT_SECONDS:
                raise _AgainError(limit, max(0.0, seconds))
            # A server that has said stop counts each further request against us.
            self._closed[server(url)] = limit
            raise limit
        failed = refusal(answer, body, self._token)
        if failed is not None:
            raise _AgainError(failed) if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else failed
        try:
            wanted.check(body)
        except documents.BrokenError as error:
            raise _AgainError(UnreachableError(f"{shown(url)}: the answer is not JSON, or was cut off")) from error
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
            return msgspec.msgpack.decode(content, type=documents.prepared(_Page)) if content is not None else None
        return None

    def _send(self, url: str, wanted: _Wanted, kept: _Page | None, end: float) -> tuple[requests.Response, bytes]:
        """Send one request, and return its answer with the whole body, in which the token does not stand."""
        headers = {"Accept": wanted.accept}
        if kept is not None:
            headers["If-None-Match"] = kept.etag
        auth = self._authorized if origin(url) in self._trusted else http.unauthorized
        answer, body = http.ask(self._session, url, most=wanted.most, end=end, headers=headers, auth=auth)
        return answer, self._token.hidden_in_bytes(body) if self._token is not None else body

    def _authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request

    def _refuse(self, url: str, end: float) -> None:
        """Raise for what need not be asked: the time is up, the server is not there, or has said stop."""
        closed, gone = self._closed.get(server(url)), self._gone.get(server(url))
        if closed is not None and closed.until > time.time():
            raise closed
        if gone is not None:
            raise gone
        if time.monotonic() >= end:
            raise UnreachableError(f"{server(url)}: was not asked before the time limit")


def _place(url: str) -> tuple[str, str, str]:
    """Return where in the cache the answer of a URL is."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", server(url))
    return "answers", f"h_{host}", hashlib.sha256(url.encode()).hexdigest()
