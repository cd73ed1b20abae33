"""Read files below an untrusted directory, the root, without leaving it.

The root is a tree, the files of a commit, or files after a patch. No link that leads
out of the root is followed, and only regular files of limited length are read. Paths
that the user names are read by `toolkit.files`.
"""

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import files
from toolkit.errors import ToolkitError, reason_of

Below = str | PurePosixPath

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOOK = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC
_MOST_LINKS = 40


class AbsentError(ToolkitError):
    """A path below the root does not exist."""


class EntryKind(Enum):
    """The kind of a directory entry."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"


class Entry(Struct, frozen=True):
    """An entry below a root: its relative path and its kind.

    A link has the kind LINK, whatever it points to.
    """

    path: str
    kind: EntryKind


def read(root: Path, path: Below, *, most: int = files.MAXIMUM_BYTES) -> bytes:
    """Return the content of a file below a root.

    Follow a link only to a file below the same root. Raise AbsentError if the path does
    not exist. Raise ToolkitError for a directory, a pipe, a device, a link that points
    outside, and a file of more than `most` bytes.
    """
    return read_with_status(root, path, most=most)[0]


def read_with_status(
    root: Path, path: Below, *, most: int = files.MAXIMUM_BYTES
) -> tuple[bytes, os.stat_result]:
    """Return the content of a file and its status; raise as `read` does."""
    name = str(root / path)
    try:
        with _opened(root, path, _READ) as handle:
            return files.regular(handle, name=name, most=most), os.fstat(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise AbsentError(f"{name}: no such file or directory") from None
    except (OSError, ValueError) as error:
        raise _refusal(name, error) from None


def find(root: Path, path: Below, *, most: int = files.MAXIMUM_BYTES) -> bytes | None:
    """Return the content of a file as `read` does, or None if it does not exist."""
    try:
        return read(root, path, most=most)
    except AbsentError:
        return None


def is_file(root: Path, path: Below) -> bool:
    """Return whether the path is a file, or a link to a file below the root."""
    return stat.S_ISREG(_mode(root, path))


def is_directory(root: Path, path: Below) -> bool:
    """Return whether the path is a directory, or a link to one below the root."""
    return stat.S_ISDIR(_mode(root, path))


def exists(root: Path, path: Below) -> bool:
    """Return whether the path exists.

    A link that points outside the root, or to nothing, does not count.
    """
    return _mode(root, path) != 0


def link(root: Path, path: Below) -> str | None:
    """Return a link's target as written, or None if the path is not a link."""
    path = PurePosixPath(path)
    with (
        suppress(OSError, ValueError),
        _opened(root, path.parent, _LOOK | os.O_DIRECTORY) as handle,
    ):
        return os.readlink(path.name, dir_fd=handle)
    return None


def leads_out(root: Path, path: Below) -> bool:
    """Return whether a path points outside the root, even if nothing exists there."""
    try:
        with _opened(root, path, _LOOK):
            return False
    except (OSError, ValueError) as error:
        return isinstance(error, OSError) and error.errno == errno.EXDEV


def require_place(root: Path, path: PurePosixPath) -> None:
    """Raise ToolkitError if the path is below a link or a file.

    A link above the path would redirect it.
    """
    for above in path.parents:
        if link(root, above) is not None or is_file(root, above):
            raise ToolkitError(
                f"{path}: cannot exist below a "
                f"{'link' if link(root, above) is not None else 'file'}"
            )


def within(root: Path, path: Below) -> PurePosixPath | None:
    """Return the path below the root with its links resolved.

    Return None if the path does not exist, or leads outside the root.
    """
    with suppress(OSError, ValueError):
        handle, real = _walked(root, path, _LOOK)
        os.close(handle)
        return real
    return None


def place(root: Path, path: Below) -> Path:
    """Return the absolute path of a path below the root, with its links resolved.

    If the path does not exist, its links are not resolved. Raise ToolkitError if the
    path leads outside the root.
    """
    if leads_out(root, path):
        raise _refusal(str(root / path), OSError(errno.EXDEV, ""))
    return root.resolve() / (within(root, path) or path)


def entries(root: Path, below: Below = ".") -> Iterator[Entry]:
    """Yield all entries below a directory, each directory before its content.

    Do not follow links. An unreadable directory counts as empty.
    """
    waiting = [str(below)]
    while waiting:
        found = listed(root, waiting.pop())
        yield from found
        waiting += [
            entry.path for entry in reversed(found) if entry.kind is EntryKind.DIRECTORY
        ]


