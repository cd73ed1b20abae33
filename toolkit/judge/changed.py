"""The files of a change: what stands in each before and after, and the names in it that differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import inside
from toolkit.errors import NixSyntaxError, RefusalError
from toolkit.git import reading
from toolkit.git.reading import LINK, TreeFile
from toolkit.judge import bindings, reach
from toolkit.nix import program
from toolkit.parallel import side_by_side
from toolkit.sources.changes import MOST

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from toolkit.judge.reach import AttrPath
    from toolkit.judge.sides import Sides

_DOCUMENTS = (".md", ".rst", ".txt.in", ".svg", ".xml")
_ROOMS = ("pkgs/", "lib/", "nixos/", "maintainers/")


class FileChange(Struct, frozen=True, kw_only=True):
    """A file of the change; `equal` means that Nix reads the same in it."""

    path: str
    before: TreeFile | None
    after: TreeFile | None
    equal: bool
    error: str | None = None
    names: frozenset[AttrPath] = frozenset()
    rest: bool = True

    @property
    def is_document(self) -> bool:
        """Return whether nothing evaluates it."""
        return self.path.endswith(_DOCUMENTS) or not (self.path.startswith(_ROOMS) or self.path == "default.nix")


def file_changes(sides: Sides) -> list[FileChange]:
    """Return the files that differ between the two sides."""
    files: list[FileChange] = []
    for path in sorted({*sides.before, *sides.after}):
        before = sides.before[path] if path in sides.before else _of_base(sides, path)
        after = sides.after[path] if path in sides.after else _of_base(sides, path)
        if before != after:
            files.append(FileChange(path=str(path), before=before, after=after, equal=False))
    return [_compared(file) for file in side_by_side(_parsed, files, jobs=2)]


def _parsed(file: FileChange) -> FileChange:
    """Return a file, and whether Nix reads the same in both versions, but for positions, or why it reads none."""
    if not file.path.endswith(".nix") or file.after is None or file.after.mode == LINK:
        return file
    try:
        after = program.parsed(file.after.content, name=file.path)
    except (NixSyntaxError, RefusalError) as error:
        return replace(file, error=error.message)
    if file.before is None or file.before.mode != file.after.mode:
        return file
    try:
        before = program.parsed(file.before.content, name=file.path)
    except (NixSyntaxError, RefusalError):
        return file
    return replace(file, equal=before == after and "__curPos" not in after)


def _compared(file: FileChange) -> FileChange:
    if file.equal or not file.path.endswith((".nix", ".json")):
        return file
    before, after = (
        each.content.decode("utf-8", "replace") if each is not None else "" for each in (file.before, file.after)
    )
    if file.path.endswith(".json"):
        one, other = _members(before), _members(after)
        names = {(name,) for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
        return replace(file, names=frozenset(names), rest=not (one and other))
    differing = bindings.differing(before, after, deep=file.path.startswith(reach.TOP))
    return replace(file, names=differing.paths, rest=differing.rest)


def _members(text: str) -> dict[str, Any]:
    """Return what a text of JSON has by name: a list of versions or of sources."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", members) if isinstance(members, dict) else {}


def _of_base(sides: Sides, path: PurePosixPath) -> TreeFile | None:
    root = sides.base.root
    there = inside.link(root, path) is not None or inside.is_file(root, path)
    return reading.read_file(root, path, most=MOST) if there else None
