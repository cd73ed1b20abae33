"""The claims about overlays/rewrap.nix: docker keeps what it has, nothing is compiled, rootlesskit comes last on PATH.

Of the dockers of one file in the isolated tier, and of a whole nixpkgs in the deeper ones.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.docker import PREFIX_ENTRY
from toolkit.docker.case import BEFORE, SYSTEMS, require_linux
from toolkit.docker.claims import realising
from toolkit.docker.claims.building import WRAPPER, build, builder, is_rootlesskit, read_order, read_seen, show, without
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.model import Tier
from toolkit.nix import evaluator, limits, stores
from toolkit.nix.wrappers import PathOrder
from toolkit.prove import Claim, Finding, outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.case import DockerCase
    from toolkit.model import Depth
    from toolkit.nix.wrappers import PathOrder

EVALUATION = EXPRESSIONS / "rewrapping.nix"
BUILD = EXPRESSIONS / "rewrapped.nix"
IN_TREE = EXPRESSIONS / "tree-rewrapping.nix"
OVERLAY = "rewrap.nix"


class OverlaidFacts(Struct, frozen=True, kw_only=True):
    """What overlaid.nix answers about one docker; `kept` has for each thing whether it is as it was."""

    rewrapped: bool
    before: str
    after: str
    moby: str | None
    overridable: bool
    lost: tuple[str, ...]
    kept: dict[str, bool]


def keeps(case: DockerCase) -> Finding:
    """Compare what each docker has with the overlay and without it."""
    found = _evaluated(case)
    return Finding(
        covers=covered(found, SYSTEMS[0][0]),
        failures=tuple(differences(found)),
        evidence=tuple(f"{name}: {told(facts)}" for name, facts in found.items()),
        commands=(evaluator.evaluate_command(EVALUATION, isolated(case), attribute="facts").line,),
    )


def compiles_nothing(case: DockerCase) -> Finding:
    """Look for the docker and the moby of the set in what each docker of the overlay is built from."""
    return closures(EVALUATION, isolated(case), _evaluated(case))


def _evaluated(case: DockerCase) -> dict[str, OverlaidFacts]:
    """Evaluate the dockers once for a case, whichever proof asks first."""
    with _ONE_AT_A_TIME:
        return _facts(case)


_ONE_AT_A_TIME = Lock()


@lru_cache(maxsize=1)
def _facts(case: DockerCase) -> dict[str, OverlaidFacts]:
    return read(evaluator.evaluate(EVALUATION, isolated(case), attribute="facts"))


def builds(case: DockerCase) -> Finding:
    """Build the wrapper of the newest docker around stand-ins, and read PATH back."""
    require_linux()
    arguments = {
        **{name: value for name, value in isolated(case).items() if name != "system"},
        **builder(case),
    }
    names = ("docker", "rewrapped", "before", "after")
    docker, rewrapped, *seen = build(BUILD, arguments, names, unchanged=("docker", "before"))
    old, new = (read_seen(stores.physical(path)) for path in seen)
    return Finding(
        covers=f"{arguments['release']}, {len(names)} builds",
        failures=(*path_changes(old, new), *other_files(docker, rewrapped)),
        evidence=(f"before: {show(old)}", f"after: {show(new)}"),
        commands=(evaluator.build_line(BUILD, arguments, names),),
    )


def isolated(case: DockerCase) -> dict[str, str]:
    """Return the arguments of rewrapping.nix."""
    if case.overlay is None:
        raise AssertionError(case)
    return {
        "overlay": str(case.overlay / OVERLAY),
        "case": str(case.question),
        "side": BEFORE,
        "system": SYSTEMS[0][1],
    }


def read(answer: object) -> dict[str, OverlaidFacts]:
    """Read what overlaid.nix says, by the names of the dockers."""
    return documents.convert(answer, dict[str, OverlaidFacts], document="dockers with the overlay")


def covered(found: Mapping[str, OverlaidFacts], system: str) -> str:
    """Say of how many dockers something is known on a system."""
    rewrapped = sum(facts.rewrapped for facts in found.values())
    left = f", {len(found) - rewrapped} left as they are" if rewrapped < len(found) else ""
    return f"{rewrapped} dockers{left}, {system}"


def differences(found: Mapping[str, OverlaidFacts]) -> Iterator[str]:
    """Yield what a docker has no longer or has otherwise."""
    if not any(facts.rewrapped for facts in found.values()):
        yield "no docker is rewrapped"
    for name, facts in found.items():
        if facts.lost:
            yield f"{name}: no longer has {', '.join(facts.lost)}"
        if changed := [what for what, same in facts.kept.items() if not same]:
            yield f"{name}: differs in {', '.join(changed)}"


def told(facts: OverlaidFacts) -> str:
    """Return what is known of one docker as a line."""
    if not facts.rewrapped:
        return f"left as it is, {facts.before}"
    return f"{facts.before} → {facts.after}; the same in {', '.join(facts.kept)}"


def closures(expression: Path, arguments: Mapping[str, str], found: Mapping[str, OverlaidFacts]) -> Finding:
    """Compare what each docker is built from with the overlay and without it, overridden ones as well."""
    rewrapped = {name: facts for name, facts in found.items() if facts.rewrapped}
    wanted = [f"packages.{name}" for name in rewrapped]
    wanted += [f"packages.{name}.overridden" for name, facts in rewrapped.items() if facts.overridable]
    paths = evaluator.instantiate(
        expression, arguments, [f"{name}.{side}" for name in wanted for side in ("before", "after")]
    )
    failures: list[str] = []
    evidence: list[str] = []
    commands: list[str] = []
    for name, before, after in zip(wanted, paths[::2], paths[1::2], strict=True):
        label = name.removeprefix("packages.")
        old, new = evaluator.requisites(before), evaluator.requisites(after)
        lost = [path for path in (before, *old) if _is_docker(path) and path not in new]
        added = sorted(new - old - {after})
        failures += [f"{label}: it is not built from {path}" for path in lost]
        failures += [f"{label}: {path} is built as well" for path in added if _is_docker(path)]
        besides = ", ".join(map(_name, added)) or "nothing"
        evidence.append(f"{label}: {after} is built from {before} and its moby; also new: {besides}")
        commands.append(evaluator.requisites_command(after).line)
    for name, facts in rewrapped.items():
        if facts.moby is None or Path(facts.moby) not in evaluator.requisites(Path(facts.after)):
            failures.append(f"{name}: it is not built from {facts.moby}")
    if not rewrapped:
        failures.append("no docker is rewrapped")
    return Finding(
        covers=f"{len(wanted)} dockers, {len(wanted) - len(rewrapped)} of them overridden",
        failures=tuple(failures),
        evidence=tuple(evidence),
        commands=tuple(commands),
    )


def path_changes(old: PathOrder, new: PathOrder) -> Iterator[str]:
    """Yield what else changed in PATH than that rootlesskit went from the front to the end."""
    moved = tuple(place for place in old.prefix if is_rootlesskit(place))
    if not moved:
        yield f"{PREFIX_ENTRY} is not in the prefix before: {show(old)}"
    if new.prefix != tuple(without(old.prefix)) or new.suffix != (*old.suffix, *moved):
        yield f"PATH is {show(new)}, and was {show(old)}"


def other_files(docker: Path, rewrapped: Path) -> Iterator[str]:
    """Yield the files of the new package, but for the wrapper, that are no links to those of docker."""
    old, new = stores.physical(docker), stores.physical(rewrapped)
    names = [{path.relative_to(root) for path in root.rglob("*") if not path.is_dir()} for root in (old, new)]
    yield from (f"{name} is in one of them only" for name in sorted(names[0] ^ names[1]))
    for name in sorted(names[0] & names[1] - {WRAPPER}):
        target = (new / name).readlink() if (new / name).is_symlink() else None
        own = (old / name).readlink() if (old / name).is_symlink() else docker / name
        if target not in {docker / name, own}:
            yield f"{name} is {f'a link to {target}' if target else 'no link'}"
    if (new / WRAPPER).is_symlink():
        yield f"{WRAPPER} is still that of docker"


def _is_docker(path: Path) -> bool:
    return re.match(r"(moby|docker)-[0-9]", _name(path)) is not None


def _name(path: Path) -> str:
    return path.name.partition("-")[2].removesuffix(".drv")


def claims(depth: Depth) -> tuple[Claim[DockerCase], ...]:
    """Return the claims that a depth asks for."""
    systems = depth.systems or (outputs.here(),)
    found = [
        Claim("keeps", "each docker gets a new wrapper and keeps its attributes and overrides", keeps),
        Claim("compiles-nothing", "docker and moby stay the same derivations", compiles_nothing),
        Claim("builds", "the new wrapper has the same PATH, except that rootlesskit is at its end", builds),
    ]
    found += [
        Claim(
            f"tree-{system}",
            f"the dockers of this nixpkgs keep what they have, and nothing is compiled, on {system}",
            partial(tree_evaluates, system=system),
            Tier.TREE,
        )
        for system in systems
    ]
    found += [
        Claim(
            f"built-{system}",
            f"Nix builds docker of this nixpkgs with the overlay for {system}, and PATH is as intended",
            partial(tree_builds, system=system),
            Tier.BUILD,
        )
        for system in systems
    ]
    return tuple(claim for claim in found if depth.tier.includes(claim.tier))


def tree_evaluates(case: DockerCase, *, system: str) -> Finding:
    """Compare the dockers of the set, and what they are built from, with the overlay and without it."""
    work = case.deep
    arguments = _arguments(case, system)
    command = evaluator.evaluate_command(IN_TREE, arguments, attribute="facts")
    asked = replace(limits.bounded(command, work.depth.max_memory), timeout=work.depth.timeout)
    found = read(evaluator.answer(asked))
    built = closures(IN_TREE, arguments, found)
    return Finding(
        covers=covered(found, system),
        failures=(*differences(found), *built.failures),
        evidence=(*(f"{name}: {told(facts)}" for name, facts in found.items()), *built.evidence),
        commands=(command.line, *built.commands),
    )


def tree_builds(case: DockerCase, *, system: str) -> Finding:
    """Build docker with the overlay as the user's Nix does, and compare its wrapper with that of moby."""
    names = [f"packages.docker.{side}" for side in ("before", "after")]
    command = realising.command(case, IN_TREE, _arguments(case, system), names)
    built = outputs.build(command, expected=len(names))
    if built.failure is not None:
        return Finding(
            covers=f"docker, {system}", failures=(built.failure,), evidence=built.log, commands=(command.line,)
        )
    docker, rewrapped = built.paths
    if "--store" in case.deep.depth.nix_options:
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
        failures=(*path_changes(old, new), *other_files(docker, rewrapped)),
        evidence=(f"{docker} → {rewrapped}", f"before: {show(old)}", f"after: {show(new)}"),
        commands=(command.line,),
    )


def _arguments(case: DockerCase, system: str) -> dict[str, str]:
    if case.overlay is None:
        raise AssertionError(case)
    names = json.dumps([*(release.attr for release in case.before.file.releases()), "docker"])
    overlay = str(case.overlay / OVERLAY)
    return realising.arguments(case, case.deep.trees[BEFORE], system, overlay=overlay, names=names)
