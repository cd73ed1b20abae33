"""Nix itself as a store path, so that a build can start it.

A Nix outside the store is added once, with the libraries that it needs.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from toolkit import files, process, writable
from toolkit.cache import default_cache
from toolkit.environment import TOOLS, variables
from toolkit.errors import ToolkitError
from toolkit.nix import stores

_KIND, _DOCUMENT = "stored", "path"

_LIBRARY = re.compile(r"^\s*(?:(\S+) => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_LOADER = re.compile(r"\bld-linux\b|\bld-musl\b|/ld\.so\b|\bld64\b")


class CarriedNix(Struct, frozen=True, kw_only=True):
    """A Nix in the store: its store path, and the words that start it there."""

    path: str
    loader: str | None

    def words(self, program: str) -> Sequence[str]:
        """Return the words that start one of its programs."""
        if self.loader is None:
            return (f"{self.path}/bin/{program}",)
        library = f"{self.path}/lib"
        return (
            f"{library}/{self.loader}",
            "--library-path",
            library,
            "--argv0",
            program,
            f"{self.path}/bin/nix",
        )


@cache
def carried() -> CarriedNix:
    """Return the Nix on PATH as a store path; add it to the store if necessary.

    Raise ToolkitError if PATH has no Nix, or if its libraries are unknown.
    """
    program = process.find("nix")
    if program is None:
        raise ToolkitError("nix: not found on PATH")
    real = program.resolve()
    if real.is_relative_to(stores.STORE):
        return CarriedNix(path=str(stores.STORE / real.parts[3]), loader=None)
    said = process.run(["ldd", str(real)], env=variables(TOOLS)).text
    libraries = [Path(path) for _, path in _LIBRARY.findall(said)]
    loader = next((path for path in libraries if _LOADER.search(path.name)), None)
    if loader is None:
        raise ToolkitError(f"{real}: ldd shows no loader for its libraries")
    parts = [real, *libraries]
    facts = [
        (str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in parts
    ]

    def lay(directory: Path) -> Path:
        place = directory / "carried-nix"
        for folder in ("bin", "lib"):
            (place / folder).mkdir(parents=True)
        writable.copy(real, place / "bin/nix")
        for library in libraries:
            writable.copy(library.resolve(), place / "lib" / library.name)
        return place

    return CarriedNix(path=stored(repr(facts), lay), loader=loader.name)


def stored(key: str, lay: Callable[[Path], Path]) -> str:
    """Return the store path that was added under this key.

    If none was, add the path that `lay` returns; it may write to an empty directory.
    Raise ToolkitError if the store cannot be written.
    """
    name = hashlib.sha256(key.encode()).hexdigest()
    known = default_cache().read(_KIND, name, _DOCUMENT)
    if known is not None and _is_valid(known.decode()):
        return known.decode()
    with files.temporary() as directory:
        add = ("nix-store", "--add", str(lay(directory)))
        path = process.run(add, env=stores.environment()).text
    default_cache().keep(_KIND, name, _DOCUMENT, path.encode())
    return path


def _is_valid(path: str) -> bool:
    check = ("nix-store", "--check-validity", path)
    return process.run(check, env=stores.environment(), ok=(0, 1)).status == 0
