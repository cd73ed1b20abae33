"""Carry a series over to other branches of a clone: does it fit there, what is it made afresh, and is it proven."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit.contribution import Ported
from toolkit.docker import TARGET, choosing, evaluating, staging
from toolkit.docker.claims import registry as proofs
from toolkit.docker.plan import LIFT, Demotion
from toolkit.docker.propose import judge
from toolkit.docker.readings import State
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.rewrite.series import rewrite
from toolkit.errors import NixSyntaxError, RefusalError
from toolkit.git import merging, reading
from toolkit.model import Fit, Proof, SourceRequest, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Oid, Progress, Proposal, Source, Step

Texts = tuple[str, ...]
"""The file after each of the two commits."""

# From the best to the worst.
_FITS = (Fit.APPLIES, Fit.MERGES, Fit.CONFLICTS)


class _Branch(Struct, frozen=True, kw_only=True):
    """A branch's file, None where it is not understood, and what the rewrite makes of it; `refused` says why not."""

    source: Source
    file: DockerFile | None = None
    steps: tuple[Step, ...] = ()
    texts: Texts | None = None
    refused: str | None = None


def port(
    proposal: Proposal,
    *,
    repository: Path,
    branches: Sequence[str],
    progress: Progress,
) -> tuple[Ported, ...]:
    """Carry the two commits of a proposal over to each branch, of the clone `repository`; a name counts once.

    The rewrite is run on the branch's own file as well, by the same designs, and the isolated proofs on what
    was carried over; where that conflicts, on what was made afresh. Nothing is written to the clone, and the network
    is not used. Raise ToolkitError, before anything else is done, for a branch that the clone does not have, and for
    one whose objects it lacks. What is wrong with a branch's file is in its answer.
    """
    wanted = {branch: reading.locate(repository, branch) for branch in dict.fromkeys(branches)}
    done: dict[Oid, Ported] = {}
    for branch, located in wanted.items():
        if located.commit not in done:
            done[located.commit] = _port(proposal, branch, located, repository, _OnBranch(branch, progress))
    return tuple(replace(done[located.commit], branch=branch) for branch, located in wanted.items())


def _port(proposal: Proposal, branch: str, located: reading.Located, repository: Path, progress: Progress) -> Ported:
    progress.step("carrying the series over")
    if not reading.entries(located.repository, located.commit, [TARGET]):
        reason = f"has no '{TARGET}'"
        return Ported(branch=branch, commit=located.commit, newest=None, fit=Fit.CONFLICTS, reason=reason)
    source = _source(repository, located, progress)
    (means,) = evaluating.read([source.content])
    own = _rewrite(proposal, source)
    found = Ported(branch=branch, commit=located.commit, newest=means.newest, fit=Fit.UNNEEDED)
    if means.state in {State.FIXED, State.NOT_APPLICABLE} and own.texts is None:
        return replace(found, reason=own.refused)
    merged = merging.merge(source.content, TARGET, proposal.commits, proposal.patches)
    contents = [step.content for step in merged if step.content is not None]
    texts = tuple(content.decode() for content in contents) if len(contents) == len(proposal.commits) else None
    differing = max(map(_differing, texts, own.texts)) if texts is not None and own.texts is not None else None
    done = _prove(own, proposal.steps if texts is not None else own.steps, texts or own.texts, progress)
    reasons = [
        f"commit {number} {step.reason}" for number, step in enumerate(merged, start=1) if step.reason is not None
    ]
    return replace(
        found,
        fit=max((step.fit for step in merged), key=_FITS.index),
        offset=max(step.offset for step in merged),
        conflicts=tuple(dict.fromkeys(line for step in merged for line in step.conflicts)),
        afresh=None if differing is None else differing == 0,
        differing=differing or 0,
        reason="; ".join((*reasons, *_instead(own, texts, done, progress))) or None,
        proofs=done,
    )


def _instead(own: _Branch, carried: Texts | None, done: Sequence[Proof], progress: Progress) -> Iterator[str]:
    """Yield what making it afresh comes to, where that is not what was carried over."""
    if own.texts is None:
        yield f"cannot be made again: {own.refused}"
    elif carried not in {None, own.texts} and _failed(done):
        failed = _failed(_prove(own, own.steps, own.texts, progress))
        yield f"rewritten there, it fails {', '.join(failed)}" if failed else "rewritten there, it fails no proof"


def _failed(done: Sequence[Proof]) -> list[str]:
    return [proof.name for proof in done if proof.status is Status.FAILED]


def _source(repository: Path, located: reading.Located, progress: Progress) -> Source:
    """Return the commit as a source; by its id, since a branch may have moved meanwhile."""
    asked = SourceRequest(nixpkgs=str(repository.absolute()), rev=str(located.commit), offline=True)
    return staging.nixpkgs(asked, progress=progress)


def _rewrite(proposal: Proposal, source: Source) -> _Branch:
    """Run the rewrite on the branch's own file: a design that nobody asked for is chosen there again."""
    name = TARGET.name
    file: DockerFile | None = None
    try:
        file = docker_file(source.content, name=name)
        again = choosing.steps(file, source, strategy=None, demotion=Demotion.SUFFIX, only=LIFT)
        chosen = (step.name == LIFT and step.reason is not None for step in proposal.steps)
        steps = tuple(again[0] if anew else step for step, anew in zip(proposal.steps, chosen, strict=True))
        texts = rewrite(file, steps)
    except (NixSyntaxError, RefusalError) as error:
        return _Branch(source=source, file=file, refused=error.message.removeprefix(f"{name}: "))
    return _Branch(source=source, file=file, steps=steps, texts=texts)


def _differing(carried: str, afresh: str) -> int:
    """Count the lines of a text that are not the same in the other one."""
    blocks = SequenceMatcher(None, carried.splitlines(), afresh.splitlines(), autojunk=False).get_opcodes()
    return sum(max(end - begin, stop - start) for kind, begin, end, start, stop in blocks if kind != "equal")


def _prove(own: _Branch, steps: Sequence[Step], texts: Texts | None, progress: Progress) -> tuple[Proof, ...]:
    """Run the proofs on the file's texts; ones that cannot be read fail by that."""
    if texts is None:
        return ()
    if own.file is None:
        return (_unreadable(own.refused),)
    try:
        return judge(texts, own.file, own.source, steps, progress=progress)[1]
    except (NixSyntaxError, RefusalError) as error:
        return (_unreadable(error.message),)


def _unreadable(reason: str | None) -> Proof:
    claim = next(claim for claim in proofs.CLAIMS if claim.name == "parse")
    return Proof(name=claim.name, claim=claim.sentence, status=Status.FAILED, covers="nothing", reason=reason)


class _OnBranch:
    """Names the branch with each step; its proofs are not those that were asked for."""

    def __init__(self, branch: str, progress: Progress) -> None:
        self._branch = branch
        self._progress = progress

    def step(self, what: str) -> None:
        """Pass the step on."""
        self._progress.step(f"{self._branch}: {what}")

    def proof(self, proof: Proof) -> None:
        """Ignore the proof."""
