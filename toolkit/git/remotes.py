"""Remotes: which ones a clone has, and which repository of which owner a URL leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.git import program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OWNER_AND_NAME = re.compile(r"[/:]([^/:]+/[^/]+?)(?:\.git)?/?$")


def urls(repository: Path) -> Mapping[str, str]:
    """Return the URLs of a clone's remotes by their names, as its configuration has them."""
    return {name: url for name, key, url in settings(repository) if key == "url"}


def settings(repository: Path) -> list[tuple[str, str, str]]:
    """Return all that is configured about the remotes of a clone: remote, key, value."""
    listed = program.run_reading(repository, "config", "-z", "--get-regexp", r"^remote\..*\.", ok=(0, 1)).text
    found: list[tuple[str, str, str]] = []
    for entry in filter(None, listed.split("\0")):
        variable, _, value = entry.partition("\n")
        name, _, key = variable.removeprefix("remote.").rpartition(".")
        found.append((name, key, value))
    return found


def owner_and_name(url: str) -> str | None:
    """Return `owner/name` of a URL, in lower case; None for what has no such end."""
    found = _OWNER_AND_NAME.search(url)
    return found[1].lower() if found is not None else None


def github_owner(url: str) -> str | None:
    """Return who a repository on GitHub belongs to, None for one elsewhere."""
    found = re.search(r"(?:^|[/@.])github\.com[/:]([^/:]+)/", url, re.IGNORECASE)
    return found[1] if found is not None else None
