"""Commits of a remote or of a channel's release: fetch them once, then read the cache.

A cache entry has the files in `tree/`, for a fetched commit also its objects in `repository/`, and `entry.json`, which
lists them.
"""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents, files, inside
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError, UnreachableError, without_passwords
from toolkit.git import fetching, reading
from toolkit.git.reading import Located
from toolkit.model import Oid, Progress, Source

_TREE = "tree"
_REPOSITORY = "repository"

_LIST = "entry.json"

_COMMITS = "commits"

_TIMEOUT_SECONDS = 30.0
_MOST_BYTES = 4096
_MOST_REDIRECTS = 5


class Wanted(Struct, frozen=True, kw_only=True):
    """The target, the other needed paths (`paths` includes its directory), and how to get them.

    `remote` is the URL of nixpkgs, for pins that are only a commit.
    """

    target: PurePosixPath
    paths: tuple[PurePosixPath, ...]
    remote: str
    offline: bool
    progress: Progress


def at_rev(url: str, rev: str, wanted: Wanted) -> Source:
    """Return the source at `rev` (a full commit id, a branch, a tag, `HEAD`) of the remote `url`.

    A name is resolved each time. Raise ToolkitError if the remote must not be contacted, or does not answer.
    """
    reading.check_rev(rev)
    if re.fullmatch(r"[0-9a-f]{40}", rev):
        return at_commit(url, Oid(rev), wanted, origin=f"{without_passwords(url)} at {rev[:12]}")
    require_network(url, rev, wanted)
    wanted.progress.step(f"asking {without_passwords(url)} for {rev}")
    commit = fetching.resolve_remote(url, rev)
    return at_commit(url, commit, wanted, origin=f"{without_passwords(url)} at {commit.named(rev)}")


def require_network(url: str, name: str, wanted: Wanted) -> None:
    """Raise ToolkitError if the network is forbidden, so that a name cannot be resolved."""
    if wanted.offline:
        hint = "run it once without --offline, or name a commit that is in the cache"
        raise ToolkitError(f"{without_passwords(url)}: '{name}' cannot be resolved offline", hint=hint)


def at_commit(url: str, commit: Oid, wanted: Wanted, *, origin: str) -> Source:
    """Return the source at a commit of the remote `url`; `origin` describes it for people.

    Raise ToolkitError if it is not cached and the network is forbidden, if the fetch fails, or if the commit lacks the
    target.
    """
    fetched = 0

    def locate(directory: Path) -> Located:
        nonlocal fetched
        if wanted.offline:
            hint = "run it once without --offline; 'unlet cache list' lists the entries"
            raise ToolkitError(f"commit {commit.short}: is not in the cache", hint=hint)
        wanted.progress.step(f"fetching {commit.short} from {without_passwords(url)}")
        into = directory / _REPOSITORY
        fetched = fetching.fetch(url, commit, into, paths, on_progress=wanted.progress.step).bytes
        return reading.locate(into)

    # A checkout of the commit, such as the proof makes to apply the series, must find all that git reads.
    paths = reading.for_checkout(wanted.paths)
    found = checked_out(_COMMITS, commit, wanted.target, paths, locate, name=without_passwords(url))
    return replace(found, origin=origin, remote=url, fetched=fetched)


def checked_out(  # noqa: PLR0913 - which files, and what an entry of them is called
    kind: str,
    commit: Oid,
    target: PurePosixPath,
    paths: Sequence[PurePosixPath],
    locate: Callable[[Path], Located],
    *,
    name: str,
) -> Source:
    """Return the source in a cache entry of a commit; `locate` finds the commit for a new entry, perhaps in it.

    `name` names the repository. Raise ToolkitError if the commit lacks the target.
    """

    def make(directory: Path) -> None:
        _write(directory, locate(directory), paths)
        if not inside.exists(directory / _TREE, target):
            hint = "name a clone of nixpkgs, or a directory with --nixpkgs"
            raise ToolkitError(f"{name}: commit {commit.short} has no '{target}'", hint=hint)

    path = default_cache().obtain(kind, commit, make=make, check=lambda found: _is_whole(found, commit, paths))
    content = inside.read(path / _TREE, target)
    files.check_content(f"{name}: {target}", content)
    return Source(
        origin=name,
        content=content,
        directory=path / _TREE / target.parent,
        root=path / _TREE,
        commit=commit,
        committed=_read(path).committed,
        repository=path / _REPOSITORY,
    )


