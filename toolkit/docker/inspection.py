"""Docker files as they are: what they mean by their syntax, or by Nix if that does not decide all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import files
from toolkit.docker import meaning
from toolkit.docker.rewrite.layout import docker_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.track.readings import Reading


def inspect(paths: Sequence[Path]) -> list[Reading]:
    """Read the files; raise ToolkitError for what cannot be read or is no docker file of nixpkgs.

    Nix is asked, sealed, about those of which the syntax does not decide all.
    """
    contents = [files.read_target(path) for path in paths]
    found = [meaning.of(docker_file(each, name=str(path))) for path, each in zip(paths, contents, strict=True)]
    if not any(each.is_open for each in found):
        return [each.reading for each in found]
    from toolkit.docker.evaluating import decide  # noqa: PLC0415 - nearly all are decided by now

    return decide(contents, found)
