"""Proofs: what they work on, how one is run, and the claims that hold for any package."""

from __future__ import annotations

from toolkit.prove.claim import Case, Claim, Finding, Stage, run

__all__ = ["Case", "Claim", "Finding", "Stage", "run"]