class _Entry(Struct, frozen=True, kw_only=True):
    """A cache entry of a commit.

    `committed` is its date in seconds since the epoch; `paths` are the requested ones, `blobs` the ids of their files;
    `packs` are the sizes in bytes of the object files, relative to `repository/`.
    """

    commit: Oid
    committed: int
    paths: tuple[str, ...]
    blobs: dict[str, Oid]
    packs: dict[str, int]


def _write(directory: Path, located: Located, paths: Sequence[PurePosixPath]) -> None:
    """Write the files of a commit into `directory`, which may already hold its repository, and list them."""
    tree = directory / _TREE
    tree.mkdir()
    found = reading.export(located.repository, located.commit, paths, tree)
    kept = _Entry(
        commit=located.commit,
        committed=located.committed,
        paths=tuple(map(str, paths)),
        blobs={str(entry.path): entry.blob for entry in found},
        packs=_packs(directory),
    )
    (directory / _LIST).write_bytes(documents.write(kept))


def _read(directory: Path) -> _Entry:
    """Read an entry's list; raise ToolkitError for one that is missing or mangled."""
    try:
        content = (directory / _LIST).read_bytes()
    except OSError as error:
        raise ToolkitError(f"{directory}: has no list of its files") from error
    return documents.read(content, _Entry, document=str(directory / _LIST))


def _is_whole(directory: Path, commit: Oid, paths: Sequence[PurePosixPath]) -> bool:
    """Return whether an entry belongs to `commit`, contains `paths`, and has each file as written."""
    try:
        kept = _read(directory)
        return (
            kept.commit == commit
            and {str(path) for path in paths} <= set(kept.paths)
            and _packs(directory) == kept.packs
            and all(
                reading.blob_id(reading.read_file(directory / _TREE, name).content) == blob
                for name, blob in kept.blobs.items()
            )
        )
    except (OSError, ToolkitError):
        return False


def _packs(directory: Path) -> dict[str, int]:
    objects = directory / _REPOSITORY / "objects"
    files = [path for path in objects.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory / _REPOSITORY)): path.stat().st_size for path in files}


def commit_of(url: str, wanted: Wanted) -> Oid:
    """Request the commit from which the release with the tarball `url` was made.

    `…/NAME.ABBREVIATION/nixexprs.tar.xz` has `…/git-revision` beside it: a commit id that begins with ABBREVIATION.
    Raise UnreachableError without an answer, ToolkitError for any other answer.
    """
    require_network(url, "git-revision", wanted)
    # A quarter of a second that only this needs.
    import requests  # noqa: PLC0415

    from toolkit import http  # noqa: PLC0415

    try:
        place = urlsplit(url)._replace(query="", fragment="").geturl().rpartition("/")[0]
    except ValueError:
        raise ToolkitError(f"{without_passwords(url)}: is not a URL") from None
    shown = without_passwords(place)
    wanted.progress.step(f"asking {shown} for its commit")
    try:
        session, end = http.HttpSession(), time.monotonic() + _TIMEOUT_SECONDS
        at = f"{place}/git-revision"
        answer, body = http.ask(session, at, most=_MOST_BYTES, end=end)
        for _ in range(_MOST_REDIRECTS):
            if answer.status_code not in http.REDIRECTS:
                break
            at = urljoin(at, answer.headers.get("Location", ""))
            answer, body = http.ask(session, at, most=_MOST_BYTES, end=end)
    except (requests.ConnectionError, requests.Timeout) as error:
        hint = "check the network and the proxy variables"
        raise UnreachableError(f"{shown}: cannot be reached", hint=hint) from error
    except (requests.RequestException, ValueError) as error:
        raise ToolkitError(f"{shown}/git-revision: cannot be read: {type(error).__name__}") from error
    if not answer.ok:
        raise ToolkitError(f"{shown}/git-revision: HTTP status {answer.status_code}")
    said = body.decode(errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40}", said):
        raise ToolkitError(f"{shown}/git-revision: contains no commit id")
    short = re.search(r"\.([0-9a-f]{7,40})$", place)
    if short is not None and not said.startswith(short[1]):
        raise ToolkitError(f"{shown}/git-revision: says {said[:12]}, the release's name {short[1]}")
    return Oid(said)
