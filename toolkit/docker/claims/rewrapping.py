"""Claims about overlays/rewrap.nix.

docker stays the same, nothing is compiled, and rootlesskit is last on PATH.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.docker.case import DockerCase
from toolkit.docker.claims import building
from toolkit.docker.claims.building import WRAPPER, path_changes, read_wrapper, show
from toolkit.docker.claims.overrides import together
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.steps import Demotion
from toolkit.errors import UsageError
from toolkit.model import Depth, Tier
from toolkit.nix import evaluator, limits
from toolkit.proposal.prove import Claim, Finding, narrowed

EXPRESSION = EXPRESSIONS / "rewrapping.nix"
OVERLAY = "rewrap.nix"


def claims(depth: Depth) -> tuple[Claim[DockerCase], ...]:
    """Return the claims for a depth.

    Raise UsageError if the depth includes real builds.
    """
    if depth.tier is Tier.BUILD:
        raise UsageError(
            f"--tier {depth.tier}: does not apply, because this overlay builds "
            "nothing of docker",
            hint="'--kind patched' does",
        )
    keeping = Claim(
        "keeps",
        "each docker keeps its attributes and overrides, and nothing is recompiled",
        keeps,
        wide=True,
    )
    builds_ = Claim(
        "builds",
        "the new wrapper has the same PATH, except that rootlesskit comes last",
        builds,
    )
    return narrowed((keeping, builds_), depth.systems)


class _Facts(Struct, frozen=True, kw_only=True):
    """The answer of rewrapping.nix about one docker.

    `kept` shows for each property whether it stays the same.
    """

    rewrapped: bool
    before: str
    after: str
    overridable: bool
    lost: tuple[str, ...]
    kept: dict[str, bool]


def keeps(case: DockerCase) -> Finding:
    """Compare the dockers of the set with and without the overlay, on each system."""
    names = json.dumps([*case.before.file.releases(), "docker"])
    given = {
        "tree": str(case.tree.root),
        "overlay": str(_overlay(case)),
        "names": names,
    }
    found = together(
        [_compared({**given, "system": system}) for system in case.tried_on]
    )
    return replace(found, covers=f"{found.covers}, in {case.place}")


def _overlay(case: DockerCase) -> Path:
    if case.overlay is None:
        raise AssertionError(case)
    return case.overlay / OVERLAY


def _compared(arguments: Mapping[str, str]) -> Finding:
    command = evaluator.evaluate_command(EXPRESSION, arguments, attribute="facts")
    asked = limits.bounded(command, limits.memory())
    found = documents.convert(
        evaluator.answer(asked),
        dict[str, _Facts],
        document="docker packages with the overlay",
    )
    rewrapped = [facts for facts in found.values() if facts.rewrapped]
    left = (
        f", {len(found) - len(rewrapped)} unchanged"
        if len(rewrapped) < len(found)
        else ""
    )
    return Finding(
        covers=f"{len(rewrapped)} docker packages{left}, {arguments['system']}",
        failures=(*_differences(found), *_compiled(arguments, found)),
        evidence=tuple(
            f"{name}: {facts.before} → {facts.after}"
            if facts.rewrapped
            else f"{name}: unchanged, {facts.before}"
            for name, facts in found.items()
        ),
        commands=(
            command.line,
            *(
                evaluator.requisites_command(Path(facts.after)).line
                for facts in rewrapped
            ),
        ),
    )


def _differences(found: Mapping[str, _Facts]) -> Iterator[str]:
    """Yield what a docker has lost, and what differs in it."""
    if not any(facts.rewrapped for facts in found.values()):
        yield "the overlay rewraps no docker"
    for name, facts in found.items():
        if facts.lost:
            yield f"{name}: no longer has {', '.join(facts.lost)}"
        if changed := [what for what, same in facts.kept.items() if not same]:
            yield f"{name}: differs in {', '.join(changed)}"


def _compiled(
    arguments: Mapping[str, str], found: Mapping[str, _Facts]
) -> Iterator[str]:
    """Yield each docker and moby that only one side builds."""
    wanted = [name for name, facts in found.items() if facts.rewrapped]
    wanted += [f"{name}.overridden" for name in wanted if found[name].overridable]
    sides = [
        f"packages.{name}.{side}" for name in wanted for side in ("before", "after")
    ]
    paths = evaluator.instantiate(EXPRESSION, arguments, sides)
    for name, before, after in zip(wanted, paths[::2], paths[1::2], strict=True):
        old, new = evaluator.requisites(before), evaluator.requisites(after)
        for path in sorted(old ^ (new - {after})):
            if re.match(r"(moby|docker)-[0-9]", path.name.partition("-")[2]):
                yield (
                    f"{name}: {path} would also be built"
                    if path in new
                    else f"{name}: is not built from {path}"
                )


def builds(case: DockerCase) -> Finding:
    """Build the wrapper of the newest docker around stand-ins, and read its PATH."""
    arguments = building.dockers(case, overlay=str(_overlay(case)))
    names = ("plain.moby", "plain", "overlay")
    moby, docker, rewrapped = building.build(arguments, names)
    old, new = read_wrapper(moby), read_wrapper(rewrapped)
    return Finding(
        covers=f"{arguments['attribute']}, {len(names)} builds",
        failures=(
            *path_changes(old, new, demotion=Demotion.SUFFIX),
            *_other_files(docker, rewrapped),
        ),
        evidence=(f"before: {show(old)}", f"after: {show(new)}"),
        commands=(evaluator.build_line(building.EXPRESSION, arguments, names),),
    )


def _other_files(docker: Path, rewrapped: Path) -> Iterator[str]:
    """Yield files of the new package that do not come from docker.

    Omit the wrapper, and links to docker's files.
    """
    old, new = building.listing(docker), building.listing(rewrapped)
    for name in sorted({*old, *new} - {str(WRAPPER)}):
        if new.get(name) not in {old.get(name, ""), f"link {docker / name}"}:
            yield f"{name} does not belong to docker"
