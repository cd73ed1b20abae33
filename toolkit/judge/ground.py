"""Trees in the cache that share all but the changed files with a base.

The unchanged files are hard links to those of the base.

The judge has one that holds a tree before and after the change, in turn: both are
evaluated under equal paths, because some packages contain the path of their own tree.
Each base has a few, so that several processes can judge at a time. A lift, which needs
both at a time, has another directory for the tree after the change.
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
"""How many grounds a base has.

Each is a tree of directories (100 MB) that shares files with the first.
"""


class Ground:
    """A tree in which files can be replaced for a time."""

    def __init__(self, base: Path, directory: Path) -> None:
        self._base = base
        self._journal = directory / _REPLACED
        self.root = directory / _TREE

    @contextmanager
    def holding(
        self, contents: Mapping[PurePosixPath, TreeFile | None]
    ) -> Generator[Path]:
        """Replace files as `replace` does during the block, then restore the base."""
        try:
            self.replace(contents)
            yield self.root
        finally:
            self.restore()

    def replace(self, contents: Mapping[PurePosixPath, TreeFile | None]) -> None:
        """Replace files, or delete those that are None.

        Restore the files of an earlier call; do nothing if they are the same. Raise
        ToolkitError for a link that points outside the tree, a file below a link, or
        one in place of a directory with files.
        """
        paths = [str(path) for path in contents]
        if self._paths() != paths or any(
            self._find(path) != file for path, file in contents.items()
        ):
            self.restore()
            self._journal.write_bytes(documents.write(paths))
            # What goes makes room for what comes: a file may become a directory.
            for gone in paths:
                self._remove(gone)
            for path, file in contents.items():
                if file is not None:
                    self._write(path, file)
        # A link may lead to the next one: all of them are there now.
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

        Nothing below a link belongs to the tree.
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
        """Restore the base, even after a process was killed."""
        paths = self._paths()
        for path in paths:
            self._remove(path)
        for path in paths:
            origin = self._base / path
            # What stands below a directory that was another thing meanwhile has paths
            # of its own.
            if not os.path.lexists(origin) or inside.is_directory(self._base, path):
                continue
            WritableRoot(self.root).adopt(path, origin)
        WritableRoot(self._journal.parent).delete(self._journal.name)


@contextmanager
def opened(base: NixpkgsTree, *, progress: Progress) -> Generator[Ground]:
    """Yield a ground of a tree for exclusive use.

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
    """Return the tree with these files added or replaced; None deletes a file.

    The last few trees of a base are kept, so that the commands of a report can be
    repeated. Raise as `Ground.replace` does.
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
    """Return the tree with another content of one of its files, as `changed` does."""
    return changed(
        base, {path: replace(reading.read_file(base.root, path), content=content)}
    )


def _obtained(base: NixpkgsTree, kind: str, key: str) -> Ground:
    # The base is made again if its files have changed, and so is what is linked to
    # them. Each use touches its root.
    state = (base.root / "pkgs").stat()
    mark = f"{base.root} {state.st_ino} {state.st_mtime_ns}"

    def make(directory: Path) -> None:
        trees.copy(base.root, directory / _TREE, link=True)
        (directory / _BASE).write_text(mark)

    def check(directory: Path) -> bool:
        return (directory / _BASE).is_file() and (directory / _BASE).read_text() == mark

    return Ground(base.root, default_cache().obtain(kind, key, make=make, check=check))
