"""The overlay of a proposal: the patched directory of docker, and a default.nix that makes an overlay of it.

The patched file is written out whole, so that evaluating it builds nothing (no import from derivation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.choices import DEMOTE
from toolkit.git.reading import TreeFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.model import Proposal

DIRECTORY = "docker"

_TEMPLATE = """\
# {titles}
#
# An overlay for nixpkgs {where}.
# With any other nixpkgs it may not evaluate, or may give an older docker than that nixpkgs has.
#
#   nixpkgs.overlays = [ (import ./proposal/overlay) ];            # NixOS
#   import <nixpkgs> {{ overlays = [ (import ./proposal/overlay) ]; }}
#
{wrapper}# pkgs.docker and pkgs.docker-client follow. No binary cache has what is below: docker's daemon (moby) and
# its command line are compiled on the first build.
final: _prev: {{
  inherit (final.callPackage ./{directory} {{ }})
{releases}
    ;
}}
"""


_WRAPPER = """\
# With a security wrapper named rootlesskit, containers of rootless docker can then publish ports below 1024.
#
"""


def files(proposal: Proposal, *, releases: Sequence[str], siblings: Mapping[str, TreeFile]) -> Mapping[str, TreeFile]:
    """Return the files of the overlay by their names, which are relative to its directory.

    `releases` are the attributes that the target file exports and nixpkgs takes over (`docker_NN`);
    `siblings` are the files beside the target that it refers to, by name.
    """
    patched = {**siblings, "default.nix": TreeFile(content=proposal.commits[-1].after)}
    return {
        "default.nix": TreeFile(content=default_nix(proposal, releases=releases)),
        **{f"{DIRECTORY}/{name}": file for name, file in patched.items()},
    }


def default_nix(proposal: Proposal, *, releases: Sequence[str]) -> bytes:
    """Return the overlay's default.nix; `releases` as for `files`."""
    source = proposal.source
    where = f"at commit {source.commit}" if source.commit is not None else f"as in {one_line(source.origin)}"
    titles = "\n# ".join(one_line(commit.subject) for commit in proposal.commits)
    listed = "\n".join(f"    {name}" for name in releases)
    wrapper = _WRAPPER if any(step.name == DEMOTE for step in proposal.steps) else ""
    text = _TEMPLATE.format(titles=titles, where=where, wrapper=wrapper, directory=DIRECTORY, releases=listed)
    return text.encode()


def one_line(text: str) -> str:
    """Return `text` as it can stand in a comment: on one line."""
    return " ".join(text.split())
