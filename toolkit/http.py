"""Get a server's answer, with limits on its size and on the whole time.

The server may be anybody's, so unlet does not trust it.
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
    """A session that does not follow redirects.

    requests would read the bodies of redirects, however long they are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"unlet/{__version__}"
        for scheme in ("https://", "http://"):
            # A connection is tried three times; an answer is an answer, whatever it
            # asks for.
            retries = Retry(2, read=False, respect_retry_after_header=False)
            self.mount(
                scheme,
                HTTPAdapter(pool_connections=4, pool_maxsize=32, max_retries=retries),
            )

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that requests follows no redirect."""


def unauthorized(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged.

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
    """Return an answer with its whole body.

    A redirect is not followed, and its body not read.

    The request ends at `end`, a monotonic time, even if the server sends byte by byte:
    the socket's own time-out restarts with each byte. Raise an exception of requests if
    the server does not answer, stops or is late; raise ToolkitError for a body of more
    than `most` bytes.
    """
    done: Future[tuple[requests.Response, bytes]] = Future()

    def run() -> None:
        try:
            done.set_result(
                _exchange(session, url, most=most, end=end, headers=headers, auth=auth)
            )
        except HTTPError as error:
            # A label of the host that is too long: requests lets it through.
            done.set_exception(requests.exceptions.InvalidURL(str(error)))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    # A signal is looked at between two waits.
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
    # Without an encoding the length of a body says how much memory it takes; one that
    # has it is not unpacked.
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
            # Its body is for people, and need not come to an end.
            return answer, b""
        return answer, _body(answer, most=most, end=end)


def _body(answer: requests.Response, *, most: int, end: float) -> bytes:
    """Return a body as it arrives.

    Raise an exception of requests if it is cut off or does not end.
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
