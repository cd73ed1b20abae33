"""Sends requests to GitHub, keeps the answers, and says in one line what is wrong with a bad one.

The token goes to the two servers that were named and to no other, and not over plain HTTP except to this machine.
It is put into a request when that leaves, and taken out before anything of it is kept.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests

from toolkit import __version__
from toolkit.errors import ToolkitError, UsageError
from toolkit.forge.answers import (
    is_final,
    is_private,
    number,
    origin,
    raise_for,
    rate_limit,
    resource,
    shown,
    unreachable,
)
from toolkit.forge.failures import RateLimitError, UnreachableError
from toolkit.forge.store import Store
from toolkit.forge.transport import Adapter, Nothing, Watch, decoded, read
from toolkit.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import Response

    from toolkit.cache import Cache
    from toolkit.forge.token import Token

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_ATTEMPTS = 3
_MOST_BYTES = 32 << 20
_MOST_PAGES = 200
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went over the network: `requests` sent, `bodies` and their `bytes` that came, `unchanged` answers (304).

    `remaining` of `limit` requests are left until `reset` (seconds since the epoch), where the server says so.
    """

    requests: int
    bodies: int
    unchanged: int
    bytes: int
    remaining: int | None
    limit: int | None
    reset: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How patient the client is, in seconds.

    `timeout` is for one answer, `wait` the longest that a rate limit may ask to wait for, `pause` what the first
    repetition of a failed request waits.
    """

    timeout: float = 30.0
    wait: float = 5.0
    pause: float = 0.5


class Client:
    """The two servers: REST API and raw files. Can be used from several threads."""

    def __init__(
        self, *, api_url: str, raw_url: str, token: Token | None, cache: Cache, settings: Settings | None = None
    ) -> None:
        """Take the base URLs; raise UsageError for what is none."""
        self.api_url = _base(api_url, "--api-url")
        self.raw_url = _base(raw_url, "--raw-url")
        self.settings = settings if settings is not None else Settings()
        self._token = token
        self._store = Store(cache)
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {"requests": 0, "bodies": 0, "unchanged": 0, "bytes": 0}
        self._rate: tuple[int | None, int | None, float | None] = (None, None, None)
        self._closed: dict[str, RateLimitError] = {}
        self._gone: dict[str, UnreachableError] = {}
        trusted = {origin(url): token for url in (self.api_url, self.raw_url) if is_private(url)}
        self._adapter = Adapter(self._store, trusted)
        self._session = self._make_session()

    @property
    def damaged(self) -> int:
        """How many kept answers were found damaged and set aside."""
        return self._store.damaged

    def traffic(self) -> Traffic:
        """Return what went over the network so far."""
        with self._lock:
            remaining, limit, reset = self._rate
            return Traffic(**self._counts, remaining=remaining, limit=limit, reset=reset)

    def raw(self, path: str, *, keep: bool = True) -> bytes:
        """Return a file below the raw URL; `keep` False is for what is kept elsewhere."""
        return self._body(
            f"{self.raw_url}/{path}", {"Accept": "*/*", **({} if keep else {"Cache-Control": "no-store"})}
        )

    def json(self, path: str) -> Record:
        """Return a document below the API's URL; a list is the field `items` of the record."""
        return self._json(f"{self.api_url}/{path}")[0]

    def pages(self, path: str) -> Iterator[Record]:
        """Yield a document and those that its `Link` headers call the next ones."""
        url: str | None = f"{self.api_url}/{path}"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= _MOST_PAGES:
                raise ToolkitError(f"{shown(url)}: its pages do not end")
            if origin(url) != origin(self.api_url):
                raise ToolkitError(f"{shown(url)}: the next page is on another server")
            seen.add(url)
            record, url = self._json(url)
            yield record

    def _json(self, url: str) -> tuple[Record, str | None]:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        for attempt in range(_ATTEMPTS):
            answer, body = self._answer(url, headers)
            try:
                value: object = json.loads(body)
            except (ValueError, RecursionError):
                # An answer that was cut off is kept by nobody.
                self._store.delete(answer.url)
                self._store.delete(url)
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(self.settings.pause)
                continue
            is_list = body.lstrip().startswith(b"[")
            return Record({"items": value} if is_list else value, document=shown(url)), answer.links.get(
                "next", {}
            ).get("url")
        raise UnreachableError(f"{shown(url)}: the answer is no JSON, or was cut off")

    def _body(self, url: str, headers: Mapping[str, str]) -> bytes:
        return self._answer(url, headers)[1]

    def _answer(self, url: str, headers: Mapping[str, str]) -> tuple[Response, bytes]:
        """Return a good answer with its body, after redirects and repetitions; raise one of `failures` for another."""
        where = url
        for _ in range(_MOST_REDIRECTS):
            answer, body = self._patiently(where, headers)
            if answer.status_code not in _REDIRECTS:
                raise_for(answer, body, self._token)
                return answer, body
            target = urljoin(where, answer.headers.get("Location", ""))
            if urlsplit(target).scheme not in {"https", urlsplit(where).scheme} or target == where:
                raise UnreachableError(f"{shown(url)}: is redirected to '{shown(target)}', which is not followed")
            where = target
        raise UnreachableError(f"{shown(url)}: is redirected more than {_MOST_REDIRECTS} times")

    def _patiently(self, url: str, headers: Mapping[str, str]) -> tuple[Response, bytes]:
        for attempt in range(_ATTEMPTS):
            last = attempt + 1 == _ATTEMPTS
            try:
                answer, body = self._once(url, headers)
            except requests.RequestException as error:
                if last or is_final(error):
                    failure = unreachable(url, error, self.settings.timeout)
                    if is_final(error):
                        self._give_up(url, failure)
                    raise failure from None
                time.sleep(self.settings.pause * 2**attempt)
                continue
            limit = rate_limit(answer, body, self._token)
            if limit is not None:
                if not last and (seconds := limit.until - time.time()) <= self.settings.wait:
                    time.sleep(max(0.0, seconds))
                    continue
                self._close(url, limit)
                raise limit
            if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and not last:
                time.sleep(self.settings.pause * 2**attempt)
                continue
            return answer, body
        raise AssertionError(url)

    def _once(self, url: str, headers: Mapping[str, str]) -> tuple[Response, bytes]:
        with self._lock:
            closed, gone = self._closed.get(resource(url)), self._gone.get(urlsplit(url).netloc)
        if closed is not None and closed.until > time.time():
            raise closed
        if gone is not None:
            raise gone
        self._adapter.forget()
        patience = (_CONNECT_SECONDS, self.settings.timeout)
        answer = self._session.get(url, headers=dict(headers), timeout=patience, allow_redirects=False, stream=True)
        kept = bool(getattr(answer, "from_cache", False))
        # The time-out above is for silence; this one is for an answer that trickles.
        watch = Watch(answer, self.settings.timeout)
        if not kept:
            watch.start()
        try:
            body = read(answer, most=_MOST_BYTES)
        finally:
            watch.cancel()
            if watch.expired:
                raise requests.ReadTimeout(request=answer.request)
        content = decoded(answer, body, most=_MOST_BYTES) if body is not None else None
        if body is None or content is None:
            raise ToolkitError(f"{shown(url)}: the answer is bigger than {_MOST_BYTES >> 20} MiB")
        if not kept:
            self._adapter.keep(answer, body)
        self._count(answer, len(body), kept=kept)
        return answer, content

    def _count(self, answer: Response, size: int, *, kept: bool) -> None:
        """Count what went over the network: CacheControl turns a 304 into the kept answer, with its new headers."""
        sent = self._adapter.has_sent
        with self._lock:
            self._counts["requests"] += sent
            self._counts["unchanged"] += sent and kept
            if not kept:
                self._counts["bodies"] += bool(size)
                self._counts["bytes"] += size
            if sent and answer.headers.get("X-RateLimit-Resource", "core") == "core":
                remaining, limit = (number(answer, f"X-RateLimit-{name}") for name in ("Remaining", "Limit"))
                if remaining is not None:
                    self._rate = (remaining, limit, number(answer, "X-RateLimit-Reset"))

    def _close(self, url: str, limit: RateLimitError) -> None:
        """Send nothing more of this kind: a server that has said stop counts each further request against us."""
        with self._lock:
            self._closed[resource(url)] = limit

    def _give_up(self, url: str, failure: UnreachableError) -> None:
        """Ask a server that is not there no more: not to find a host can take seconds."""
        with self._lock:
            self._gone[urlsplit(url).netloc] = failure

    def _make_session(self) -> requests.Session:
        session = requests.Session()
        session.headers["User-Agent"] = f"unlet/{__version__}"
        # Without it a ~/.netrc would add a password of its own.
        session.auth = Nothing()
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._adapter)
        return session


def _base(url: str, option: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"{option}: '{url}' is no http or https URL")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{option}: holds a user name or password", hint="a token comes from GITHUB_TOKEN")
    return url.rstrip("/")
