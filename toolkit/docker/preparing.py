"""Make a proposal of a source by one strategy, and the case that proves it; nothing of it is in its place yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit import git, process
from toolkit.docker import staging
from toolkit.docker.choices import steps
from toolkit.docker.claims.case import BEFORE, DEMOTED, LIFTED, Case
from toolkit.docker.plan import PACKAGE
from toolkit.docker.rewrite import series
from toolkit.git import blobs
from toolkit.model import Commit, Proposal, Status
from toolkit.report import overlay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.docker.choices import Demotion, Strategy
    from toolkit.docker.plan import Plan
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.staging import Siblings
    from toolkit.model import Proof, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A proposal, the case that proves it, and what is beside the file. The case's overlay is not written yet."""

    proposal: Proposal
    case: Case
    siblings: Siblings
    releases: tuple[str, ...]

    def write_overlay(self) -> None:
        """Write the overlay to where the case expects it."""
        if self.case.overlay is None:
            return
        written = overlay.files(self.proposal, releases=self.releases, siblings=self.siblings.present)
        for name, file in written.items():
            blobs.write(self.case.overlay / name, file)


def prepare(  # noqa: PLR0913 - what a proposal is made of
    file: DockerFile, source: Source, plan: Plan, strategy: Strategy, demotion: Demotion, *, at: Path
) -> Prepared:
    """Rewrite `file`, which is the source's, and let git write the commits down; the overlay's place is `at`.

    Raise LayoutError or RefusalError where the file cannot be rewritten.
    """
    return prepare_texts(rewrite(file, plan, strategy, demotion), file, source, plan, strategy, demotion, at=at)


def rewrite(file: DockerFile, plan: Plan, strategy: Strategy, demotion: Demotion) -> tuple[str, str]:
    """Return what `file` is after each commit; raise LayoutError or RefusalError where it cannot be rewritten."""
    return series.rewrite(
        file, components=plan.components, entry=plan.prefix_entry, strategy=strategy, demotion=demotion
    )


def prepare_texts(  # noqa: PLR0913, PLR0917 - as above
    texts: tuple[str, str],
    file: DockerFile,
    source: Source,
    plan: Plan,
    strategy: Strategy,
    demotion: Demotion,
    *,
    at: Path,
) -> Prepared:
    """Prepare `texts`, what `file` is after each commit, whoever wrote them.

    Raise NixSyntaxError, LayoutError or RefusalError for a text that is no docker file.
    """
    lifted, demoted = (text.encode() for text in texts)
    contents = {BEFORE: source.content, LIFTED: lifted, DEMOTED: demoted}
    first, second = plan.lift[strategy], plan.demote[demotion]
    commits = (
        Commit(subject=first.subject, body=first.whole, before=source.content, after=lifted),
        Commit(subject=second.subject, body=second.whole, before=lifted, after=demoted),
    )
    # The two do not need one another, and the proofs need both.
    with ThreadPoolExecutor(max_workers=1) as pool, process.ending_together():
        written = pool.submit(copy_context().run, git.series, commits, plan.target, committed=source.committed)
        beside = staging.siblings(source, file)
        laid_out = staging.lay_out(
            contents, name=file.tree.name, beside=beside, source=source, components=plan.components
        )
        made = written.result()
    proposal = Proposal(
        source=source,
        package=PACKAGE,
        target=plan.target,
        bindings=plan.components,
        steps=steps(strategy, demotion),
        commits=commits,
        patches=made.patches,
        upstream_diff=made.upstream_diff,
    )
    case = Case(
        source=source,
        target=plan.target,
        components=plan.components,
        entry=plan.prefix_entry,
        demotion=demotion,
        stages=tuple(laid_out.stages.values()),
        patches=made.patches,
        upstream_diff=made.upstream_diff,
        question=laid_out.question,
        own_library=laid_out.own_library,
        overlay=at,
        missing=beside.missing,
    )
    return Prepared(
        proposal=proposal,
        case=case,
        siblings=beside,
        releases=tuple(release.attr for release in file.releases()),
    )


def backed(proposal: Proposal, plan: Plan, proofs: Sequence[Proof]) -> Proposal:
    """Return a prepared proposal with messages that say only what these proofs have proven."""
    passed = {proof.name for proof in proofs if proof.status is Status.PASSED}
    messages = [plan.message(step) for step in proposal.steps]
    if not any(message.unbacked(passed) for message in messages):
        return proposal
    commits = tuple(
        replace(commit, body=message.backed(passed)) for commit, message in zip(proposal.commits, messages, strict=True)
    )
    made = git.series(commits, plan.target, committed=proposal.source.committed)
    return replace(proposal, commits=commits, patches=made.patches, upstream_diff=made.upstream_diff)
