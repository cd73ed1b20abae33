"""Find the file of a package in nixpkgs, and the package of a file.

A survey goes by text: by pkgs/by-name, and by the package sets that call the file.
Otherwise Nix resolves the name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from posixpath import normpath

from msgspec import Struct

from toolkit import documents, inside, process
from toolkit.asking.questions import bisected, sealed_command
from toolkit.errors import CommandError, ToolkitError
from toolkit.shipped import EXPRESSIONS

PACKAGES = PurePosixPath("pkgs")
_BY_NAME = PACKAGES / "by-name"
_TOP = PACKAGES / "top-level"
_SETS = {
    "all-packages.nix": "",
    "python-packages.nix": "python3Packages.",
    "ocaml-packages.nix": "ocamlPackages.",
    "kodi-packages.nix": "kodiPackages.",
    "php-packages.nix": "php.packages.",
    "perl-packages.nix": "perlPackages.",
    "coq-packages.nix": "coqPackages.",
    "linux-kernels.nix": "linuxPackages.",
}
_DIRECTORIES = {
    "pkgs/applications/editors/emacs/elisp-packages/manual-packages": "emacsPackages",
    "pkgs/applications/editors/vim/plugins/non-generated": "vimPlugins",
    "pkgs/applications/editors/vscode/extensions": "vscode-extensions",
    "pkgs/applications/networking/irc/weechat/scripts": "weechatScripts",
    "pkgs/by-name/mp/mpv/scripts": "mpvScripts",
    "pkgs/development/ocaml-modules": "ocamlPackages",
    "pkgs/development/python-modules": "python3Packages",
    "pkgs/misc/tmux-plugins": "tmuxPlugins",
    "pkgs/servers/home-assistant/custom-components": "home-assistant-custom-components",
    "pkgs/servers/home-assistant/custom-lovelace-modules": "home-assistant-custom-lovelace-modules",
}
_PATH = re.compile(r"\.{1,2}/[\w./+-]+")
_DEPTH = 2
_MOST = 8 << 20
"""The bytes of a package set."""
_CALL = re.compile(
    r"^ *([A-Za-z_][\w'-]*) *=\s*(?:[\w.]+\.)?callPackages? +(\.{1,2}/[\w./+-]+)",
    re.MULTILINE,
)
_OUTERMOST_CALL = re.compile(_CALL.pattern.replace("^ *", "^  ", 1), re.MULTILINE)
_SAME = re.compile(r"^  ([A-Za-z_][\w'-]*) = ([A-Za-z_][\w'-]*);", re.MULTILINE)


class CalledNames(Struct, frozen=True, kw_only=True):
    """Package names by text: `called` maps a file or directory to the attribute path that calls it.

    `same` maps an attribute of the outermost set to the attribute that it equals.
    """

    called: Mapping[PurePosixPath, str]
    same: Mapping[str, str]

    @classmethod
    def of(cls, root: Path) -> CalledNames:
        """Read the package sets of the tree at `root`; missing sets are skipped."""
        called: dict[PurePosixPath, str] = {}
        same: dict[str, str] = {}
        for name, prefix in _SETS.items():
            text = _text(root, _TOP / name)
            for path, attribute in _calls(_CALL, str(_TOP), text):
                called.setdefault(path, prefix + attribute)
            if not prefix:
                same |= dict(_SAME.findall(text))
        for directory, prefix in _DIRECTORIES.items():
            text = _text(root, PurePosixPath(directory, "default.nix"))
            for path, attribute in _calls(_OUTERMOST_CALL, directory, text):
                called.setdefault(path, f"{prefix}.{attribute}")
        return cls(called=called, same=same)

    def package(self, file: PurePosixPath) -> str:
        """Return the likeliest attribute path of a file's package: the known one, else a guess from the file's path."""
        around = (self.called[path] for path in file.parents if path in self.called)
        guess = file.parent.name if file.name == "default.nix" else file.stem
        return self.known(file) or next(around, guess)

    def calls(self, file: PurePosixPath) -> bool:
        """Return whether callPackage calls a file itself, by pkgs/by-name or in a package set."""
        names = {file, file.parent} if file.name == "default.nix" else {file}
        return _is_by_name(file) or not names.isdisjoint(self.called)

    def known(self, file: PurePosixPath) -> str | None:
        """Return the attribute path of a file's package by pkgs/by-name, a call or its directory, or None.

        A file in pkgs/by-name has the name of its directory, even if a set calls it by
        another one. One further below a directory that is called may be of any package.
        """
        if _is_by_name(file):
            return file.parent.name
        for path in (file, *file.parents):
            if (
                path in {file, file.parent}
                and (attribute := self.called.get(path)) is not None
            ):
                return attribute
            if (packages := _DIRECTORIES.get(str(path.parent))) is not None:
                return f"{packages}.{path.stem if path == file else path.name}"
        if file.is_relative_to(_BY_NAME) and len(file.parts) > len(_BY_NAME.parts) + 2:
            return file.parts[len(_BY_NAME.parts) + 1]
        return None

    def candidates(
        self, root: Path, file: PurePosixPath, depth: int = _DEPTH
    ) -> Iterator[str]:
        """Yield possible attribute paths of a file's package, the likeliest first.

        They come from its place, and from files that name it: package sets, and files
        in the directories around it.
        """
        own = self.package(file)
        yield own
        yield f"{own}.{file.parent.name if file.name == 'default.nix' else file.stem}"
        if not depth:
            return
        for referrer in _around(root, file):
            names = list(dict.fromkeys(_bound_to(root, referrer, file)))
            if referrer.parent == _TOP:
                yield from (_SETS.get(referrer.name, "") + name for name in names)
            elif names:
                for package in self.candidates(root, referrer, depth - 1):
                    yield package
                    yield from (f"{package}.{name}" for name in names)
                yield from names

    def all(self, root: Path) -> list[str]:
        """Return all packages of pkgs/by-name and all packages that a set calls."""
        shards = inside.listed(root, _BY_NAME)
        found = (
            PurePosixPath(each.path).name
            for shard in shards
            for each in inside.listed(root, shard.path)
        )
        return [*found, *self.called.values()]

    def places(self, root: Path, package: str) -> tuple[PurePosixPath, ...]:
        """Return a package's files and directories below pkgs, none for an unknown name."""
        by_name = _BY_NAME / package[:2].lower() / package
        found = [
            path for path, attribute in self.called.items() if attribute == package
        ]
        return (*([by_name] if inside.is_directory(root, by_name) else []), *found)