def listed(root: Path, below: Below = ".") -> list[Entry]:
    """Return the sorted entries of a directory.

    Return an empty list if it is not a directory or is unreadable.
    """
    start = "" if str(below) == "." else f"{below}/"
    try:
        with _opened(root, below, _LIST) as handle, os.scandir(handle) as found:
            return sorted(
                (Entry(f"{start}{each.name}", _kind(each)) for each in found),
                key=lambda entry: entry.path,
            )
    except (OSError, ValueError):
        return []


def _kind(entry: os.DirEntry[str]) -> EntryKind:
    if entry.is_symlink():
        return EntryKind.LINK
    if entry.is_dir(follow_symlinks=False):
        return EntryKind.DIRECTORY
    return EntryKind.FILE if entry.is_file(follow_symlinks=False) else EntryKind.OTHER


def _mode(root: Path, path: Below) -> int:
    try:
        with _opened(root, path, _LOOK) as handle:
            return os.fstat(handle).st_mode
    except (OSError, ValueError):
        return 0


def _refusal(name: str, error: OSError | ValueError) -> ToolkitError:
    code = error.errno if isinstance(error, OSError) else None
    facts = {
        errno.EXDEV: "is a link that points outside the tree",
        errno.ELOOP: "is a link that points back to itself",
        errno.ENXIO: "is not a regular file",  # a socket
    }
    return ToolkitError(f"{name}: {facts.get(code or 0) or reason_of(error)}")


@contextmanager
def _opened(root: Path, path: Below, flags: int) -> Generator[int]:
    """Yield a handle of a path below a root, following no link out of the root.

    The root itself may be a link.
    """
    handle, _ = _walked(root, path, flags)
    try:
        yield handle
    finally:
        os.close(handle)


def _walked(root: Path, path: Below, flags: int) -> tuple[int, PurePosixPath]:
    """Open a path below a root name by name, and return its handle and real path.

    Follow an absolute link only if it points to the root or below it. Raise OSError
    with EXDEV if the path leads outside.
    """
    waiting: list[str] = _parts(str(path))
    links = 0
    handles = [os.open(root, _LOOK | os.O_DIRECTORY)]
    directories = [(handles[0], "")]
    try:
        while waiting:
            part, *waiting = waiting
            here, _ = directories[-1]
            if part == "..":
                directories.pop()
                if not directories:
                    raise OSError(errno.EXDEV, "leads out")
                continue
            step = _step(part, here, _LOOK | os.O_DIRECTORY if waiting else flags)
            if isinstance(step, int):
                handles.append(step)
                directories.append((step, part))
                continue
            if (links := links + 1) > _MOST_LINKS:
                raise OSError(errno.ELOOP, "points back to itself")
            if step.startswith("/"):
                if not PurePosixPath(step).is_relative_to(root):
                    raise OSError(errno.EXDEV, "leads out")
                del directories[1:]
                step = str(PurePosixPath(step).relative_to(root))
            waiting = _parts(step) + waiting
        real = PurePosixPath(*(name for _, name in directories[1:]))
        if directories[-1][0] == handles[-1] != handles[0]:
            return handles.pop(), real
        # A directory that was reached by `..` is open with O_PATH only.
        return os.open(".", flags, dir_fd=directories[-1][0]), real
    finally:
        for handle in handles:
            os.close(handle)


def _parts(path: str) -> list[str]:
    if "\0" in path:
        raise OSError(errno.EINVAL, "contains a NUL byte")
    if path.startswith("/") or not path:
        raise OSError(errno.EXDEV, "leads out")
    return [part for part in path.split("/") if part not in {"", "."}]


def _step(name: str, directory: int, flags: int) -> int | str:
    """Open a name in a directory; if the name is a link, return the link's target."""
    if flags == _LOOK and (target := _target(name, directory)) is not None:
        return target
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=directory)
    except OSError as error:
        if (
            error.errno not in {errno.ELOOP, errno.ENOTDIR}
            or (target := _target(name, directory)) is None
        ):
            raise
        return target


def _target(name: str, directory: int) -> str | None:
    with suppress(OSError):
        return os.readlink(name, dir_fd=directory)
    return None
