"""What an override of a binding's attribute does, as Nix says: of a file as it is, and after somebody's change."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import inside
from toolkit.errors import LayoutError
from toolkit.lift.bindings import PASSTHRU, BindingKind, doors, find
from toolkit.lift.locating import SYSTEMS
from toolkit.lift.reach import candidates
from toolkit.lift.shape import read
from toolkit.nix.tree import Tree
from toolkit.proposal.asking import Asking
from toolkit.prove.lifted import Effect, Question, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.lift.survey import BoundPackage
    from toolkit.proposal.target import Target


def packages(content: bytes, file: PurePosixPath) -> tuple[str, ...]:
    """Return the packages that the lets of the unchanged file bind."""
    shape = read(Tree(content.decode(), name=str(file)))
    names = tuple(each.name for each in find(shape) if each.kind is BindingKind.PACKAGE)
    if not names:
        raise LayoutError(f"{file}: no let around the package binds a package", hint="name a binding with --binding")
    return names


def working(
    names: Sequence[str], content: bytes, target: Target, roots: tuple[Path, Path], systems: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Return for each binding the door by which an override reaches something on one of the systems.

    It is the first of those that the file shows, an attribute and an argument; one that was there before is none. If
    none works, it is the first.
    """
    shape = read(Tree(content.decode(), name=str(target.file)))
    likely = {name: candidates(name, (door.path for door in doors(shape, name))) for name in names}
    tries = {f"{name}.{index}": path for name, paths in likely.items() for index, path in enumerate(paths)}
    trial = Asking(trees=roots, own=Question(package=target.package, doors=tries), systems=systems)
    working = {
        tries[key]
        for answer in trial.answers().values()
        for key, door in answer.doors.items()
        if door.after.has_effect and not door.hides
    }
    return {
        name: next((path for path in paths if path in working), next(iter(paths))) for name, paths in likely.items()
    }


class Trying(Struct, frozen=True, kw_only=True):
    """What an override does; if Nix reached a limit, that is unknown, with the `reason`."""

    effect: Effect
    reason: str | None = None


def doors_of(root: Path, findings: Sequence[BoundPackage]) -> dict[tuple[PurePosixPath, str], Trying]:
    """Return by file and binding what an override does, on the first system that the package evaluates on."""
    of_file: dict[PurePosixPath, list[BoundPackage]] = defaultdict(list)
    for finding in findings:
        of_file[finding.file].append(finding)
    found: dict[tuple[PurePosixPath, str], Trying] = {}
    for file, those in of_file.items():
        shape = read(Tree(inside.read(root, file).decode(), name=str(file)))
        shown = {each.binding.name: doors(shape, each.binding.name) for each in those}
        paths = {name: places[0].path if places else (PASSTHRU, name) for name, places in shown.items()}
        question = Question(package=those[0].package, doors=paths)
        answers = (ask(root, root, system, [question])[0] for system in SYSTEMS)
        answer = next((answer for answer in answers if answer.before is not None or answer.limited), None)
        for name in paths:
            door = answer.doors.get(name) if answer is not None else None
            found[file, name] = Trying(
                effect=door.after.effect if door is not None else Effect.UNKNOWN,
                reason=answer.error if answer is not None and answer.limited else None,
            )
    return found
