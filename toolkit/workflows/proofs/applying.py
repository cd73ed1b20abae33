"""The claim about the patches: git applies the diff, and the series commit by commit."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from unidiff.patch import PatchSet

from toolkit.external import git
from toolkit.workflows.proofs.case import Finding

if TYPE_CHECKING:
    from toolkit.workflows.proofs.case import Case


def applies(case: Case) -> Finding:
    """Apply the diff, then the series, on a clean checkout, and compare the file with what was rewritten."""
    source = case.source
    pin = None
    if source.repository is not None and source.commit is not None:
        pin = git.Located(repository=source.repository, commit=source.commit, committed=source.committed or 0)
    applied = git.applies(source.content, case.target, case.patches, case.upstream_diff, pin=pin)
    failures = [applied.failure] if applied.failure is not None else []
    wanted = [stage.content for stage in case.stages[1:]]
    if not failures and list(applied.after) != wanted:
        failures.append("the series gives another file than the rewrite")
    if not failures and applied.after_diff != wanted[-1]:
        failures.append("the diff gives another file than the rewrite")
    read = PatchSet(io.StringIO(case.upstream_diff.decode()))
    if [file.path for file in read] != [str(case.target)]:
        failures.append(f"the diff touches {', '.join(file.path for file in read) or 'nothing'}")
    where = f"commit {source.commit}" if pin is not None else "a commit of the file"
    return Finding(
        covers=f"{len(case.patches)} patches, {read.added} lines added, {read.removed} removed",
        failures=tuple(failures),
        evidence=(f"git apply --check and git am, on {where}",),
        commands=applied.commands,
    )
