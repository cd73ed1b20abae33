"""Working trees in the cache: copies of a nixpkgs in which files can be replaced.

The unchanged files are hard links to those of the base nixpkgs. The judge uses one
working tree for the time before and after a change, in turn: both must be evaluated
under equal paths, because some packages contain the path of their own tree. Each base
has a few working trees, so that several processes can judge at the same time. A lift,
which needs both trees at the same time, has another directory for the changed tree.
"""

import hashlib
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from toolkit import documents, inside
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.model import Progress
from toolkit.sources import trees
from toolkit.sources.trees import NixpkgsTree
from toolkit.writable import WritableRoot

_KIND = "grounds"
_CHANGED = "changed-trees"
_TREE = "tree"
_BASE = "base"
_REPLACED = "replaced.json"
_MOST = 4
"""The maximum number of working trees for a base nixpkgs.

Each working tree has its own directories (100 MB) and shares its files with the base.
"""


class Ground:
    """A working tree in which files can be replaced temporarily."""

    def __init__(self, base: Path, directory: Path) -> None:
        self._base = base
        self._journal = directory / _REPLACED
        self.root = directory / _TREE

    @contextmanager
    def holding(
        self, contents: Mapping[PurePosixPath, TreeFile | None]
    ) -> Generator[Path]:
        """Replace files of the working tree during the block, then restore the base."""
        try:
            self.replace(contents)
            yield self.root
        finally:
            self.restore()

    def replace(self, contents: Mapping[PurePosixPath, TreeFile | None]) -> None:
        """Replace the given files; delete a file whose content is None.

        First restore the files of an earlier call, unless they are the same. Raise
        ToolkitError for a link that points outside the tree, a file below a link, or a
        file in place of a directory with files.
        """
        paths = [str(path) for path in contents]
        if self._paths() != paths or any(
            self._find(path) != file for path, file in contents.items()
        ):
            self.restore()
            self._journal.write_bytes(documents.write(paths))
            # Delete first, because a file may become a directory.
            for gone in paths:
                self._remove(gone)
            for path, file in contents.items():
                if file is not None:
                    self._write(path, file)
        # Check links last, because a link may lead to another new file.
        if out := [
            path
            for path, file in contents.items()
            if file is not None and inside.leads_out(self.root, path)
        ]:
            raise ToolkitError(f"{out[0]}: is a link that points outside the tree")

    def _find(self, path: PurePosixPath) -> TreeFile | None:
        return (
            reading.read_file(self.root, path)
            if os.path.lexists(self.root / path)
            else None
        )

    def _write(self, path: PurePosixPath, file: TreeFile) -> None:
        inside.require_place(self.root, path)
        if inside.is_directory(self.root, path):
            raise ToolkitError(f"{path}: is a directory that contains other files")
        reading.write_file(WritableRoot(self.root), path, file)

    def _remove(self, path: str) -> None:
        """Remove a file, and the directories that become empty.

        A path below a link is ignored, because it does not belong to the tree.
        """
        with suppress(OSError):
            WritableRoot(self.root).prune(path)

    def _paths(self) -> list[str]:
        if not self._journal.exists():
            return []
        return documents.read(
            self._journal.read_bytes(), list[str], document=str(self._journal)
        )

    def restore(self) -> None:
        """Restore the files of the base, even if an earlier process was killed."""
        paths = self._paths()
        for path in paths:
            self._remove(path)
        for path in paths:
            origin = self._base / path
            # The files below such a directory have their own entries in the list.
            if not os.path.lexists(origin) or inside.is_directory(self._base, path):
                continue
            WritableRoot(self.root).adopt(path, origin)
        WritableRoot(self._journal.parent).delete(self._journal.name)


@contextmanager
def opened(base: NixpkgsTree, *, progress: Progress) -> Generator[Ground]:
    """Yield a working tree of a base nixpkgs for exclusive use.

    Create one if needed, or wait until one is free.
    """
    wait = partial(progress.step, "waiting until another check of this nixpkgs ends")
    keys = {
        f"{_KIND}-used-{key}": key
        for key in (base.key, *(f"{base.key}-{number}" for number in range(1, _MOST)))
    }
    with default_cache().locked(*keys, on_wait=wait) as name:
        place = _obtained(base, _KIND, keys[name])
        place.restore()
        yield place


def changed(
    base: NixpkgsTree, contents: Mapping[PurePosixPath, TreeFile | None]
) -> NixpkgsTree:
    """Return a tree with these files added or replaced; None deletes a file.

    The last few trees of a base stay in the cache, so that the commands of a report can
    be repeated. Raise ToolkitError for the reasons that `Ground.replace` lists.
    """
    digests = [
        hashlib.sha256(text.encode()).hexdigest()[:32]
        for text in (base.key, repr(sorted(contents.items())))
    ]
    key = "-".join(digests)
    with (cache := default_cache()).locked(f"{_CHANGED}-{digests[0]}"):
        cache.use(f"{_CHANGED}-{key}")
        cache.rename_oldest(_CHANGED, f"{digests[0]}-", key, most=_MOST)
        place = _obtained(base, _CHANGED, key)
        place.replace(contents)
    return NixpkgsTree(root=place.root, key=key)


def edited(base: NixpkgsTree, path: PurePosixPath, content: bytes) -> NixpkgsTree:
    """Return a tree in which one file of a base has another content."""
    return changed(
        base, {path: replace(reading.read_file(base.root, path), content=content)}
    )


def _obtained(base: NixpkgsTree, kind: str, key: str) -> Ground:
    # If the base's files have changed, its working trees are created again. Each use
    # updates the time of the base's root.
    state = (base.root / "pkgs").stat()
    mark = f"{base.root} {state.st_ino} {state.st_mtime_ns}"

    def make(directory: Path) -> None:
        trees.copy(base.root, directory / _TREE, link=True)
        (directory / _BASE).write_text(mark)

    def check(directory: Path) -> bool:
        return (directory / _BASE).is_file() and (directory / _BASE).read_text() == mark

    return Ground(base.root, default_cache().obtain(kind, key, make=make, check=check))
