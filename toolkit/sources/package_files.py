"""Find the file of a package, and the package of a file.

The text alone decides: pkgs/by-name, and the calls in package sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from posixpath import normpath

from msgspec import Struct

from toolkit import inside
from toolkit.errors import ToolkitError

PACKAGES = PurePosixPath("pkgs")
BY_NAME = PACKAGES / "by-name"
TOP = PACKAGES / "top-level"
ALL_PACKAGES = TOP / "all-packages.nix"
ALIASES = TOP / "aliases.nix"

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
    "pkgs/servers/home-assistant/custom-lovelace-modules": (
        "home-assistant-custom-lovelace-modules"
    ),
}
_FURTHER = 2
"""How many files may lie between a package set and the file that it calls."""

_MOST = 8 << 20
"""How many bytes of a package set are read."""

_NAME = r"[A-Za-z_][\w'-]*"
_PATH = re.compile(r"\.{1,2}/[\w./+-]+")
_CALL = re.compile(rf"callPackages?\s+({_PATH.pattern})")
_VALUE_CALL = rf"\s*(?:[\w.]+\.)?{_CALL.pattern}"
_BOUND_CALL = re.compile(rf"^ *({_NAME}) *={_VALUE_CALL}", re.MULTILINE)
_OUTERMOST_CALL = re.compile(rf"^  ({_NAME}) *={_VALUE_CALL}", re.MULTILINE)
_SAME = re.compile(rf"^  ({_NAME}) = ({_NAME});", re.MULTILINE)
_LET = re.compile(rb"\blet\b")


def has_let(content: bytes) -> bool:
    """Return whether a file may define packages in a `let`."""
    return _LET.search(content) is not None


def by_name_file(package: str) -> PurePosixPath:
    """Return the file of a package in pkgs/by-name."""
    return BY_NAME / package[:2].lower() / package / "package.nix"


def by_name(file: str | PurePosixPath) -> str | None:
    """Return the package in pkgs/by-name whose directory contains a file."""
    match str(file).split("/"):
        case ["pkgs", "by-name", _, package, _, *_]:
            return package
        case _:
            return None


def is_package(file: str | PurePosixPath) -> bool:
    """Return whether pkgs/by-name calls this file as a package."""
    match str(file).split("/"):
        case ["pkgs", "by-name", _, _, "package.nix"]:
            return True
        case _:
            return False


def called_paths(text: str) -> list[str]:
    """Return the paths that a package set calls, as written."""
    return _CALL.findall(text)


def bound_value(text: str, package: str) -> str | None:
    """Return the value of a package in a package set, from the `=`, or None."""
    bound = re.search(rf"^ *{re.escape(package)} *=(.*)", text, re.MULTILINE)
    return bound[1] if bound is not None else None


def called_path(value: str) -> str | None:
    """Return the path that a package set's value calls, or None."""
    call = re.match(_VALUE_CALL, value)
    return call[1] if call is not None else None


def called_files(path: str) -> list[PurePosixPath]:
    """Return the files that a path in all-packages.nix may refer to."""
    place = PurePosixPath(normpath(TOP / path))
    if place.suffix == ".nix":
        return [place]
    return [place / "default.nix", place / "package.nix"]


