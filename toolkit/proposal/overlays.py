"""The overlay of a package that its directory alone makes: that directory with the changed file, and what calls it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit import inside
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.inside import Kind

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
    directory = file.parent
    if file.parts[1:2] != ("by-name",) or not inside.is_file(root, directory / "package.nix"):
        return {}
    found = (entry for entry in inside.entries(root, directory) if entry.kind is not Kind.DIRECTORY)
    paths = [PurePosixPath(entry.path) for entry in found]
    if any(b"../" in inside.read(root, path) for path in paths if path.suffix == ".nix"):
        return {}
    return {
        "default.nix": TreeFile(content=_TEMPLATE.format(package=package).encode()),
        **{f"{package}/{path.relative_to(directory)}": reading.read_file(root, path, follow=True) for path in paths},
        f"{package}/{file.name}": TreeFile(content=content),
    }
