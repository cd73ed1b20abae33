"""Read the user's files, write directories of results, and replace files.

A directory is built beside its destination and renamed once it is complete, so nobody
sees a half-written one. The unfinished directory is locked meanwhile; so are temporary
directories while unlet uses them. An unlocked directory is left from a killed run, so
unlet deletes it.
"""

import errno
import fcntl
import os
import select
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from glob import escape
from hashlib import sha256
from pathlib import Path
from shlex import quote

from toolkit.errors import ToolkitError, reason_of
from toolkit.writable import WritableRoot

# Thirty times the size of the largest package file examined in nixpkgs.
MAXIMUM_BYTES = 1 << 20

PIPE_SECONDS = 30.0
"""The time limit in seconds for reading a pipe that the user named."""

_DEVICES = {
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}

_CHUNK_BYTES = 1 << 20

REPORT = "report.json"

_TEMPORARY, _BUILDING = "unlet-work-", ".unlet-"

_UNFINISHED = ".unlet-unfinished"
"""The name of the marker file in an unfinished directory, which has the digest of all
that the run has written.
"""

# A new directory is not locked yet, and must not be mistaken for the remains of a
# killed run.
_FRESH_SECONDS = 60.0

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def read(path: Path, *, most: int = MAXIMUM_BYTES) -> bytes:
    """Return the content of a file that the user named.

    The file may be a link or a pipe. Raise ToolkitError if it is unreadable or a
    device, and for the reasons that `opened` lists.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind in _DEVICES and kind != stat.S_IFIFO:
            raise ToolkitError(f"{path}: is {_DEVICES[kind]}")
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return opened(handle, name=str(path), most=most)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise ToolkitError(f"{path}: {reason_of(error)}") from None


def opened(handle: int, *, name: str, most: int = MAXIMUM_BYTES) -> bytes:
    """Return the content of an open file, pipe or socket.

    Raise ToolkitError if the handle is a device or a directory, has more than `most`
    bytes, or is a pipe that its writer does not close within PIPE_SECONDS.
    """
    if stat.S_IFMT(os.fstat(handle).st_mode) in {stat.S_IFIFO, stat.S_IFSOCK}:
        return _bounded(_chunks(handle, name=name), name=name, most=most)
    return regular(handle, name=name, most=most)


def regular(handle: int, *, name: str, most: int = MAXIMUM_BYTES) -> bytes:
    """Return the content of an open file.

    Raise ToolkitError if the handle is not a regular file or has more than `most`
    bytes.
    """
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        raise ToolkitError(f"{name}: is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise ToolkitError(
            f"{name}: is "
            f"{_DEVICES.get(stat.S_IFMT(status.st_mode), 'not a regular file')}"
        )
    if status.st_size > most:
        raise _too_big(name, status.st_size, most)
    # Files in /proc report no size.
    return _bounded(
        iter(partial(os.read, handle, min(most + 1, _CHUNK_BYTES)), b""),
        name=name,
        most=most,
    )


def _bounded(chunks: Iterable[bytes], *, name: str, most: int = MAXIMUM_BYTES) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > most:
            raise _too_big(name, len(content), most)
    return bytes(content)


def _chunks(handle: int, *, name: str) -> Iterator[bytes]:
    """Yield the bytes of a pipe until its writer closes it.

    Raise ToolkitError if the pipe is still open after PIPE_SECONDS.
    """
    end = time.monotonic() + PIPE_SECONDS
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while (left := end - time.monotonic()) > 0 and poll.poll(left * 1000):
        if not (chunk := os.read(handle, _CHUNK_BYTES)):
            return
        yield chunk
    raise ToolkitError(
        f"{name}: is a pipe, and its writer did not close it within {PIPE_SECONDS:g} s"
    )


def check_content(name: str, content: bytes) -> None:
    """Raise ToolkitError if the bytes cannot be a Nix file that unlet rewrites.

    Empty, too large and binary files are refused, and files that are not UTF-8 or have
    CRLF line ends. `name` is the file's name in messages. Lines and columns count from
    1; a column is a character.
    """
    if not content:
        raise ToolkitError(f"{name}: is empty")
    if len(content) > MAXIMUM_BYTES:
        raise _too_big(name, len(content))
    if (offset := content.find(b"\0")) >= 0:
        raise ToolkitError(f"{name}: is a binary file: NUL byte at offset {offset}")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        place = _place(content, error.start)
        fact = (
            f"is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}"
        )
        raise ToolkitError(f"{name}:{place}: {fact}") from None
    if (offset := content.find(b"\r\n")) >= 0:
        hint = "convert the line endings first, for example with dos2unix"
        raise ToolkitError(
            f"{name}:{_place(content, offset)}: the line ends with CRLF", hint=hint
        )


def ensure_free(destination: Path, *, force: bool = False) -> None:
    """Raise ToolkitError unless `whole_directory` may create `destination`.

    Without `force`, the place must be free, an empty directory, or a directory that a
    run left unfinished and that has not changed since. With `force`, the place may also
    be a directory of an earlier run, which has unlet's report.json. A git checkout, the
    home directory, the current directory, and a directory that contains one of them are
    never replaced.
    """
    place = destination.resolve()
    for what, protected in (
        ("the current directory", Path.cwd()),
        ("the home directory", Path.home()),
    ):
        if protected.resolve().is_relative_to(place):
            raise ToolkitError(
                f"{destination}: is or contains {what}, which unlet never replaces"
            )
    if not place.parent.is_dir():
        raise ToolkitError(
            f"{destination}: '{place.parent}' is not a directory",
            hint=f"mkdir -p {quote(str(place.parent))}",
        )
    if not os.access(
        place.parent,
        os.W_OK | os.X_OK,
        effective_ids=os.access in os.supports_effective_ids,
    ):
        raise ToolkitError(
            f"{destination}: you may not write to the directory '{place.parent}'"
        )
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise ToolkitError(f"{destination}: exists and is not a directory")
    try:
        names = {path.name for path in place.iterdir()}
    except OSError as error:
        raise ToolkitError(f"{destination}: {reason_of(error)}") from None
    if names and not force and not _is_unfinished(place):
        raise ToolkitError(
            f"{destination}: is not empty",
            hint="replace it with --force, or choose a different directory with --out",
        )
    if names:
        _ensure_ours(destination, names)


def _is_unfinished(place: Path) -> bool:
    """Return whether a directory is exactly as an unfinished run left it."""
    mark = place / _UNFINISHED
    if mark.is_symlink() or not mark.is_file():
        return False
    return mark.read_bytes() == _digest(place)


def _digest(directory: Path) -> bytes:
    """Return a hexadecimal digest of all paths and files, except `_UNFINISHED`."""
    lines: list[str] = []
    for path in sorted(directory.rglob("*")):
        if path.name == _UNFINISHED or (path.is_dir() and not path.is_symlink()):
            continue
        is_file = path.is_file() and not path.is_symlink()
        content = path.read_bytes() if is_file else bytes(path.readlink())
        lines.append(f"{sha256(content).hexdigest()} {path.relative_to(directory)!s}")
    return sha256(os.fsencode("\n".join(lines))).hexdigest().encode()


def finish(directory: Path) -> None:
    """Mark a directory of results as finished, so that only `force` replaces it."""
    WritableRoot(directory).delete(_UNFINISHED)


@contextmanager
def whole_directory(
    destination: Path, *, force: bool = False, unfinished: bool = False
) -> Generator[Path]:
    """Yield an empty directory to fill, which then becomes `destination`.

    The directory is renamed when the block ends, and deleted if the block raises. The
    old content of `destination` stays until then, and returns if the last step fails.
    Raise ToolkitError if `ensure_free` does, and for an OSError in the block, such as a
    full disk.
    """
    ensure_free(destination, force=force)
    place = destination.resolve()
    _sweep(place.parent, f".{place.name}{_BUILDING}")
    root = WritableRoot(place.parent)
    building = _sibling(place)
    try:
        building.mkdir()
        with locked(building):
            yield building
            if unfinished:
                (building / _UNFINISHED).write_bytes(_digest(building))
            ensure_free(destination, force=force)
            root.exchange(building.name, place.name)
    except OSError as error:
        hint = (
            "free some space, or choose a different place to write to"
            if error.errno in _FULL
            else None
        )
        raise ToolkitError(
            f"{destination}: cannot be written: {reason_of(error)}", hint=hint
        ) from error
    finally:
        root.delete(building.name)


@contextmanager
def temporary() -> Generator[Path]:
    """Yield an empty directory in TMPDIR, and delete the directory at the end."""
    import tempfile  # noqa: PLC0415 - the import takes 3 ms, and only writing needs it

    root = Path(tempfile.gettempdir())
    _sweep(root, _TEMPORARY)
    path = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=root)).resolve()
    try:
        with locked(path):
            yield path
    finally:
        WritableRoot(root).delete(path.name)


def place_of(path: Path) -> Path:
    """Return the path of a file that the user wants written, with its links resolved.

    Raise ToolkitError if the path exists and is not a file, such as a device or a pipe,
    if its directory is missing, or if it is inside a git directory.
    """
    place = path.resolve()
    if not place.parent.is_dir():
        raise ToolkitError(f"{path}: '{path.parent}' is not a directory")
    if place.exists() and not place.is_file():
        raise ToolkitError(f"{path}: exists and is not a file")
    refuse_in_repository(path)
    return place


def refuse_in_repository(path: Path) -> None:
    """Raise ToolkitError if a path is in a git directory, where only git may write."""
    for above in path.resolve().parents:
        if above.name == ".git" or all(
            (above / name).exists() for name in ("HEAD", "objects", "refs")
        ):
            raise ToolkitError(
                f"{path}: is inside the git directory '{above}'",
                hint="choose a path outside it",
            )


def replace(path: Path, content: bytes) -> None:
    """Replace a file atomically and keep its mode.

    For a link, replace the file to which it points. On failure, the old file stays.
    Raise ToolkitError if `place_of` refuses the path, and OSError if the write fails.
    """
    path = place_of(path)
    root = WritableRoot(path.parent)
    new = f".{path.name}.{os.urandom(4).hex()}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode) & 0o777 if path.exists() else None
        root.write(new, content, mode=mode)
        root.move(new, path.name)
    finally:
        root.delete(new)


@contextmanager
def locked(directory: Path, *, wait: bool = True) -> Generator[None]:
    """Hold a lock on a directory, if the file system has locks.

    The lock leaves no file and ends with the process. Without `wait`, raise
    BlockingIOError if another process holds the lock.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(
                handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
            )
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def _sweep(parent: Path, prefix: str) -> None:
    """Delete the user's unlocked directories whose names begin with a prefix.

    Eight characters follow the prefix in such a name. A directory is deleted only if it
    is old enough, or if an unfinished run has left its marker file there.
    """
    for path in parent.glob(f"{escape(prefix)}????????"):
        with suppress(OSError):
            handle = os.open(
                path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
            try:
                status = os.fstat(handle)
                # The run writes the marker file while it holds the lock.
                is_old = time.time() - status.st_mtime > _FRESH_SECONDS
                is_marked = (path / _UNFINISHED).exists()
                if status.st_uid == os.geteuid() and (is_old or is_marked):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    WritableRoot(parent).delete(path.name)
            finally:
                os.close(handle)


def run_later(script: str, *arguments: str) -> None:
    """Run a shell script without output, in a process that outlives this one.

    The process is not a child of this one.
    """
    nowhere = [
        (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)
    ]
    argv = ["sh", "-c", f"{{ {script}; }} &", "sh", *arguments]
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    os.waitpid(os.posix_spawnp("sh", argv, path, file_actions=nowhere, setpgroup=0), 0)


def _sibling(place: Path) -> Path:
    return place.with_name(f".{place.name}{_BUILDING}{os.urandom(4).hex()}")


def _ensure_ours(destination: Path, names: set[str]) -> None:
    if ".git" in names:
        raise ToolkitError(
            f"{destination}: is a git checkout, which unlet never replaces"
        )
    from toolkit import documents  # noqa: PLC0415 - only an existing directory needs the import

    with suppress(OSError, ToolkitError):
        content = (destination / REPORT).read_bytes()
        if isinstance(
            documents.read(content, dict[str, object], document=REPORT).get("unlet"),
            str,
        ):
            return
    hint = (
        "--force replaces only what unlet wrote earlier; remove the directory "
        "yourself, or choose another one with --out"
    )
    raise ToolkitError(
        f"{destination}: contains files that are not part of a proposal", hint=hint
    )


def _too_big(name: str, size: int, most: int = MAXIMUM_BYTES) -> ToolkitError:
    limit = most >> 20
    return ToolkitError(
        f"{name}: is too large: {size / 1e6:.1f} MB, more than the limit of {limit} MiB"
    )


def _place(content: bytes, offset: int) -> str:
    """Return `LINE:COLUMN` of a byte offset; all bytes before it must be UTF-8."""
    start = content.rfind(b"\n", 0, offset) + 1
    line = content.count(b"\n", 0, offset) + 1
    return f"{line}:{len(content[start:offset].decode()) + 1}"
