"""Find the bindings of a file to lift: those that no override reaches.

Find the builder's call that it ends in.

A file of a different shape is refused, with its place.
"""

import re
from collections.abc import Collection, Sequence
from shlex import quote

from toolkit.errors import LayoutError
from toolkit.lift.bindings import (
    PASSTHRU,
    SHARED,
    Reachability,
    direct_uses,
    find,
    makes_one,
    reason,
    shared,
    state,
)
from toolkit.lift.kinds import BindingKind, is_derivation, kind, without_final
from toolkit.lift.shape import BuilderCall, Shape, bound, callee, result
from toolkit.nix.attributes import value
from toolkit.nix.tree import Node

_FIND = "'unlet find' lists packages that bind others in a let"
_APART = (
    "let the file take the part as an argument; override { NAME = …; } then reaches it"
)
_BY_HAND = {
    "apply_expression": _APART,
    "if_expression": "use a single call of the builder, with 'if' in its attributes",
    "binary_expression": "move what '//' adds into the builder's passthru",
}
"""The advice about a file that ends in such an expression."""


def construction(shape: Shape) -> BuilderCall:
    """Return the builder's call that a file ends in.

    Raise LayoutError if it ends otherwise.
    """
    if not shape.functions:
        raise LayoutError(
            f"{shape.tree.root.location}: the file is not a function of its dependencies"
        )
    if (
        shape.construction is not None
        and (what := without_final(shape.construction.name)) is not None
    ):
        fact = (
            f"the file ends in {what} by '{shape.construction.name}', which has "
            "no final attributes"
        )
        raise LayoutError(f"{shape.body.location}: {fact}", hint=_APART)
    if shape.construction is None:
        hint = _BY_HAND.get(shape.body.kind) if makes_one(shape.body) else None
        raise LayoutError(
            f"{shape.body.location}: the file does not end in a single call of a "
            f"builder",
            hint=hint,
        )
    return shape.construction


def wanted(shape: Shape, names: Sequence[str]) -> tuple[str, ...]:
    """Return the bindings to lift: the named ones, or all that no override reaches.

    Raise LayoutError for an unknown binding, and if none remains.
    """
    if shape.functions and not shape.lets:
        raise LayoutError(
            f"{shape.tree.root.location}: there is no 'let' around the package",
            hint=_FIND,
        )
    construction(shape)
    packages = [found for found in find(shape) if found.kind is BindingKind.PACKAGE]
    known = ", ".join(found.name for found in packages)
    for name in names:
        binding = shape.bindings.get(name)
        if binding is None:
            hint = f"the packages in its let are {known}" if known else None
            raise LayoutError(
                f"{shape.tree.name}: no let around the package binds '{name}'",
                hint=hint,
            )
        if name not in shape.reached:
            raise LayoutError(
                f"{binding.location}: the package is not made with '{name}'"
            )
    lifted = tuple(names) or tuple(found.name for found in packages)
    if not lifted:
        fact = "no let around the package binds a package with a source of its own"
        raise LayoutError(f"{shape.tree.name}: {fact}", hint=_FIND)
    missed = tuple(
        name for name in lifted if state(shape, name) is not Reachability.ROUTED
    )
    if not missed:
        what = f"'{lifted[0]}'" if len(lifted) == 1 else "all packages of the lets"
        kept = [
            part
            for part in SHARED
            if any(part in shared(shape, name) for name in lifted)
        ]
        fact = (
            f"an override of {' or '.join(kept)} does not: let it take that from "
            "finalAttrs by hand"
        )
        hint = fact if kept else "there is nothing to propose"
        raise LayoutError(
            f"{shape.tree.name}: an override reaches {what} already", hint=hint
        )
    return missed


REQUEST = re.compile(
    r"\bTODO\b[^\n]*\b(let\b|overrid|passthru|top-level)", re.IGNORECASE
)
"""A file's own request for overridable parts."""


def with_reason(shape: Shape, names: Sequence[str]) -> tuple[str, ...]:
    """Return the bindings that upstream has a reason to lift: shared source, attribute.

    All for a TODO of the file.

    Raise LayoutError if there are none.
    """
    if REQUEST.search(shape.tree.text):
        return tuple(names)
    if found := tuple(
        name for name in names if reason(state(shape, name), shared(shape, name))
    ):
        return found
    hint = " ".join(f"--binding {quote(name)}" for name in names)
    fact = (
        f"'{names[0]}' has a source of its own, and no attribute shows it: a lift "
        "has no user"
    )
    raise LayoutError(
        f"{shape.bindings[names[0]].location}: {fact}",
        hint=f"{hint} lifts it all the same",
    )


def equals(shape: Shape, names: Sequence[str]) -> tuple[str, ...]:
    """Return other derivations like the bindings; a lift without them is half a lift.

    They stand in passthru without effect, as the bindings do, or all that the package
    makes of them is in a text with one of those that are hidden, and they are no
    environment.
    """
    hidden = [name for name in names if state(shape, name) is Reachability.HIDDEN]
    texts = {text for name in hidden for text in _texts(shape, name)} - {None}
    return tuple(
        name
        for name in shape.bindings
        if name in shape.reached
        and name not in names
        and is_derivation(shape, name)
        and _is_equal(shape, name, texts)
    )


def _is_equal(shape: Shape, name: str, texts: Collection[int | None]) -> bool:
    """Return whether a binding is shown, or used in the texts of hidden ones alone."""
    if (reached := state(shape, name)) is not Reachability.HIDDEN:
        return reached is Reachability.SHOWN
    around = _texts(shape, name)
    known = kind(shape.bindings[name])
    is_environment = known is not None and known[0] is BindingKind.ENVIRONMENT
    if not around or is_environment or _is_text(shape, name):
        return False
    return all(text in texts for text in around)


def _is_text(shape: Shape, name: str) -> bool:
    """Return whether a binding writes a file that does not depend on the package."""
    function = callee(result(value(shape.bindings[name])))[-1:]
    return function in {("writeText",), ("writeTextFile",)} and not shared(shape, name)


def _texts(shape: Shape, name: str) -> list[int | None]:
    """Return the texts that use a binding, None for each use that is in none."""
    texts = [
        use.node.enclosing("string_expression", "indented_string_expression")
        for use in direct_uses(shape, name)
    ]
    return [text.index if text is not None else None for text in texts]


def home(construction: BuilderCall) -> Node:
    """Return the set for new attributes: with passthru or meta, else the first one."""
    for name in (PASSTHRU, "meta"):
        for literal in construction.plain:
            if any(path[0] == name for path, _ in bound(literal)):
                return literal
    return construction.plain[0]
