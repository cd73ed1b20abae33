"""The commit of a channel's release, which the server of channels says beside the tarball."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit.errors import ToolkitError, UnreachableError, without_passwords
from toolkit.model import Oid

if TYPE_CHECKING:
    from toolkit.sources.resolving import Wanted

_TIMEOUT_SECONDS = 30.0


def commit_of(url: str, wanted: Wanted) -> Oid:
    """Ask for the commit that the release with the tarball `url` was made from.

    `…/NAME.ABBREVIATION/nixexprs.tar.xz` has `…/git-revision` beside it, a commit id which begins as the directory's
    name ends. Raises UnreachableError where nothing answers, ToolkitError for any other answer.
    """
    # A quarter of a second that only this needs.
    import requests  # noqa: PLC0415

    place = urlsplit(url)._replace(query="", fragment="").geturl().rpartition("/")[0]
    shown = without_passwords(place)
    wanted.progress.step(f"asking {shown} for its commit")
    try:
        answer = requests.get(f"{place}/git-revision", timeout=_TIMEOUT_SECONDS)
    except (requests.ConnectionError, requests.Timeout) as error:
        hint = "check the network and the proxy variables"
        raise UnreachableError(f"{shown}: cannot be reached", hint=hint) from error
    except requests.RequestException as error:
        raise ToolkitError(f"{shown}/git-revision: cannot be read: {type(error).__name__}") from error
    if not answer.ok:
        raise ToolkitError(f"{shown}/git-revision: HTTP status {answer.status_code}")
    said = answer.text.strip()
    if not re.fullmatch(r"[0-9a-f]{40}", said):
        raise ToolkitError(f"{shown}/git-revision: contains no commit id")
    short = re.search(r"\.([0-9a-f]{7,40})$", place)
    if short is not None and not said.startswith(short[1]):
        raise ToolkitError(f"{shown}/git-revision: says {said[:12]}, the release's name {short[1]}")
    return Oid(said)
