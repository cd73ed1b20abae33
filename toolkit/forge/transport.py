"""The way to the servers: the kept answers first, the token last, and an end to answers that trickle."""

from __future__ import annotations

import threading
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
from cachecontrol import CacheControlAdapter
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, ReadTimeoutError

from toolkit.forge.answers import origin

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from requests import PreparedRequest, Response

    from toolkit.forge.store import Store
    from toolkit.forge.token import Token


class Watch(threading.Timer):
    """Ends an answer that takes too long."""

    def __init__(self, answer: Response, seconds: float) -> None:
        super().__init__(seconds, self._end)
        self.daemon = True
        self.expired = False
        self._answer = answer

    def _end(self) -> None:
        self.expired = True
        # It may have come to its end in this moment.
        with suppress(AttributeError, RuntimeError, ValueError, OSError):
            self._answer.raw.shutdown()


class Nothing(AuthBase):
    """The authentication that adds nothing."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Return the request as it is."""
        return r


class Adapter(CacheControlAdapter):
    """Adds the token below the cache, so that nothing which is kept, hashed or compared has it."""

    def __init__(self, store: Store, trusted: Mapping[tuple[str, str], Token | None]) -> None:
        self._trusted = trusted
        self._local = threading.local()
        super().__init__(store, pool_connections=4, pool_maxsize=32)

    @property
    def has_sent(self) -> bool:
        """Whether this thread's last request left the machine; a kept answer that is fresh needs none."""
        return bool(getattr(self._local, "sent", False))

    def forget(self) -> None:
        """Begin a new request in this thread."""
        self._local.sent = False

    def add_headers(self, request: PreparedRequest, **kwargs: Any) -> None:  # noqa: ARG002, ANN401 - the base's
        """Add the token; requests calls this when it sends, which is after the kept answers were looked at."""
        self._local.sent = True
        token = self._trusted.get(origin(request.url or ""))
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token.value}"

    def build_response(  # type: ignore[override] # as CacheControl's own
        self,
        request: PreparedRequest,
        response: HTTPResponse,
        from_cache: bool = False,  # noqa: FBT001, FBT002 - the base's
        cacheable_methods: Collection[str] | None = None,
    ) -> Response:
        """Take the token out again, since what `Vary` names of a request is kept with its answer.

        CacheControl would keep an answer as soon as its body is read, through a temporary file that stays open where
        the body is empty or cut off. Only `keep` keeps one here.
        """
        request.headers.pop("Authorization", None)
        if from_cache or response.status == HTTPStatus.NOT_MODIFIED:
            return super().build_response(request, response, from_cache, cacheable_methods)
        return HTTPAdapter.build_response(self, request, response)

    def keep(self, answer: Response, body: bytes) -> None:
        """Keep a whole answer, where it may be kept; `body` is as it came, not decoded."""
        self.controller.cache_response(answer.request, answer.raw, body)


def read(answer: Response, *, most: int) -> bytes | None:
    """Return a body as it came, None for one of more than `most` bytes; raise what requests raises for a bad one."""
    body = bytearray()
    try:
        for chunk in answer.raw.stream(65536, decode_content=False):
            body += chunk
            if len(body) > most:
                return None
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(request=answer.request) from error
    except (HTTPError, OSError) as error:
        raise requests.exceptions.ChunkedEncodingError(request=answer.request) from error
    finally:
        answer.close()
    return bytes(body)


def decoded(answer: Response, body: bytes, *, most: int) -> bytes | None:
    """Return a body without the encoding of its transport, None for one of more than `most` bytes."""
    packed = HTTPResponse(BytesIO(body), headers=answer.headers, preload_content=False)
    try:
        content = packed.read(most + 1, decode_content=True)
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(request=answer.request) from error
    return content if len(content) <= most else None
