"""The cache: each entry is a directory with a key, and appears only when complete.

A damaged entry is created again. Below the root, `KIND/KEY/` is an entry, `making/`
holds unfinished entries, and `doomed/` holds entries to delete. `locks/` has a lock
file for each entry that was ever made, and one for each kind, which a process locks
while it uses entries of that kind. The root is `$UNLET_CACHE_DIR`, or the directory of
the XDG base directory specification. `shrink` keeps the whole cache within a limit.
"""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from msgspec import Struct

from toolkit import files, process
from toolkit.errors import ToolkitError, reason_of
from toolkit.writable import WritableRoot

VARIABLE = "UNLET_CACHE_DIR"

LIMIT_VARIABLE = "UNLET_CACHE_MB"
"""The variable with the size, in megabytes, to which `shrink` reduces the cache; 0
means no limit.
"""

_LIMIT_MB = 2000
# A Nix store shrinks by Nix's own garbage collection.
_STORE = "nix"
_MAKING = "making"
_DOOMED = "doomed"
_LOCKS = "locks"
_DU = "du --block-size=1 --summarize --null --files0-from="
_DIGEST = hashlib.sha256().digest_size

# Entries in `making/` are remains of an interrupted process after this time; no fetch
# takes an hour.
_STALE_SECONDS = 3600.0


class CacheEntry(Struct, frozen=True, kw_only=True):
    """One directory of the cache.

    `size` is its size on disk in bytes; a file that several entries share counts only
    for the entry that was used last. No process reads entries of the kinds `making` and
    `doomed`: an interrupt left them, or they are damaged or being deleted.
    """

    kind: str
    key: str
    path: Path
    size: int
    used: datetime


class Cleaning(Struct, frozen=True, kw_only=True):
    """The result of `Cache.clean`: the deleted entries, and the ones still in use."""

    deleted: tuple[CacheEntry, ...]
    in_use: tuple[CacheEntry, ...]


_uses: dict[Path, int] = {}
"""The open lock files of the kinds that this process uses, for one cache at a time.

They stay open until the process ends.
"""

_uses_change = Lock()

_held: set[Path] = set()
"""The paths of the cache entries that this process has found or created."""


