"""The parts of URLs, and the check which URLs may get the token."""

from urllib.parse import SplitResult, urljoin, urlsplit

from toolkit.errors import UnreachableError, UsageError, without_passwords

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_MOST_SHOWN = 200


def base_url(url: str, option: str) -> str:
    """Return the user's URL without a final slash; raise UsageError if it is not a URL."""
    try:
        parts = parts_of(url)
    except UnreachableError:
        raise UsageError(f"{option}: '{url}' is not an http or https URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"{option}: '{url}' is not an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{option}: contains a user name or password", hint="a token comes from GITHUB_TOKEN")
    return url.rstrip("/")


def parts_of(url: str) -> SplitResult:
    """Return the parts of a URL, perhaps from a server; raise UnreachableError if it is not a URL."""
    try:
        parts = urlsplit(url)
        # An address in brackets, a port: both are looked at when they are asked for.
        _ = parts.hostname, parts.port
    except ValueError:
        raise UnreachableError(f"{without_passwords(url)[:_MOST_SHOWN]!r}: is not a URL") from None
    return parts


def server(url: str) -> str:
    """Return the server of a URL, without a password, for messages."""
    return parts_of(url).netloc.rpartition("@")[2]


def shown(url: str) -> str:
    """Return a URL without password and query, for messages."""
    parts = parts_of(url)
    return f"{parts.scheme}://{server(url)}{parts.path}"


def joined(url: str, place: str) -> str:
    """Return the target of a redirect; raise UnreachableError if it is not a URL."""
    try:
        return urljoin(url, place)
    except ValueError:
        raise UnreachableError(f"{shown(url)}: is redirected to what is not a URL") from None


def origin(url: str) -> tuple[str, str]:
    """Return the part of a URL that decides whether it gets the token."""
    parts = parts_of(url)
    return parts.scheme, parts.netloc


def is_private(url: str) -> bool:
    """Return whether nobody on the network can read the requests to a URL."""
    parts = parts_of(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
