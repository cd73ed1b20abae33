"""The overlay of a package: a copy of its directory, and code that calls it.

An overlay copies files of nixpkgs, and does nothing if its nixpkgs has other versions
of them.
"""

import re
import shlex
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

from toolkit import inside
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.model import Source
from toolkit.nix.program import quoted
from toolkit.proposal.target import Target
from toolkit.sources import package_files

OWN = "# Made for nixpkgs "
"""How a line begins in the header of an overlay that unlet wrote."""

STEPS_ASIDE = "unlet overlay: "
"""How the warning begins if an overlay changes nothing.

Its nixpkgs is then not the one that it was made for.
"""

USE = "(import ./overlay) ];  # this directory"
"""The overlay's name in its header; `unlet overlay` puts its path there."""

_HEAD = f"""\
# {{package}}, with an override that reaches what its file binds in a let:
#
#   nixpkgs.overlays = [ {USE}
#
"""

_GUARD = """\
{own}{made}.
# It was made from {file}.
# If {package}'s files are others, this overlay warns and changes nothing; \
run '{again}' again.
final: prev:
let
  directory = prev.path + {directory};

  # The files that it was made from, by the hashes of their contents.
  files = {{
{hashes}
  }};
  isThere =
    name:
    let
      file = directory + "/${{name}}";
    in
    builtins.pathExists file && builtins.hashFile "sha256" file == files.${{name}};
  isSame = builtins.all isThere (builtins.attrNames files);
{others}in
if {condition} then
{value}
else
  builtins.trace ({warning} + toString prev.path + "' again") {{ }}
"""

_PLACE = re.compile(r'^  directory = prev\.path \+ "/(.+)";$', re.MULTILINE)
_COPIED = re.compile(r'^    "(.+)" = "([0-9a-f]{64})";$', re.MULTILINE)

_OTHERS = """\
  below =
    prefix:
    let
      entries = builtins.readDir (directory + "/${prefix}");
      at = name: if entries.${name} == "directory" \
then below "${prefix}${name}/" else [ "${prefix}${name}" ];
    in
    builtins.concatMap at (builtins.attrNames entries);
  isAll = builtins.all (name: files ? ${name}) (below "");
"""


def guarded(
    value: str,
    target: Target,
    copied: Mapping[str, bytes],
    source: Source,
    *,
    kind: str | None,
) -> str:
    """Return an overlay that has this value only if nixpkgs has the copied files.

    `copied` maps names in the target's directory to files; without a kind, the overlay
    contains all of them.
    """
    package = target.package
    again = shlex.join(
        ["unlet", "overlay", package, *(["--kind", kind] if kind is not None else [])]
    )
    made = (
        f"at commit {source.commit}"
        if source.commit is not None
        else f"as in {' '.join(source.origin.split())}"
    )
    fact = (
        f"{package} in this nixpkgs differs from the one that the overlay was made "
        f"for ({made}), so the overlay changes nothing"
    )
    digests = {
        name: sha256(content).hexdigest() for name, content in sorted(copied.items())
    }
    return _GUARD.format(
        own=OWN,
        made=made,
        package=package,
        file=target.file,
        again=again,
        directory=quoted(f"/{target.file.parent}"),
        hashes="\n".join(
            f"    {quoted(name)} = {quoted(digest)};"
            for name, digest in digests.items()
        ),
        others=_OTHERS if kind is None else "",
        # The stand-in for a package set has no files.
        condition="isSame && isAll" if kind is None else "!prev ? path || isSame",
        value=value,
        warning=quoted(f"warning: {STEPS_ASIDE}{fact}; run '{again} --nixpkgs "),
    )


def is_aside(directory: Path, root: Path) -> bool:
    """Return whether an overlay of unlet does nothing, because a copied file differs.

    It does not look for additional files.
    """
    text = (inside.find(directory, "default.nix") or b"").decode(errors="replace")
    place = _PLACE.search(text)
    return place is not None and any(
        sha256(inside.find(root, f"{place[1]}/{name}") or b"").hexdigest() != digest
        for name, digest in _COPIED.findall(text)
    )


def files(
    root: Path, target: Target, content: bytes, source: Source
) -> Mapping[str, TreeFile]:
    """Return the overlay's files by name.

    Return None if the package needs more than its own directory: nixpkgs passes
    arguments to it, or it reads files in other directories.
    """
    package, file = target.package, target.file
    directory = file.parent
    if package_files.by_name(file) is None or not inside.is_file(
        root, directory / "package.nix"
    ):
        return {}
    found = (
        entry
        for entry in inside.entries(root, directory)
        if entry.kind is not EntryKind.DIRECTORY
    )
    paths = [PurePosixPath(entry.path) for entry in found]
    if any(
        b"../" in inside.read(root, path) for path in paths if path.suffix == ".nix"
    ):
        return {}
    copied = {
        str(path.relative_to(directory)): reading.read_file(root, path, follow=True)
        for path in paths
    }
    contents = {name: each.content for name, each in copied.items()}
    value = f"  {{ {package} = final.callPackage ./{package}/package.nix {{ }}; }}"
    text = _HEAD.format(package=package) + guarded(
        value, target, contents, source, kind=None
    )
    return {
        "default.nix": TreeFile(content=text.encode()),
        **{f"{package}/{name}": each for name, each in copied.items()},
        f"{package}/{file.name}": TreeFile(content=content),
    }
