"""Find the token in a command's output, the environment, or `gh`.

It never comes from an argument, or from a file of unlet.
"""

import os
import re
import shlex

from msgspec import Struct

from toolkit import process
from toolkit.environment import TOKEN, variables
from toolkit.errors import ToolkitError, UsageError

_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
_SECONDS = 30.0
_PUBLIC_HOST = "github.com"


class Token(Struct, frozen=True, kw_only=True):
    """A token, and where it comes from, in words that may be shown.

    Its `repr` never shows the value.
    """

    value: str
    origin: str

    def __post_init__(self) -> None:
        # What is not one word of these would end up in a header, where a line feed
        # begins another one.
        if not re.fullmatch(r"[\x21-\x7e]{1,1024}", self.value):
            raise ToolkitError(
                f"token from {self.origin}: must be one word of ASCII characters"
            )

    def __repr__(self) -> str:
        return f"Token(origin={self.origin!r})"

    def hidden_in(self, content: bytes) -> bytes:
        """Remove the token from a server's message, which may repeat it."""
        return content.replace(self.value.encode(), b"(the token)")


def find_token(command: str | None, *, host: str) -> Token | None:
    """Return the token for the API's `host` from the first place with one, else None.

    The places are: the first line that `command` prints (split as a shell does, but run
    without one), `$GITHUB_TOKEN`, `$GH_TOKEN`, `gh auth token`. Raise ToolkitError if
    the command fails, without showing its output.
    """
    if command is not None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--token-command: {str(error).lower()}") from None
        if not words:
            raise UsageError("--token-command is empty")
        return Token(
            value=_output(words, "the token command"), origin="the token command"
        )
    for variable in _VARIABLES:
        if value := os.environ.get(variable, "").strip():
            return Token(value=value, origin=variable)
    if process.find("gh") is None:
        return None
    asked = _PUBLIC_HOST if host == f"api.{_PUBLIC_HOST}" else host
    try:
        return Token(
            value=_output(["gh", "auth", "token", "--hostname", asked], "gh"),
            origin="gh auth token",
        )
    except ToolkitError:
        # Nobody is logged in there; that is no reason to stop.
        return None


def _output(words: list[str], what: str) -> str:
    """Return the first line that a program prints.

    Neither its output nor its error messages are shown.
    """
    with process.echoing(lambda _: None):
        done = process.run(words, env=variables(TOKEN), ok=None, timeout=_SECONDS)
    if done.status != 0:
        raise ToolkitError(f"{what}: '{words[0]}' ended with status {done.status}")
    line = done.text.partition("\n")[0].strip()
    if not line:
        raise ToolkitError(f"{what}: '{words[0]}' printed nothing")
    return line
