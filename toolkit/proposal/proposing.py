"""Proposals on disk that lift what packages' files bind in a let, and overlays with a lifted package; all proven.

An overlay is the package's directory with the changed file, and a default.nix that calls it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import files, prove
from toolkit.errors import RefusalError, ToolkitError, only, tried
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.model import Proposal
from toolkit.proposal import texts
from toolkit.proposal.choosing import choose
from toolkit.proposal.claims import LiftCase
from toolkit.proposal.writing import Draft, Order, make, write, write_overlay
from toolkit.prove import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toolkit.model import OverlayReport, Progress, Proof, Report
    from toolkit.proposal.choosing import Chosen, LiftRequest
    from toolkit.proposal.target import Target

OVERLAY_CLAIMS = ("parse", "no-rebuild", "overridable", "capture-safe", "passthru", "overlay")
"""The claims about a series that are about its overlay as well."""

_TEMPLATE = """\
# {package}, with an override that reaches what its file binds in a let:
#
#   nixpkgs.overlays = [ (import ./proposal/overlay) ];
final: _prev: {{
  {package} = final.callPackage ./{package}/package.nix {{ }};
}}
"""


class Attempt(Struct, frozen=True, kw_only=True):
    """What came of one target: the report of the proposal in `out`, or the error that keeps it from being made."""

    target: str
    out: Path
    result: Report | ToolkitError


def propose(requests: Sequence[LiftRequest], *, progress: Progress) -> Iterator[Attempt]:
    """Write the proposals of requests for the same source, each whole or not at all, and yield what came of each.

    Several go below the directory that they name, each into one that is called after its package. Raise ToolkitError
    for a source or a directory that cannot be used. A proof that fails is no error: it is in the report.
    """
    out, force = requests[0].out, requests[0].force
    if len(requests) == 1:
        files.ensure_free(out, force=force)
    elif not out.is_dir():
        files.ensure_free(out)
    for request, chosen in zip(requests, choose(requests, progress=progress), strict=True):
        if isinstance(chosen, ToolkitError):
            yield Attempt(target=request.target, out=out, result=chosen)
            continue
        place = out if len(requests) == 1 else out / chosen.opened.target.package
        place.parent.mkdir(exist_ok=True)
        written = tried(partial(write_down, chosen, place, progress=progress))
        yield Attempt(target=request.target, out=place, result=written)


def write_down(chosen: Chosen, out: Path, *, progress: Progress) -> Report:
    """Write the proposal to `out`, whole or not at all, and return its report; the proofs run meanwhile."""
    order = Order(
        out=out,
        force=chosen.opened.request.force,
        request=chosen.opened.request.source,
        draft=lambda at: _draft(chosen, at),
        facts=lambda report: texts.facts(chosen, report),
    )
    return write(order, progress=progress)


def overlay(request: LiftRequest, *, progress: Progress) -> OverlayReport:
    """Write the overlay to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError as `propose` does, RefusalError for a package that its directory alone does not make.
    """
    files.ensure_free(request.out, force=request.force)
    (outcome,) = choose([request], progress=progress)
    chosen = only(outcome)

    def make_in(building: Path) -> tuple[str, Sequence[Proof], Sequence[str]]:
        draft = _draft(chosen, building)
        if not draft.overlay:
            fact = "nixpkgs calls it with arguments, or its file reads other directories"
            raise RefusalError(
                f"{chosen.opened.target.package}: {fact}, so an overlay cannot call it",
                hint=f"unlet propose {request.target} writes a patch for your nixpkgs",
            )
        draft.write_overlay(building)
        proven = prove.run(draft.claims, draft.case, OVERLAY_CLAIMS, progress=progress)
        return chosen.commits[-1].step.design, proven, ()

    return write_overlay(request.out, chosen.opened.source, make_in, force=request.force)


def _draft(chosen: Chosen, at: Path) -> Draft[LiftCase]:
    """Return the proposal as git writes it down; its overlay will be in the directory `at`."""
    source, target, commits = chosen.opened.source, chosen.opened.target, chosen.commits
    beside = _overlay_files(chosen.roots[0], target, commits[-1].content)
    messages = tuple(commit.message for commit in commits)
    proposal = Proposal(
        source=source,
        package=target.package,
        target=target.file,
        bindings=tuple(chosen.lifted.doors),
        steps=tuple(commit.step for commit in commits),
        commits=(),
    )
    proposal = make(proposal, messages, [commit.content for commit in commits])
    before, *after = (root / target.file for root in chosen.roots)
    case = LiftCase(
        source=source,
        target=target.file,
        stages=(
            Stage(name="before", content=source.content, path=before),
            *(
                Stage(name=commit.step.name, content=commit.content, path=path, steps=frozenset({commit.step.name}))
                for commit, path in zip(commits, after, strict=True)
            ),
        ),
        patches=proposal.patches,
        upstream_diff=proposal.upstream_diff,
        lifted=chosen.lifted,
        asking=chosen.asking,
        overlay=at if beside else None,
    )
    return Draft(proposal=proposal, messages=messages, case=case, claims=chosen.claims, overlay=beside)


def _overlay_files(root: Path, target: Target, content: bytes) -> Mapping[str, TreeFile]:
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
