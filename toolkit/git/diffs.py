"""Diffs as values, which unidiff makes of them: the one reader of what git writes and of what others send."""

from __future__ import annotations

import ast
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from toolkit.errors import ToolkitError


def read(diff: bytes, name: str = "patch") -> PatchSet:
    """Return the files of a diff, or of a mail that has one; raise ToolkitError for a hunk that is not whole."""
    try:
        return PatchSet(io.StringIO(diff.decode("utf-8", "replace"), newline="\n"))
    except UnidiffParseError as error:
        raise ToolkitError(f"{name}: unidiff cannot read it: {error}") from error


def touched(diff: bytes, name: str = "patch") -> tuple[PurePosixPath, ...]:
    """Return the paths that a diff touches, in its order; raise ToolkitError for what has no diff in it."""
    paths = tuple(dict.fromkeys(_unquoted(file.path) for file in read(diff, name)))
    if not paths:
        raise ToolkitError(f"{name}: contains no diff")
    return paths


def _unquoted(path: str) -> PurePosixPath:
    """Return a path that git may have quoted, as it does where a character is none of ASCII's (git-config(1))."""
    if path.startswith('"'):
        path = bytes(ast.literal_eval(f"b{path}")).decode("utf-8", "replace")
    return PurePosixPath(path)


@dataclass(frozen=True, slots=True)
class Changes:
    """Lines of a diff. `moved` of the added ones are removed elsewhere in it, to the letter."""

    added: int
    removed: int
    moved: int


def count(diff: bytes) -> Changes:
    """Count the lines of a unified diff; blank lines count as added or removed, and never as moved."""
    lines = [line for file in read(diff) for hunk in file for line in hunk]
    added = Counter(line.value for line in lines if line.is_added)
    removed = Counter(line.value for line in lines if line.is_removed)
    moved = sum(number for text, number in (added & removed).items() if text.strip())
    return Changes(added.total(), removed.total(), moved)
