"""Ask Nix which file a package is written in, and which package is written in a file."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import documents, nix, process
from toolkit.errors import CommandError
from toolkit.lift.naming import Names
from toolkit.nix.seal import sealed
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")
"""Those that nixpkgs builds for, and that packages are asked about if they are for them."""

CROSS = "x86_64-linux → aarch64-linux"
"""Built on the one for the other: some parts are used only so."""

_EXPRESSION = EXPRESSIONS / "located.nix"


class Location(Struct, frozen=True, kw_only=True):
    """Where a package is written: the path in the tree of the file that its meta names.

    `others` are those that its attributes are from, builders among them. `platforms` are the systems that it says it is
    for.
    """

    file: PurePosixPath
    others: tuple[PurePosixPath, ...]
    platforms: tuple[str, ...]

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems to ask about: those that nixpkgs builds for, else the first that the package is for."""
        own = tuple(system for system in SYSTEMS if system in self.platforms)
        return (*own, CROSS) if set(CROSS.split(" → ")) <= set(own) else own or self.platforms[:1] or SYSTEMS


class _Answer(Struct, frozen=True, kw_only=True):
    position: str | None
    files: tuple[str, ...]
    platforms: tuple[str, ...]


def locate(root: Path, packages: Sequence[str]) -> Mapping[str, Location]:
    """Return where packages of the tree at `root` are written, without those that Nix finds no place for."""
    if not packages:
        return {}
    names = json.dumps([package.split(".") for package in packages])
    with sealed():
        asking = nix.evaluate_command(_EXPRESSION, {"tree": str(root), "names": names})
    try:
        answers = documents.read(process.execute(asking).stdout, list[_Answer], document="Nix's answer")
    except CommandError:
        # What Nix cannot catch ends the evaluation: the package that it comes from is known by halves.
        middle = len(packages) // 2
        return {**locate(root, packages[:middle]), **locate(root, packages[middle:])} if middle else {}
    found: dict[str, Location] = {}
    for package, answer in zip(packages, answers, strict=True):
        said = (answer.position or "").rpartition(":")[0]
        places = [PurePosixPath(file) for file in dict.fromkeys((said, *answer.files))]
        files = [place.relative_to(root) for place in places if place.is_relative_to(root)]
        if files:
            found[package] = Location(file=files[0], others=tuple(files[1:]), platforms=answer.platforms)
    return found


def owners(root: Path, files: Iterable[PurePosixPath]) -> Mapping[PurePosixPath, tuple[str, Location]]:
    """Return by file the package that is written in it, with its place; nothing for one that others are made with."""
    names = Names.of(root)
    likely = {file: tuple(names.candidates(root, file)) for file in files}
    places = dict(locate(root, [names[0] for names in likely.values()]))
    missed = [names[1:] for file, names in likely.items() if not _is_written(places.get(names[0]), file)]
    places |= locate(root, list(dict.fromkeys(name for names in missed for name in names)))
    return {
        file: (name, places[name])
        for file, names in likely.items()
        for name in [next((name for name in names if _is_written(places.get(name), file)), "")]
        if name
    }


def _is_written(place: Location | None, file: PurePosixPath) -> bool:
    """Tell whether a package has its meta or attributes of its own from a file."""
    return place is not None and file in {place.file, *place.others}
