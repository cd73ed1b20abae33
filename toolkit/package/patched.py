"""The overlay of a lifted package: its directory with the changed file, and a default.nix that calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.git import reading
from toolkit.git.reading import TreeFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolkit.package.target import Target

_TEMPLATE = """\
# {package}, with an override that reaches what its file binds in a let:
#
#   nixpkgs.overlays = [ (import ./proposal/overlay) ];
final: _prev: {{
  {package} = final.callPackage ./{directory}/{name} {{ }};
}}
"""


def files(root: Path, target: Target, content: bytes) -> Mapping[str, TreeFile]:
    """Return the files of the overlay by their names; none where it cannot be made from the package's directory alone.

    That is so for a package that nixpkgs calls with arguments, or that reads files of other directories.
    """
    directory = root / target.file.parent
    called = target.file if (directory / target.file.name).name == "package.nix" else target.file.parent / "package.nix"
    by_name = len(target.file.parts) > 1 and target.file.parts[1] == "by-name" and (root / called).is_file()
    paths = sorted(path for path in directory.rglob("*") if path.is_file() or path.is_symlink())
    if not by_name or any(b"../" in path.read_bytes() for path in paths if path.suffix == ".nix"):
        return {}
    package = target.package
    changed = {
        f"{package}/{path.relative_to(directory)}": reading.read_file(path)
        for path in paths
        if path.name != target.file.name
    }
    mine = f"{package}/{target.file.name}"
    return {
        "default.nix": TreeFile(
            content=_TEMPLATE.format(package=package, directory=package, name=called.name).encode()
        ),
        **changed,
        mine: TreeFile(content=content),
    }
