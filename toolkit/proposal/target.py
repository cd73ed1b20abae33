"""Find a package's file in a tree, by attribute path or by the file's path."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from toolkit import inside
from toolkit.errors import LayoutError, ToolkitError, only, tried
from toolkit.lift.kinds import BindingKind
from toolkit.lift.locating import (
    SYSTEMS,
    Location,
    locate,
    owners,
    siblings,
)
from toolkit.lift.survey import survey
from toolkit.sources.package_files import ALIASES, called_names

_FILE = ".nix"
_MAIN = ("package.nix", "default.nix")
_MOST = 8 << 20


class Target(Struct, frozen=True, kw_only=True):
    """A package: its attribute path, its file in the tree, the systems to evaluate for.

    If the file makes several packages, `made` has all of them, each under one name.
    `broken` is true if meta marks the package as broken on all main systems.
    """

    package: str
    file: PurePosixPath
    systems: tuple[str, ...] = SYSTEMS
    made: tuple[str, ...] = ()
    broken: bool = False

    @property
    def packages(self) -> tuple[str, ...]:
        """All packages that the file makes, by name."""
        return self.made or (self.package,)

    @property
    def unwanted(self) -> str | None:
        """Why upstream wants no change of the package, judging by its meta.

        It is None if meta gives no reason.
        """
        if not {*SYSTEMS} & {*self.systems}:
            return f"does not support any of {', '.join(SYSTEMS)}"
        return (
            "is marked as broken; nixpkgs wants that fixed first"
            if self.broken
            else None
        )


def find_target(root: Path, name: str) -> Target:
    """Find a package of a tree by its attribute path, or by the path of its file.

    Raise ToolkitError for an alias, an unknown name, or a name that fits several files.
    """
    (found,) = find_targets(root, [name])
    return only(found)


def find_targets(root: Path, names: Sequence[str]) -> list[Target | ToolkitError]:
    """Find packages as `find_target` does, but return errors."""
    located = locate(
        root, [name for name in dict.fromkeys(names) if not name.endswith(_FILE)]
    )
    found = [tried(partial(_find, root, name, located)) for name in names]
    made = siblings(
        root, {each.package: each.file for each in found if isinstance(each, Target)}
    )
    return [
        replace(each, made=made[each.package]) if isinstance(each, Target) else each
        for each in found
    ]


def _find(root: Path, name: str, located: Mapping[str, Location]) -> Target:
    names = called_names(root)
    if (path := _as_file(root, name)) is not None:
        return _written_in(root, path, names.package(path))
    places = names.places(root, name)
    if not places and (alias := _alias(root, name)) is not None:
        raise ToolkitError(
            f"{name}: is an alias: {alias}", hint="name the package itself"
        )
    at = located.get(name)
    systems = at.systems if at is not None else SYSTEMS
    if at is not None:
        # Where others set the meta, such as a file of versions, the attributes are
        # those of the file with the lets.
        written = [at.file, *at.others]
        binding = _binding(root, list(map(str, written)))
        own = [file for file in written if file in binding]
        if not own and (
            not places or any(at.file.is_relative_to(place) for place in places)
        ):
            own = [at.file]
        if own:
            return Target(package=name, file=own[0], systems=systems, broken=at.broken)
    # The lift names the reason against a file that binds none.
    files = _binding(root, [name]) or [_written(root, name, places)]
    main = [file for file in files if file.name in _MAIN]
    if len(files) > 1 and len(main) != 1:
        listed = ", ".join(map(str, files))
        raise LayoutError(
            f"{name}: several files define packages: {listed}",
            hint="name one of these files instead",
        )
    return Target(
        package=name,
        file=(main or files)[0],
        systems=systems,
        broken=at is not None and at.broken,
    )


def _written(root: Path, name: str, places: Sequence[PurePosixPath]) -> PurePosixPath:
    likely = (
        path
        for place in places
        for path in (place, place / "package.nix", place / "default.nix")
    )
    if (
        found := next((path for path in likely if inside.is_file(root, path)), None)
    ) is None:
        raise LayoutError(f"{name}: unlet can read no file for it")
    return found


def _binding(root: Path, names: Sequence[str]) -> list[PurePosixPath]:
    """Return the files of packages, or files, that define packages in their lets."""
    found = [
        each.file
        for each in survey(root, names).findings
        if each.binding.kind is BindingKind.PACKAGE
    ]
    return list(dict.fromkeys(found))


def _written_in(root: Path, file: PurePosixPath, likely: str) -> Target:
    """Return the package that is written in a file, according to Nix.

    If Nix cannot tell, return the package that has the file's name.
    """
    found = owners(root, [file]).get(file)
    if found is not None:
        package, place = found
        return Target(
            package=package, file=file, systems=place.systems, broken=place.broken
        )
    other = locate(root, [likely]).get(likely)
    if other is not None or called_names(root).known(file) is None:
        fact = "no package is written in this file"
        if other is None:
            raise LayoutError(f"{file}: {fact}")
        raise LayoutError(
            f"{file}: {fact}; '{likely}' is defined in {other.file}",
            hint="name the package itself",
        )
    return Target(package=likely, file=file)


def _as_file(root: Path, name: str) -> PurePosixPath | None:
    """Return the path of a file in the tree, or of a directory's main file.

    `name` is a path from the root of the tree or from the current directory.
    """
    is_file = name.endswith(_FILE)
    if not is_file and "/" not in name:
        return None
    here = Path(name).absolute()
    for path in (
        name,
        *([str(here.relative_to(root))] if here.is_relative_to(root) else []),
    ):
        for place in (path,) if is_file else (f"{path}/{main}" for main in _MAIN):
            if (
                inside.is_file(root, place)
                and (whole := inside.within(root, place)) is not None
            ):
                return whole
    if not is_file:
        return None
    raise ToolkitError(
        f"{name}: no such file in {root}",
        hint="write the file's path in the tree",
    )


def _alias(root: Path, name: str) -> str | None:
    try:
        text = inside.read(root, ALIASES, most=_MOST).decode(errors="replace")
    except ToolkitError:
        return None
    found = re.search(rf"^  {re.escape(name)} = ([^;]*);", text, re.MULTILINE)
    return " ".join(found[1].split()) if found is not None else None
