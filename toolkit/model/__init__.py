"""The values that the modules hand to one another. No I/O, no formatting for people."""

from __future__ import annotations

from toolkit.model.changes import Commit, Patch, Proposal, Step
from toolkit.model.contribution import (
    Contribution,
    ExplainedCommit,
    ExplainedHunk,
    Explanation,
    FileChange,
    Fit,
    Made,
    Ported,
    PullRequest,
    Reason,
    Removed,
    TreeCommit,
)
from toolkit.model.proofs import INTERRUPTED, Progress, Proof, Status
from toolkit.model.reports import Column, OverlayReport, Report
from toolkit.model.sources import Depth, Oid, Pin, Source, SourceRequest, Tier, Upstream

__all__ = [
    "INTERRUPTED",
    "Column",
    "Commit",
    "Contribution",
    "Depth",
    "ExplainedCommit",
    "ExplainedHunk",
    "Explanation",
    "FileChange",
    "Fit",
    "Made",
    "Oid",
    "OverlayReport",
    "Patch",
    "Pin",
    "Ported",
    "Progress",
    "Proof",
    "Proposal",
    "PullRequest",
    "Reason",
    "Removed",
    "Report",
    "Source",
    "SourceRequest",
    "Status",
    "Step",
    "Tier",
    "TreeCommit",
    "Upstream",
]
