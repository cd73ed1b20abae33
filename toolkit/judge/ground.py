"""One directory that holds a tree before and after the change, in turn.

Both are evaluated under equal paths, because some packages contain the path of their own tree. The directory has hard
links to the files of the base, and only the changed files are replaced. Each base has a few such directories in the
cache, so that several processes can judge at a time.
"""

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from toolkit import documents, files, inside
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.model import Progress
from toolkit.sources import trees
from toolkit.sources.trees import NixpkgsTree

_KIND = "grounds"
_TREE = "tree"
_BASE = "base"
_REPLACED = "replaced.json"
_MOST = 4
"""So many grounds has a base: each is a tree of directories, 100 MB, with the files of the first."""


class Ground:
    """A tree whose files can be replaced for a time."""

    def __init__(self, base: Path, directory: Path) -> None:
        """Put back what an earlier process has not."""
        self._base = base
        self._journal = directory / _REPLACED
        self.root = directory / _TREE
        if self._journal.exists():
            self._restore(documents.read(self._journal.read_bytes(), list[str], document=str(self._journal)))

    @contextmanager
    def holding(self, contents: Mapping[PurePosixPath, TreeFile | None]) -> Generator[Path]:
        """Replace files within the block, or delete those that are None; afterwards restore the base.

        Raise ToolkitError for a link that leads out of the tree, for a file below a link, and for one in place of a
        non-empty directory.
        """
        paths = [str(path) for path in contents]
        self._journal.write_bytes(documents.write(paths))
        try:
            # What goes makes room for what comes: a file may become a directory.
            for path in contents:
                self._remove(str(path))
            for path, file in contents.items():
                if file is not None:
                    self._write(path, file)
            # A link may lead to the next one: all of them are there now.
            if out := [
                path for path, file in contents.items() if file is not None and inside.leads_out(self.root, path)
            ]:
                raise ToolkitError(f"{out[0]}: is a link that leads out of the tree")
            yield self.root
        finally:
            self._restore(paths)

    def _write(self, path: PurePosixPath, file: TreeFile) -> None:
        inside.require_place(self.root, path)
        if inside.is_directory(self.root, path):
            raise ToolkitError(f"{path}: is a directory with other files")
        reading.write_file(self.root / path, file)

    def _remove(self, path: str) -> None:
        """Remove a file, and the directories that are empty then; what is below a link is not the tree's."""
        if any(inside.link(self.root, above) is not None for above in PurePosixPath(path).parents):
            return
        place = self.root / path
        if place.is_symlink() or place.is_file():
            place.unlink()
        above = place.parent
        while above != self.root and above.is_dir() and not any(above.iterdir()):
            above.rmdir()
            above = above.parent

    def _restore(self, paths: list[str]) -> None:
        for path in paths:
            self._remove(path)
        for path in paths:
            origin, place = self._base / path, self.root / path
            # What stands below a directory that was another thing meanwhile has paths of its own.
            if not os.path.lexists(origin) or inside.is_directory(self._base, path):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_symlink():
                place.symlink_to(origin.readlink())
                continue
            try:
                os.link(origin, place)
            except OSError:
                shutil.copy2(origin, place)
        files.remove(self._journal)


@contextmanager
def opened(base: NixpkgsTree, *, progress: Progress) -> Generator[Ground]:
    """Yield a ground of a tree for exclusive use; create one if needed, or wait for a free one."""
    cache = default_cache()
    # The base is made again if its files have changed, and so is what is linked to them.
    state = base.root.stat()
    mark = f"{base.root} {state.st_ino} {state.st_mtime_ns}"

    def make(directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        trees.link(base, directory / _TREE)
        (directory / _BASE).write_text(mark)

    def check(directory: Path) -> bool:
        return (directory / _BASE).is_file() and (directory / _BASE).read_text() == mark

    def wait() -> None:
        progress.step("waiting for another check of this nixpkgs to end")

    keys = {f"{_KIND}-used-{key}": key for key in (base.key, *(f"{base.key}-{number}" for number in range(1, _MOST)))}
    with cache.locked(*keys, on_wait=wait) as name:
        directory = cache.obtain(_KIND, keys[name], make=make, check=check)
        yield Ground(base.root, directory)
