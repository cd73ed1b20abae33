"""The claims of the tiers below the isolated one, and what their proofs work on besides the case.

Imported only where such a tier is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.model import Tier
from toolkit.workflows.proofs import names_in_set, package_set
from toolkit.workflows.proofs.case import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.external.trees import Tree
    from toolkit.model import Depth, Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deep:
    """How deep the proofs go, the whole nixpkgs tree of each stage by its name, and who is told how it goes."""

    depth: Depth
    trees: Mapping[str, Tree]
    progress: Progress


def claims(depth: Depth) -> tuple[Claim, ...]:
    """Return the claims that a depth asks for, in the order in which they are proven."""
    found = [
        Claim(
            "tree-no-rebuild",
            "the first commit rebuilds nothing in the real package set",
            package_set.no_rebuild,
            Tier.TREE,
        ),
        Claim(
            "tree-exact-change",
            "the second commit changes moby, what contains it, and nothing else in the real package set",
            package_set.exact_change,
            Tier.TREE,
        ),
        Claim(
            "tree-names",
            "docker takes none of its components from the real package set",
            names_in_set.not_captured,
            Tier.TREE,
        ),
    ]
    return tuple(claim for claim in found if depth.tier.includes(claim.tier))
