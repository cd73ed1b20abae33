"""The stand-in tree: a small nixpkgs around one file and its neighbours.

It is the specimen with the file in it, with the source's own library if it has one, and
with a stand-in for each name that the file takes but the specimen lacks. It is written
once for each content, and then used like any other nixpkgs.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache, partial
from os.path import relpath
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import inside, specimen
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.sources.package_files import ALIASES, ALL_PACKAGES, TOP, by_name
from toolkit.sources.trees import NixpkgsTree
from toolkit.writable import WritableRoot

KIND = "stand-ins"

_NAMES = TOP / "stand-ins.json"
_LIBRARY = PurePosixPath("lib")


class Surroundings(Struct, frozen=True, kw_only=True):
    """The content of a stand-in tree.

    It is `target`, its neighbours, and additions to the set.

    `exported` are the attributes that the file defines, the newest last; `names` are
    those that it may take as packages. `takes_function` shows whether Go's builders
    accept a function of the final attributes. `root` is the nixpkgs around the source;
    None for a single file.
    """

    target: PurePosixPath
    content: bytes
    beside: Mapping[str, TreeFile]
    exported: tuple[str, ...]
    names: tuple[str, ...]
    takes_function: bool = True
    root: Path | None = None

    @property
    def library(self) -> Path | None:
        """The library of the source's nixpkgs."""
        found = inside.within(self.root, "lib") if self.root is not None else None
        if (
            self.root is None
            or found is None
            or not inside.is_file(self.root, found / "default.nix")
        ):
            return None
        return self.root / found


def tree(around: Surroundings) -> NixpkgsTree:
    """Return the stand-in tree, from the cache if possible."""
    root, key = kept(KIND, _files(around))
    return NixpkgsTree(root=root, key=key)


def kept(kind: str, files: Mapping[PurePosixPath, TreeFile]) -> tuple[Path, str]:
    """Return a directory of the cache with these files, and their digest.

    Write a damaged one again.
    """
    key = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()

    def check(directory: Path) -> bool:
        try:
            return all(
                reading.read_file(directory, path) == file
                for path, file in files.items()
            )
        except ToolkitError:
            return False

    return default_cache().obtain(
        kind, key[:32], make=partial(_write, files), check=check
    ), key


def write(around: Surroundings, directory: Path) -> None:
    """Write the stand-in tree into a directory."""
    _write(_files(around), directory)


def _write(files: Mapping[PurePosixPath, TreeFile], directory: Path) -> None:
    for path, file in files.items():
        reading.write_file(WritableRoot(directory), path, file)


def _files(around: Surroundings) -> dict[PurePosixPath, TreeFile]:
    own = around.target.parent
    kept = {
        path: file
        for path, file in _specimen().items()
        if own not in path.parents and _is_called(path, around)
    }
    if around.library is not None:
        kept = {
            path: file for path, file in kept.items() if _LIBRARY not in path.parents
        }
        kept |= {_LIBRARY / path: file for path, file in _below(around.library).items()}
        if (
            around.root is not None
            and (version := inside.find(around.root, ".version")) is not None
        ):
            kept[PurePosixPath(".version")] = TreeFile(content=version)
    own_names = re.findall(r"[a-zA-Z_][\w'-]*", around.content.decode(errors="replace"))
    names = {
        "names": sorted({*around.names} - {*around.exported}),
        "takesFunction": around.takes_function,
    }
    return {
        **kept,
        **{own / name: file for name, file in around.beside.items()},
        around.target: TreeFile(content=around.content),
        ALL_PACKAGES: TreeFile(
            content=_listing(kept[ALL_PACKAGES].content.decode(), around).encode()
        ),
        # No release of the specimen's, and nothing that the file itself names.
        ALIASES: TreeFile(
            content=_without(
                kept[ALIASES].content.decode(), (*around.exported, *own_names)
            ).encode()
        ),
        _NAMES: TreeFile(content=json.dumps(names).encode()),
    }


def _is_called(path: PurePosixPath, around: Surroundings) -> bool:
    """Return whether a file of the specimen can be called; it may need a release."""
    if by_name(path) is None:
        return True
    stem = re.escape(around.target.parent.name)
    taken = re.findall(rf"\b{stem}_\d+\b", _specimen()[path].content.decode())
    return {*taken} <= {*around.exported}


def _listing(text: str, around: Surroundings) -> str:
    """Return all-packages.nix with the file's attributes, the newest as the default."""
    called = re.escape(
        f"inherit (callPackage {relpath(around.target.parent, TOP)} {{ }})"
    )
    listed = "".join(f"    {name}\n" for name in around.exported)
    text = re.sub(
        rf"({called}\n)[^;]*?( *;)", lambda found: f"{found[1]}{listed}{found[2]}", text
    )
    newest = around.exported[-1] if around.exported else 'throw "the file makes none"'
    place = f"final.{newest}" if around.exported else newest
    stem = around.target.parent.name
    return re.sub(
        rf"^  {re.escape(stem)} = .*;$",
        lambda _: f"  {stem} = {place};",
        text,
        flags=re.MULTILINE,
    )


def _without(text: str, names: tuple[str, ...]) -> str:
    """Return a table without the lines of some names."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.split(" = ")[0].strip() not in names)


@cache
def _specimen() -> Mapping[PurePosixPath, TreeFile]:
    return _below(specimen.path())


def _below(root: Path) -> dict[PurePosixPath, TreeFile]:
    paths = (
        entry.path
        for entry in inside.entries(root)
        if entry.kind is not EntryKind.DIRECTORY
    )
    return {
        PurePosixPath(path): reading.read_file(root, path, follow=True)
        for path in paths
    }
