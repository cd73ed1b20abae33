"""URLs of repositories: the protocols that git may use, by who wrote the URL.

git starts a program for any other protocol: `git-remote-x` for `x::…` and `x://…`
(gitremote-helpers(7)).
"""

import re
from typing import Self

from toolkit.errors import ToolkitError, without_passwords

STRANGERS = ("https", "ssh", "git")
"""The protocols that a stranger's file may name, such as a lock file."""

USERS = (*STRANGERS, "http", "file")
"""The protocols that a user may name."""


class RemoteUrl(str):
    """A URL, a path, or an address HOST:PATH of ssh, as git-fetch(1) has them.

    Raise ToolkitError for a protocol that is not among the `protocols`.
    """

    __slots__ = ()

    def __new__(cls, url: str, *, protocols: tuple[str, ...] = USERS) -> Self:
        """Check the protocol, and that git cannot mistake the URL for an option."""
        name = protocol(url)
        if name not in protocols:
            known = f"{', '.join(protocols[:-1])} and {protocols[-1]}"
            shown = without_passwords(url)
            fact = "read a path" if name == "file" else f"use the protocol '{name}'"
            raise ToolkitError(
                f"{shown!r}: unlet does not {fact} here",
                hint=f"use {known}, or name a directory with --nixpkgs",
            )
        if url.startswith("-") or not url.isprintable():
            raise ToolkitError(f"{url!r}: is not a URL")
        return super().__new__(cls, url)


def protocol(url: str) -> str:
    """Return the protocol that git would use.

    It is `file` for a path, and `x::` for a helper.
    """
    if (helper := re.match(r"[\w+.-]*::", url)) is not None:
        return helper[0]
    if (scheme := re.match(r"([^/:]*)://", url)) is not None:
        return scheme[1].lower()
    host, colon, _ = url.partition(":")
    return "ssh" if colon and "/" not in host else "file"
