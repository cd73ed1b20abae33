"""The environment variables that each kind of program started by unlet receives.

A name that ends in `*` is a prefix. No other variable reaches a program. PATH loses its
relative entries.
"""

import os
from collections.abc import Mapping, Sequence

_SELF = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LOCALE_ARCHIVE*",
    "LOGNAME",
    "TMPDIR",
    "TZ",
    "USER",
)
_AGENTS = (
    *(
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "GNUPGHOME",
        "GPG_AGENT_INFO",
        "GPG_TTY",
        "PINENTRY_USER_DATA",
    ),
    *(
        "SSH_AGENT_PID",
        "SSH_ASKPASS*",
        "SSH_AUTH_SOCK",
        "WAYLAND_DISPLAY",
        "XDG_RUNTIME_DIR",
    ),
)
_CERTIFICATES = ("CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CERT_FILE")
_PROXIES = tuple(
    name
    for kind in ("all", "ftp", "http", "https", "no")
    for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY")
)
_CONFIGURATION = ("GIT_CONFIG*", "XDG_CONFIG_HOME")

PARSING = ("NIX_LD*",)
"""The variables for unlet's own processes that parse untrusted files."""

EVALUATING = (
    "NIX_DAEMON_SOCKET_PATH",
    "NIX_LOG_DIR",
    "NIX_REMOTE",
    "NIX_STATE_DIR",
    "NIX_STORE_DIR",
)
"""The variables for a sandboxed Nix: only the ones that locate the store."""

TOOLS = ("PATH", *_SELF)
"""The variables for programs that need no network and no user, and for git on unlet's
own repositories.
"""

READING = (*TOOLS, *_CONFIGURATION)
"""The variables for git when it reads a clone, with the user's list of trusted
repositories.
"""

FETCHING = (
    *(
        *READING,
        *_AGENTS,
        *_CERTIFICATES,
        *_PROXIES,
        "GCM_*",
        "GIT_ASKPASS",
        "GIT_CURL_*",
        "GIT_HTTP_*",
    ),
    *(
        "GIT_PROXY_*",
        "GIT_SSH*",
        "GIT_SSL_*",
        "GIT_TRACE*",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
    ),
)
"""The variables for git when it connects to a remote."""

COMMITTING = (*READING, *_AGENTS, "EMAIL", "GIT_AUTHOR_*", "GIT_COMMITTER_*")
"""The variables for git when it adds a branch to the user's clone, and for the programs
that sign its commits.
"""

BUILDING = (*FETCHING, "AWS_*", "NIX_*", "NIXPKGS_*", "XDG_*")
"""The variables for Nix as the user has configured it."""

TOKEN = (
    *FETCHING,
    "BW_*",
    "GH_*",
    "GITHUB_*",
    "GOPASS_*",
    "OP_*",
    "PASSWORD_STORE_*",
    "VAULT_*",
    "XDG_*",
)
"""The variables for the program that prints the user's token for GitHub."""


def variables(
    names: Sequence[str],
    more: Mapping[str, str] | None = None,
    *,
    among: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the environment variables that a purpose allows, merged with `more`.

    `names` are the allowed names and prefixes. A variable in `more` overrides one of
    the same name.
    """
    whole = {name for name in names if not name.endswith("*")}
    begins = tuple(name[:-1] for name in names if name.endswith("*"))
    kept = {
        name: value
        for name, value in among.items()
        if name in whole or name.startswith(begins)
    }
    if "PATH" in kept:
        kept["PATH"] = path()
    return {**kept, **(more or {})}


def path() -> str:
    """Return PATH without its relative entries.

    In an untrusted directory, a relative entry would run programs from that directory.
    """
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if os.path.isabs(entry))  # noqa: PTH117 - importing pathlib would slow down the start
