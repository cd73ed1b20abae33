"""Whether our series applies to a version of the file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit import confined, git
from toolkit.docker import TARGET, choosing
from toolkit.docker.plan import Demotion, steps
from toolkit.docker.preparing import rewrite
from toolkit.docker.readings import State
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.track.model import OurSeries, SeriesFit
from toolkit.errors import ToolkitError
from toolkit.git import patching
from toolkit.model import Commit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolkit.docker.readings import Reading
    from toolkit.docker.track.memory import Memory
    from toolkit.docker.track.upstream import File, FoundFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Our diff, and what it was made for: a proposal that was written, or the first file that can be rewritten."""

    diff: bytes | None = None
    made_for: str | None = None

    def fit(self, file: File, reading: Reading) -> OurSeries:
        """Tell whether the series applies to a file."""
        if reading.state is State.FIXED:
            return OurSeries(fit=SeriesFit.SUPERFLUOUS, made_for=self.made_for)
        if self.diff is None:
            return OurSeries(fit=SeriesFit.UNKNOWN, detail="no file that was read can be rewritten")
        found = patching.fit(file.content, TARGET, self.diff)
        if not found.applies:
            lines = ", ".join(map(str, found.conflicts))
            detail = f"at line {lines}" if lines else found.reason
            return OurSeries(fit=SeriesFit.CONFLICTS, detail=detail, made_for=self.made_for)
        if file.path != TARGET:
            return OurSeries(fit=SeriesFit.CONFLICTS, detail=f"the file is '{file.path}' now", made_for=self.made_for)
        if found.offset:
            return OurSeries(fit=SeriesFit.OFFSET, detail=f"{found.offset} lines", made_for=self.made_for)
        return OurSeries(fit=SeriesFit.CLEAN, made_for=self.made_for)


def of_proposal(directory: Path) -> Ours:
    """Return the series of a proposal that `unlet propose` wrote; raise ToolkitError for what is none."""
    try:
        return Ours(diff=(directory / "upstream.diff").read_bytes(), made_for=str(directory))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "'unlet propose' writes a proposal"
        raise ToolkitError(f"{directory / 'upstream.diff'}: {reason}", hint=hint) from None


def of_files(found: Iterable[FoundFile], memory: Memory) -> Ours:
    """Return the series that is made for the first file that can be rewritten."""
    for each in found:
        if each.file is None:
            continue
        blob = str(each.file.blob)
        if blob not in memory.known.diffs:
            memory.known.diffs[blob] = _diff(each.file.content).decode()
        if diff := memory.known.diffs[blob]:
            return Ours(diff=diff.encode(), made_for=each.wanted.name)
    return Ours()


def _diff(content: bytes) -> bytes:
    """Return our change of a file, nothing for one that is refused or too large to read."""
    (texts,) = confined.each(rewritten, [content])
    contents = [content, *(text.encode() for text in texts or ())]
    commits = [Commit(subject="docker", body="", before=old, after=new) for old, new in pairwise(contents)]
    return git.series(commits, TARGET).upstream_diff if commits else b""


def rewritten(content: bytes) -> list[str]:
    """Return a file after each of our commits; nothing for one that is refused."""
    try:
        file = docker_file(content, name=TARGET.name)
        return list(rewrite(file, steps(choosing.by_age(file).strategy, Demotion.SUFFIX)))
    except ToolkitError:
        return []
