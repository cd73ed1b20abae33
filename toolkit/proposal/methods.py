"""The effects of overriding a binding's attribute, by Nix: in a file, and after someone else's change of it."""

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
    """Return the packages in the lets of the unchanged file."""
    shape = read(Tree(content.decode(), name=str(file)))
    names = tuple(each.name for each in find(shape) if each.kind is BindingKind.PACKAGE)
    if not names:
        raise LayoutError(f"{file}: no let around the package binds a package", hint="name a binding with --binding")
    return names


def working(
    names: Sequence[str], content: bytes, target: Target, roots: tuple[Path, Path], systems: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Return for each binding the first method whose override has an effect on one of the systems.

    The methods in the file come first, then an attribute and an argument; a method that worked before does not count.
    If none works, return the first.
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
