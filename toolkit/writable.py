"""Delete, move and create files below a directory that unlet owns, the root.

No other module does so by name. A `WritableRoot` is a directory that unlet made, or
that was confirmed to be unlet's own. Paths are relative to the root. unlet opens them
name by name and follows no link, so nothing outside the root can change.
"""

import errno
import os
import stat
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath, PurePosixPath
from shutil import copy2, rmtree

from msgspec import Struct

from toolkit import kernel

Below = str | PurePath

_LOOK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EXCHANGE = 2
"""The flag RENAME_EXCHANGE (linux/fs.h)."""


class WritableRoot(Struct, frozen=True):
    """A directory below which unlet may write.

    Each method raises OSError: ELOOP or ENOTDIR for a path below a link, EXDEV for a
    path that is not below the root.
    """

    path: Path

    def delete(self, below: Below) -> None:
        """Delete a file, a link, or a directory with its content.

        Ignore a path that is missing or below a link. Raise a KeyboardInterrupt only
        after the deletion.
        """
        with suppress(OSError), self._parent(below) as (parent, name):
            try:
                _delete(parent, name)
            except BaseException:
                _delete(parent, name)
                raise

    def prune(self, below: Below) -> None:
        """Delete a file, a link or an empty directory, and empty directories above."""
        path = PurePosixPath(below)
        with suppress(FileNotFoundError), self._parent(path) as (parent, name):
            try:
                os.unlink(name, dir_fd=parent)
            except (IsADirectoryError, PermissionError):
                os.rmdir(name, dir_fd=parent)
        for above in path.parents[:-1]:
            try:
                with self._parent(above) as (parent, name):
                    os.rmdir(name, dir_fd=parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                    return
                raise

    def move(self, source: Below, destination: Below) -> None:
        """Move a file, a link or a directory, and replace an existing file."""
        with self._parents(source, destination) as ((one, old), (other, new)):
            os.rename(old, new, src_dir_fd=one, dst_dir_fd=other)

    def exchange(self, source: Below, destination: Below) -> None:
        """Exchange two directories; if the second does not exist, move the first there.

        On Linux (renameat2(2)), both paths have a directory at every moment.
        """
        with self._parents(source, destination) as ((one, old), (other, new)):
            if not _exists(new, other):
                os.rename(old, new, src_dir_fd=one, dst_dir_fd=other)
            elif not _exchanged(one, old, other, new):
                aside = f"{new}.{os.urandom(4).hex()}"
                os.rename(new, aside, src_dir_fd=other, dst_dir_fd=other)
                try:
                    os.rename(old, new, src_dir_fd=one, dst_dir_fd=other)
                except BaseException:
                    os.rename(aside, new, src_dir_fd=other, dst_dir_fd=other)
                    raise
                os.rename(aside, old, src_dir_fd=other, dst_dir_fd=one)

    def make_directory(self, below: Below) -> None:
        """Create a directory and the missing directories above it."""
        with self._parent(f"{below}/.", make=True):
            pass

    def write(self, below: Below, content: bytes, *, mode: int | None = None) -> None:
        """Create a file and the directories above it; replace an older file or link.

        Its mode is `mode`, by default 0o666 without the bits of the umask.
        """
        with self._parent(below, make=True) as (parent, name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
            with open(os.open(name, _NEW, 0o666, dir_fd=parent), "wb") as file:  # noqa: PTH123
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                file.write(content)

    def link(self, below: Below, target: str) -> None:
        """Create a symbolic link and the directories above it."""
        with self._parent(below, make=True) as (parent, name):
            os.symlink(target, name, dir_fd=parent)

    def adopt(self, below: Below, original: Path) -> None:
        """Create a hard link to a file or symbolic link; if that fails, a copy."""
        with self._parent(below, make=True) as (parent, name):
            try:
                os.link(original, name, dst_dir_fd=parent, follow_symlinks=False)
            except OSError:
                copy(original, self.path / below)

    def names(self, below: Below = ".") -> list[str]:
        """Return the sorted names of the directories in a directory, without links.

        Return an empty list if the directory does not exist, is a link, or is below a
        link.
        """
        with suppress(OSError), self._parent(f"{below}/.") as (handle, _):
            return sorted(_directories(handle))
        return []

    @contextmanager
    def _parent(
        self, below: Below, *, make: bool = False
    ) -> Generator[tuple[int, str]]:
        """Yield a handle of the directory around a path, and the path's last name."""
        *above, name = _names(str(below))
        handle = os.open(self.path, _LOOK)
        try:
            for part in above:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                deeper = os.open(part, _LOOK | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = deeper
            yield handle, name
        finally:
            os.close(handle)

    @contextmanager
    def _parents(
        self, one: Below, other: Below
    ) -> Generator[tuple[tuple[int, str], tuple[int, str]]]:
        with self._parent(one) as first, self._parent(other) as second:
            yield first, second


def copy(original: Path | str, place: Path | str) -> None:
    """Copy a file with its dates, or a link itself, to a place that unlet created."""
    copy2(original, place, follow_symlinks=False)


def _names(below: str) -> Sequence[str]:
    names = [name for name in below.split("/") if name not in {"", "."}]
    if below.endswith("/."):
        names.append(".")
    if below.startswith("/") or ".." in names or not names:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), below)
    return names


def _exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _exchanged(one: int, old: str, other: int, new: str) -> bool:
    """Exchange two names, and return whether the kernel could do so."""
    rename = kernel.function("renameat2")
    if rename is None:
        return False
    status: int = rename(one, os.fsencode(old), other, os.fsencode(new), _EXCHANGE)
    return status == 0


def _delete(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        rmtree(name, dir_fd=parent, ignore_errors=True)
        if _exists(name, parent):
            _unlock(parent, name)
            rmtree(name, dir_fd=parent, ignore_errors=True)


def _unlock(parent: int, name: str) -> None:
    """Let the owner delete from a directory and from the directories in it.

    The directories of a Nix store are read-only.
    """
    with suppress(OSError):
        look = os.open(name, _LOOK | os.O_NOFOLLOW, dir_fd=parent)
        try:
            _permit(look)
            for below in _directories(look):
                _unlock(look, below)
        finally:
            os.close(look)


def _permit(directory: int) -> None:
    """Give the owner all rights to an open directory.

    fchmod(2) refuses a descriptor that was opened with O_PATH, but its path in /proc
    works.
    """
    if sys.platform == "linux":
        Path(f"/proc/self/fd/{directory}").chmod(stat.S_IRWXU)
    else:
        os.fchmod(directory, stat.S_IRWXU)


def _directories(parent: int) -> list[str]:
    """Return the names of the directories in an open directory, without links."""
    handle = os.open(".", _LIST, dir_fd=parent)
    try:
        with os.scandir(handle) as entries:
            return [
                entry.name for entry in entries if entry.is_dir(follow_symlinks=False)
            ]
    finally:
        os.close(handle)
