"""What an override of a binding's attribute does, as Nix says: of a file as it is, and after somebody's change."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from toolkit.errors import LayoutError
from toolkit.lift.bindings import BindingKind, find, shown_attributes
from toolkit.lift.candidates import candidates
from toolkit.lift.shape import read
from toolkit.nix.tree import Tree
from toolkit.proposal.systems import Asking
from toolkit.proposal.target import Target
from toolkit.prove.lifted import LiftQuestion


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
    """Return for each binding the method by which an override reaches something on one of the systems.

    It is the first of those that the file shows, an attribute and an argument; one that was there before is none. If
    none works, it is the first.
    """
    shape = read(Tree(content.decode(), name=str(target.file)))
    likely = {name: candidates(name, (shown.path for shown in shown_attributes(shape, name))) for name in names}
    tries = {f"{name}.{index}": path for name, paths in likely.items() for index, path in enumerate(paths)}
    trial = Asking(trees=roots, own=LiftQuestion(package=target.package, methods=tries), systems=systems)
    working = {
        tries[key]
        for answer in trial.answers().values()
        for key, method in answer.methods.items()
        if method.after.has_effect and not method.hides
    }
    return {
        name: next((path for path in paths if path in working), next(iter(paths))) for name, paths in likely.items()
    }
