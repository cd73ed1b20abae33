"""Find the overlays in the paths that the user names.

A path is a file, a directory of overlays, a flake, or a NixOS configuration.
"""

import os
import re
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from toolkit import files
from toolkit.errors import ToolkitError
from toolkit.nix.attributes import SETS, spine, statements
from toolkit.nix.attributes import path as path_of
from toolkit.nix.edit import Edit, apply
from toolkit.nix.program import quoted
from toolkit.nix.tree import Node, parsed
from toolkit.proposal.overlays import OWN
from toolkit.reach import written
from toolkit.reach.answers import OverlaySource, OverrideCall

INPUT = Path("-")
"""The path that stands for standard input."""

_FLAKE = "flake.nix"
_HERE = "default.nix"
_MODULE = frozenset(["config", "options", "modulesPath"])
"""The arguments that only a NixOS module takes."""
_SETTINGS = frozenset(
    [
        "boot",
        "environment",
        "hardware",
        "home",
        "imports",
        "nixpkgs",
        "programs",
        "services",
    ]
)
"""The top-level options that identify a NixOS module which uses packages."""
_PARTS = frozenset(["flake", "perSystem"])
"""The options of a flake-parts module that contain other modules and packages."""
_MADE = re.compile(
    r"\bimport\b(?s:.*)\b(?:overlays|packageOverrides)\b|\.(?:extend|appendOverlays)\b"
)
"""A pattern for code that creates a package set with overlays, as in a shell.nix."""


def users() -> list[OverlaySource]:
    """Return the user's own overlays and config.nix, as nixpkgs finds them.

    nixpkgs reads `overlays.nix` or the directory `overlays`; see
    pkgs/top-level/impure.nix there. Raise ToolkitError if the user has none.
    """
    directory = (
        Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nixpkgs"
    )
    found = [
        _source("config", path)
        for path in (directory / "config.nix",)
        if path.is_file()
    ]
    for path in (directory / "overlays.nix", directory / "overlays"):
        if path.exists():
            found += overlays(path)
    if not found:
        raise ToolkitError(
            f"{directory}: contains no overlays, overlays.nix or config.nix",
            hint="name a file or a directory",
        )
    return found


def overlays(path: Path) -> list[OverlaySource]:
    """Return the overlays of a file or directory, which apply together.

    The overlays of a flake are found by `flake` instead. Raise ToolkitError if the path
    does not exist or the directory contains no overlay.
    """
    path = path.expanduser()
    if not path.exists():
        raise ToolkitError(f"{path}: no such file or directory")
    path = absolute(path)
    if path.is_file():
        return [_file(path)]
    if (path / _HERE).is_file():
        return [_source("file", path / _HERE)]
    # The order and the selection are those of nixpkgs.
    names = sorted(path.iterdir(), key=lambda each: each.name)
    places = (
        each if each.suffix == ".nix" and each.is_file() else each / _HERE
        for each in names
    )
    found = [_source("file", place) for place in places if place.is_file()]
    if not found:
        raise ToolkitError(
            f"{path}: contains no overlays",
            hint="a directory of overlays must contain files called NAME.nix",
        )
    return found


def write_input(path: Path) -> None:
    """Write the Nix code on standard input to a file.

    Relative paths in the code are resolved against the working directory, as Nix does.
    """
    text = files.read(Path("/dev/stdin")).decode(errors="surrogateescape")
    literals = (
        each
        for each in parsed(text, name="standard input").root.walk()
        if each.kind == "path_expression"
    )
    edits = [
        Edit(each.start, each.end, f"(/. + {quoted(str(Path.cwd() / each.text))})")
        for each in literals
        if each.text.startswith(".") and "${" not in each.text
    ]
    path.write_bytes(apply(text, edits).encode(errors="surrogateescape"))


def absolute(path: Path) -> Path:
    """Return an absolute path without `..`.

    Nix would remove `..` together with the name before it, even if that name is a link.
    """
    return path.resolve() if ".." in path.parts else path.absolute()


@cache
def is_own(file: str) -> bool:
    """Return whether unlet wrote this overlay file."""
    try:
        return f"\n{OWN}".encode() in files.read(Path(file))
    except ToolkitError:
        return False


def is_flake(path: Path) -> bool:
    """Return whether a path is a flake: a flake.nix, or a directory with one."""
    return path.name == _FLAKE or (path / _FLAKE).is_file()


def flake(path: Path) -> tuple[Path, OverlaySource]:
    """Return the directory of a flake, and the expression that reads its overlays."""
    path = absolute(path.expanduser())
    directory = path.parent if path.name == _FLAKE else path
    return directory, _source("flake", directory, file=directory / _FLAKE)


def host(directory: Path, kind: str, name: str) -> OverlaySource:
    """Return the expression that reads a configuration of a flake.

    `kind` is the flake's attribute for NixOS, home-manager or nix-darwin.
    """
    question = f"host {quoted(str(directory))} {quoted(kind)} {quoted(name)}"
    return OverlaySource(
        question=question, file=str(directory / _FLAKE), label=f"{kind}.{name}"
    )


def _file(path: Path) -> OverlaySource:
    if path.name == "config.nix":
        return _source("config", path)
    own = _source("file", path)
    if _is_module(path):
        return replace(
            _source("module", path),
            otherwise=(_question("tolerant", path), own.question),
            warning="does not evaluate as a NixOS configuration by itself, so unlet "
            "left out what it lacks",
            is_configuration=True,
        )
    if _is_parts(written.root_of(path)):
        return replace(_source("parts", path), is_configuration=True)
    if _MADE.search(files.read(path).decode(errors="replace")):
        return replace(_source("made", path), otherwise=(own.question,))
    return own


def calls(path: Path) -> tuple[OverrideCall, ...]:
    """Return the overrides in the text of a file."""
    root = written.root_of(path)
    return tuple(
        OverrideCall(
            name=call.name,
            line=call.node.line,
            bindings=tuple(binding.line for binding in call.bindings),
            is_local=call.is_local,
        )
        for call in (() if root is None else written.calls(root))
    )


def _is_module(path: Path) -> bool:
    """Return whether a file is a NixOS configuration.

    The arguments of its function, or the options that it sets, decide.
    """
    root = written.root_of(path)
    if root is None:
        return False
    formals = root.child("formals") if root.kind == "function_expression" else None
    arguments = (
        {node.text.partition("?")[0].strip() for node in formals.children}
        if formals is not None
        else set[str]()
    )
    known = _SETTINGS if "pkgs" in arguments else {"imports", "nixpkgs"}
    return bool(arguments & _MODULE or known & _settings(root))


def _settings(root: Node) -> set[str]:
    """Return the top-level names of the options that a file sets."""
    values = (node for node in spine(root) if node.kind in SETS)
    return {
        path_of(binding).partition(".")[0]
        for value in values
        for binding in statements(value, "binding")
    }


def _is_parts(root: Node | None) -> bool:
    """Return whether a file is a flake-parts module."""
    return root is not None and bool(_PARTS & _settings(root))


def _source(kind: str, path: Path, file: Path | None = None) -> OverlaySource:
    return OverlaySource(
        question=_question(kind, path),
        file=str(file or path),
        calls=() if file else calls(path),
    )


def _question(kind: str, path: Path) -> str:
    return f"read {quoted(kind)} {quoted(str(path))}"
