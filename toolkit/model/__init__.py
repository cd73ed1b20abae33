"""The values that the modules hand to one another. No I/O, no formatting for people."""

from __future__ import annotations

from toolkit.model.changes import Commit, Patch, Proposal
from toolkit.model.choices import Demotion, Extra, OverlayKind, Strategy
from toolkit.model.contribution import (
    BranchRequest,
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
    UpdateRequest,
)
from toolkit.model.inspections import Component, Inspection, Release
from toolkit.model.pins import Oid, Pin, Upstream
from toolkit.model.proofs import Progress, Proof, Status
from toolkit.model.reports import Column, OverlayReport, Report
from toolkit.model.requests import CheckRequest, Depth, OverlayRequest, ProposeRequest, SourceRequest, Tier
from toolkit.model.routes import PathInspection, PathOrder, Route
from toolkit.model.sources import Source

__all__ = [
    "BranchRequest",
    "CheckRequest",
    "Column",
    "Commit",
    "Component",
    "Contribution",
    "Demotion",
    "Depth",
    "ExplainedCommit",
    "ExplainedHunk",
    "Explanation",
    "Extra",
    "FileChange",
    "Fit",
    "Inspection",
    "Made",
    "Oid",
    "OverlayKind",
    "OverlayReport",
    "OverlayRequest",
    "Patch",
    "PathInspection",
    "PathOrder",
    "Pin",
    "Ported",
    "Progress",
    "Proof",
    "Proposal",
    "ProposeRequest",
    "PullRequest",
    "Reason",
    "Release",
    "Removed",
    "Report",
    "Route",
    "Source",
    "SourceRequest",
    "Status",
    "Strategy",
    "Tier",
    "TreeCommit",
    "UpdateRequest",
    "Upstream",
]
