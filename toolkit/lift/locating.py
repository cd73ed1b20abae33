"""Where Nix finds packages: the file of a package, and the packages of a file."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import documents, process
from toolkit.asking.questions import Evaluation, bisected
from toolkit.errors import CommandError
from toolkit.shipped import EXPRESSIONS
from toolkit.sources.package_files import called_names

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")
"""The main systems of nixpkgs; a package is evaluated for those that it supports."""

CROSS = "x86_64-linux → aarch64-linux"
"""Cross compilation: some parts are used only there."""

_EXPRESSION = EXPRESSIONS / "located.nix"


class Location(Struct, frozen=True, kw_only=True):
    """The place of a package in the tree: `file` is the one that its meta names.

    `others` are the files of its attributes, builders among them; `platforms` are those
    of its meta. `broken`: its meta marks it so on all of SYSTEMS that it is for.
    """

    file: PurePosixPath
    others: tuple[PurePosixPath, ...]
    platforms: tuple[str, ...]
    broken: bool = False

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems to evaluate for: the main ones, else the first platform."""
        own = tuple(system for system in SYSTEMS if system in self.platforms)
        return (
            (*own, CROSS)
            if set(CROSS.split(" → ")) <= set(own)
            else own or self.platforms[:1] or SYSTEMS
        )


class _Location(Struct, frozen=True, kw_only=True):
    position: str
    files: tuple[str, ...]
    platforms: tuple[str, ...]
    broken: bool


def locate(root: Path, packages: Sequence[str]) -> Mapping[str, Location]:
    """Return the places of packages in the tree at `root`.

    Omit those that Nix does not find.
    """
    # An error that Nix cannot catch ends the evaluation; its package has no place.
    answers = bisected(partial(_located, root), packages)
    found: dict[str, Location] = {}
    for package, answer in zip(packages, answers, strict=True):
        if isinstance(answer, CommandError):
            continue
        said = answer.position.rpartition(":")[0]
        places = [PurePosixPath(file) for file in dict.fromkeys((said, *answer.files))]
        files = [
            place.relative_to(root) for place in places if place.is_relative_to(root)
        ]
        if files:
            found[package] = Location(
                file=files[0],
                others=tuple(files[1:]),
                platforms=answer.platforms,
                broken=answer.broken,
            )
    return found


def _located(root: Path, packages: Sequence[str]) -> list[_Location]:
    names = json.dumps([package.split(".") for package in packages])
    given = {"tree": str(root), "names": names, "systems": json.dumps(SYSTEMS)}
    asking = Evaluation(expression=_EXPRESSION, arguments=given, count=len(packages))
    done = process.execute(asking.command)
    return documents.read(done.stdout, list[_Location], document="Nix's answer")


def owners(
    root: Path, files: Iterable[PurePosixPath]
) -> Mapping[PurePosixPath, tuple[str, Location]]:
    """Return the package of each file, with its place.

    Omit files that only contribute to the packages of other files.
    """
    names = called_names(root)
    likely = {file: tuple(names.candidates(root, file)) for file in files}
    places = dict(locate(root, [names[0] for names in likely.values()]))
    missed = [
        names[1:]
        for file, names in likely.items()
        if not _is_written(places.get(names[0]), file)
    ]
    places |= locate(
        root, list(dict.fromkeys(name for names in missed for name in names))
    )
    return {
        file: (name, places[name])
        for file, names in likely.items()
        if (
            name := next(
                (name for name in names if _is_written(places.get(name), file)), None
            )
        )
        is not None
    }


def siblings(
    root: Path, files: Mapping[str, PurePosixPath]
) -> Mapping[str, tuple[str, ...]]:
    """Return for each package all packages from its file, each with one name."""
    names = called_names(root)
    likely = {
        package: set(names.candidates(root, file)) - {package}
        for package, file in files.items()
    }
    places = locate(root, sorted({name for names in likely.values() for name in names}))
    made = {
        package: {
            package,
            *(name for name in likely[package] if _is_written(places.get(name), file)),
        }
        for package, file in files.items()
    }
    return {
        package: tuple(
            sorted(name for name in all_ if names.same.get(name) not in all_)
        )
        for package, all_ in made.items()
    }


def _is_written(place: Location | None, file: PurePosixPath) -> bool:
    """Return whether the meta or the attributes of a package come from a file."""
    return place is not None and file in {place.file, *place.others}
