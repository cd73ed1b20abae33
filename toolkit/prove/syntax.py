"""The claims about the text: Nix parses it, and nixfmt has nothing to change in it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from toolkit import nix, process
from toolkit.prove.claim import Finding

if TYPE_CHECKING:
    from toolkit.prove.case import Case, Stage


def parses(case: Case[Stage]) -> Finding:
    """Let Nix parse the file at every stage."""
    paths = [stage.path for stage in case.stages]
    nix.parse(paths)
    return Finding(
        covers=f"{len(paths)} files",
        evidence=tuple(f"{stage.name}: {stage.path}" for stage in case.stages),
        commands=(nix.parse_command(paths).line,),
    )


def formatted(case: Case[Stage]) -> Finding:
    """Compare each stage with what nixfmt prints, where the file was in nixfmt's format before."""
    formatter = nix.nixfmt()
    if formatter is None:
        return Finding(covers="nothing", not_run=f"because {nix.NO_NIXFMT}")
    said = process.run([str(formatter), "--version"]).text
    if not _is_formatted(str(formatter), case.before):
        return Finding(covers="nothing", not_run=f"because the file is not in the format of this {said} before either")
    failures = [
        f"{stage.name}: nixfmt would change the file"
        for stage in case.stages[1:]
        if not _is_formatted(str(formatter), stage)
    ]
    return Finding(
        covers=f"{len(case.stages)} files, {said}",
        failures=tuple(failures),
        commands=(shlex.join(["nixfmt", "--check", *(str(stage.path) for stage in case.stages)]),),
    )


def _is_formatted(formatter: str, stage: Stage) -> bool:
    """Ask by standard input, so that nixfmt cannot write to the file."""
    completed = process.run([formatter, "-"], stdin=stage.content, ok=None)
    return completed.status == 0 and completed.stdout == stage.content
