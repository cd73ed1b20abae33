"""Read a docker file's content, and let Nix say what is wrong with one that is no Nix."""

from __future__ import annotations

from toolkit.docker.rewrite.layout import DockerFile
from toolkit.errors import NixSyntaxError, RefusalError


def docker_file(content: bytes, *, name: str) -> DockerFile:
    """Parse and recognise the file; `name` stands for it in messages.

    Raise NixSyntaxError with the place that Nix names (without Nix: the place at which the grammar stops),
    RefusalError for a file that Nix accepts and the grammar does not, LayoutError for another kind of file.
    """
    try:
        return DockerFile(content.decode(), name=name)
    except NixSyntaxError as error:
        # Whoever reads good files does not pay for it.
        from toolkit import nix, process  # noqa: PLC0415

        if error.hint is not None or process.find("nix-instantiate") is None:
            raise
        nix.parse_text(content, name=name)
        raise RefusalError(f"{error.message}: Nix accepts this, but unlet's grammar does not") from error
