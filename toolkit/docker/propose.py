"""From a nixpkgs to a proven patch series, diff and overlay of docker; for reviewers beside the other designs.

The overlay is the patched directory of docker, and a default.nix that makes an overlay of it. The patched file is
written out whole, so that evaluating it builds nothing (no import from derivation).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files, parallel, patches, process
from toolkit.docker import COMPONENTS, PACKAGE, TARGET, choosing, extras, staging
from toolkit.docker.claims import overrides
from toolkit.docker.claims import registry as claims
from toolkit.docker.plan import DEMOTE, LIFT, Demotion, Extra, Strategy, plan, strategy_of
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.rewrite.series import rewrite
from toolkit.errors import LayoutError, RefusalError
from toolkit.git import patching
from toolkit.git.reading import TreeFile
from toolkit.model import Column, Proposal
from toolkit.nix import evaluator, program
from toolkit.proposal import writing as proposals
from toolkit.proposal.writing import Draft
from toolkit.report import pull_request
from toolkit.report.markdown import unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.requests import ProposeRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Progress, Proof, Report, Source, Step, TreeCommit

DROP_WARNING = (
    "without rootlesskit on PATH rootless docker does not start, and docker before 28 needs "
    "rootlesskit-docker-proxy from the same package even if there is a security wrapper"
)

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


def propose(request: ProposeRequest, *, progress: Progress) -> Report:
    """Write the proposal to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError for a source, a file or an output directory that cannot be used. A proof that fails is
    no error: it is in the report.
    """
    files.ensure_free(request.out, force=request.force)
    progress.step("reading nixpkgs")
    found = staging.nixpkgs(request.source, extras=request.extras, progress=progress)
    progress.step("rewriting")
    file, steps, texts = _rewritten(request, found)
    commits = extras.prepare(request.extras, found, request.demotion)
    added = extras.mails(commits, first=3, committed=found.committed)

    def drafted(at: Path) -> Draft[DockerCase]:
        made = draft(texts, file, found, steps, at=at)
        case = staging.deepen(
            replace(made.case, extras=added),
            request.depth,
            offline=request.source.offline,
            progress=progress,
            near=request.source.nixpkgs,
        )
        if file.todo() is None:
            # Upstream's own word that there is something to do: without it, look before all else is proven.
            overrides.require_closed(case)
        return replace(made, case=case, claims=claims.of(case))

    def compare(proposal: Proposal, proven: Sequence[Proof]) -> tuple[Column, ...]:
        if not request.compare:
            return ()
        done = steps[0].design
        others = other_columns(file, found, steps, done=done, progress=progress)
        return (column(done, proposal, proven), *others)

    order = proposals.Order(
        out=request.out,
        force=request.force,
        request=request.source,
        draft=drafted,
        facts=lambda report: facts(report, found, commits),
        compare=compare,
        extras=tuple(each.patch for each in added),
        settle=overrides.require_closed,
    )
    return proposals.write(order, progress=progress)


def _rewritten(request: ProposeRequest, found: Source) -> tuple[DockerFile, tuple[Step, ...], tuple[str, ...]]:
    """Return the file, the steps, and what the file is after each, while Nix looks at it.

    If the rewrite is refused because overrides reach the components already, that is what is raised.
    """
    name = str(request.source.file or TARGET)
    with ThreadPoolExecutor(max_workers=2) as beside, process.ending_together():
        accepted = beside.submit(copy_context().run, program.parse_text, found.content, name=name)
        # Where it fails, the proof that needs them says why.
        beside.submit(copy_context().run, evaluator.tools)
        try:
            file = docker_file(found.content, name=name)
            steps = choosing.steps(file, found, strategy=request.strategy, demotion=request.demotion, only=request.only)
            try:
                return file, steps, rewrite(file, steps)
            except LayoutError:
                raise
            except RefusalError:
                overrides.require_closed(staging.unchanged(file, found))
                raise
        finally:
            # What Nix has to say against a file goes before what the rewrite has.
            parallel.results([accepted])


def draft(
    texts: Sequence[str], file: DockerFile, source: Source, steps: Sequence[Step], *, at: Path
) -> Draft[DockerCase]:
    """Make the proposal of `texts`, what `file` is after each commit, whoever wrote them, and the case that proves it.

    `at` is the place of the overlay, which is not written. Raise NixSyntaxError, LayoutError or RefusalError for a text
    that is no docker file.
    """
    messages = tuple(plan().message(step) for step in steps)
    begun = Proposal(source=source, package=PACKAGE, target=TARGET, bindings=COMPONENTS, steps=tuple(steps), commits=())
    proposal = proposals.make(begun, messages, [text.encode() for text in texts])
    case = staging.of_proposal(proposal, name=file.tree.name, overlay=at)
    warnings = [DROP_WARNING] if case.demotion is Demotion.DROP else []
    if case.missing:
        warnings.append(
            f"not found beside the file: {', '.join(case.missing)}; the overlay needs them in overlay/docker/"
        )
    releases = [release.attr for release in file.releases()]
    return Draft(
        proposal=proposal,
        messages=messages,
        case=case,
        claims=claims.of(case),
        overlay=overlay_files(proposal, releases=releases, siblings=case.beside),
        warnings=tuple(warnings),
    )


def overlay_files(
    proposal: Proposal, *, releases: Sequence[str], siblings: Mapping[str, TreeFile]
) -> Mapping[str, TreeFile]:
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
    """Return the overlay's default.nix; `releases` as for `overlay_files`."""
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


