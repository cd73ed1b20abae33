"""The claims of the tiers below the isolated one, and what their proofs work on besides the case.

Imported only where such a tier is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from toolkit.docker.choices import Extra
from toolkit.docker.claims import (
    compatibility,
    dependants,
    derivations,
    names_in_set,
    nixos_tests,
    overriding,
    package_set,
    real_builds,
    realising,
    virtual,
)
from toolkit.model import Tier
from toolkit.prove import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.docker.claims.case import DockerCase
    from toolkit.model import Depth, Progress
    from toolkit.sources.trees import NixpkgsTree


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deep:
    """How deep the proofs go, the whole nixpkgs tree of each stage by its name, and who is told how it goes.

    Unless it is `whole`, there is only the unchanged tree, and only what needs no other is proven.
    """

    depth: Depth
    trees: Mapping[str, NixpkgsTree]
    progress: Progress
    whole: bool = True


def claims(case: DockerCase, deep: Deep) -> tuple[Claim[DockerCase], ...]:
    """Return the claims that a depth asks for, in the order in which they are proven."""
    depth = deep.depth
    # What is built of the specimen says nothing about the platforms of nixpkgs.
    built = "specimen-built" if deep.trees[case.before.name].is_specimen else "built"
    real = package_set.setting(case)
    where = f" on {real.systems[0][0]}" if len(real.systems) == 1 else ""
    of_the_set = (
        ("no-rebuild", "the first commit rebuilds nothing", derivations.no_rebuild),
        ("exact-change", "only moby changes, and with it what contains moby", derivations.exact_change),
        ("overridable", "each component can be overridden now, but not before", overriding.overridable),
        ("compatible", "overrides that people use give the same results as before", compatibility.compatible),
    )
    found = [
        Claim(
            f"tree-{name}",
            f"{sentence}, in the real package set{where}",
            partial(check, setting=real),
            Tier.TREE,
            offered=not deep.whole,
        )
        for name, sentence, check in of_the_set
    ]
    if not deep.whole:
        return tuple(found)
    found += [
        Claim(
            "tree-set",
            "the package set, docker-client and the NixOS tests use the docker that was evaluated",
            package_set.has_what_was_evaluated,
            Tier.TREE,
        ),
        Claim(
            "tree-names",
            "docker takes none of its components from the real package set",
            names_in_set.not_captured,
            Tier.TREE,
        ),
    ]
    if depth.reverse_dependencies:
        found.append(
            Claim("reverse-dependencies", "what each commit rebuilds in all of nixpkgs", dependants.counted, Tier.TREE)
        )
    found += [
        Claim(
            f"{built}-{system}",
            f"Nix builds docker of the real package set for {system}, by the series and by the overlay alike",
            partial(real_builds.builds, system=system),
            Tier.BUILD,
        )
        for system in depth.systems or (realising.here(),)
    ]
    found += [
        Claim("vm-evaluates", "a NixOS test of the ports evaluates with the patched tree", virtual.evaluates, Tier.VM),
        Claim(
            "vm",
            "on NixOS a security wrapper makes port 80 answer, and without one it is refused",
            virtual.passes,
            Tier.VM,
        ),
    ]
    found += [
        Claim(
            f"tree-{added.extra}",
            "the registered test evaluates in the real package set",
            partial(nixos_tests.evaluates, added=added),
            Tier.TREE,
        )
        for added in case.extras
        if added.extra is Extra.NIXOS_TEST
    ]
    return tuple(claim for claim in found if depth.tier.includes(claim.tier))
