"""All that a draft is made from, and what of it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.model import Oid, Proof, Report, TreeCommit
    from toolkit.report.pull_request.texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The arguments of `draft`, and how many lines of a list are `shown`."""

    report: Report
    texts: Texts
    releases: Sequence[str]
    extras: Sequence[TreeCommit]
    matrix: str | None
    trailers: Sequence[str]
    commits: Sequence[Oid]
    base: Oid | None
    shown: int

    def passed(self, name: str) -> Proof | None:
        """Return the proof of that name, where it passed."""
        found = self.proof(name)
        return found if found is not None and found.status is Status.PASSED else None

    def proof(self, name: str) -> Proof | None:
        """Return the proof of that name, whatever became of it."""
        return next((proof for proof in self.report.proofs if proof.name == name), None)

    @property
    def first(self) -> str:
        """The first commit, for git in a clone that has the branch."""
        return self.commits[0].short if self.commits else f"HEAD~{self._count - 1}"

    @property
    def below(self) -> str:
        """The commit below the first one, likewise."""
        base = self.base or self.report.proposal.source.commit
        if base is not None:
            return base.short
        return f"{self.commits[0].short}~1" if self.commits else f"HEAD~{self._count}"

    @property
    def _count(self) -> int:
        return len(self.report.proposal.commits) + len(self.extras)
