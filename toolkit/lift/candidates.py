"""Find the overrides that reach the parts in a package's file, by syntax and by Nix.

A method is an override that people write: of an argument, of an attribute of the
derivation, or of passthru.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from toolkit.errors import NixSyntaxError, RefusalError
from toolkit.lift.bindings import (
    PASSTHRU,
    Binding,
    Reachability,
    find,
    shown_attributes,
)
from toolkit.lift.kinds import BindingKind
from toolkit.lift.shape import callee, read, selection
from toolkit.nix.scope import formals
from toolkit.nix.tree import Node, parsed

OVERRIDE = "override"
_VERSION = re.compile(r'\bversion\s*=\s*"([^"$]+)"')


class FileBindings(Struct, frozen=True, kw_only=True):
    """The packages that a package's file binds, by syntax.

    `shown` has the attributes that expose each by its name.

    `parameters` are those of its outermost function, `attributes` paths of the
    builder's call, `final` the paths that the file reads from the final attributes.
    `problem` explains why nothing could be read.
    """

    bound: tuple[Binding, ...] = ()
    shown: Mapping[str, tuple[tuple[str, ...], ...]] = {}
    parameters: tuple[str, ...] = ()
    attributes: tuple[tuple[str, ...], ...] = ()
    final: tuple[str, ...] = ()
    version: str | None = None
    problem: str | None = None

    def named(self, name: str) -> Binding | None:
        """Return the let's binding of this name."""
        return next((each for each in self.bound if each.name == name), None)

    def place(self, name: str) -> str:
        """Return the place that defines a name: let, attribute, parameter or absent."""
        if self.named(name) is not None:
            return "let"
        if any(path[-1] == name for path in self.attributes):
            return "attribute"
        return "parameter" if name in self.parameters else "absent"

    def reached(self, name: str) -> bool | None:
        """Return whether an override reaches a name, judged by the syntax.

        Return None if the syntax does not decide.
        """
        bound = self.named(name)
        if bound is not None:
            return bound.state is Reachability.ROUTED
        return {
            "attribute": True if name in self.final else None,
            "parameter": True,
        }.get(self.place(name))

    @property
    def routed(self) -> tuple[str, ...]:
        """The passthru attributes that the package takes from its final attributes."""
        shown = (
            path[1]
            for path in self.attributes
            if path[0] == PASSTHRU and len(path) == 2  # noqa: PLR2004 - as a method
        )
        return tuple(
            name for name in shown if name in self.final and self.named(name) is None
        )

    def paths(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return the override methods to try for a name."""
        return candidates(name, self.shown.get(name, ()))


def candidates(
    name: str, shown: Iterable[tuple[str, ...]]
) -> tuple[tuple[str, ...], ...]:
    """Return the override methods to try for a binding, those from its file first."""
    return tuple(dict.fromkeys((*shown, (PASSTHRU, name), (name,), (OVERRIDE, name))))


def file_bindings(content: bytes) -> FileBindings:
    """Read a package's file; set `problem` if that fails."""
    try:
        tree = parsed(content.decode(), name="file")
        shape = read(tree)
        found = [each for each in find(shape) if each.kind is BindingKind.PACKAGE]
    except (UnicodeDecodeError, NixSyntaxError, RefusalError) as error:
        return FileBindings(problem=f"cannot be read: {error}")
    call = shape.construction
    final = call.final if call is not None else None
    uses = shape.references if final is not None else []
    reads = [_taken(use.node) for use in uses if use.binder is final]
    version = _VERSION.search(tree.text)
    return FileBindings(
        bound=tuple(found),
        shown={
            each.name: tuple(shown.path for shown in shown_attributes(shape, each.name))
            for each in found
        },
        parameters=tuple(
            name for function in shape.functions for name in formals(function)
        ),
        attributes=tuple(path for path, _ in call.attributes)
        if call is not None
        else (),
        final=tuple(dict.fromkeys(filter(None, chain.from_iterable(reads)))),
        version=version[1] if version is not None else None,
    )


def _taken(variable: Node) -> tuple[str, ...]:
    """Return the attributes that the file reads from finalAttrs, or its passthru."""
    names = selection(variable)
    if names != (PASSTHRU,) or (around := variable.parent) is None:
        return names
    return callee(around)[2:3] or selection(around) or names


def method_name(path: Sequence[str]) -> str:
    """Return an override method as people write it."""
    if path[0] == OVERRIDE:
        # An argument may take a part in a form of its own.
        _, name, *form = path
        return (
            f"override {{ {name} = "
            f"{form[0].replace('NAME', form[1]) if form else '…'}; }}"
        )
    *around, name = path
    override = f"{name} = …;"
    while around:
        override = f"{around[-1]} = old.{'.'.join(around)} // {{ {override} }};"
        around.pop()
    return (
        f"overrideAttrs {'(old: ' if len(path) > 1 else ''}{{ {override} "
        f"}}{')' if len(path) > 1 else ''}"
    )


def questions(
    file: FileBindings, names: Sequence[str]
) -> Mapping[str, tuple[str, ...]]:
    """Return all override methods to try for some names, each under its own name."""
    return {
        question_name(name, path): path for name in names for path in file.paths(name)
    }


def question_name(name: str, path: Sequence[str]) -> str:
    """Return the name of the question about an override method."""
    return f"{name} {'.'.join(path)}"
