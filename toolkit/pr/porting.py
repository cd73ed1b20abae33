"""Carry a series over to other branches of a clone: does it fit there, what is it made afresh, and is it proven."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from toolkit import sources
from toolkit.contribution import Ported
from toolkit.errors import NixSyntaxError, RefusalError, ToolkitError
from toolkit.git import merging, reading
from toolkit.model import Fit, Proof, Silence, SourceRequest, Status
from toolkit.proposal.proposing import choose, judge
from toolkit.proposal.registry import leaf_of
from toolkit.prove import claims

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.model import Oid, Progress, Proposal, Source
    from toolkit.proposal.leaf import Chosen

Contents = tuple[bytes, ...]
"""The file after each of the commits."""

# From the best to the worst.
_FITS = (Fit.APPLIES, Fit.MERGES, Fit.CONFLICTS)


class _Branch(Struct, frozen=True, kw_only=True, eq=False):
    """What is chosen for a branch's own file; `refused` explains why nothing is."""

    chosen: Chosen[Any] | None = None
    refused: str | None = None


def port(
    chosen: Chosen[Any],
    proposal: Proposal,
    *,
    repository: Path,
    branches: Sequence[str],
    progress: Progress,
) -> tuple[Ported, ...]:
    """Carry the commits of a proposal over to each branch, of the clone `repository`; a name counts once.

    The rewrite is run on the branch's own file as well, by the same designs, and the proofs on what was carried over;
    where that conflicts, on what was made afresh. Nothing is written to the clone, and the network is not used. Raise
    ToolkitError, before anything else is done, for a branch that the clone does not have, and for one whose objects it
    lacks. What is wrong with a branch's file is in its answer.
    """
    wanted = {branch: reading.locate(repository, branch) for branch in dict.fromkeys(branches)}
    done: dict[Oid, Ported] = {}
    for branch, located in wanted.items():
        if located.commit not in done:
            done[located.commit] = _port(chosen, proposal, branch, located, repository, _OnBranch(branch, progress))
    return tuple(replace(done[located.commit], branch=branch) for branch, located in wanted.items())


def _port(  # noqa: PLR0913, PLR0917 - what is carried over, and where
    chosen: Chosen[Any],
    proposal: Proposal,
    branch: str,
    located: reading.Located,
    repository: Path,
    progress: Progress,
) -> Ported:
    progress.step("carrying the series over")
    leaf = leaf_of(proposal.package, proposal.recipe)
    if not reading.entries(located.repository, located.commit, [proposal.target]):
        reason = f"has no '{proposal.target}'"
        return Ported(branch=branch, commit=located.commit, newest=None, fit=Fit.CONFLICTS, reason=reason)
    # By its id, since a branch may have moved meanwhile.
    asked = SourceRequest(nixpkgs=str(repository.absolute()), rev=str(located.commit), offline=True)
    source = sources.resolve(asked, target=proposal.target, sparse=leaf.needs(()), progress=progress)
    means = leaf.reading(source)
    own = _choose(chosen, proposal, asked, progress)
    found = Ported(branch=branch, commit=located.commit, newest=means.newest, fit=Fit.UNNEEDED)
    if means.done and own.chosen is None:
        return replace(found, reason=own.refused)
    merged = merging.merge(source.content, proposal.target, proposal.commits, proposal.patches)
    contents = tuple(step.content for step in merged if step.content is not None)
    carried = contents if len(contents) == len(proposal.commits) else None
    afresh = own.chosen.contents if own.chosen is not None else None
    differing = max(map(_differing, carried, afresh)) if carried is not None and afresh is not None else None
    done = _judge(chosen, carried, source, own, progress) if carried is not None else _prove(own, progress)
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
        reason="; ".join((*reasons, *_instead(own, carried, done, progress))) or None,
        proofs=done,
    )


def _choose(chosen: Chosen[Any], proposal: Proposal, asked: SourceRequest, progress: Progress) -> _Branch:
    """Run the rewrite on the branch's own file: a design that nobody asked for is chosen there again."""
    designs = {step.name: step.design for step in proposal.steps if step.reason is None}
    only = tuple(step.name for step in proposal.steps)
    request = replace(chosen.request, source=asked, designs=designs, only=only, extras=(), compare=False)
    try:
        return _Branch(chosen=choose(request, progress=progress))
    except ToolkitError as error:
        return _Branch(refused=error.message.removeprefix(f"{proposal.target}: "))


def _instead(own: _Branch, carried: Contents | None, done: Sequence[Proof], progress: Progress) -> Iterator[str]:
    """Yield what making it afresh comes to, if that is not what was carried over."""
    if own.chosen is None:
        yield f"cannot be made again: {own.refused}"
    elif carried not in {None, own.chosen.contents} and _failed(done):
        failed = _failed(_prove(own, progress))
        yield f"rewritten there, it fails {', '.join(failed)}" if failed else "rewritten there, it fails no proof"


def _failed(done: Sequence[Proof]) -> list[str]:
    return [proof.name for proof in done if proof.status is Status.FAILED]


def _differing(carried: bytes, afresh: bytes) -> int:
    """Count the lines of a text that are not the same in the other one."""
    blocks = SequenceMatcher(None, carried.splitlines(), afresh.splitlines(), autojunk=False).get_opcodes()
    return sum(max(end - begin, stop - start) for kind, begin, end, start, stop in blocks if kind != "equal")


def _prove(own: _Branch, progress: Progress) -> tuple[Proof, ...]:
    """Run the proofs on what was made afresh, if anything was."""
    return judge(own.chosen, progress=progress)[1] if own.chosen is not None else ()


def _judge(
    chosen: Chosen[Any], carried: Contents, source: Source, own: _Branch, progress: Progress
) -> tuple[Proof, ...]:
    """Run the proofs on what was carried over to a source; what cannot be read fails by that."""
    try:
        return judge(chosen.changed(carried, source, progress=progress), progress=progress)[1]
    except (NixSyntaxError, RefusalError) as error:
        return (_unreadable(own.refused or error.message),)


def _unreadable(reason: str | None) -> Proof:
    claim = next(claim for claim in claims.CLAIMS if claim.name == "parse")
    return Proof(name=claim.name, claim=claim.sentence, status=Status.FAILED, covers="nothing", reason=reason)


class _OnBranch(Silence):
    """Names the branch with each step; its proofs are not those that were asked for."""

    def __init__(self, branch: str, progress: Progress) -> None:
        self._branch = branch
        self._progress = progress

    def step(self, what: str) -> None:
        """Pass the step on."""
        self._progress.step(f"{self._branch}: {what}")
