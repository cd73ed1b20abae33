"""The claim about the patches: git applies the diff, and the series commit by commit."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from toolkit import git
from toolkit.errors import ToolkitError
from toolkit.prove.claim import Finding

if TYPE_CHECKING:
    from toolkit.prove.case import Case


def applies(case: Case) -> Finding:
    """Apply the diff, then the series, on a clean checkout, and compare the file with what was rewritten."""
    if not case.patches:
        return _applies_alone(case)
    source = case.source
    pin, where = None, "a commit of the file"
    if source.repository is not None and source.commit is not None:
        if git.missing_files(source.repository, source.commit, [case.target]):
            where += f", since {source.repository} lacks what a checkout of {source.commit.short} reads"
        else:
            pin = git.Located(repository=source.repository, commit=source.commit, committed=source.committed or 0)
            where = f"commit {source.commit}"
    applied = git.applies(source.content, case.target, case.patches, case.upstream_diff, pin=pin, copy=case.before.path)
    failures = [applied.failure] if applied.failure is not None else []
    wanted = [stage.content for stage in case.stages[1:]]
    if not failures and list(applied.after) != wanted:
        failures.append("the series and the rewrite give different files")
    if not failures and applied.after_diff != wanted[-1]:
        failures.append("the diff and the rewrite give different files")
    read = _read(case.upstream_diff, "the diff")
    diffs = {"the diff": read, **{patch.name: _read(patch.content, patch.name) for patch in case.patches}}
    for name, diff in diffs.items():
        if (touched := _touched(diff)) != [str(case.target)]:
            failures.append(f"{name} touches {', '.join(touched) or 'nothing'}")
    return Finding(
        covers=f"{len(case.patches)} patches, {read.added} lines added, {read.removed} removed",
        failures=tuple(failures),
        evidence=(f"git apply --check and git am, on {where}",),
        commands=applied.commands,
    )


def _applies_alone(case: Case) -> Finding:
    """Apply somebody else's patch to the file alone: it may touch files that are not at hand."""
    applied = git.apply(case.source.content, case.target, case.upstream_diff)
    failures = () if applied.content == case.after.content else ("the patch and the judged file differ",)
    files = [file for file in _read(case.upstream_diff, "the patch") if file.path == str(case.target)]
    others = [str(path) for path in applied.touched if path != case.target]
    added, removed = sum(file.added for file in files), sum(file.removed for file in files)
    return Finding(
        covers=f"{case.target.name}, {added} lines added, {removed} removed",
        failures=failures,
        evidence=("git apply, on the file alone", *(f"not tried: {path}" for path in others)),
    )


def _read(diff: bytes, name: str) -> PatchSet:
    try:
        return PatchSet(io.StringIO(diff.decode("utf-8", "replace"), newline="\n"))
    except UnidiffParseError as error:
        raise ToolkitError(f"{name}: unidiff cannot read it: {error}") from error


def _touched(diff: PatchSet) -> list[str]:
    return list(dict.fromkeys(file.path for file in diff))
