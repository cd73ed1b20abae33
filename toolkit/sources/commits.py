"""Commits of a clone, a remote or a release, written to the cache once.

A cache entry has the files in `tree/`, and `entry.json`, which lists them.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents, files, inside
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError, UnreachableError, without_passwords
from toolkit.git import fetching, reading
from toolkit.git.reading import Located
from toolkit.model import Oid, Progress, Source
from toolkit.writable import WritableRoot

_KIND = "commits"
_TREE = "tree"
_LIST = "entry.json"

_TIMEOUT_SECONDS = 30.0
_MOST_BYTES = 4096


class Wanted(Struct, frozen=True, kw_only=True):
    """The target, the other needed `paths`, and how to get them.

    `remote` is the URL of nixpkgs, for pins that are only a commit.
    """

    target: PurePosixPath
    paths: tuple[PurePosixPath, ...]
    remote: str
    offline: bool
    progress: Progress


class _Entry(Struct, frozen=True, kw_only=True):
    """A cache entry: the commit's time, the requested paths, the files' ids."""

    committed: int
    paths: tuple[str, ...]
    blobs: dict[str, Oid]


def at_rev(url: str, rev: str, wanted: Wanted) -> Source:
    """Return the source at `rev`, a commit id or a ref, of the remote `url`.

    Look up a name each time. Raise ToolkitError if the network is forbidden or the
    remote does not answer.
    """
    reading.check_rev(rev)
    if re.fullmatch(r"[0-9a-f]{40}", rev):
        return at_commit(
            url, Oid(rev), wanted, origin=f"{without_passwords(url)} at {rev[:12]}"
        )
    _require_network(url, rev, wanted)
    wanted.progress.step(f"asking {without_passwords(url)} for {rev}")
    commit = fetching.resolve_remote(url, rev)
    return at_commit(
        url, commit, wanted, origin=f"{without_passwords(url)} at {commit.named(rev)}"
    )


def _require_network(url: str, name: str, wanted: Wanted) -> None:
    if wanted.offline:
        hint = (
            "run the command once without --offline, or name a commit that is in "
            "the cache"
        )
        raise ToolkitError(
            f"{without_passwords(url)}: '{name}' can be looked up only online",
            hint=hint,
        )


def at_commit(url: str, commit: Oid, wanted: Wanted, *, origin: str) -> Source:
    """Return the source at a commit of the remote `url`.

    `origin` describes it for people.

    Raise ToolkitError if the commit is not cached and the network is forbidden, if the
    fetch fails, or if the commit lacks the target.
    """

    def locate(directory: Path) -> Located:
        if wanted.offline:
            hint = (
                "run the command once without --offline; 'unlet cache list' "
                "lists the cache"
            )
            raise ToolkitError(f"commit {commit.short}: is not in the cache", hint=hint)
        wanted.progress.step(f"fetching {commit.short} from {without_passwords(url)}")
        fetching.fetch(url, commit, directory, wanted.paths)
        return reading.locate(directory)

    found = checked_out(commit, wanted, locate, name=without_passwords(url))
    return replace(found, origin=origin, remote=url)


def checked_out(
    commit: Oid, wanted: Wanted, locate: Callable[[Path], Located], *, name: str
) -> Source:
    """Return the source in a commit's cache entry.

    `locate` finds the commit, perhaps in a directory that it makes.

    `name` names the repository. Raise ToolkitError if the commit lacks the target.
    """

    def make(directory: Path) -> None:
        repository, tree = directory / "repository", directory / _TREE
        located = locate(repository)
        found = reading.export(located.repository, located.commit, wanted.paths, tree)
        WritableRoot(directory).delete(repository.name)
        if not inside.exists(tree, wanted.target):
            hint = "name a clone of nixpkgs, or a directory with --nixpkgs"
            raise ToolkitError(
                f"{name}: commit {commit.short} has no '{wanted.target}'", hint=hint
            )
        blobs = {str(entry.path): entry.blob for entry in found}
        entry = _Entry(
            committed=located.committed,
            paths=tuple(map(str, wanted.paths)),
            blobs=blobs,
        )
        (directory / _LIST).write_bytes(documents.write(entry))

    path = default_cache().obtain(
        _KIND, commit, make=make, check=lambda found: _is_whole(found, wanted)
    )
    content = inside.read(path / _TREE, wanted.target)
    files.check_content(f"{name}: {wanted.target}", content)
    return Source(
        origin=name,
        content=content,
        directory=path / _TREE / wanted.target.parent,
        root=path / _TREE,
        commit=commit,
        committed=_read(path).committed,
    )


def _read(directory: Path) -> _Entry:
    return documents.read(
        files.read(directory / _LIST), _Entry, document=str(directory / _LIST)
    )


def _is_whole(directory: Path, wanted: Wanted) -> bool:
    """Return whether an entry has the wanted paths, and each file is as written."""
    try:
        entry = _read(directory)
        return {*map(str, wanted.paths)} <= {*entry.paths} and all(
            reading.blob_id(reading.read_file(directory / _TREE, name).content) == blob
            for name, blob in entry.blobs.items()
        )
    except ToolkitError:
        return False


def commit_of(url: str, wanted: Wanted) -> Oid:
    """Request the commit from which the release with the tarball `url` was made.

    `…/NAME.ABBREVIATION/nixexprs.tar.xz` has `…/git-revision` beside it: a commit id
    that begins with ABBREVIATION. Raise UnreachableError if the server does not answer,
    and ToolkitError for any other answer.
    """
    _require_network(url, "git-revision", wanted)
    # A quarter of a second that only this needs.
    import requests  # noqa: PLC0415

    from toolkit import http  # noqa: PLC0415

    place = re.sub(r"[^/?#]*([?#].*)?$", "git-revision", url, count=1)
    shown = without_passwords(place)
    wanted.progress.step(f"asking {shown}")
    try:
        session, end = http.HttpSession(), time.monotonic() + _TIMEOUT_SECONDS
        answer, body = http.ask(session, place, most=_MOST_BYTES, end=end)
    except (requests.RequestException, ValueError) as error:
        hint = "check the network and the proxy variables"
        raise UnreachableError(
            f"{shown}: cannot be read: {type(error).__name__}", hint=hint
        ) from error
    said = body.decode(errors="replace").strip()
    if not answer.ok or not re.fullmatch(r"[0-9a-f]{40}", said):
        raise ToolkitError(
            f"{shown}: the answer contains no commit id (HTTP status "
            f"{answer.status_code})"
        )
    short = re.search(r"\.([0-9a-f]{7,40})/git-revision$", place)
    if short is not None and not said.startswith(short[1]):
        raise ToolkitError(
            f"{shown}: names the commit {said[:12]}, but the release names {short[1]}"
        )
    return Oid(said)
