"""The program's questions to GitHub about one repository, and the fields of the answers that it uses."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Meta, Struct

from toolkit.cache import default_cache
from toolkit.errors import ToolkitError, UsageError
from toolkit.forge.client import Client
from toolkit.forge.token import find_token
from toolkit.forge.urls import base_url
from toolkit.model import Server
from toolkit.patches import tracked

_PAGE = 100

Sha = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]


class User(Struct, frozen=True, kw_only=True):
    """An author; GitHub has null instead if the account was deleted."""

    login: str


class Signature(Struct, frozen=True, kw_only=True):
    """The name of a commit's author, and the time."""

    date: datetime


class ApiMessage(Struct, frozen=True, kw_only=True):
    """A commit's data from git."""

    committer: Signature
    message: str = ""


class Object(Struct, frozen=True, kw_only=True):
    """The git object behind a name."""

    sha: Sha


class PullFile(Struct, frozen=True, kw_only=True):
    """A file in a pull request; `status` is GitHub's: added, modified, renamed, removed, …."""

    filename: str
    status: str
    previous_filename: str | None = None


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
    """A branch: its full name in a list of branches, else its own; with the repository for a pull request."""

    ref: str
    repo: ApiRepository | None = None

    @property
    def remote(self) -> str | None:
        """The URL for git; None if GitHub gives none, or it is not a server's."""
        url = self.repo.clone_url if self.repo is not None else ""
        return url if url.startswith(("https://", "http://")) else None


class ApiPull(Struct, frozen=True, kw_only=True):
    """A pull request; `mergeable` is None in lists, and while GitHub still computes it.

    `merge_commit_sha` is the commit in the base after the merge; before, it is a test commit of GitHub's.
    """

    number: int
    title: str
    html_url: str
    state: str
    base: Branch
    head: Object
    user: User | None = None
    draft: bool = False
    mergeable: bool | None = None
    merged_at: datetime | None = None
    merge_commit_sha: Sha | None = None


class PullReview(Struct, frozen=True, kw_only=True):
    """One review; `state` is GitHub's: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING."""

    state: str
    user: User | None = None


class _Comparison(Struct, frozen=True, kw_only=True):
    status: Literal["ahead", "behind", "diverged", "identical"]
    merge_base_commit: Object | None = None


class GitHub:
    """One repository, `OWNER/NAME`; a ref is a branch, a tag or a commit id."""

    def __init__(self, client: Client, repository: str) -> None:
        self.client = client
        self.repository = repository
        self._at = f"repos/{repository}"

    def raw(self, ref: str, path: str, *, most: int) -> bytes:
        """Return a file's content of at most so many bytes."""
        return self.client.raw(f"{self.repository}/{_quoted(ref)}/{_quoted(path)}", most=most)

    def branches(self, beginning: str) -> list[str]:
        """Return the names of the branches with this prefix."""
        listed = self.client.pages(f"{self._at}/git/matching-refs/heads/{_quoted(beginning)}", Branch)
        return [branch.ref.removeprefix("refs/heads/") for branch in listed]

    def changes(self, ref: str, path: str) -> Iterator[ApiCommit]:
        """Yield the commits of a ref that changed the file at this path, newest first; fetch pages on demand."""
        query = urlencode({"sha": ref, "path": path, "per_page": _PAGE})
        return self.client.pages(f"{self._at}/commits?{query}", ApiCommit)

    def last_change(self, ref: str, path: str) -> ApiCommit | None:
        """Return the newest commit of a ref that changed the file at this path, None if none did."""
        query = urlencode({"sha": ref, "path": path, "per_page": 1})
        return next(iter(self.client.json(f"{self._at}/commits?{query}", list[ApiCommit])), None)

    def pull(self, number: int) -> ApiPull:
        """Return a pull request."""
        return self.client.json(f"{self._at}/pulls/{number}", ApiPull)

    def pull_files(self, number: int) -> list[PullFile]:
        """Return the files that a pull request changes."""
        return list(self.client.pages(f"{self._at}/pulls/{number}/files?per_page={_PAGE}", PullFile))

    def reviews(self, number: int) -> list[PullReview]:
        """Return the reviews of a pull request, oldest first."""
        return list(self.client.pages(f"{self._at}/pulls/{number}/reviews?per_page={_PAGE}", PullReview))

    def contains(self, ref: str, commit: str) -> bool:
        """Return whether a commit is in a ref's history."""
        return self._compare(commit, ref).status in {"ahead", "identical"}

    def merge_base(self, base: str, head: str) -> str:
        """Return the commit at which `head` forked from `base`; raise ToolkitError if they share no history."""
        found = self._compare(base, head).merge_base_commit
        if found is None:
            raise ToolkitError(f"{self.repository}: '{base}' and '{head}' have no commit in common")
        return found.sha

    def _compare(self, base: str, head: str) -> _Comparison:
        # The second page of one commit each has no list of files.
        at = f"{self._at}/compare/{_quoted(base)}...{_quoted(head)}?per_page=1&page=2"
        return self.client.json(at, _Comparison)


def _quoted(text: str) -> str:
    return quote(text, safe="/")


def connect(server: Server, *, timeout: float = 30.0) -> GitHub:
    """Return a GitHub repository, without a request yet; raise UsageError for an invalid name or URL."""
    repository = server.repository or tracked().repository
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", repository):
        raise UsageError(f"--repo: '{repository}' is not OWNER/NAME")
    api_url = base_url(server.api_url or tracked().api_url, "--api-url")
    client = Client(
        api_url=api_url,
        raw_url=server.raw_url or tracked().raw_url,
        token=find_token(server.token_command, host=urlsplit(api_url).netloc),
        cache=default_cache(),
        timeout=timeout,
    )
    return GitHub(client, repository)
