"""What GitHub's answers mean when they are no good ones; each is one line that names what to do."""

from __future__ import annotations

from toolkit.errors import ToolkitError


class NotFoundError(ToolkitError):
    """404: it is not there, or the token may not see it."""


class GoneError(ToolkitError):
    """410: it was there, and was deleted."""


class AccessError(ToolkitError):
    """401 and 403: the token is wrong, or has no right to it."""


class UnreachableError(ToolkitError):
    """Nothing answered, or nothing that makes sense, more than once."""


class RateLimitError(ToolkitError):
    """403 and 429: too many requests. `until` is when to come back, in seconds since the epoch of this machine."""

    def __init__(self, message: str, *, until: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.until = until
