"""Fixtures of `reach` and of a proposal, which the conversation with Nix needs."""

from tests.proposal.conftest import nixpkgs
from tests.reach.conftest import reached

__all__ = ["nixpkgs", "reached"]
