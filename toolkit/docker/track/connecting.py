"""From the request to the server that it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit.cache import default_cache
from toolkit.docker.track.forge import Forge
from toolkit.errors import UsageError
from toolkit.forge.client import Client, Settings
from toolkit.forge.github import GitHub
from toolkit.forge.token import find_token

if TYPE_CHECKING:
    from toolkit.docker.plan import Plan
    from toolkit.docker.track.memory import Memory
    from toolkit.docker.track.tracked import Tracked
    from toolkit.docker.track.tracking import TrackRequest


def connect(request: TrackRequest, plan: Plan, what: Tracked, memory: Memory) -> Forge:
    """Return the server as an Upstream; nothing is sent yet. Raise UsageError for a repository or URL that is none."""
    repository = request.repository or what.repository
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", repository):
        raise UsageError(f"--repo: '{repository}' is not OWNER/NAME")
    api_url = request.api_url or what.api_url
    client = Client(
        api_url=api_url,
        raw_url=request.raw_url or what.raw_url,
        token=find_token(request.token_command, host=urlsplit(api_url).netloc),
        cache=default_cache(),
        settings=Settings(timeout=request.timeout, wait=request.wait),
    )
    return Forge(GitHub(client, repository), plan, what, memory)
