"""The claims about overlays/rewrap.nix in a whole nixpkgs: evaluated there, and built with the real docker."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import limits, nix, process
from toolkit.docker.claims import package_set, realising
from toolkit.docker.claims.building import CALLER, WRAPPER, read_wrapper, show
from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.rewrapping import (
    OVERLAY,
    closures,
    covered,
    differences,
    other_files,
    path_changes,
    read,
    told,
)
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.routes import PathOrder
from toolkit.errors import ToolkitError
from toolkit.model import Tier
from toolkit.nix import stores
from toolkit.prove import Claim, Finding

if TYPE_CHECKING:
    from toolkit.docker.claims.case import DockerCase
    from toolkit.model import Depth

EXPRESSION = EXPRESSIONS / "tree-rewrapping.nix"

# Runs a wrapper up to the point where it starts the program, and tells PATH instead. A function comes before a
# builtin of the same name.
_READ_SCRIPT = 'exec() { printf "%s\\n" "$PATH"; exit; }; . "$1"'


def claims(depth: Depth) -> tuple[Claim[DockerCase], ...]:
    """Return the claims that a depth asks for."""
    systems = depth.systems or (realising.here(),)
    found = [
        Claim(
            f"tree-{system}",
            f"the dockers of this nixpkgs keep what they have, and nothing is compiled, on {system}",
            partial(evaluates, system=system),
            Tier.TREE,
        )
        for system in systems
    ]
    found += [
        Claim(
            f"built-{system}",
            f"Nix builds docker of this nixpkgs with the overlay for {system}, and PATH is as intended",
            partial(builds, system=system),
            Tier.BUILD,
        )
        for system in systems
    ]
    return tuple(claim for claim in found if depth.tier.includes(claim.tier))


def evaluates(case: DockerCase, *, system: str) -> Finding:
    """Compare the dockers of the set, and what they are built from, with the overlay and without it."""
    work = package_set.deep(case)
    arguments = _arguments(case, system)
    command = nix.evaluate_command(EXPRESSION, arguments, attribute="facts")
    asked = replace(limits.bounded(command, work.depth.max_memory), timeout=work.depth.timeout)
    done = process.run(asked.argv, env=asked.env, timeout=asked.timeout)
    found = read(json.loads(done.stdout))
    built = closures(EXPRESSION, arguments, found)
    return Finding(
        covers=f"{covered(found).rpartition(',')[0]}, {system}",
        failures=(*differences(found), *built.failures),
        evidence=(*(f"{name}: {told(facts)}" for name, facts in found.items()), *built.evidence),
        commands=(command.line, *built.commands),
    )


def builds(case: DockerCase, *, system: str) -> Finding:
    """Build docker with the overlay as the user's Nix does, and compare its wrapper with that of moby."""
    names = [f"packages.docker.{side}" for side in ("before", "after")]
    command = realising.command(case, EXPRESSION, _arguments(case, system), names)
    built = realising.build(command, expected=len(names))
    if built.failure is not None:
        return Finding(
            covers=f"docker, {system}", failures=(built.failure,), evidence=built.log, commands=(command.line,)
        )
    docker, rewrapped = built.paths
    if "--store" in package_set.deep(case).depth.nix_options:
        return Finding(
            covers=f"docker, {system}",
            evidence=(f"{rewrapped}: is in a different store, and was not examined",),
            commands=(command.line,),
        )
    link = stores.physical(docker) / WRAPPER
    old = read_order(stores.physical(link.readlink()) if link.is_symlink() else link)
    new = read_order(stores.physical(rewrapped / WRAPPER))
    return Finding(
        covers=f"docker, {system}",
        failures=(*path_changes(old, new, case.entry), *other_files(docker, rewrapped)),
        evidence=(f"{docker} → {rewrapped}", f"before: {show(old)}", f"after: {show(new)}"),
        commands=(command.line,),
    )


def read_order(wrapper: Path) -> PathOrder:
    """Read PATH from a wrapper: what an ELF file tells, or what a script sets before it starts anything."""
    if wrapper.read_bytes().startswith(b"\x7fELF"):
        return read_wrapper(wrapper)
    shell = stores.physical(Path(nix.tools().shell))
    seen = process.run([str(shell), "-c", _READ_SCRIPT, "-", str(wrapper)], env={"PATH": CALLER}).text.split(":")
    if seen.count(CALLER) != 1:
        raise ToolkitError(f"{wrapper}: the caller's PATH stands {seen.count(CALLER)} times in the wrapper's")
    place = seen.index(CALLER)
    return PathOrder(prefix=tuple(seen[:place]), suffix=tuple(seen[place + 1 :]))


def _arguments(case: DockerCase, system: str) -> dict[str, str]:
    if case.overlay is None:
        raise AssertionError(case)
    work = package_set.deep(case)
    tree = work.trees[BEFORE]
    names = [*(release.attr for release in case.before.file.releases()), "docker"]
    return {
        "overlay": str(case.overlay / OVERLAY),
        "tree": str(tree.root),
        "names": json.dumps(names),
        "system": system,
        "tools": realising.tools(tree, work.depth.nix_options),
    }
