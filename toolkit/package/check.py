"""Judge somebody else's patch of any package: does an override now reach what the package's file binds, by any door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import files, git, nix, prove, sources
from toolkit.errors import LayoutError
from toolkit.git import patching
from toolkit.lift.doors import PASSTHRU, doors
from toolkit.lift.findings import BindingKind, find
from toolkit.lift.plan import PARAMETER
from toolkit.lift.rewriting import Lifted
from toolkit.lift.shape import read
from toolkit.model import Commit, Proposal, Report
from toolkit.nix.tree import Tree
from toolkit.package.case import Asking, LiftCase
from toolkit.package.choosing import readers_of
from toolkit.package.claims import CLAIMS
from toolkit.package.target import find_target
from toolkit.prove import Stage
from toolkit.prove.lifted import Question
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.model import Progress, SourceRequest

FOREIGN = ("parse", "format", "applies", "no-rebuild", "overridable", "passthru", "readers")
"""The claims about somebody else's patch: those about what it does, and none about how."""

_OVERRIDE = "override"


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
    patched = git.apply(source.content, target.file, diff)
    files.check_content(str(target.file), patched)
    names = request.bindings or _packages(source.content, target.file)
    tree = trees.whole(source, offline=request.source.offline, progress=progress)
    progress.step(f"laying out the changed {target.package}")
    changed = trees.changed(tree, _contents(diff, tree.root))
    systems = request.systems or target.systems
    asked = tuple(target.package.split("."))
    progress.step(f"asking Nix about {target.package}")
    paths = {name: _likely(name, patched, str(target.file)) for name in names}
    tries = {f"{name}.{index}": path for name in names for index, path in enumerate(paths[name])}
    trial = Asking(trees=(tree.root, changed.root), questions=(Question(package=asked, doors=tries),), systems=systems)
    working = _working(trial)
    found = {
        name: next((path for index, path in enumerate(paths[name]) if f"{name}.{index}" in working), paths[name][0])
        for name in names
    }
    lifted = Lifted(text=patched.decode(), doors=found, moved=(), parameter=PARAMETER, unfolded=False, shown=())
    (readers,) = readers_of(tree.root, [(target, found)])
    questions = [Question(package=asked, doors=found)]
    questions += [Question(package=tuple(reader.split(".")), doors={}) for reader in readers]
    case = LiftCase(
        source=source,
        target=target.file,
        stages=(
            Stage(name="before", content=source.content, path=tree.root / target.file),
            Stage(name="patched", content=patched, path=changed.root / target.file),
        ),
        upstream_diff=diff,
        package=target.package,
        lifted=lifted,
        asking=Asking(trees=(tree.root, changed.root), questions=tuple(questions), systems=systems),
        readers=readers,
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
        tools={"nix": str(nix.version())},
        request=request.source,
    )


def _packages(content: bytes, file: PurePosixPath) -> tuple[str, ...]:
    """Return the packages that the lets of the unchanged file bind."""
    names = tuple(
        each.name for each in find(Tree(content.decode(), name=str(file))) if each.kind is BindingKind.PACKAGE
    )
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


def _likely(name: str, content: bytes, file: str) -> Sequence[tuple[str, ...]]:
    """Return the doors that a changed file may have for a binding: those it shows, an attribute, an argument."""
    shape = read(Tree(content.decode(), name=file))
    shown = [door.path for door in doors(shape, name)] if name in shape.bindings else []
    return tuple(dict.fromkeys([*shown, (PASSTHRU, name), (name,), (_OVERRIDE, name)]))


def _working(trial: Asking) -> Mapping[str, object]:
    """Return the doors by which an override reaches something on one of the systems, without those that were there."""
    return {
        key: door
        for answers in trial.answers().values()
        for key, door in answers[0].doors.items()
        if door.there and door.thrown.something and not door.hides
    }
