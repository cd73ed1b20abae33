"""The questions to GitHub about one repository, and the fields of answers in use."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Meta, Struct

from toolkit.cache import default_cache
from toolkit.errors import ToolkitError, UsageError
from toolkit.forge.client import Client, base_url
from toolkit.forge.token import find_token
from toolkit.model import Server
from toolkit.patches import tracked

_PAGE = 100

Sha = Annotated[str, Meta(pattern=r"\A[0-9a-f]{40}\Z")]


class Signature(Struct, frozen=True, kw_only=True):
    """The time at which somebody committed."""

    date: datetime


class ApiMessage(Struct, frozen=True, kw_only=True):
    """The data of a commit that come from git."""

    committer: Signature
    message: str = ""


class Object(Struct, frozen=True, kw_only=True):
    """The git object that a name stands for."""

    sha: Sha


class ApiCommit(Struct, frozen=True, kw_only=True):
    """A commit."""

    sha: Sha
    commit: ApiMessage

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return (self.commit.message.splitlines() or [""])[0]


class ApiRepository(Struct, frozen=True, kw_only=True):
    """A repository, with the URL for git."""

    clone_url: str


class Branch(Struct, frozen=True, kw_only=True):
    """A branch.

    `name` is the full name in a list of branches, else its own name. In a pull request,
    it comes with the repository.
    """

    ref: str
    repo: ApiRepository | None = None

    @property
    def remote(self) -> str | None:
        """The URL for git; None if GitHub gives none, or none of a server."""
        url = self.repo.clone_url if self.repo is not None else ""
        return url if url.startswith(("https://", "http://")) else None


class ApiPull(Struct, frozen=True, kw_only=True):
    """A pull request."""

    title: str
    base: Branch
    head: Object


class _Comparison(Struct, frozen=True, kw_only=True):
    merge_base_commit: Object | None = None


class GitHub:
    """One repository, `OWNER/NAME`; a ref is a branch, a tag or a commit id."""

    def __init__(self, client: Client, repository: str) -> None:
        self.client = client
        self.repository = repository
        self._at = f"repos/{repository}"

    def raw(self, ref: str, path: str, *, most: int) -> bytes:
        """Return a file's content of at most so many bytes."""
        return self.client.raw(
            f"{self.repository}/{quote(ref)}/{quote(path)}", most=most
        )

    def branches(self, beginning: str) -> list[str]:
        """Return the names of the branches with this prefix."""
        listed = self.client.pages(
            f"{self._at}/git/matching-refs/heads/{quote(beginning)}", Branch
        )
        return [branch.ref.removeprefix("refs/heads/") for branch in listed]

    def changes(
        self, ref: str, path: str, *, at_once: int = _PAGE
    ) -> Iterator[ApiCommit]:
        """Yield the commits that changed the file at this path, newest first.

        Start at a ref, and fetch pages as they are needed.
        """
        query = urlencode({"sha": ref, "path": path, "per_page": at_once})
        return self.client.pages(f"{self._at}/commits?{query}", ApiCommit)

    def pull(self, number: int) -> ApiPull:
        """Return a pull request."""
        return self.client.json(f"{self._at}/pulls/{number}", ApiPull)

    def merge_base(self, base: str, head: str) -> str:
        """Return the commit at which `head` forked from `base`.

        Raise ToolkitError if they share no history.
        """
        # The second page of one commit each has no list of files.
        at = f"{self._at}/compare/{quote(base)}...{quote(head)}?per_page=1&page=2"
        found = self.client.json(at, _Comparison).merge_base_commit
        if found is None:
            raise ToolkitError(
                f"{self.repository}: '{base}' and '{head}' share no commit"
            )
        return found.sha


def connect(server: Server, *, timeout: float = 30.0) -> GitHub:
    """Return a GitHub repository without sending a request.

    Raise UsageError for an invalid name or URL.
    """
    repository = server.repository or tracked().repository
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", repository):
        raise UsageError(f"--repo: '{repository}' is not OWNER/NAME")
    api_url = base_url(server.api_url or tracked().api_url, "--api-url")
    client = Client(
        api_url=api_url,
        raw_url=base_url(server.raw_url or tracked().raw_url, "--raw-url"),
        token=find_token(server.token_command, host=urlsplit(api_url).netloc),
        cache=default_cache(),
        timeout=timeout,
    )
    return GitHub(client, repository)
