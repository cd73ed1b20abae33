"""Ask Nix of packages as they are whether an override reaches what their lets bind."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from toolkit.lift.doors import PASSTHRU, Reachability, doors
from toolkit.lift.locating import SYSTEMS
from toolkit.lift.shape import read
from toolkit.nix.tree import Tree
from toolkit.prove.lifted import Question, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.lift.survey import BoundPackage


class DoorAnswer(StrEnum):
    """What Nix says of an override of a binding's attribute."""

    NONE = "none"
    INEFFECTIVE = "has no effect"
    PARTLY = "works in part"
    WORKS = "works"
    UNKNOWN = "does not evaluate"


def doors_of(root: Path, findings: Sequence[BoundPackage]) -> dict[tuple[PurePosixPath, str], DoorAnswer]:
    """Return by file and binding what an override does, on the first system that the package evaluates on."""
    of_file: dict[PurePosixPath, list[BoundPackage]] = defaultdict(list)
    for finding in findings:
        of_file[finding.file].append(finding)
    found: dict[tuple[PurePosixPath, str], DoorAnswer] = {}
    for file, those in of_file.items():
        shape = read(Tree((root / file).read_text(), name=str(file)))
        shown = {each.binding.name: doors(shape, each.binding.name) for each in those}
        paths = {name: places[0].path if places else (PASSTHRU, name) for name, places in shown.items()}
        states = {each.binding.name: each.binding.state for each in those}
        question = Question(package=tuple(those[0].package.split(".")), doors=paths)
        answers = (ask(root, root, system, [question])[0] for system in SYSTEMS)
        answer = next((answer for answer in answers if answer.before is not None), None)
        for name in paths:
            door = answer.doors.get(name) if answer is not None else None
            if door is None:
                found[file, name] = DoorAnswer.UNKNOWN
            elif not door.there:
                found[file, name] = DoorAnswer.NONE
            elif not door.thrown.something:
                found[file, name] = DoorAnswer.INEFFECTIVE
            else:
                routed = states[name] is Reachability.ROUTED
                found[file, name] = DoorAnswer.WORKS if routed else DoorAnswer.PARTLY
    return found