class CalledNames(Struct, frozen=True, kw_only=True):
    """The attribute path that calls each file or directory, found in the text.

    `same` maps an attribute of the outermost set to an attribute that equals it.
    """

    called: Mapping[PurePosixPath, str]
    same: Mapping[str, str]

    def package(self, file: PurePosixPath) -> str:
        """Return the likeliest attribute path of a file's package, perhaps a guess."""
        if (known := self.known(file)) is not None:
            return known
        around = (self.called[path] for path in file.parents if path in self.called)
        return next(around, _stem(file))

    def calls(self, file: PurePosixPath) -> bool:
        """Return whether callPackage calls a file, by pkgs/by-name or in a set."""
        return is_package(file) or not self.called.keys().isdisjoint(_called_as(file))

    def known(self, file: PurePosixPath) -> str | None:
        """Return the attribute path of a file's package by place or call, or None.

        A file in pkgs/by-name has the name of its directory, even if a set calls it by
        another name. A file deeper below a called directory may belong to any package.
        """
        if is_package(file):
            return by_name(file)
        for path in (file, *file.parents):
            if path in {file, file.parent} and path in self.called:
                return self.called[path]
            if (packages := _DIRECTORIES.get(str(path.parent))) is not None:
                return f"{packages}.{path.stem if path == file else path.name}"
        return by_name(file)

    def candidates(
        self, root: Path, file: PurePosixPath, further: int = _FURTHER
    ) -> Iterator[str]:
        """Yield possible attribute paths of a file's package, the likeliest first.

        They come from its directory, and from files that mention it: package sets, and
        files in the directories around it.
        """
        own = self.package(file)
        yield own
        yield f"{own}.{_stem(file)}"
        if not further:
            return
        for referrer in _around(root, file):
            names = list(dict.fromkeys(_bound_to(root, referrer, file)))
            if referrer.parent == TOP:
                prefix = _SETS.get(referrer.name, "")
                yield from (prefix + name for name in names)
            elif names:
                for package in self.candidates(root, referrer, further - 1):
                    yield package
                    yield from (f"{package}.{name}" for name in names)
                yield from names

    def all(self, root: Path) -> list[str]:
        """Return all packages of pkgs/by-name and all packages that a set calls."""
        packages = [
            PurePosixPath(package.path).name
            for shard in inside.listed(root, BY_NAME)
            for package in inside.listed(root, shard.path)
        ]
        return [*packages, *self.called.values()]

    def places(self, root: Path, package: str) -> tuple[PurePosixPath, ...]:
        """Return the files and directories of a package; none for an unknown name."""
        directory = by_name_file(package).parent
        own = [directory] if inside.is_directory(root, directory) else []
        called = (path for path, name in self.called.items() if name == package)
        return (*own, *called)


def called_names(root: Path) -> CalledNames:
    """Read the package sets of the tree at `root`; skip missing ones."""
    called: dict[PurePosixPath, str] = {}
    same: dict[str, str] = {}
    for name, prefix in _SETS.items():
        text = _text(root, TOP / name)
        for path, attribute in _calls(_BOUND_CALL, str(TOP), text):
            called.setdefault(path, prefix + attribute)
        if not prefix:
            same |= dict(_SAME.findall(text))
    for directory, packages in _DIRECTORIES.items():
        text = _text(root, PurePosixPath(directory, "default.nix"))
        for path, attribute in _calls(_OUTERMOST_CALL, directory, text):
            called.setdefault(path, f"{packages}.{attribute}")
    return CalledNames(called=called, same=same)


def _stem(file: PurePosixPath) -> str:
    """Return the name that a file gives its package."""
    return file.parent.name if file.name == "default.nix" else file.stem


def _called_as(file: PurePosixPath) -> set[PurePosixPath]:
    """Return the paths that call a file: its own, or its directory's."""
    return {file, file.parent} if file.name == "default.nix" else {file}


def _text(root: Path, path: PurePosixPath) -> str:
    """Return the text of a file, or "" if it cannot be read."""
    with suppress(ToolkitError):
        return inside.read(root, path, most=_MOST).decode(errors="replace")
    return ""


# The same package sets are read several times.
@lru_cache(maxsize=256)
def _calls(
    pattern: re.Pattern[str], directory: str, text: str
) -> Sequence[tuple[PurePosixPath, str]]:
    """Return the paths that a text in a directory calls, with their names."""
    return [
        (PurePosixPath(normpath(f"{directory}/{path}")), name)
        for name, path in pattern.findall(text)
    ]


def _around(root: Path, file: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the Nix files in the directories around a file, and the package sets."""
    directories = [parent for parent in file.parents if PACKAGES in parent.parents]
    for directory in (*directories, TOP):
        for entry in inside.listed(root, directory):
            if entry.path.endswith(".nix") and entry.path != str(file):
                yield PurePosixPath(entry.path)


def _bound_to(
    root: Path, referrer: PurePosixPath, file: PurePosixPath
) -> Iterator[str]:
    """Yield the attributes whose values contain the path of `file`, by text."""
    text = _text(root, referrer)
    paths = _called_as(file)
    is_named = any(path.name in text for path in paths)
    # `./.` is the directory itself.
    if not is_named and (len(paths) == 1 or "/." not in text):
        return
    for match in _PATH.finditer(text):
        if PurePosixPath(normpath(referrer.parent / match[0])) not in paths:
            continue
        before = text[: match.start()].rpartition(";")[2]
        statement = before + text[match.start() :].partition(";")[0]
        if re.search(r"^\s*inherit\b", before, re.MULTILINE):
            yield from re.findall(r"[\w'-]+", statement.rpartition(")")[2])
        elif (name := re.search(rf"({_NAME})\s*=(?!=)", statement)) is not None:
            yield name[1]
