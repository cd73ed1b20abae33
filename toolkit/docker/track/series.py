"""Whether our series applies to a version of the file."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit import git
from toolkit.docker import choosing
from toolkit.docker.choices import Demotion, steps
from toolkit.docker.preparing import rewrite
from toolkit.docker.reading import docker_file
from toolkit.docker.track.report.document import Fit, Reading, Series, State
from toolkit.errors import ToolkitError
from toolkit.git import patching
from toolkit.model import Commit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolkit.docker.plan import Plan
    from toolkit.docker.track.upstream import File, Found


class Ours:
    """Our diff, and what it was made for: a proposal that was written, or the first file that can be rewritten."""

    def __init__(self, diff: bytes | None, made_for: str | None) -> None:
        self._diff = diff
        self._made_for = made_for
        self._tried: dict[str, Series] = {}

    def fit(self, file: File, reading: Reading, plan: Plan) -> Series:
        """Tell whether the series applies to a file."""
        key = f"{file.path} {file.blob}"
        if key not in self._tried:
            self._tried[key] = self._fit(file, reading, plan)
        return self._tried[key]

    def _fit(self, file: File, reading: Reading, plan: Plan) -> Series:
        if reading.state is State.FIXED:
            return Series(fit=Fit.SUPERFLUOUS, made_for=self._made_for)
        if self._diff is None:
            return Series(fit=Fit.UNKNOWN, detail="no file that was read can be rewritten")
        found = patching.fit(file.content, plan.target, self._diff)
        if not found.applies:
            lines = ", ".join(map(str, found.conflicts))
            detail = f"at line {lines}" if lines else found.reason
            return Series(fit=Fit.CONFLICTS, detail=detail, made_for=self._made_for)
        if file.path != plan.target:
            return Series(fit=Fit.CONFLICTS, detail=f"the file is '{file.path}' now", made_for=self._made_for)
        if found.offset:
            return Series(fit=Fit.OFFSET, detail=f"{found.offset} lines", made_for=self._made_for)
        return Series(fit=Fit.CLEAN, made_for=self._made_for)


def of_proposal(directory: Path) -> Ours:
    """Return the series of a proposal that `unlet propose` wrote; raise ToolkitError for what is none."""
    try:
        return Ours((directory / "upstream.diff").read_bytes(), str(directory))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "'unlet propose' writes a proposal"
        raise ToolkitError(f"{directory / 'upstream.diff'}: {reason}", hint=hint) from None


def of_files(found: Iterable[Found], plan: Plan) -> Ours:
    """Return the series that is made for the first file that can be rewritten."""
    for each in found:
        if each.file is None:
            continue
        try:
            return Ours(_diff(each.file.content, plan), each.wanted.name)
        except (ToolkitError, RecursionError):
            continue
    return Ours(None, None)


def _diff(content: bytes, plan: Plan) -> bytes:
    file = docker_file(content, name=plan.target.name)
    made = steps(choosing.by_age(file).strategy, Demotion.SUFFIX)
    texts = [content, *(text.encode() for text in rewrite(file, plan, made))]
    commits = tuple(
        Commit(subject=f"docker: {step.name}", body="", before=before, after=after)
        for step, (before, after) in zip(made, pairwise(texts), strict=True)
    )
    return git.series(commits, plan.target).upstream_diff
