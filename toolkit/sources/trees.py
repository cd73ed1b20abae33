"""Whole nixpkgs trees: that of a source, and copies with a few changed files.

Both are in the cache, so no evaluation reads the user's files while they may change. A
changed tree consists of real directories with hard links to the original files: it
costs no space, and every relative path in it leads to the tree itself. Links to
directories would not do, because Nix resolves a link before it resolves a path relative
to the file.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import inside, process, writable
from toolkit.cache import default_cache
from toolkit.errors import CommandError, ToolkitError, UsageError, without_passwords
from toolkit.git import fetching, reading
from toolkit.inside import EntryKind
from toolkit.model import Oid, Progress, Source, SourceRequest
from toolkit.nix import stores
from toolkit.parallel import side_by_side
from toolkit.sources import local, resolve
from toolkit.writable import WritableRoot

KIND = "whole-trees"

_NAMES = b"names "
# The time of a directory is when its names last changed.
_OF_DIRECTORY = ("-type", "d", "-printf", r"%p\0names %C@\0\0")
_OF_FILE = (
    "(",
    "-type",
    "f",
    "-o",
    "-type",
    "l",
    ")",
    "-printf",
    r"%p\0%m %s %T@\0%l\0",
)
_LISTED = ("-name", ".git", "-prune", "-o", *_OF_DIRECTORY, "-o", *_OF_FILE)
_LISTED_ONE = (
    "find",
    "-files0-from",
    "-",
    "-maxdepth",
    "0",
    *_OF_DIRECTORY,
    "-o",
    *_OF_FILE,
)
# Each by the inode of the tree's root, which a rename keeps.
_LISTINGS = "listings"
# A directory that is so old gets another time if its names change afterwards. Some file
# systems keep whole seconds.
_SETTLED_SECONDS, _WHOLE_SECONDS = 0.03, 2.0
_TREE = "tree"
_FINGERPRINT = "fingerprint"
_LEFT_OUT = "left-out"
_PARTS = ("default.nix", "lib/default.nix", "pkgs/top-level/all-packages.nix")
_HINT = (
    "a tier of 'tree' or above needs --nixpkgs: a checkout, a channel, a git clone "
    "or URL, or the specimen"
)


class NotWholeError(UsageError):
    """A source contains only a part of nixpkgs, but a whole one is needed."""


class NixpkgsTree(Struct, frozen=True, kw_only=True):
    """A whole nixpkgs at `root`.

    `key` identifies its content, so equal keys mean equal trees.

    `warnings` name the links that unlet omitted.
    """

    root: Path
    key: str
    warnings: tuple[str, ...] = ()

    @property
    def is_specimen(self) -> bool:
        """Return whether it is unlet's own specimen, which builds without a network."""
        return (self.root / "pkgs/stdenv/stub.nix").is_file()


def whole(source: Source, *, offline: bool, progress: Progress) -> NixpkgsTree:
    """Return the whole tree that a source belongs to.

    Raise UsageError if the source is a file or a part of a tree, ToolkitError if the
    tree is unavailable.
    """
    if source.commit is not None and (
        source.repository is not None or source.remote is not None
    ):
        return _of_commit(source, source.commit, offline=offline, progress=progress)
    if source.root is None:
        raise UsageError(
            f"{source.origin}: is one file, but this needs a whole nixpkgs", hint=_HINT
        )
    _require_parts(source.root, source.origin)
    if source.root.is_relative_to(stores.STORE):
        return NixpkgsTree(
            root=source.root, key=hashlib.sha256(str(source.root).encode()).hexdigest()
        )
    root = source.root
    progress.step(f"reading {root}")

    def make(into: Path) -> None:
        progress.step(
            f"copying {root}; for a whole nixpkgs this takes a minute, but only once"
        )
        copy(root, into, link=False)
        _seal(
            into,
            [each.path for each in inside.entries(into) if each.kind is EntryKind.LINK],
            progress,
        )

    return _obtain(fingerprint(root), make)


def at_hand(source: Source, *, progress: Progress) -> NixpkgsTree | None:
    """Return the whole tree of a source, or None if unlet would have to fetch it."""
    if source.commit is None:
        is_whole = source.root is not None and all(
            inside.is_file(source.root, part) for part in _PARTS
        )
        return whole(source, offline=True, progress=progress) if is_whole else None
    with suppress(ToolkitError):
        return _of_commit(source, source.commit, offline=True, progress=progress)
    return None


def as_they_are(request: SourceRequest, *, progress: Progress) -> Path:
    """Return the root of the tree that a request names, for reading only.

    In a checkout, the current files count. Raise as `resolve` and `whole` do, and
    UsageError for a single file.
    """
    if request.nixpkgs is not None and request.rev is None:
        found = re.fullmatch(r"<([^<>]+)>", request.nixpkgs)
        path = (
            local.find_in_nix_path(found[1])
            if found is not None
            else Path(request.nixpkgs).expanduser()
        )
        if path.is_dir() and (top := local.top(path, _PARTS[-1])) is not None:
            return top
    source = resolve(
        request, target=PurePosixPath(_PARTS[-1]), sparse=(), progress=progress
    )
    if source.commit is None and source.root is not None:
        return source.root
    return whole(source, offline=request.offline, progress=progress).root


