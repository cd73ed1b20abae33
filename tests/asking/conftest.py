"""The conversation with Nix is tested through `reach`, and on the small nixpkgs of a proposal."""

from tests.proposal.conftest import nixpkgs
from tests.reach.conftest import reached

__all__ = ["nixpkgs", "reached"]
