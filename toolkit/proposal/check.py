"""Judge by Nix whether an override reaches what a package's file binds: as it is, or after somebody else's patch."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import files, prove, sources
from toolkit.errors import LayoutError
from toolkit.git import patching
from toolkit.lift.bindings import PASSTHRU, BindingKind, Reachability, doors, find
from toolkit.lift.locating import SYSTEMS
from toolkit.lift.rewriting import Lifted
from toolkit.lift.shape import read
from toolkit.model import Commit, Proposal, Report
from toolkit.nix import program
from toolkit.nix.tree import Tree
from toolkit.proposal.choosing import readers_of
from toolkit.proposal.claims import CLAIMS, Asking, LiftCase
from toolkit.proposal.target import find_target
from toolkit.prove import Stage
from toolkit.prove.lifted import Question, ask
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.lift.survey import BoundPackage
    from toolkit.model import Progress, SourceRequest
    from toolkit.proposal.target import Target

FOREIGN = ("parse", "format", "applies", "no-rebuild", "overridable", "passthru", "readers")
"""The claims about somebody else's patch: those about what it does, and none about how."""


class PatchRequest(Struct, frozen=True, kw_only=True):
    """One call of `check` for a patch of any package; `bindings` are to be in reach, by default all of its lets."""

    patch: Path
    target: str
    source: SourceRequest
    bindings: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()


def check(request: PatchRequest, *, progress: Progress) -> Report:
    """Run the proofs, sealed, and return their report; nothing is written.

    Raise ToolkitError for a source, a package or a patch that cannot be used.
    """
    progress.step("reading nixpkgs")
    diff = files.read(request.patch)
    target = find_target(trees.as_they_are(request.source, progress=progress), request.target)
    source = sources.resolve(request.source, target=target.file, sparse=(), progress=progress)
    patched = patching.apply(source.content, target.file, diff)
    files.check_content(str(target.file), patched)
    names = request.bindings or _packages(source.content, target.file)
    tree = trees.whole(source, offline=request.source.offline, progress=progress)
    progress.step(f"laying out the changed {target.package}")
    changed = trees.changed(tree, _contents(diff, tree.root))
    roots = (tree.root, changed.root)
    systems = request.systems or target.systems
    progress.step(f"asking Nix about {target.package}")
    lifted = Lifted(text=patched.decode(), doors=_working_doors(names, patched, target, roots, systems))
    (readers,) = readers_of(tree.root, [(target, lifted.doors)])
    case = LiftCase(
        source=source,
        target=target.file,
        stages=(
            Stage(name="before", content=source.content, path=tree.root / target.file),
            Stage(name="patched", content=patched, path=changed.root / target.file),
        ),
        upstream_diff=diff,
        lifted=lifted,
        asking=Asking(
            trees=roots,
            own=Question(package=target.package, doors=lifted.doors),
            readers=readers,
            systems=systems,
        ),
    )
    claims = [claim for claim in CLAIMS if claim.name in FOREIGN]
    proofs = prove.run(claims, case, request.proofs, progress=progress)
    proposal = Proposal(
        source=source,
        package=target.package,
        target=target.file,
        bindings=tuple(names),
        steps=(),
        commits=(Commit(subject=request.patch.name, body="", before=source.content, after=patched),),
        upstream_diff=diff,
    )
    return Report(
        proposal=proposal,
        proofs=proofs,
        warnings=source.warnings,
        tools={"nix": str(program.version())},
        request=request.source,
    )


def _packages(content: bytes, file: PurePosixPath) -> tuple[str, ...]:
    """Return the packages that the lets of the unchanged file bind."""
    shape = read(Tree(content.decode(), name=str(file)))
    names = tuple(each.name for each in find(shape) if each.kind is BindingKind.PACKAGE)
    if not names:
        raise LayoutError(f"{file}: no let around the package binds a package", hint="name a binding with --binding")
    return names


def _contents(diff: bytes, root: Path) -> dict[PurePosixPath, bytes]:
    """Return all files of a patch as it leaves them."""

    def old(path: PurePosixPath) -> bytes | None:
        place = root / path
        return place.read_bytes() if place.is_file() else None

    patching.read_diff(diff)
    return {change.path: change.after for change in patching.changes(diff, old)}


def _working_doors(
    names: Sequence[str], content: bytes, target: Target, roots: tuple[Path, Path], systems: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Return for each binding the door by which an override reaches something on one of the systems.

    It is the first of those that the file shows, an attribute and an argument; one that was there before is none. Where
    none works, it is the first.
    """
    shape = read(Tree(content.decode(), name=str(target.file)))
    likely = {
        name: dict.fromkeys(
            [*(door.path for door in doors(shape, name)), (PASSTHRU, name), (name,), ("override", name)]
        )
        for name in names
    }
    tries = {f"{name}.{index}": path for name, paths in likely.items() for index, path in enumerate(paths)}
    trial = Asking(trees=roots, own=Question(package=target.package, doors=tries), systems=systems)
    working = {
        tries[key]
        for answers in trial.answers().values()
        for key, door in answers[0].doors.items()
        if door.there and door.thrown.something and not door.hides
    }
    return {
        name: next((path for path in paths if path in working), next(iter(paths))) for name, paths in likely.items()
    }


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
        question = Question(package=those[0].package, doors=paths)
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
