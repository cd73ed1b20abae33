"""The history of one file in a clone, read with few git processes."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, reading
from toolkit.model import Oid

# The end of the year 9999.
_LAST_SECOND = 253402300799

_RECORD, _FIELD = "\x01", "\x02"
# A subject may have any character in it.
_BEGINNING = re.compile(rf"{_RECORD}(?=[0-9a-f]{{40}}{_FIELD}-?[0-9]+{_FIELD})")
_FORMAT = f"--format={_RECORD}%H{_FIELD}%ct{_FIELD}%s{_FIELD}"


class FileCommit(Struct, frozen=True, kw_only=True):
    """A commit that changed a file: its id, the committer's date, its subject."""

    commit: Oid
    date: datetime
    subject: str


class RangeCommit(Struct, frozen=True, kw_only=True):
    """A commit of a range; if it `merges`, it has more than one parent."""

    commit: Oid
    subject: str
    merges: bool


def last_change(
    repository: Path, commit: Oid, path: PurePosixPath
) -> FileCommit | None:
    """Return the newest ancestor of a commit that changed the file."""
    done = calls.run_reading(repository, "log", "-1", _FORMAT, commit, "--", str(path))
    return next((change for change, _ in _records(done.stdout)), None)


def versions(
    repository: Path, commit: Oid, path: PurePosixPath, *, most: int
) -> list[tuple[FileCommit, PurePosixPath]]:
    """Return the newest ancestors that changed a file, with its path at that time.

    Follow renames. A merge counts if its file differs from that of every parent.
    """
    options = (
        "--follow",
        "--topo-order",
        "-c",
        "--name-only",
        "-z",
        "--no-color",
        "--find-renames=40%",
        f"-{most}",
    )
    try:
        output = calls.run_reading(
            repository, "log", *options, _FORMAT, str(commit), "--", str(path)
        ).stdout
    except CommandError as error:
        raise ToolkitError(
            f"{repository}: git cannot list its history: {reading.fact(error.stderr)}"
        ) from error
    named = (
        (change, rest.strip("\0\n").split("\0")[-1])
        for change, rest in _records(output)
    )
    return [(change, PurePosixPath(name)) for change, name in named if name]


def common_ancestor(repository: Path, one: Oid, other: Oid) -> Oid | None:
    """Return the newest common ancestor, or None if the clone knows none."""
    asked = calls.run_reading(repository, "merge-base", str(one), str(other), ok=(0, 1))
    return Oid(asked.text) if asked.status == 0 else None


def changed(directory: Path) -> tuple[PurePosixPath, ...]:
    """Return the files of the worktree at `directory` that differ from HEAD.

    Raise ToolkitError if the worktree is in another directory.
    """
    calls.worktree(directory)
    how = ("--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "-z")
    done = calls.run_comparing(directory, "diff", *how, "HEAD", "--")
    return tuple(
        PurePosixPath(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name
    )


def commits(repository: Path, base: Oid, head: Oid) -> tuple[RangeCommit, ...]:
    """Return the commits of a range, oldest first."""
    form = f"--format=%H{_FIELD}%P{_FIELD}%s"
    options = ("--reverse", "--topo-order", "--no-show-signature", "-z", form)
    listed = calls.run_reading(
        repository, "log", *options, f"{base}..{head}"
    ).stdout.decode("utf-8", "replace")
    fields = (record.split(_FIELD, 2) for record in listed.split("\0") if record)
    return tuple(
        RangeCommit(commit=Oid(oid), subject=subject, merges=" " in parents)
        for oid, parents, subject in fields
    )


def differing(
    repository: Path, base: Oid, head: Oid
) -> tuple[
    tuple[PurePosixPath, reading.TreeEntry | None, reading.TreeEntry | None], ...
]:
    """Return the paths that differ between two commits, with both versions."""
    options = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev")
    fields = calls.run_reading(
        repository, "diff-tree", *options, str(base), str(head)
    ).stdout.split(b"\0")

    def entry(path: PurePosixPath, mode: str, blob: str) -> reading.TreeEntry | None:
        return (
            reading.TreeEntry(path=path, mode=mode, blob=Oid(blob))
            if blob.strip("0")
            else None
        )

    found: list[
        tuple[PurePosixPath, reading.TreeEntry | None, reading.TreeEntry | None]
    ] = []
    for head_of, name in zip(fields[:-1:2], fields[1::2], strict=True):
        old_mode, new_mode, old, new, _ = head_of.decode().removeprefix(":").split(" ")
        path = PurePosixPath(os.fsdecode(name))
        found.append((path, entry(path, old_mode, old), entry(path, new_mode, new)))
    return tuple(found)


def _records(output: bytes) -> Iterator[tuple[FileCommit, str]]:
    """Yield the commits of a log in our format, each with the lines that follow it."""
    for record in _BEGINNING.split(output.decode("utf-8", "replace"))[1:]:
        oid, date, message = record.split(_FIELD, 2)
        subject, _, rest = message.rpartition(_FIELD)
        when = datetime.fromtimestamp(max(0, min(int(date), _LAST_SECOND)), tz=UTC)
        yield FileCommit(commit=Oid(oid), date=when, subject=subject), rest
