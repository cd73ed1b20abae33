"""Nix and a shell as store paths, so that a derivation can evaluate.

Programs already in the store are used directly. A distribution's programs are copied there with their libraries, and
started through their dynamic loader, since a sandbox has none.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from toolkit import files, process
from toolkit.errors import ToolkitError
from toolkit.nix.stores import STORE, environment

_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)
"""A line of ldd(1): a library, or the loader, which has no other name."""


class Portable(Struct, frozen=True, kw_only=True):
    """The words that start Nix and the shell in a sandbox that contains the store `paths`."""

    nix: tuple[str, ...]
    shell: tuple[str, ...]
    paths: tuple[str, ...]


def add(path: Path, *, store: Sequence[str]) -> str:
    """Add a file or a directory to a store, chosen by options, and return its path there."""
    argv = ("nix-store", *store, "--add", str(path.absolute()))
    return process.run(argv, env=environment(named=bool(store))).text


def portable(*, store: Sequence[str]) -> Portable:
    """Return Nix and a shell in a store.

    Raise ToolkitError if one of them is not on PATH, or its libraries are missing.
    """
    found = [_find(name) for name in ("nix", "sh")]
    if not store and all(path.is_relative_to(STORE) for path in found):
        nix, shell = ((str(path),) for path in found)
        paths = dict.fromkeys(str(Path(*path.parts[:4])) for path in found)
        return Portable(nix=nix, shell=shell, paths=tuple(paths))
    with files.temporary() as directory:
        top = directory / "nix"
        for name in ("bin", "lib"):
            (top / name).mkdir(parents=True)
        loaders = [_copy(path, top) for path in found]
        there = add(top, store=store)
    nix, shell = (
        (*((f"{there}/lib/{loader}", "--library-path", f"{there}/lib") if loader else ()), f"{there}/bin/{path.name}")
        for path, loader in zip(found, loaders, strict=True)
    )
    return Portable(nix=nix, shell=shell, paths=(there,))


def _find(name: str) -> Path:
    path = process.find(name)
    if path is None:
        raise ToolkitError(f"{name}: not found on PATH")
    return path.resolve()


def _copy(program: Path, top: Path) -> str | None:
    """Copy a program with its libraries, and return the name of its loader, None if it is linked statically."""
    shutil.copy(program, top / "bin" / program.name)
    loader = None
    for listed in _LIBRARY.findall(process.run(["ldd", str(program)], ok=(0, 1)).text):
        name = Path(listed).name
        shutil.copy(listed, top / "lib" / name)
        if name.startswith("ld"):
            loader = name
    return loader
