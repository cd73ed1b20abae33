"""What the proofs about other files of nixpkgs share: a change by its path, its format, files laid out for Nix."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from toolkit import process
from toolkit.cache import default_cache
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix import stores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path, PurePosixPath

    from toolkit.model import FileChange, Source, TreeCommit

KIND = "files"


def change(commit: TreeCommit, path: PurePosixPath) -> FileChange:
    """Return what a commit does to a file; raise ToolkitError where it does nothing to it."""
    found = next((one for one in commit.files if one.path == path), None)
    if found is None:
        raise ToolkitError(f"the commit does not touch {path}")
    return found


def only(commit: TreeCommit, *paths: PurePosixPath) -> tuple[str, ...]:
    """Return a failure for each file that a commit touches besides these."""
    return tuple(f"the commit also touches {one.path}" for one in commit.files if one.path not in paths)


def library(source: Source) -> str:
    """Return the path of the `lib` of the source's nixpkgs, "" where it has none."""
    found = source.root / "lib" if source.root is not None else None
    return str(found) if found is not None and (found / "default.nix").is_file() else ""


def packages(*contents: bytes) -> list[str]:
    """Return the names that Nix files take of `pkgs` by `pkgs.NAME`, but for those that are no packages."""
    text = "\n".join(content.decode("utf-8", "replace") for content in contents)
    found = {name for name in re.findall(r"\bpkgs\.([A-Za-z_][\w'-]*)", text) if name not in {"formats", "lib"}}
    return sorted({*found, "docker"})


def lay_out(files: Mapping[str, bytes]) -> Path:
    """Write files into a directory of the cache that is theirs, so that the commands of a report can be repeated."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)

    def make(directory: Path) -> None:
        for name, content in files.items():
            (directory / name).write_bytes(content)

    def check(directory: Path) -> bool:
        return all((directory / name).read_bytes() == content for name, content in files.items())

    return default_cache().obtain(KIND, digest.hexdigest()[:32], make=make, check=check)


def misformatted(one: FileChange) -> tuple[tuple[str, ...], str]:
    """Return a failure where nixfmt would change a file that it would not have changed before, and what was seen."""
    formatter = stores.nixfmt()
    if formatter is None:
        return (), f"{one.path.name}: {stores.NO_NIXFMT}"
    if one.before is not None and not _is_formatted(str(formatter), one.before):
        return (), f"{one.path.name}: not in nixfmt's format before either"
    if not _is_formatted(str(formatter), one.after):
        return (f"{one.path}: nixfmt would change the file",), f"{one.path.name}: nixfmt would change it"
    return (), f"{one.path.name}: nixfmt has nothing to change"


def _is_formatted(formatter: str, content: bytes) -> bool:
    try:
        return process.run([formatter, "-"], stdin=content).stdout == content
    except CommandError:
        return False