class Cache(Struct, frozen=True):
    """The cache below the directory `root`, which may not exist yet."""

    root: Path

    def obtain(
        self,
        kind: str,
        key: str,
        *,
        make: Callable[[Path], object],
        check: Callable[[Path], bool],
    ) -> Path:
        """Return the directory of an entry, after creating the entry if necessary.

        If the entry is missing, call `make` with an empty directory to fill. If `check`
        rejects an entry, set it aside and create it again. If several processes want
        the same entry, one creates it and the others wait. If `make` raises, nothing
        remains. Raise ToolkitError if the cache cannot be written.
        """
        path = self._path(kind, key)
        if path.is_dir():
            self.use(kind)
        try:
            if not _is_there(path, check):
                self.use(kind)
                with self.locked(f"{kind}-{key}"):
                    if not _is_there(path, check):
                        self._make(path, make)
        except OSError as error:
            raise self.unwritable(error) from error
        _held.add(path)
        return path

    def rename_oldest(self, kind: str, prefix: str, key: str, *, most: int) -> None:
        """Rename the oldest of `most` or more entries with a `prefix` to `key`.

        If fewer entries have the prefix, or `key` exists, do nothing. An entry that a
        process protects with `use("KIND-KEY")` keeps its name.
        """
        found = [
            path for path in _children(self.root / kind) if path.name.startswith(prefix)
        ]
        if len(found) < most or self._path(kind, key) in found:
            return
        with suppress(OSError):
            for path in sorted({*found} - _held, key=lambda path: path.stat().st_mtime):
                with self._unused(f"{kind}-{path.name}") as is_unused:
                    if is_unused:
                        root = WritableRoot(self.root)
                        root.move(f"{kind}/{path.name}", f"{kind}/{key}")
                        return

    def use(self, kind: str) -> None:
        """Protect all entries of a kind from deletion until this process ends.

        A kind is a subdirectory of the cache. Do nothing if the cache cannot be
        written.
        """
        path = self.root / _LOCKS / f"use-{kind}"
        with _uses_change:
            if path in _uses:
                return
            for other in [other for other in _uses if other.parent != path.parent]:
                os.close(_uses.pop(other))
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                _uses[path] = os.open(
                    path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
                )
                fcntl.flock(_uses[path], fcntl.LOCK_SH)

    def read(self, kind: str, key: str, name: str) -> bytes | None:
        """Return the content of a file that `keep` wrote.

        Return None if the file is missing or damaged.
        """
        path = self._path(kind, key) / name
        try:
            content = path.read_bytes()
        except OSError:
            return None
        self.use(kind)
        if hashlib.sha256(value := content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        with suppress(OSError):
            os.utime(path.parent)
        return value

    def keep(self, kind: str, key: str, name: str, content: bytes) -> None:
        """Write a file of an entry atomically, with its digest.

        Raise ToolkitError if the cache cannot be written.
        """
        entry = self._path(kind, key).relative_to(self.root)
        self.use(kind)
        making = f"{_MAKING}/{name[:16]}-{os.urandom(4).hex()}"
        root = WritableRoot(self.root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256(content).digest()
            root.write(f"{making}/{name}", digest + content)
            root.make_directory(entry)
            root.move(f"{making}/{name}", entry / name)
        except OSError as error:
            raise self.unwritable(error) from error
        finally:
            root.delete(making)

    def entries(
        self, *but: str, known: Mapping[Path, int] | None = None
    ) -> tuple[CacheEntry, ...]:
        """Return all entries except those of the kinds `but`, the last used first.

        The sizes come from `known`; if it is None, du(1) measures them.
        """
        places = self._places(*but)
        sizes = _sizes([path for _, path in places]) if known is None else known
        return tuple(
            CacheEntry(
                kind=path.parent.name,
                key=path.name,
                path=path,
                size=sizes.get(path, 0),
                used=used,
            )
            for used, path in places
        )

    def _places(self, *but: str) -> list[tuple[datetime, Path]]:
        kinds = [
            kind for kind in _children(self.root) if kind.name not in {_LOCKS, *but}
        ]
        places: list[tuple[datetime, Path]] = []
        for path in (path for kind in kinds for path in _children(kind)):
            # Another process may have deleted it.
            with suppress(FileNotFoundError):
                places.append(
                    (datetime.fromtimestamp(path.lstat().st_mtime, UTC), path)
                )
        return sorted(places, key=lambda place: (-place[0].timestamp(), place[1]))

    def shrink_later(self) -> None:
        """Shrink the cache according to the sizes that were measured last.

        Start a process that outlives this one and measures the sizes again.
        """
        if limit() is not None:
            listed, measured = (
                self.root / _LOCKS / name for name in ("listed", "sizes")
            )
            with suppress(OSError, ValueError):
                self.shrink(
                    _measured(
                        os.fsdecode(measured.read_bytes() if measured.exists() else b"")
                    )
                )
                listed.write_bytes(
                    b"\0".join(
                        os.fsencode(path) for _, path in self._places(_STORE, _DOOMED)
                    )
                )
                files.run_later(
                    f'nice {_DU}"$1" >"$2.$$"; mv "$2.$$" "$2"',
                    str(listed),
                    str(measured),
                )

    def shrink(self, known: Mapping[Path, int] | None = None) -> None:
        """Delete the least recently used entries until the rest is within the limit.

        `known` are the sizes of some entries in bytes. A process that outlives this one
        deletes the entries, so the user does not wait. Entries that a process uses
        stay.
        """
        if (most := limit()) is None:
            return
        entries = self.entries(_STORE, _DOOMED, known=known)
        excess = sum(entry.size for entry in entries) - most
        for entry in reversed(entries):
            if excess <= 0:
                break
            if entry.path in _held or entry.kind == _MAKING:
                continue
            if self._doom(entry):
                excess -= entry.size
            self.use(entry.kind)
        if doomed := _children(self.root / _DOOMED):
            files.run_later('rm -rf -- "$@"', *map(str, doomed))

    def clean(self) -> Cleaning:
        """Delete all entries of the cache, except kinds that another process uses.

        Unfinished entries are deleted after an hour; younger ones may still be in use.
        """
        stale = time.time() - _STALE_SECONDS
        entries = [
            entry
            for entry in self.entries()
            if entry.kind != _MAKING or entry.used.timestamp() <= stale
        ]
        deleted = tuple(entry for entry in entries if self._doom(entry))
        for path in _children(self.root / _DOOMED):
            WritableRoot(self.root).delete(f"{_DOOMED}/{path.name}")
        return Cleaning(
            deleted=deleted,
            in_use=tuple(entry for entry in entries if entry not in deleted),
        )

    def _doom(self, entry: CacheEntry) -> bool:
        """Move an entry to `doomed/`, from where it will be deleted.

        Return False if another process uses entries of its kind.
        """
        with self._unused(entry.kind) as is_unused:
            try:
                if is_unused:
                    self._set_aside(entry.path)
            except OSError as error:
                # Another process may have deleted it.
                if os.path.lexists(entry.path):
                    raise ToolkitError(
                        f"{entry.path}: cannot be deleted: {reason_of(error)}"
                    ) from error
            return is_unused

    @contextmanager
    def _unused(self, kind: str) -> Generator[bool]:
        """Yield whether no other process uses entries of a kind.

        While the block runs, other processes cannot begin to use them.
        """
        path = self.root / _LOCKS / f"use-{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _uses_change:
            if path in _uses:
                os.close(_uses.pop(path))
        with path.open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def unwritable(self, error: OSError) -> ToolkitError:
        """Return a ToolkitError that explains why the cache cannot be written."""
        hint = (
            f"{VARIABLE} sets a different directory for the cache; 'unlet cache "
            "clean' frees space"
        )
        reason = reason_of(error)
        return ToolkitError(
            f"{self.root}: the cache cannot be written: {reason}", hint=hint
        )

    def _path(self, kind: str, key: str) -> Path:
        for name in (kind, key):
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
                raise ToolkitError(
                    f"cache: '{name}' is not a valid name of a cache entry"
                )
        return self.root / kind / key

    def _make(self, path: Path, make: Callable[[Path], object]) -> None:
        if os.path.lexists(path):
            self._set_aside(path)
        entry = path.relative_to(self.root)
        making = f"{_MAKING}/{path.parent.name}-{path.name}-{os.urandom(4).hex()}"
        root = WritableRoot(self.root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            root.make_directory(making)
            make(self.root / making)
            root.make_directory(entry.parent)
            root.move(making, entry)
        finally:
            root.delete(making)

    @contextmanager
    def locked(
        self, *names: str, on_wait: Callable[[], None] = lambda: None
    ) -> Generator[str]:
        """Hold the first free lock of these names, and yield its name.

        The lock is released at the latest when the process ends. If other processes
        hold all of the locks, call `on_wait` and wait for the first lock. Raise
        ToolkitError if the cache cannot be written.
        """
        directory = self.root / _LOCKS
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name in names:
                (directory / name).touch()
        except OSError as error:
            raise self.unwritable(error) from error
        for name, how in (
            *((each, fcntl.LOCK_EX | fcntl.LOCK_NB) for each in names),
            (names[0], fcntl.LOCK_EX),
        ):
            if how == fcntl.LOCK_EX:
                on_wait()
            # The lock ends with the process, however that ends; the file stays, since
            # deleting it would let two processes hold locks on different files of the
            # same name.
            with (directory / name).open("ab") as lock:
                try:
                    fcntl.flock(lock, how)
                except BlockingIOError:
                    continue
                yield name
                return

    def _set_aside(self, path: Path) -> None:
        root = WritableRoot(self.root)
        root.make_directory(_DOOMED)
        aside = f"{_DOOMED}/{path.name}-{os.urandom(4).hex()}"
        root.move(path.relative_to(self.root), aside)


def default_cache() -> Cache:
    """Return the user's cache directory.

    It is `$UNLET_CACHE_DIR`, or `unlet` below `$XDG_CACHE_HOME` (`~/.cache`). Raise
    ToolkitError if `$UNLET_CACHE_DIR` is relative, because it would then name another
    cache in each working directory.
    """
    if given := os.environ.get(VARIABLE):
        root = Path(given).expanduser()
        if not root.is_absolute():
            raise ToolkitError(f"{VARIABLE}: '{given}' is not an absolute path")
        return Cache(root)
    # A late import: commands without a cache, such as `--version`, start faster.
    from platformdirs import user_cache_path  # noqa: PLC0415

    return Cache(user_cache_path("unlet", appauthor=False))


def _is_there(path: Path, check: Callable[[Path], bool]) -> bool:
    """Return whether an entry exists and `check` accepts it.

    If so, update the time of the entry's last use.
    """
    if not path.is_dir() or not check(path):
        return False
    # A read-only cache can still be read.
    with suppress(OSError):
        os.utime(path)
    return True


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def _sizes(paths: Sequence[Path]) -> dict[Path, int]:
    """Return the size of each directory on disk in bytes.

    du(1) counts a file once, so a file that several directories share counts for the
    first of them.
    """
    # du exits with status 1 if another process has deleted a file meanwhile.
    with process.echoing(lambda _: None):
        listed = process.run(
            f"{_DU}-".split(), stdin=b"\0".join(map(os.fsencode, paths)), ok=None
        ).names
    return _measured(listed)


def _measured(listed: str) -> dict[Path, int]:
    return {
        Path(name): int(size)
        for size, _, name in (
            line.partition("\t") for line in listed.split("\0") if line
        )
    }


def limit() -> int | None:
    """Return the cache's size limit in bytes, None for no limit.

    Raise ToolkitError if the setting is not a number.
    """
    given = os.environ.get(LIMIT_VARIABLE, str(_LIMIT_MB))
    if not given.isdecimal():
        raise ToolkitError(f"{LIMIT_VARIABLE}: '{given}' is not a number of megabytes")
    return int(given) * 1_000_000 or None
