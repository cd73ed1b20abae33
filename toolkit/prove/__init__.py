"""Proofs: what they work on, how one is run, and the claims that hold for any package."""

from __future__ import annotations

from toolkit.prove.case import Case, Stage
from toolkit.prove.claim import Claim, Finding, run

__all__ = ["Case", "Claim", "Finding", "Stage", "run"]
