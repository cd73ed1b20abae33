"""GitHub's JSON as values: only what is used; a field that is not as it should be is named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError
from toolkit.git.history import Change

if TYPE_CHECKING:
    from toolkit.model import Oid
    from toolkit.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A file in a commit or a pull request; `status` is GitHub's: added, modified, renamed, removed, …."""

    path: str
    status: str
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A commit with its parents and the files that it changed."""

    change: Change
    parents: tuple[Oid, ...]
    files: tuple[ChangedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """An entry of a tree; `kind` is blob, tree or commit."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request; `mergeable` is None while GitHub is still finding out, `merged_as` the commit in the base."""

    number: int
    title: str
    url: str
    author: str | None
    state: str
    draft: bool
    merged: bool
    mergeable: bool | None
    base: str
    head: Oid
    updated: int
    merged_at: int | None
    merged_as: Oid | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review; `state` is GitHub's: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING."""

    author: str | None
    state: str


def change(record: Record) -> Change:
    """Read a commit."""
    commit = record.record("commit")
    message = commit.text("message") if "message" in commit else ""
    return Change(
        commit=record.oid("sha"),
        committed=seconds(commit.record("committer"), "date"),
        subject=(message.splitlines() or [""])[0],
    )


def detail(record: Record) -> Detail:
    """Read a commit with its files."""
    return Detail(
        change=change(record),
        parents=tuple(parent.oid("sha") for parent in record.records("parents")),
        files=tuple(changed_file(file) for file in record.records("files")) if "files" in record else (),
    )


def changed_file(record: Record) -> ChangedFile:
    """Read a file of a commit or a pull request."""
    return ChangedFile(
        path=record.text("filename"),
        status=record.text("status"),
        previous=record.optional("previous_filename", record.text),
    )


def tree(record: Record) -> tuple[TreeFile, ...]:
    """Read the entries of a tree."""
    return tuple(TreeFile(path=entry.text("path"), kind=entry.text("type")) for entry in record.records("tree"))


def pull(record: Record) -> Pull:
    """Read a pull request, from its own document or from a list of them."""
    head, base = record.record("head"), record.record("base")
    merged_at = record.optional("merged_at", lambda name: seconds(record, name))
    merged = record.boolean("merged") if "merged" in record else merged_at is not None
    return Pull(
        number=record.integer("number"),
        title=record.text("title"),
        url=record.text("html_url"),
        author=_login(record),
        state=record.text("state"),
        draft=record.boolean("draft") if "draft" in record else False,
        merged=merged,
        mergeable=record.optional("mergeable", record.boolean),
        base=base.text("ref"),
        head=head.oid("sha"),
        updated=seconds(record, "updated_at"),
        merged_at=merged_at,
        # For an open one it is a commit that GitHub made to try the merge.
        merged_as=record.optional("merge_commit_sha", record.oid) if merged else None,
    )


def review(record: Record) -> Review:
    """Read a review."""
    return Review(author=_login(record), state=record.text("state"))


def seconds(record: Record, name: str) -> int:
    """Read a date such as `2026-08-01T12:00:00Z`, in seconds since the epoch."""
    text = record.text(name)
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        raise record.error(name, f"is no date: '{text}'") from error
    return int((date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp())


def _login(record: Record) -> str | None:
    """Read who it is from; a user who was deleted is null."""
    try:
        return record.record("user").text("login") if "user" in record else None
    except ToolkitError:
        return None
