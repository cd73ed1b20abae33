"""Write a proposal to a directory, prove it there, and report; the directory appears whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from toolkit import files, nix, prove
from toolkit.model import Report
from toolkit.report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from toolkit.model import Column, Patch, Progress, Proof, Proposal, Source, SourceRequest
    from toolkit.propose.draft import Draft
    from toolkit.prove import Case, Stage

C = TypeVar("C", bound="Case[Stage]")

REPORTS = ("report.json", "report.md", "pull-request.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Generic[C]):
    """What to write, and what depends on the package in it.

    `draft` makes the draft whose overlay will be in the directory that it is given. `text` is pull-request.md of a
    report. `settle` is called once the proofs have run: what it raises ends it all. `compare` are the columns of other
    designs. `extras` are mails that follow the series.
    """

    out: Path
    force: bool
    request: SourceRequest
    draft: Callable[[Path], Draft[C]]
    text: Callable[[Report], bytes]
    settle: Callable[[C], None] = lambda _case: None
    compare: Callable[[Proposal, Sequence[Proof]], tuple[Column, ...]] = lambda _proposal, _proofs: ()
    extras: tuple[Patch, ...] = ()


def template(source: Source) -> bytes:
    """Return nixpkgs' template for pull requests, nothing if it is not at hand."""
    path = source.root / ".github" / "PULL_REQUEST_TEMPLATE.md" if source.root is not None else None
    return path.read_bytes() if path is not None and path.is_file() else b""


def write(order: Order[C], *, progress: Progress) -> Report:
    """Write the proposal to `order.out`, whole or not at all, and return its report.

    Raise ToolkitError for what cannot be laid out or written. A proof that fails is no error: it is in the report.
    """
    with files.whole_directory(order.out, force=order.force) as building:
        draft = order.draft(building / "overlay")
        write_patches(building, draft.proposal, order.extras)
        draft.write_overlay(building / "overlay")
        proven = prove.run(draft.claims, draft.case, progress=progress)
        order.settle(draft.case)
        proposal = draft.backed(proven)
        if proposal is not draft.proposal:
            write_patches(building, proposal, order.extras)
        here, there = str(building), str(order.out.resolve())
        result = Report(
            proposal=proposal,
            proofs=tuple(
                replace(proof, commands=tuple(command.replace(here, there) for command in proof.commands))
                for proof in proven
            ),
            warnings=(*proposal.source.warnings, *draft.warnings),
            tools={"nix": str(nix.version())},
            request=order.request,
            files=tuple(
                sorted({*REPORTS, *(str(path.relative_to(building)) for path in building.rglob("*") if path.is_file())})
            ),
            comparison=order.compare(draft.proposal, proven),
        )
        (building / "report.json").write_bytes(report.to_json(result))
        (building / "report.md").write_bytes(report.to_markdown(result))
        (building / "pull-request.md").write_bytes(order.text(result))
        return result


def write_patches(directory: Path, proposal: Proposal, extras: Sequence[Patch] = ()) -> None:
    """Write the mails, and the one diff, in which those that were added have no part."""
    (directory / "series").mkdir(exist_ok=True)
    for patch in (*proposal.patches, *extras):
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(proposal.upstream_diff)
