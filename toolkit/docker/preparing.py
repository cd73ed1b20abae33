"""Make a proposal of a docker file by chosen designs, and the case that proves it; nothing is in its place yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit import process
from toolkit import propose as proposals
from toolkit.docker import patched, staging
from toolkit.docker.choices import Demotion, demotion_of
from toolkit.docker.claims import registry as claims
from toolkit.docker.claims.case import BEFORE, STAGES
from toolkit.docker.plan import PACKAGE, plan
from toolkit.docker.rewrite import series
from toolkit.propose import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Source, Step

DROP_WARNING = (
    "without rootlesskit on PATH rootless docker does not start, and docker before 28 needs "
    "rootlesskit-docker-proxy from the same package even if there is a security wrapper"
)


def prepare(file: DockerFile, source: Source, steps: Sequence[Step], *, at: Path) -> Draft[DockerCase]:
    """Rewrite `file`, which is the source's, and let git write the commits down; the overlay's place is `at`.

    Raise LayoutError or RefusalError where the file cannot be rewritten.
    """
    return prepare_texts(rewrite(file, steps), file, source, steps, at=at)


def rewrite(file: DockerFile, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return what `file` is after each commit; raise LayoutError or RefusalError where it cannot be rewritten."""
    return series.rewrite(file, components=plan().components, entry=plan().prefix_entry, steps=steps)


def prepare_texts(
    texts: Sequence[str], file: DockerFile, source: Source, steps: Sequence[Step], *, at: Path
) -> Draft[DockerCase]:
    """Prepare `texts`, what `file` is after each commit, whoever wrote them.

    Raise NixSyntaxError, LayoutError or RefusalError for a text that is no docker file.
    """
    messages = tuple(plan().message(step) for step in steps)
    contents = [text.encode() for text in texts]
    # The two do not need one another, and the proofs need both.
    with ThreadPoolExecutor(max_workers=1) as pool, process.ending_together():
        written = pool.submit(
            copy_context().run,
            proposals.make,
            source,
            package=PACKAGE,
            target=plan().target,
            bindings=plan().components,
            steps=steps,
            messages=messages,
            contents=contents,
        )
        case = staging.case(
            {BEFORE: source.content, **{STAGES[step.name]: each for step, each in zip(steps, contents, strict=True)}},
            name=file.tree.name,
            source=source,
        )
        (proposal,) = process.results([written])
    case = replace(
        case,
        demotion=demotion_of(steps),
        patches=proposal.patches,
        upstream_diff=proposal.upstream_diff,
        overlay=at,
    )
    return Draft(
        proposal=proposal,
        messages=messages,
        case=case,
        claims=claims.of(case),
        overlay=patched.files(
            proposal, releases=[release.attr for release in file.releases()], siblings=case.beside.present
        ),
        warnings=tuple(_warnings(case)),
    )


def _warnings(case: DockerCase) -> Iterator[str]:
    if case.demotion is Demotion.DROP:
        yield DROP_WARNING
    if case.missing:
        yield f"not found beside the file: {', '.join(case.missing)}; the overlay needs them in overlay/docker/"
