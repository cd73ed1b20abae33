"""The questions that are asked of GitHub about one repository."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from toolkit.forge import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.forge.client import Client
    from toolkit.forge.shapes import ChangedFile, Detail, Pull, Review, TreeFile
    from toolkit.git.history import Change
    from toolkit.model import Oid
    from toolkit.record import Record

_PAGE = 100


class GitHub:
    """One repository, `OWNER/NAME`; a ref is a branch, a tag or a commit id."""

    def __init__(self, client: Client, repository: str) -> None:
        self.client = client
        self.repository = repository
        self._at = f"repos/{repository}"

    def raw(self, ref: str, path: str, *, keep: bool = True) -> bytes:
        """Return a file's content; `keep` False leaves it to the caller to keep it."""
        return self.client.raw(f"{self.repository}/{_quoted(ref)}/{_quoted(path)}", keep=keep)

    def branches(self, beginning: str) -> dict[str, Oid]:
        """Return the branches whose names begin so, with their commits."""
        found: dict[str, Oid] = {}
        for page in self.client.pages(f"{self._at}/git/matching-refs/heads/{_quoted(beginning)}"):
            for record in page.records("items"):
                found[record.text("ref").removeprefix("refs/heads/")] = record.record("object").oid("sha")
        return found

    def changes(self, ref: str, path: str) -> Iterator[Change]:
        """Yield the commits of a ref that changed the file at this path, newest first; a page is asked for when due."""
        query = urlencode({"sha": ref, "path": path, "per_page": _PAGE})
        for page in self.client.pages(f"{self._at}/commits?{query}"):
            yield from (shapes.change(record) for record in page.records("items"))

    def last_change(self, ref: str, path: str) -> Change | None:
        """Return the newest commit of a ref that changed the file at this path, None where none did."""
        query = urlencode({"sha": ref, "path": path, "per_page": 1})
        records = self.client.json(f"{self._at}/commits?{query}").records("items")
        return shapes.change(records[0]) if records else None

    def commit(self, ref: str) -> Detail:
        """Return a commit with its files, of which GitHub lists the first 300."""
        return shapes.detail(self.client.json(f"{self._at}/commits/{_quoted(ref)}"))

    def tree(self, ref: str, path: str = "", *, deep: bool = True) -> tuple[tuple[TreeFile, ...], bool]:
        """Return the files below a path at a ref, and whether GitHub has left some out."""
        at = f"{ref}:{path}" if path else ref
        record = self.client.json(f"{self._at}/git/trees/{quote(at, safe='')}{'?recursive=1' if deep else ''}")
        return shapes.tree(record), record.boolean("truncated") if "truncated" in record else False

    def pull(self, number: int) -> Pull:
        """Return a pull request."""
        return shapes.pull(self.client.json(f"{self._at}/pulls/{number}"))

    def pull_files(self, number: int) -> tuple[ChangedFile, ...]:
        """Return the files that a pull request changes."""
        pages = self.client.pages(f"{self._at}/pulls/{number}/files?per_page={_PAGE}")
        return tuple(shapes.changed_file(record) for page in pages for record in page.records("items"))

    def reviews(self, number: int) -> tuple[Review, ...]:
        """Return the reviews of a pull request, oldest first."""
        pages = self.client.pages(f"{self._at}/pulls/{number}/reviews?per_page={_PAGE}")
        return tuple(shapes.review(record) for page in pages for record in page.records("items"))

    def pulls_from(self, branch: str) -> tuple[Pull, ...]:
        """Return the pull requests, open or not, whose head is this branch of the repository itself."""
        query = urlencode({"state": "all", "head": f"{self.repository.partition('/')[0]}:{branch}"})
        return tuple(shapes.pull(record) for record in self.client.json(f"{self._at}/pulls?{query}").records("items"))

    def search_pulls(self, words: str, *, most: int) -> tuple[int, ...]:
        """Return the numbers of the pull requests that GitHub's search finds, the latest to change first."""
        query = urlencode({"q": f"repo:{self.repository} is:pr {words}", "sort": "updated", "per_page": most})
        record: Record = self.client.json(f"search/issues?{query}")
        return tuple(islice((item.integer("number") for item in record.records("items")), most))

    def contains(self, ref: str, commit: Oid) -> bool:
        """Tell whether a commit is in a ref's history; the second page of one commit each has no list of files."""
        record = self.client.json(f"{self._at}/compare/{commit}...{_quoted(ref)}?per_page=1&page=2")
        return record.text("status") in {"ahead", "identical"}


def _quoted(text: str) -> str:
    return quote(text, safe="/")