def fingerprint(root: Path) -> str:
    """Return a hash of the names, sizes and times of all files below `root`.

    Raise ToolkitError for an unreadable directory.
    """
    state = root.stat()
    key = f"{state.st_dev}-{state.st_ino}"
    known = default_cache().read(_LISTINGS, key, _FINGERPRINT)
    if known is not None and _is_listing(root, known[64:]):
        return known[:64].decode()
    began = time.time()
    try:
        listing = process.run(("find", ".", *_LISTED), cwd=root).stdout
    except CommandError as error:
        raise ToolkitError(f"{root}: {error.message}") from error
    words = listing.split(b"\0")
    facts = sorted(
        each
        for each in zip(words[::3], words[1::3], words[2::3], strict=False)
        if each[1][:6] != _NAMES
    )
    found = hashlib.sha256(b"\0".join(chain.from_iterable(facts))).hexdigest()
    times = [
        float(word.removeprefix(_NAMES))
        for word in words[1::3]
        if word.startswith(_NAMES)
    ]
    if max(times) < began - (
        _WHOLE_SECONDS if all(map(float.is_integer, times)) else _SETTLED_SECONDS
    ):
        with suppress(ToolkitError):
            default_cache().keep(_LISTINGS, key, _FINGERPRINT, found.encode() + listing)
    return found


def _is_listing(root: Path, listing: bytes) -> bool:
    """Return whether a list of files is still current, without reading directories."""
    names = listing.split(b"\0")[:-1:3]
    halves = [
        b"\0".join(names[: len(names) // 2]),
        b"\0".join(names[len(names) // 2 :]),
    ]
    with suppress(CommandError):
        found = side_by_side(
            lambda half: process.run(_LISTED_ONE, cwd=root, stdin=half).stdout, halves
        )
        return b"".join(found) == listing
    return False


def _of_commit(
    source: Source, commit: Oid, *, offline: bool, progress: Progress
) -> NixpkgsTree:
    def make(into: Path) -> None:
        fetched = into.parent / "repository"
        if source.repository is None:
            if offline or source.remote is None:
                hint = "run the command once without --offline"
                raise ToolkitError(
                    f"commit {commit.short}: the cache has only a part of its files",
                    hint=hint,
                )
            progress.step(
                f"fetching all files of {commit.short} from "
                f"{without_passwords(source.remote)}"
            )
            fetching.fetch(source.remote, commit, fetched)
        progress.step(
            f"checking out {commit.short}; for a whole nixpkgs this takes a minute, "
            "but only once"
        )
        held = source.repository or fetched
        entries = reading.export(held, commit, [PurePosixPath()], into)
        WritableRoot(into.parent).delete(fetched.name)
        _require_parts(into, source.origin)
        _seal(
            into,
            sorted(str(each.path) for each in entries if each.mode == reading.LINK),
            progress,
        )

    return _obtain(str(commit), make)


def _obtain(key: str, make: Callable[[Path], None]) -> NixpkgsTree:
    """Return the tree with that key from the cache, created again if changed."""
    made: list[Path] = []

    def whole_entry(directory: Path) -> None:
        made.append(directory)
        make(directory / _TREE)
        time.sleep(_SETTLED_SECONDS)  # Else the listing is not kept.
        (directory / _FINGERPRINT).write_text(fingerprint(directory / _TREE))

    def check(directory: Path) -> bool:
        try:
            return (directory / _FINGERPRINT).read_text() == fingerprint(
                directory / _TREE
            )
        except (OSError, ToolkitError):
            return False

    cache = default_cache()
    path = cache.obtain(KIND, key, make=whole_entry, check=check)
    if made:
        cache.shrink_later()
    said = inside.find(path, _LEFT_OUT)
    return NixpkgsTree(
        root=path / _TREE,
        key=key,
        warnings=() if said is None else (os.fsdecode(said),),
    )


def _seal(root: Path, links: Sequence[str], progress: Progress) -> None:
    """Delete links that point outside a tree of ours, so that no build follows them."""
    if out := [path for path in links if inside.leads_out(root, path)]:
        fact = f"{len(out)} links point outside the tree: {', '.join(out[:3])}"
        progress.step(f"leaving out {fact}")
        (root.parent / _LEFT_OUT).write_bytes(os.fsencode(f"left out {fact}"))
    for path in out:
        WritableRoot(root).delete(path)


def _require_parts(root: Path, origin: str) -> None:
    for part in _PARTS:
        if not inside.is_file(root, part):
            raise NotWholeError(
                f"{origin}: is not a whole nixpkgs: it lacks '{part}'", hint=_HINT
            )


def copy(root: Path, into: Path, *, link: bool) -> None:
    """Copy a tree without git's own files.

    With `link`, its files are hard links if the file system and the owner allow that.
    """
    put = link_or_copy if link else writable.copy
    waiting = [(str(root), str(into))]
    while waiting:
        here, there = waiting.pop()
        os.mkdir(there)  # noqa: PTH102 - a Path for each of 50,000 files takes long
        with os.scandir(here) as entries:
            for entry in (each for each in entries if each.name != ".git"):
                place = f"{there}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, place))
                elif entry.is_symlink() or entry.is_file():
                    put(entry.path, place)


def link_or_copy(path: Path | str, place: Path | str) -> None:
    """Create a hard link to a file or a link.

    Copy it if the file system or the owner does not allow that.
    """
    try:
        os.link(path, place, follow_symlinks=False)
    except OSError:
        writable.copy(path, place)
