"""Say of each hunk on a branch why it is there, and which proof covers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files
from toolkit.contribution import ExplainedCommit, Explanation
from toolkit.docker import COMPONENTS, PREFIX_ENTRY, TARGET
from toolkit.docker.pr import edits, grounds
from toolkit.docker.rewrite import reasons
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing
from toolkit.model import Oid, TreeCommit
from toolkit.pr import contributions
from toolkit.report import report

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.git.committing import Workshop
    from toolkit.git.objects import DecodedCommit
    from toolkit.model import Progress


def explain(repo: Path, branch: str | None, *, progress: Progress) -> Explanation:
    """Explain the commits of a branch that `pr` made, by default the only one.

    No reason is given for what the contributor has changed. Raise ToolkitError where there is no such branch.
    """
    clone = contributions.open_clone(repo)
    found = contributions.find(clone, branch)
    grounds.require_docker(clone, found.kept)
    if found.tip is None:
        raise ToolkitError(f"{clone.top}: branch '{found.kept.branch}' is gone", hint="unlet pr --remove forgets it")
    base = clones.find_base(clone, found.kept.base)
    place = contributions.place(clone.common, found.kept.branch) / files.REPORT
    with committing.workshop(clone) as shop:
        was = edits.find(shop, found.kept, found.tip, base.commit, progress=progress)
        ours = {commit.hexsha for commit in was.ours}
        explained = tuple(
            _explained(shop, commit, known=commit.hexsha in ours) for commit in shop.recorded(was.fork, found.tip)
        )
    try:
        document = report.from_json(place.read_bytes(), name=str(place))
    except OSError as error:
        raise ToolkitError(
            f"{place}: cannot be read: {error.strerror}", hint="unlet pr --update proves again"
        ) from error
    proofs = {proof.name: proof for proof in document.proofs}
    return Explanation(clone=clone.top, branch=found.kept.branch, commits=explained, proofs=proofs)


def _explained(shop: Workshop, commit: DecodedCommit, *, known: bool) -> ExplainedCommit:
    told = reasons.explain(
        TreeCommit(subject=str(commit.summary), body="", files=shop.changes(commit)),
        shop.diff(commit),
        target=TARGET,
        components=COMPONENTS,
        entry=PREFIX_ENTRY,
        oid=Oid(commit.hexsha),
    )
    if known:
        return told
    # A hunk may look like one of ours: the proofs ran without it all the same.
    return replace(told, hunks=tuple(replace(hunk, reasons=()) for hunk in told.hunks))
