"""The overlay of a package that its directory alone makes: that directory with the changed file, and what calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.git import reading
from toolkit.git.reading import TreeFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolkit.proposal.target import Target

_TEMPLATE = """\
# {package}, with an override that reaches what its file binds in a let:
#
#   nixpkgs.overlays = [ (import ./proposal/overlay) ];
final: _prev: {{
  {package} = final.callPackage ./{package}/package.nix {{ }};
}}
"""


def files(root: Path, target: Target, content: bytes) -> Mapping[str, TreeFile]:
    """Return the files of the overlay by their names; none where it cannot be made from the package's directory alone.

    That is so for a package that nixpkgs calls with arguments, or that reads files of other directories.
    """
    package, file = target.package, target.file
    directory = root / file.parent
    by_name = file.parts[1:2] == ("by-name",) and (directory / "package.nix").is_file()
    paths = sorted(path for path in directory.rglob("*") if path.is_file() or path.is_symlink())
    if not by_name or any(b"../" in path.read_bytes() for path in paths if path.suffix == ".nix"):
        return {}
    return {
        "default.nix": TreeFile(content=_TEMPLATE.format(package=package).encode()),
        **{f"{package}/{path.relative_to(directory)}": reading.read_file(path) for path in paths},
        f"{package}/{file.name}": TreeFile(content=content),
    }
