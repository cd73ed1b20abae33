"""Files of a commit in the cache, and how they are known to be whole.

An entry has the files below `tree/`, for a commit that was fetched also its objects in `repository/`, and
`entry.json`, which lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import documents, git
from toolkit.errors import ToolkitError
from toolkit.git import reading
from toolkit.model import Oid  # noqa: TC001 - a field of what is read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.git import Entry

TREE = "tree"
REPOSITORY = "repository"

_LIST = "entry.json"


class Kept(Struct, frozen=True, kw_only=True):
    """What the cache holds of a commit.

    `committed` is its date in seconds since the epoch; `paths` are those that were asked for, `blobs` the ids of
    the files that came of it; `packs` are the sizes in bytes of the object files, relative to `repository/`;
    `fetched` counts the bytes that were fetched, `notes` say what was peculiar about it.
    """

    commit: Oid
    committed: int
    paths: tuple[str, ...]
    blobs: dict[str, Oid]
    packs: dict[str, int]
    fetched: int = 0
    notes: tuple[str, ...] = ()


def write(
    directory: Path,
    located: git.Located,
    paths: Sequence[PurePosixPath],
    *,
    fetched: int = 0,
    notes: Sequence[str] = (),
) -> None:
    """Write the files of a commit into `directory`, which may hold its repository already, and list them."""
    tree = directory / TREE
    tree.mkdir()
    found: tuple[Entry, ...] = git.export(located.repository, located.commit, paths, tree)
    kept = Kept(
        commit=located.commit,
        committed=located.committed,
        paths=tuple(map(str, paths)),
        blobs={str(entry.path): entry.blob for entry in found},
        packs=_packs(directory),
        fetched=fetched,
        notes=tuple(notes),
    )
    (directory / _LIST).write_bytes(documents.write(kept))


def read(directory: Path) -> Kept:
    """Read an entry's list; raise ToolkitError for one that is missing or mangled."""
    try:
        content = (directory / _LIST).read_bytes()
    except OSError as error:
        raise ToolkitError(f"{directory}: has no list of its files") from error
    return documents.read(content, Kept, document=str(directory / _LIST))


def is_whole(directory: Path, commit: Oid, paths: Sequence[PurePosixPath]) -> bool:
    """Tell whether an entry is one of `commit`, holds `paths`, and has each file as it was written."""
    try:
        kept = read(directory)
        return (
            kept.commit == commit
            and {str(path) for path in paths} <= set(kept.paths)
            and _packs(directory) == kept.packs
            and all(
                git.blob_id(reading.read_file(directory / TREE / name).content) == blob
                for name, blob in kept.blobs.items()
            )
        )
    except (OSError, ToolkitError):
        return False


def _packs(directory: Path) -> dict[str, int]:
    objects = directory / REPOSITORY / "objects"
    files = [path for path in objects.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory / REPOSITORY)): path.stat().st_size for path in files}
