"""Get the response of an HTTP server, with limits on its size and on the whole time.

The user can name any server, so unlet does not trust the response.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Retry

from toolkit import __version__
from toolkit.errors import ToolkitError, without_passwords
from toolkit.pipes import LONGEST_WAIT

REDIRECTS = {301, 302, 303, 307, 308}
_CONNECT_SECONDS = 10.0
_CHUNK = 65536


class HttpSession(requests.Session):
    """An HTTP session that does not follow redirects.

    requests would read the bodies of redirects, however long they are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"unlet/{__version__}"
        for scheme in ("https://", "http://"):
            # A connection is tried three times. A response is never retried, even if
            # its headers ask for it.
            retries = Retry(2, read=False, respect_retry_after_header=False)
            self.mount(
                scheme,
                HTTPAdapter(pool_connections=4, pool_maxsize=32, max_retries=retries),
            )

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that requests follows no redirect."""


def unauthorized(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged, as an authentication function that adds nothing.

    Without such a function, requests adds a password from ~/.netrc.
    """
    return request


def ask(  # noqa: PLR0913 - a request and its bounds
    session: requests.Session,
    url: str,
    *,
    most: int,
    end: float,
    headers: Mapping[str, str] | None = None,
    auth: Callable[[requests.PreparedRequest], requests.PreparedRequest] = unauthorized,
) -> tuple[requests.Response, bytes]:
    """Return the response to a GET request, and its whole body.

    A redirect is not followed, and its body is not read. The request ends at `end`, a
    monotonic time, even if the server sends byte by byte: the socket's own time-out
    restarts with each byte. Raise an exception of requests if the server does not
    respond, closes the connection or is late. Raise ToolkitError for a body of more
    than `most` bytes.
    """
    done: Future[tuple[requests.Response, bytes]] = Future()

    def run() -> None:
        try:
            done.set_result(
                _exchange(session, url, most=most, end=end, headers=headers, auth=auth)
            )
        except HTTPError as error:
            # requests does not check the length of a host's labels.
            done.set_exception(requests.exceptions.InvalidURL(str(error)))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    # Python handles a signal between two waits.
    while (left := end - time.monotonic()) > 0:
        if wait([done], min(left, LONGEST_WAIT)).done:
            return done.result()
    raise requests.ReadTimeout


def _exchange(  # noqa: PLR0913 - a request and its bounds
    session: requests.Session,
    url: str,
    *,
    most: int,
    end: float,
    headers: Mapping[str, str] | None,
    auth: Callable[[requests.PreparedRequest], requests.PreparedRequest],
) -> tuple[requests.Response, bytes]:
    left = max(0.001, end - time.monotonic())
    # Without compression, the length of a body is also the memory that it takes. A body
    # that is compressed nevertheless is not decompressed.
    plain = {**(headers or {}), "Accept-Encoding": "identity"}
    with session.get(
        url,
        headers=plain,
        auth=auth,
        timeout=(min(_CONNECT_SECONDS, left), left),
        allow_redirects=False,
        stream=True,
    ) as answer:
        if answer.status_code in REDIRECTS:
            # The body of a redirect is for people, and may be endless.
            return answer, b""
        return answer, _body(answer, most=most, end=end)


def _body(answer: requests.Response, *, most: int, end: float) -> bytes:
    """Return the body of a response.

    Raise an exception of requests if the body is cut off or does not end in time, and
    ToolkitError if it has more than `most` bytes.
    """
    body = bytearray()
    try:
        while chunk := answer.raw.read1(_CHUNK, decode_content=False):
            if time.monotonic() > end:
                raise requests.ReadTimeout(request=answer.request)
            body += chunk
            if len(body) > most:
                size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most} bytes"
                raise ToolkitError(
                    f"{without_passwords(answer.url).partition('?')[0]}: is larger "
                    f"than the limit of {size}"
                )
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(request=answer.request) from error
    except (HTTPError, OSError) as error:
        raise requests.exceptions.ChunkedEncodingError(
            request=answer.request
        ) from error
    return bytes(body)