def _is_by_name(file: PurePosixPath) -> bool:
    return file.name == "package.nix" and file.parents[2:3] == (_BY_NAME,)


def _text(root: Path, path: PurePosixPath) -> str:
    """Return the text of a file, "" if it cannot be read."""
    with suppress(ToolkitError):
        return inside.read(root, path, most=_MOST).decode(errors="replace")
    return ""


@lru_cache(maxsize=256)
def _calls(
    pattern: re.Pattern[str], directory: str, text: str
) -> Sequence[tuple[PurePosixPath, str]]:
    """Return what a text in a directory calls.

    The same package sets are read several times.
    """
    return [
        (PurePosixPath(normpath(f"{directory}/{path}")), name)
        for name, path in pattern.findall(text)
    ]


def _around(root: Path, file: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the Nix files in the directories around a file, and the package sets."""
    directories = [parent for parent in file.parents if PACKAGES in parent.parents]
    for directory in (*directories, _TOP):
        for entry in inside.listed(root, directory):
            if (
                entry.path.endswith(".nix")
                and (found := PurePosixPath(entry.path)) != file
            ):
                yield found


def _bound_to(
    root: Path, referrer: PurePosixPath, file: PurePosixPath
) -> Iterator[str]:
    """Yield the attributes whose values contain the path of `file`, by text."""
    text = _text(root, referrer)
    wanted = {file, file.parent} if file.name == "default.nix" else {file}
    # `./.` is the directory itself.
    if not any(path.name in text for path in wanted) and (
        len(wanted) == 1 or "/." not in text
    ):
        return
    for match in _PATH.finditer(text):
        if PurePosixPath(normpath(referrer.parent / match[0])) not in wanted:
            continue
        before = text[: match.start()].rpartition(";")[2]
        statement = before + text[match.start() :].partition(";")[0]
        if re.search(r"^\s*inherit\b", before, re.MULTILINE):
            yield from re.findall(r"[\w'-]+", statement.rpartition(")")[2])
        elif (name := re.search(r"([A-Za-z_][\w'-]*)\s*=(?!=)", statement)) is not None:
            yield name[1]


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
        """The systems to evaluate for: the main ones that the package supports, else its first platform."""
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
    done = process.execute(sealed_command(_EXPRESSION, given, len(packages)))
    return documents.read(done.stdout, list[_Location], document="Nix's answer")


def owners(
    root: Path, files: Iterable[PurePosixPath]
) -> Mapping[PurePosixPath, tuple[str, Location]]:
    """Return the package of each file, with its place.

    Omit files that only make other files' packages.
    """
    names = CalledNames.of(root)
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
    """Return for each package all packages that its file makes, each under one name."""
    names = CalledNames.of(root)
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
    """Return whether a package takes its meta or its own attributes from a file."""
    return place is not None and file in {place.file, *place.others}
