"""The overlay of a proposal: the patched directory of docker, and a default.nix that makes an overlay of it.

The patched file is written out whole, so that evaluating it builds nothing (no import from derivation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.model import Proposal

DIRECTORY = "docker"

_TEMPLATE = """\
# {titles}
#
# An overlay for nixpkgs {where}.
# With another nixpkgs it may not evaluate, or give an older docker than that nixpkgs has.
#
#   nixpkgs.overlays = [ (import ./proposal/overlay) ];            # NixOS
#   import <nixpkgs> {{ overlays = [ (import ./proposal/overlay) ]; }}
#
# pkgs.docker and pkgs.docker-client follow. No binary cache has what is below: docker's daemon (moby) and
# its command line are compiled on the first build.
final: _prev: {{
  inherit (final.callPackage ./{directory} {{ }})
{releases}
    ;
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayFile:
    """One file of the overlay; `name` is relative to the overlay's directory."""

    name: str
    content: bytes
    executable: bool = False


def files(proposal: Proposal, *, releases: Sequence[str], siblings: Mapping[str, bytes]) -> tuple[OverlayFile, ...]:
    """Return the files of the overlay, sorted by name.

    `releases` are the attributes that the target file exports and nixpkgs takes over (`docker_NN`);
    `siblings` are the files beside the target that it refers to, by name.
    """
    patched = proposal.commits[-1].after
    return (
        OverlayFile(name="default.nix", content=default_nix(proposal, releases=releases)),
        *sorted(
            (
                OverlayFile(name=f"{DIRECTORY}/{name}", content=content, executable=name.endswith(".sh"))
                for name, content in {**siblings, "default.nix": patched}.items()
            ),
            key=lambda file: file.name,
        ),
    )


def default_nix(proposal: Proposal, *, releases: Sequence[str]) -> bytes:
    """Return the overlay's default.nix; `releases` as for `files`."""
    source = proposal.source
    where = f"at commit {source.commit}" if source.commit is not None else f"as in {one_line(source.origin)}"
    titles = "\n# ".join(one_line(commit.subject) for commit in proposal.commits)
    listed = "\n".join(f"    {name}" for name in releases)
    return _TEMPLATE.format(titles=titles, where=where, directory=DIRECTORY, releases=listed).encode()


def one_line(text: str) -> str:
    """Return `text` as it can stand in a comment: on one line."""
    return " ".join(text.split())
