"""docker's overlays: the patched file, and the one that wraps docker again.

The second one is proven here. The patched file is written out completely, so evaluating
it builds nothing (no import from derivation).
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from toolkit import files, sources
from toolkit.docker import PACKAGE, PREFIX_ENTRY, TARGET, PathPlace
from toolkit.docker import case as cases
from toolkit.docker.case import BEFORE, DockerCase
from toolkit.docker.claims import rewrapping
from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.steps import DEMOTE, OverlayKind, plan
from toolkit.errors import RefusalError
from toolkit.git.reading import TreeFile
from toolkit.model import OverlayReport, Progress, Source
from toolkit.nix import program
from toolkit.proposal import prove
from toolkit.proposal.overlays import USE, guarded
from toolkit.proposal.proposing import write_overlay
from toolkit.proposal.requests import Request
from toolkit.proposal.target import Target
from toolkit.shipped import shipped_path

SHIPPED = (rewrapping.OVERLAY, "privileged-ports.nix")
"""The files of overlays/ that make up the kind `rewrap`, with the module."""

DIRECTORY = "docker"

_HEAD = f"""\
# {{titles}}
#
#   nixpkgs.overlays = [ {USE}
#
{{wrapper}}# pkgs.docker and pkgs.docker-client follow. No binary cache has what is below: docker's daemon (moby) and
# its command line are compiled on the first build.
#
"""

_VALUE = """\
  {{
    inherit (final.callPackage ./{directory} {{ }})
{releases}
      ;
  }}"""

_WRAPPER = """\
# With a security wrapper named rootlesskit, containers of rootless docker can then publish ports below 1024.
#
"""


def rewrap(request: Request, *, progress: Progress) -> OverlayReport:
    """Write the overlay that wraps docker again, and return its report.

    Write it completely or not at all. Raise ToolkitError for a source, file or output
    directory that cannot be used, and RefusalError if the overlay would not change this
    docker. A failed proof is not an error: the report has it.
    """
    claims = rewrapping.claims(request.depth)
    # A missing Nix is named before anything is fetched.
    program.version()
    progress.step("reading nixpkgs")
    found = sources.resolve(
        request.source, target=TARGET, sparse=plan().sparse, progress=progress
    )
    name = str(request.source.file or TARGET)
    program.parse_text(found.content, name=name)
    file = docker_file(found.content, name=name)

    with files.whole_directory(request.out, force=request.force) as at:
        case = replace(rewrap_case(file, found, at), request=request, bindings=())
        for name in SHIPPED:
            (at / name).write_bytes(shipped_path(f"overlays/{name}").read_bytes())
        (at / "default.nix").write_text(f"import ./{rewrapping.OVERLAY}\n")
        case = cases.deepened(case, progress=progress)
        proofs = prove.run(claims, case, progress=progress)
        return write_overlay(at, case, OverlayKind.REWRAP, proofs, out=request.out)


def rewrap_case(file: DockerFile, found: Source, at: Path) -> DockerCase:
    """Return the case for the claims about rewrap.nix; the overlay's directory is `at`.

    Raise RefusalError if the overlay would not change this docker.
    """
    name = file.tree.name
    where = wrapper.placement(file).where
    if where is not PathPlace.PREFIX:
        hint = (
            (
                "with this nixpkgs, you need no overlay: a security wrapper named "
                "rootlesskit is enough"
            )
            if where is PathPlace.SUFFIX
            else None
        )
        fact = (
            f"no dockerd-rootless wrapper has {PREFIX_ENTRY} in its PATH prefix ("
            f"{where})"
        )
        raise RefusalError(f"{name}: {fact}", hint=hint)
    return replace(
        cases.case({BEFORE: found.content}, name=name, source=found), overlay=at
    )


def overlay_files(series: DockerCase) -> Mapping[str, TreeFile]:
    """Return the files of the overlay by their paths in its directory."""
    titles = "\n# ".join(" ".join(commit.subject.split()) for commit in series.commits)
    wrapper = _WRAPPER if any(step.name == DEMOTE for step in series.steps) else ""
    listed = "\n".join(f"      {release}" for release in series.before.file.releases())
    copied = {name: file.content for name, file in series.beside.items()}
    text = _HEAD.format(titles=titles, wrapper=wrapper) + guarded(
        _VALUE.format(directory=DIRECTORY, releases=listed),
        Target(package=PACKAGE, file=TARGET),
        {**copied, TARGET.name: series.source.content},
        series.source,
        kind=OverlayKind.PATCHED,
    )
    patched = {
        **series.beside,
        "default.nix": TreeFile(content=series.commits[-1].after),
    }
    return {
        "default.nix": TreeFile(content=text.encode()),
        **{f"{DIRECTORY}/{name}": file for name, file in patched.items()},
    }