def column(name: str, proposal: Proposal, proven: Sequence[Proof]) -> Column:
    """Return the column of a proposal whose proofs ran; lines are those of its whole diff.

    What is proven of commits on request is left out: it is the same for each design.
    """
    counted = patching.count_lines(proposal.upstream_diff)
    of_design = tuple(proof for proof in proven if proof.name not in set(Extra))
    return Column(name=name, proofs=of_design, added=counted.added, removed=counted.removed, moved=counted.moved)


def other_columns(
    file: DockerFile, source: Source, steps: Sequence[Step], *, done: str | None, progress: Progress
) -> tuple[Column, ...]:
    """Propose and prove the lift of `steps` by each design but `done`; one that refuses the file has no column."""
    columns: list[Column] = []
    for strategy in Strategy if strategy_of(steps) is not None else ():
        if strategy == done:
            continue
        instead = [replace(step, design=strategy, reason=None) if step.name == LIFT else step for step in steps]
        progress.step(f"comparing with {strategy}")
        with suppress(RefusalError):
            columns.append(column(strategy, *judge(rewrite(file, instead), file, source, instead, progress=_Silent())))
    return tuple(columns)


def judge(
    texts: Sequence[str], file: DockerFile, source: Source, steps: Sequence[Step], *, progress: Progress
) -> tuple[Proposal, tuple[Proof, ...]]:
    """Draft the series that leads to `texts`, one after each step, and run the isolated proofs; nothing is kept."""
    with files.temporary() as directory:
        prepared = draft(texts, file, source, steps, at=directory)
        prepared.write_overlay(directory)
        return prepared.proposal, claims.run(prepared.case, (), progress=progress)


class _Silent:
    """Takes no notice: the proofs of a comparison are not those that were asked for."""

    def step(self, what: str) -> None:
        """Ignore the step."""

    def proof(self, proof: Proof) -> None:
        """Ignore the proof."""


def texts() -> pull_request.Texts:
    """Return the texts of pull-request.md; raise ToolkitError if they are missing or wrong."""
    return patches.read_toml(patches.shipped() / "pull-request.toml", pull_request.Texts, form=unwrapped)


def facts(report: Report, source: Source, extras: Sequence[TreeCommit]) -> pull_request.DraftFacts:
    """Return what the draft of a pull request is made from, with the template of the source's own nixpkgs."""
    return pull_request.DraftFacts(
        report=report,
        texts=texts(),
        template=proposals.template(source),
        extras={commit.extra: commit.subject for commit in extras if commit.extra is not None},
    )
