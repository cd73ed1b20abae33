"""Where the file is at a ref of a server: in its usual place, where it was moved to, or wherever it is bound."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit.docker.parallel import side_by_side
from toolkit.docker.plan import plan
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.track.upstream import may_bind
from toolkit.errors import ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.forge.failures import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.docker.track.tracked import Tracked
    from toolkit.forge.github import ChangedFile, GitHub

_MOST_MOVES = 5
_MOST_CANDIDATES = 40


class Places:
    """Finds the file. `warnings` says if GitHub has left something out."""

    def __init__(self, github: GitHub, tracked: Tracked) -> None:
        self.warnings: list[str] = []
        self._github = github
        self._tracked = tracked

    def find(self, ref: str) -> tuple[PurePosixPath, bytes]:
        """Return the file's path and content at a ref; raise ToolkitError if there is none."""
        target = plan().target
        try:
            content = self._github.raw(ref, str(target), most=MAXIMUM_BYTES)
        except NotFoundError:
            return self._elsewhere(ref)
        if may_bind(content):
            return target, content
        try:
            return self._elsewhere(ref)
        except ToolkitError:
            return target, content

    def _elsewhere(self, ref: str) -> tuple[PurePosixPath, bytes]:
        """Look for the file in other places: where it was moved to, in the usual directories, in the whole tree."""
        try:
            moved = self._moves(ref)
        except NotFoundError:
            raise NotFoundError(f"there is no branch, tag or commit '{ref}' in {self._github.repository}") from None
        fallback: tuple[PurePosixPath, bytes] | None = None
        for path in dict.fromkeys((*moved, *self._tracked.places)):
            content = self._raw_or_none(ref, path)
            if content is not None and may_bind(content):
                return path, content
            fallback = (path, content) if content is not None and fallback is None else fallback
        paths = self._candidates(ref)
        for path, content in zip(paths, side_by_side(lambda p: self._raw_or_none(ref, p), paths), strict=True):
            if content is not None and may_bind(content):
                return path, content
        if fallback is not None:
            return fallback
        gone = f"the file is gone: '{plan().target}' is not there, and no other file binds {GENERATOR}"
        raise ToolkitError(gone)

    def _moves(self, ref: str) -> list[PurePosixPath]:
        """Follow the file's renames by the commits that took it away; raise NotFoundError for no such ref."""
        found: list[PurePosixPath] = []
        path = str(plan().target)
        for _ in range(_MOST_MOVES):
            change = self._github.last_change(ref, path)
            if change is None:
                break
            new = moved_to(self._github.commit(change.sha).files, path)
            if new is None:
                break
            found.append(PurePosixPath(new))
            path = new
        return list(reversed(found))

    def _candidates(self, ref: str) -> list[PurePosixPath]:
        """List Nix files with docker or moby in their path: in the usual directories, or else in the whole tree."""
        directories = dict.fromkeys(
            (plan().target.parent.parent, *(place.parent.parent for place in self._tracked.places))
        )
        found: list[PurePosixPath] = []
        for directory in directories:
            try:
                files = self._github.tree(ref, str(directory)).tree
            except NotFoundError:
                continue
            found += [directory / each.path for each in files if each.type == "blob"]
        if not any(_is_candidate(path) for path in found):
            whole = self._github.tree(ref)
            found = [PurePosixPath(each.path) for each in whole.tree if each.type == "blob"]
            if whole.truncated:
                self.warnings.append(f"{ref}: GitHub lists only a part of its files")
        return [path for path in found if _is_candidate(path) and path != plan().target][:_MOST_CANDIDATES]

    def _raw_or_none(self, ref: str, path: PurePosixPath) -> bytes | None:
        try:
            return self._github.raw(ref, str(path), most=MAXIMUM_BYTES)
        except NotFoundError:
            return None


def moved_to(files: Sequence[ChangedFile], path: str) -> str | None:
    """Return where a file went in a commit or a pull request that renamed it."""
    renamed = (file for file in files if file.status == "renamed" and file.previous_filename == path)
    return next((file.filename for file in renamed), None)


def _is_candidate(path: PurePosixPath) -> bool:
    return path.suffix == ".nix" and any(word in str(path).lower() for word in ("docker", "moby"))
